"""The envelope of every answer as GraphQL types. Their fields are read straight from the values of `decisions.envelope`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol, cast

import strawberry
from strawberry.scalars import JSON

from api.decisions_made import Made
from api.graphql.described import described
from decisions import envelope

__all__ = [
    "MAXIMUM_FRESHNESS",
    "MAXIMUM_PATHS",
    "Decision",
    "Degradation",
    "Evidence",
    "Explanation",
    "ExplanationPath",
    "Factor",
    "FactorValue",
    "Freshness",
    "Hop",
    "LoggedDecision",
    "NodeName",
    "PageInfo",
    "decision_of",
    "explanation_of",
    "optional_id",
]

MAXIMUM_PATHS = 5
MAXIMUM_FRESHNESS = 16


@strawberry.type(description="A node by its name. `id` is the id within the label.")
class NodeName:
    """A node as people read it."""

    label: str
    id: strawberry.ID
    display_name: str


@strawberry.type(description="What a relation rests on: strength in a unit, interval, counts, dates, sources and grade.")
class Evidence:
    """The evidence of an edge."""

    strength: float | None
    low: float | None
    high: float | None
    unit: str | None
    events: int | None
    support: int | None
    first_observed: date | None
    last_observed: date | None
    grade: str
    sources: list[str]
    assertion_id: str | None
    scope: str | None
    run_id: str | None
    model_version: str | None
    status: str | None


@strawberry.type(description="One step of a path: an edge of the graph version that answered, in its stored direction.")
class Hop:
    """One step of a path."""

    source: NodeName
    relation: str
    target: NodeName
    evidence: Evidence
    walked_backwards: bool


@strawberry.type(description="A trail that the answer rests on, and how much of the score it brought.")
class ExplanationPath:
    """A trail through the graph."""

    hops: list[Hop]
    contribution: float

    @described("Of a recommendation, the factor that reads the facts of this path; null in other answers.")
    def factor(self) -> str | None:
        return getattr(self, "factor", None)

    @described("Of a recommendation, by how much its score falls without the facts of this path; null in other answers.")
    def fall(self) -> float | None:
        return getattr(self, "fall", None)


@strawberry.type(description="One figure that a factor rests on, by the name it has in the model, and what it brought.")
class FactorValue:
    """One figure that a factor rests on."""

    name: str
    value: float | None = strawberry.field(description="Null where nothing is known.")
    contribution: float


@strawberry.type(description="What moved a score, in the score's unit, with the figures that moved it most.")
class Factor:
    """What moved a score."""

    name: str
    words: str
    contribution: float
    values: list[FactorValue] = strawberry.field(description="At most two.")


@strawberry.type(description="Why: a sentence, and the paths behind it.")
class Explanation:
    """Why the answer is what it is."""

    text: str
    paths: list[ExplanationPath] = strawberry.field(description="The paths that weigh most, for or against, at most five.")
    factors: list[Factor] = strawberry.field(
        default_factory=list,
        description="Of a recommendation, what moved its score: the contributions sum to the score less `baseScore`. None in "
        "other answers.",
    )
    fall: float | None = strawberry.field(
        default=None, description="By how much the score falls when the facts of all paths are deleted; null without paths."
    )
    fidelity: float | None = strawberry.field(
        default=None, description="The fall as a share of the score above `baseScore`; it may exceed 1."
    )


@strawberry.type(description="How old one input is: the newest business day that it holds, and its age on the day of the answer.")
class Freshness:
    """How old one input is."""

    table: str
    newest: date | None
    age_days: int | None
    simulated: bool


@strawberry.type(description="Why the answer is less than it should be, and which fallback gave it.")
class Degradation:
    """Why the answer is less than it should be."""

    cause: str
    rung: str


@strawberry.type(description="Which versions produced an answer, how old its data is, and the id under which it was logged.")
class Decision:
    """The header of an answer."""

    id: strawberry.ID
    recorded_at: datetime = strawberry.field(description="When it was answered, by the wall clock, in UTC.")
    kind: str
    as_of: date
    served_from: str
    release_id: str
    graph_version: str
    ontology_version: str
    feature_snapshot: str
    model_version: str
    policy_digest: str
    experiment: str | None
    freshness: list[Freshness]
    degraded: Degradation | None


def decision_of(made: Made) -> Decision:
    """Return the header of a decision as it is answered."""
    header = made.header
    return Decision(
        id=strawberry.ID(made.id),
        recorded_at=made.recorded_at,
        kind=header.kind,
        as_of=header.as_of,
        served_from=header.served_from,
        release_id=header.release_id,
        graph_version=header.graph_version,
        ontology_version=header.ontology_version,
        feature_snapshot=header.feature_snapshot,
        model_version=header.model_version,
        policy_digest=header.policy_digest,
        experiment=header.experiment,
        freshness=cast("list[Freshness]", header.freshness[:MAXIMUM_FRESHNESS]),
        degraded=cast("Degradation | None", header.degraded),
    )


def explanation_of(explanation: envelope.Explanation) -> Explanation:
    """Return an explanation with the paths that weigh most, for or against, which is what its cost was computed for."""
    paths = explanation.paths
    if len(paths) > MAXIMUM_PATHS:
        paths = tuple(sorted(paths, key=lambda path: -abs(path.contribution))[:MAXIMUM_PATHS])
    return Explanation(
        text=explanation.text,
        paths=cast("list[ExplanationPath]", paths),
        factors=getattr(explanation, "factors", []),
        fall=getattr(explanation, "fall", None),
        fidelity=getattr(explanation, "fidelity", None),
    )


@strawberry.type(description="A decision as it lies in the log.")
class LoggedDecision:
    """An entry of the decision log."""

    id: strawberry.ID
    kind: str
    recorded_at: datetime
    principal: str
    release_id: str
    header: JSON
    request: JSON
    answer: JSON


class _HasCursor(Protocol):
    cursor: str


@strawberry.type(description="Where a page of a list stands. `endCursor` goes into `after` for the next page.")
class PageInfo:
    """Where a page of a list stands."""

    has_next_page: bool = strawberry.field(description="Whether `after: endCursor` gives more.")
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None

    @classmethod
    def of(cls, edges: Sequence[_HasCursor], *, seen: int, more: bool) -> "PageInfo":
        """Return the page info of edges that follow `seen` others; `more` says that others follow them."""
        first, last = (edges[0].cursor, edges[-1].cursor) if edges else (None, None)
        return cls(has_next_page=more, has_previous_page=seen > 0, start_cursor=first, end_cursor=last)


def optional_id(text: str | None) -> strawberry.ID | None:
    """Return an id as the schema has it, or none."""
    return None if text is None else strawberry.ID(text)
