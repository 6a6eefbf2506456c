"""How good the served relations are: what their back-test measured, as one artefact of a release.

The back-test of a release writes it (`quality_files`), the service reads it (`read_quality`). It lies in the artefact store
beside the models; the release names it under `ARTEFACT`. It holds two tables, and pictures as SVG.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from decisions.relations.errors import QualityArtefactError
from kit.canonical import canonical_bytes

__all__ = ["ARTEFACT", "EventOutcome", "QualityFigure", "RelationQuality", "quality_files", "read_quality"]

ARTEFACT = "relation_quality"
"""Under this name `Release.models` holds the artefact's digest."""
TABLES_FILE = "relation_quality.json"
FORMAT = "relation_quality/1"
PICTURE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
PICTURE_SUFFIX = ".svg"
UNSAFE = re.compile(rb"<script|<foreignobject|<!entity|<[^>]*(?:javascript:|\son[a-z]+\s*=|href\s*=\s*[\"'](?!#))", re.IGNORECASE)
"""What a picture must not hold: anything that runs, or that is fetched from elsewhere."""


@dataclass(frozen=True, slots=True)
class QualityFigure:
    """One figure of the back-test.

    Args:
        relation: such as `isSubstituteFor`.
        system: `shelfgraph`, or the name of a floor beside it.
        metric: the word of the benchmarks, such as `log_loss`, `ndcg@10`, `coverage_90`, `excess_captured@5`.
        slice: which events, such as `test` or `folds`.
        category: the id of a category of the graph; None over all.
        value: in the metric's own unit.
        low, high: ends of its interval; None where there is none.
        events: how many past events it rests on.
    """

    relation: str
    system: str
    metric: str
    slice: str
    category: str | None
    value: float
    low: float | None
    high: float | None
    events: int


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """One past event: what the relation said before it, and what came.

    Args:
        event_id, kind: of the events' table, such as `delisting`.
        relation: which relation was tried on it.
        product_id: the product that went away, came, or was promoted.
        category: the id of its category; None where it has none.
        scope: where, in the words of the relation's edges (`chain`, `store_cluster:…`).
        day: the first day of the event.
        predicted, realised: in the relation's unit, over the same products: for substitutes the share of the lost purchases.
        low, high: the 90 % interval that was given with the prediction.
        simulated: whether the feed that shows the event is simulated.
    """

    event_id: str
    kind: str
    relation: str
    product_id: str
    category: str | None
    scope: str
    day: date
    predicted: float
    realised: float
    low: float
    high: float
    simulated: bool = False

    @property
    def covered(self) -> bool:
        """Whether what came lies in the interval that was given."""
        return self.low <= self.realised <= self.high


@dataclass(frozen=True, slots=True)
class RelationQuality:
    """The back-test of one release.

    Args:
        as_of: the last day whose facts it used.
        model_version: of the edges that were tried.
        protocol: in a sentence or two, what was held out and how intervals were resampled.
        figures, events: the two tables.
        pictures: SVG by name (letters, digits, `_`, `-`, `.`); a relation's own begin with its name and a dot.
    """

    as_of: date
    model_version: str
    protocol: str
    figures: tuple[QualityFigure, ...]
    events: tuple[EventOutcome, ...]
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def quality_files(quality: RelationQuality) -> dict[str, bytes]:
    """Return the artefact's files by name: the tables as canonical JSON, one SVG per picture.

    Raises:
        ValueError: a figure is not finite.
        QualityArtefactError: a picture has an unusable name, is no SVG, or holds what runs or is fetched from elsewhere.
    """
    tables = {
        "format": FORMAT,
        "as_of": quality.as_of,
        "model_version": quality.model_version,
        "protocol": quality.protocol,
        "figures": quality.figures,
        "events": quality.events,
    }
    pictures = {f"{name}{PICTURE_SUFFIX}": _checked_picture(name, content) for name, content in quality.pictures.items()}
    return {TABLES_FILE: canonical_bytes(tables), **pictures}


def read_quality(artefact: Mapping[str, bytes]) -> RelationQuality:
    """Return what an artefact holds. Raises: QualityArtefactError."""
    try:
        value = json.loads(artefact[TABLES_FILE])
        if value["format"] != FORMAT:
            raise QualityArtefactError(TABLES_FILE, f"its format is {value['format']!r}, not {FORMAT!r}")
        return RelationQuality(
            as_of=date.fromisoformat(value["as_of"]),
            model_version=value["model_version"],
            protocol=value["protocol"],
            figures=tuple(_figure(row) for row in value["figures"]),
            events=tuple(_outcome(row) for row in value["events"]),
            pictures=_pictures(artefact),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise QualityArtefactError(TABLES_FILE, f"it is missing or incomplete ({error})") from error


def _figure(row: dict[str, Any]) -> QualityFigure:
    figure = QualityFigure(**row)
    _check_numbers(figure.value, *(end for end in (figure.low, figure.high) if end is not None))
    return figure


def _outcome(row: dict[str, Any]) -> EventOutcome:
    outcome = EventOutcome(**(row | {"day": date.fromisoformat(row["day"])}))
    _check_numbers(outcome.predicted, outcome.realised, outcome.low, outcome.high)
    return outcome


def _check_numbers(*values: float) -> None:
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a figure is not finite")


def _pictures(artefact: Mapping[str, bytes]) -> dict[str, bytes]:
    found = {name.removesuffix(PICTURE_SUFFIX): content for name, content in artefact.items() if name.endswith(PICTURE_SUFFIX)}
    return {name: _checked_picture(name, content) for name, content in sorted(found.items())}


def _checked_picture(name: str, content: bytes) -> bytes:
    if not PICTURE_NAME.fullmatch(name):
        raise QualityArtefactError(name, "a picture's name has letters, digits, `_`, `-` and `.`")
    if b"<svg" not in content[:2_000]:
        raise QualityArtefactError(name, "it is no SVG")
    if UNSAFE.search(content):
        raise QualityArtefactError(name, "it holds what runs or is fetched from elsewhere")
    return content
