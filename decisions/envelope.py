"""The one envelope of every answer: what it rests on, and which versions produced it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date

from kg.ports import PropertyValue

__all__ = [
    "EVIDENCE_COLUMNS",
    "FACT",
    "DecisionHeader",
    "Degradation",
    "Evidence",
    "Explanation",
    "ExplanationPath",
    "Freshness",
    "Hop",
    "NodeName",
    "evidence_of",
]

FACT = "fact"
"""The grade of an edge that is a plain record."""


@dataclass(frozen=True, slots=True)
class NodeName:
    """A node as people read it: never a bare number."""

    label: str
    id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence fields of an edge (docs/vocabulary.md). For an edge that is a plain fact, strength is None."""

    strength: float | None
    low: float | None
    high: float | None
    unit: str | None
    events: int | None
    support: int | None
    first_observed: date | None
    last_observed: date | None
    grade: str
    sources: tuple[str, ...]
    assertion_id: str | None = None
    scope: str | None = None
    run_id: str | None = None
    model_version: str | None = None
    status: str | None = None


EVIDENCE_COLUMNS = tuple(one.name for one in fields(Evidence))
"""An edge's columns of a published graph that hold its evidence."""


def evidence_of(properties: Mapping[str, PropertyValue]) -> Evidence:
    """Return the evidence that an edge's properties hold. A plain fact has the grade `fact` and no strength."""
    sources = properties.get("sources")
    return Evidence(
        strength=_number(properties.get("strength")),
        low=_number(properties.get("low")),
        high=_number(properties.get("high")),
        unit=_text(properties.get("unit")),
        events=_count(properties.get("events")),
        support=_count(properties.get("support")),
        first_observed=_day(properties.get("first_observed")),
        last_observed=_day(properties.get("last_observed")),
        grade=_text(properties.get("grade")) or FACT,
        sources=sources if isinstance(sources, tuple) else (),
        assertion_id=_text(properties.get("assertion_id")),
        scope=_text(properties.get("scope")),
        run_id=_text(properties.get("run_id")),
        model_version=_text(properties.get("model_version")),
        status=_text(properties.get("status")),
    )


def _number(value: PropertyValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _count(value: PropertyValue) -> int | None:
    return value if isinstance(value, int) else None


def _text(value: PropertyValue) -> str | None:
    return value if isinstance(value, str) else None


def _day(value: PropertyValue) -> date | None:
    return value if isinstance(value, date) else None


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a path: an edge that exists in the pinned graph version, in its stored direction.

    `walked_backwards` says that the path goes from `target` to `source`.
    """

    source: NodeName
    relation: str
    target: NodeName
    evidence: Evidence
    walked_backwards: bool = False


@dataclass(frozen=True, slots=True)
class ExplanationPath:
    """A trail that the answer rests on, and how much of the score (in the score's unit) it brought."""

    hops: tuple[Hop, ...]
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sentence for people and the paths behind it."""

    text: str
    paths: tuple[ExplanationPath, ...]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old one input is: the newest business day it holds, and its age at `as_of`."""

    table: str
    newest: date | None
    age_days: int | None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Degradation:
    """Why the answer is less than it should be, and which fallback gave it."""

    cause: str
    rung: str


@dataclass(frozen=True, slots=True)
class DecisionHeader:
    """Which versions answered. The id and the recording time are added when the decision is logged."""

    kind: str
    as_of: date
    served_from: str
    release_id: str
    graph_version: str
    ontology_version: str
    feature_snapshot: str
    model_version: str
    policy_digest: str
    experiment: str | None = None
    freshness: tuple[Freshness, ...] = field(default_factory=tuple)
    degraded: Degradation | None = None
