"""Scenarios and comparisons as GraphQL types."""

from datetime import date, datetime
from enum import Enum
from typing import Any, cast

import strawberry

from api.decisions_made import Made
from api.graphql.envelope_types import Decision, PageInfo, decision_of, optional_id
from api.graphql.node_types import Store
from api.graphql.problems import Problem
from api.graphql.product_types import Product
from api.identifiers import plain_id
from api.planning.scenarios import KeptScenario, changes_of
from decisions import scenarios as room
from governance.records import ScenarioRevision

__all__ = [
    "DelistOutcome",
    "DelistTaker",
    "Scenario",
    "ScenarioChange",
    "ScenarioChangeInput",
    "ScenarioChangeKind",
    "ScenarioColumn",
    "ScenarioComparison",
    "ScenarioConnection",
    "ScenarioEdge",
    "ScenarioPayload",
    "ScenarioRefInput",
    "ScenarioWeek",
    "change_asked",
    "comparison_of",
    "scenario_of",
    "scenario_payload",
]


@strawberry.enum(description="What kind of change.")
class ScenarioChangeKind(Enum):
    """Kinds of change, as the room names them."""

    DELIST = "delist"
    PLAN_PROMOTION = "plan_promotion"
    SWITCH_OFF_PROMOTION = "switch_off_promotion"
    PLAN_PRICE = "plan_price"
    IGNORE_NEIGHBOUR = "ignore_neighbour"


@strawberry.type(
    description="One change. Weeks are Mondays, `[fromWeek, untilWeek)`; no stores: all; no `untilWeek`: to the horizon's end."
)
class ScenarioChange:
    """One change of a scenario."""

    kind: str
    product_id: strawberry.ID | None
    store_ids: list[strawberry.ID] | None
    from_week: date | None
    until_week: date | None
    display: float | None = strawberry.field(description="Share of the stores with a display.")
    mailer: float | None = strawberry.field(description="Share of the stores with a mailer.")
    price: float | None = strawberry.field(description="Per unit, after discounts.")
    promotion_id: strawberry.ID | None
    mechanic: str | None
    source_id: strawberry.ID | None
    target_id: strawberry.ID | None


@strawberry.input(description="One change: `kind` and the fields that the kind has.")
class ScenarioChangeInput:
    """One change, asked for."""

    kind: ScenarioChangeKind
    product_id: strawberry.ID | None = None
    store_ids: list[strawberry.ID] | None = None
    from_week: date | None = None
    until_week: date | None = None
    display: float | None = None
    mailer: float | None = None
    price: float | None = None
    promotion_id: strawberry.ID | None = None
    source_id: strawberry.ID | None = None
    target_id: strawberry.ID | None = None


@strawberry.input(description="A scenario, in its last revision unless one is named.")
class ScenarioRefInput:
    """A scenario, named."""

    id: strawberry.ID
    revision: int | None = None


@strawberry.type(description="Named changes laid over the forecast, in one revision: it is never changed, a new one is added.")
class Scenario:
    """A scenario in one revision."""

    id: strawberry.ID
    name: str
    revision: int
    archived: bool
    author: str
    recorded_at: datetime
    release_id: str
    graph_version: str
    as_of: date
    changes: list[ScenarioChange]


@strawberry.type
class ScenarioEdge:
    """One scenario of a list."""

    cursor: str
    node: Scenario


@strawberry.type(description="Scenarios in their last revisions, the newest first.")
class ScenarioConnection:
    """A page of scenarios."""

    edges: list[ScenarioEdge]
    page_info: PageInfo


@strawberry.type(description="What an act on a scenario came to: the changes as they are kept, or would be in a dry run.")
class ScenarioPayload:
    """What an act came to."""

    scenario: Scenario | None
    changes: list[ScenarioChange]
    dry_run: bool
    repeated: bool = strawberry.field(description="Whether the idempotency key had done so before: nothing was done again.")
    user_errors: list[Problem]


