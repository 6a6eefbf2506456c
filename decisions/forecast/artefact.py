"""What `fit` hands to serving beside the feature tables: text models per level and system, and metadata in canonical JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from decisions.forecast.errors import ForecastArtefactError
from decisions.forecast.intervals import IntervalCalibration
from decisions.forecast.launch_metadata import LaunchMetadata, read_launches
from kit.canonical import canonical_bytes

__all__ = [
    "CATEGORY",
    "CHAIN",
    "METADATA_FILE",
    "STORE",
    "TOTAL",
    "ForecastMetadata",
    "LevelMetadata",
    "ModelMetadata",
    "model_prefix",
    "read_metadata",
    "write_metadata",
]

METADATA_FILE = "forecast.json"
FORMAT = "forecast/4"
TOTAL, CATEGORY, CHAIN, STORE = "total", "category", "chain", "store"


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """One system's model: the features it knows, and the SHA-256 of each member by file name."""

    feature_names: tuple[str, ...]
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LevelMetadata:
    """How one level is served.

    `systems` and `baselines` are by segment. `feature_names` are the columns of the rows table, `neutral` the value of each when
    its driver is out (NaN unknown). `thin` describes series without features. `models` are those that serve any segment.
    """

    systems: tuple[str, ...]
    baselines: tuple[str, ...]
    intervals: IntervalCalibration
    thin_intervals: IntervalCalibration
    feature_names: tuple[str, ...]
    neutral: tuple[float, ...]
    models: Mapping[str, ModelMetadata]
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ForecastMetadata:
    """The artefact's description. `history_end` is the Monday of the last known week."""

    as_of: date
    history_end: date
    seed: int
    planned_weeks: int
    levels: Mapping[str, LevelMetadata]
    launches: LaunchMetadata | None = None
    """How launches are served; None: none is known that another could be like."""


def model_prefix(level: str, system: str) -> str:
    """Return how the names of a system's text models begin in the artefact."""
    return f"forecast_{level}_{system}"


def write_metadata(metadata: ForecastMetadata) -> bytes:
    """Return the metadata as canonical bytes."""
    return canonical_bytes(
        {
            "format": FORMAT,
            "as_of": metadata.as_of,
            "history_end": metadata.history_end,
            "seed": metadata.seed,
            "planned_weeks": metadata.planned_weeks,
            "levels": {name: _level_json(level) for name, level in metadata.levels.items()},
            "launches": None if metadata.launches is None else metadata.launches.to_json(),
        }
    )


def read_metadata(artefact: Mapping[str, bytes]) -> ForecastMetadata:
    """Return the metadata of an artefact. Raises: ForecastArtefactError."""
    try:
        value = json.loads(artefact[METADATA_FILE])
        if value["format"] != FORMAT:
            raise ForecastArtefactError(METADATA_FILE, f"its format is {value['format']!r}, not {FORMAT!r}")
        return ForecastMetadata(
            as_of=date.fromisoformat(value["as_of"]),
            history_end=date.fromisoformat(value["history_end"]),
            seed=int(value["seed"]),
            planned_weeks=int(value["planned_weeks"]),
            levels={name: _level_value(level) for name, level in value["levels"].items()},
            launches=read_launches(value["launches"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ForecastArtefactError(METADATA_FILE, f"it is missing or incomplete ({error})") from error


def _level_json(level: LevelMetadata) -> dict[str, Any]:
    models = {
        system: {"feature_names": list(model.feature_names), "digests": dict(model.digests)}
        for system, model in level.models.items()
    }
    return {
        "systems": list(level.systems),
        "baselines": list(level.baselines),
        "intervals": level.intervals.to_json(),
        "thin_intervals": level.thin_intervals.to_json(),
        "feature_names": list(level.feature_names),
        "neutral": [None if math.isnan(value) else value for value in level.neutral],
        "models": models,
        "figures": dict(level.figures),
    }


def _level_value(value: dict[str, Any]) -> LevelMetadata:
    return LevelMetadata(
        systems=tuple(value["systems"]),
        baselines=tuple(value["baselines"]),
        intervals=IntervalCalibration.from_json(value["intervals"]),
        thin_intervals=IntervalCalibration.from_json(value["thin_intervals"]),
        feature_names=tuple(value["feature_names"]),
        neutral=tuple(math.nan if one is None else float(one) for one in value["neutral"]),
        models={
            system: ModelMetadata(tuple(model["feature_names"]), model["digests"]) for system, model in value["models"].items()
        },
        figures=value["figures"],
    )
