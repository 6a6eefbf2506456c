"""What `fit` hands to serving beside the feature tables: a text model per level, and metadata in canonical JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from decisions.forecast.errors import ForecastArtefactError
from decisions.forecast.intervals import IntervalCalibration
from kit.canonical import canonical_bytes

__all__ = ["LEVELS", "METADATA_FILE", "ForecastMetadata", "LevelMetadata", "model_file", "read_metadata", "write_metadata"]

METADATA_FILE = "forecast.json"
FORMAT = "forecast/1"
LEVELS = ("chain", "store")


@dataclass(frozen=True, slots=True)
class LevelMetadata:
    """How one level is served. `neutral`: value of each feature when its driver is out, NaN unknown.

    `model_digest` is None where a baseline serves; `thin` describes unsupported series.
    """

    system: str
    baseline: str
    intervals: IntervalCalibration
    feature_names: tuple[str, ...]
    neutral: tuple[float, ...]
    model_digest: str | None
    thin_baseline: str
    thin_intervals: IntervalCalibration
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ForecastMetadata:
    """The artefact's description. `history_end` is the Monday of the last known week."""

    as_of: date
    history_end: date
    seed: int
    planned_weeks: int
    levels: Mapping[str, LevelMetadata]


def model_file(level: str) -> str:
    """Return the name of a level's text model in the artefact."""
    return f"forecast_{level}.txt"


def write_metadata(metadata: ForecastMetadata) -> bytes:
    """Return the metadata as canonical bytes."""
    levels = {name: _level_json(level) for name, level in metadata.levels.items()}
    return canonical_bytes(
        {
            "format": FORMAT,
            "as_of": metadata.as_of,
            "history_end": metadata.history_end,
            "seed": metadata.seed,
            "planned_weeks": metadata.planned_weeks,
            "levels": levels,
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
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ForecastArtefactError(METADATA_FILE, f"it is missing or incomplete ({error})") from error


def _level_json(level: LevelMetadata) -> dict[str, Any]:
    return {
        "system": level.system,
        "baseline": level.baseline,
        "intervals": level.intervals.to_json(),
        "feature_names": list(level.feature_names),
        "neutral": [None if math.isnan(value) else value for value in level.neutral],
        "model_digest": level.model_digest,
        "thin_baseline": level.thin_baseline,
        "thin_intervals": level.thin_intervals.to_json(),
        "figures": dict(level.figures),
    }


def _level_value(value: dict[str, Any]) -> LevelMetadata:
    return LevelMetadata(
        system=value["system"],
        baseline=value["baseline"],
        intervals=IntervalCalibration.from_json(value["intervals"]),
        feature_names=tuple(value["feature_names"]),
        neutral=tuple(math.nan if one is None else float(one) for one in value["neutral"]),
        model_digest=value["model_digest"],
        thin_baseline=value["thin_baseline"],
        thin_intervals=IntervalCalibration.from_json(value["thin_intervals"]),
        figures=value["figures"],
    )
