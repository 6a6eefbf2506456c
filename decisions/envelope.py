"""The one envelope of every answer: what it rests on, and which versions produced it."""

from dataclasses import dataclass, field
from datetime import date

__all__ = ["DecisionHeader", "Degradation", "Evidence", "Explanation", "ExplanationPath", "Freshness", "Hop", "NodeName"]


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