@strawberry.type(description="Units in the week that begins on `weekStart`, with an 80 % interval.")
class ScenarioWeek:
    """One week under a scenario."""

    week_start: date
    units: float
    low: float
    high: float
    promoted: bool


@strawberry.type(description="A product that takes over units of one that goes, with an interval.")
class DelistTaker:
    """Who takes over."""

    product_id: strawberry.ID
    units: float
    low: float
    high: float


@strawberry.type(description="Units that go with a product, and how many of them stay with others, with an interval.")
class DelistOutcome:
    """What becomes of the demand."""

    lost_units: float
    kept_units: float
    low: float
    high: float
    takers: list[DelistTaker]


@strawberry.type(description="The base, one scenario, or all combined. `difference` is units less those of the base.")
class ScenarioColumn:
    """One column of a comparison."""

    name: str
    scenario_id: strawberry.ID | None
    revision: int | None
    system: str
    units: float
    difference: float
    weeks: list[ScenarioWeek]
    delist: DelistOutcome | None
    note: str | None = strawberry.field(description="What could not be said, and why.")


@strawberry.type(description="One product in the base and under scenarios, side by side; the base comes first.")
class ScenarioComparison:
    """A comparison."""

    product: Product
    store: Store | None
    as_of: date
    columns: list[ScenarioColumn]
    decision: Decision


def change_asked(given: ScenarioChangeInput) -> room.Change:
    """Return a change as the room checks it."""
    return room.Change(
        room.ChangeKind(given.kind.value),
        _plain("Product", given.product_id),
        None if given.store_ids is None else tuple(plain_id("Store", str(one)) for one in given.store_ids),
        given.from_week,
        given.until_week,
        given.display,
        given.mailer,
        given.price,
        _plain("Promotion", given.promotion_id),
        None,
        _plain("Product", given.source_id),
        _plain("Product", given.target_id),
    )


def scenario_of(revision: ScenarioRevision) -> Scenario:
    """Return a revision as it is answered."""
    draft = revision.draft
    return Scenario(
        id=strawberry.ID(revision.scenario_id), name=draft.name, revision=revision.revision, archived=revision.archived,
        author=draft.author, recorded_at=revision.recorded_at, release_id=draft.release_id, graph_version=draft.graph_version,
        as_of=draft.as_of, changes=cast("list[ScenarioChange]", changes_of(revision)),
    )  # fmt: skip


def scenario_payload(kept: KeptScenario) -> ScenarioPayload:
    """Return what an act came to."""
    recorded = kept.recorded
    return ScenarioPayload(
        scenario=None if recorded is None else scenario_of(recorded.value),
        changes=cast("list[ScenarioChange]", kept.changes), dry_run=recorded is None,
        repeated=recorded is not None and recorded.repeated, user_errors=[],
    )  # fmt: skip


def comparison_of(made: Made, product: Product, store: Any) -> ScenarioComparison:
    """Return a comparison as it is answered."""
    answer: room.ComparisonAnswer = made.answer
    return ScenarioComparison(
        product=product,
        store=store,
        as_of=answer.as_of,
        columns=[_column(one) for one in answer.columns],
        decision=decision_of(made),
    )


def _column(column: room.Column) -> ScenarioColumn:
    return ScenarioColumn(
        name=column.name, scenario_id=optional_id(column.scenario_id), revision=column.revision, system=column.outlook.system,
        units=column.units, difference=column.difference, weeks=cast("list[ScenarioWeek]", column.outlook.weeks),
        delist=None if column.delist is None else _delist(column.delist), note=column.note,
    )  # fmt: skip


def _delist(outcome: room.DelistOutcome) -> DelistOutcome:
    return DelistOutcome(
        lost_units=outcome.lost_units, kept_units=outcome.kept_units, low=outcome.low, high=outcome.high,
        takers=cast("list[DelistTaker]", outcome.takers),
    )  # fmt: skip


def _plain(label: str, given: strawberry.ID | None) -> str | None:
    return None if given is None else plain_id(label, str(given))
