"""Delist what-ifs and assortment proposals: the questions, the answers, and what the room asks of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from decisions.envelope import Explanation

__all__ = [
    "Amount",
    "AssortmentAnswer",
    "AssortmentRequest",
    "Assumption",
    "AssumptionKind",
    "Comparables",
    "DelistAnswer",
    "DelistRequest",
    "DelistedProduct",
    "DemandSource",
    "DroppedProduct",
    "ExpectedUnits",
    "Objective",
    "PastDelisting",
    "PastEvents",
    "Replacement",
    "ScopeUsed",
]


@dataclass(frozen=True, slots=True)
class DelistRequest:
    """What happens if products leave stores for some weeks.

    Args:
        product_ids: what leaves, all together; 1 to 500, repeats count once.
        store_ids: which stores; None: the whole chain. An empty tuple is refused.
        cluster_id: all stores of a cluster, instead of `store_ids`.
        horizon_weeks: 1 to 8, from the week after the last complete one.
        limit: how many replacements are named, 1 to 100; what others take is in `DelistAnswer.stays_elsewhere`.
        as_of: None: the release's day.
    """

    product_ids: tuple[str, ...]
    store_ids: tuple[str, ...] | None = None
    cluster_id: str | None = None
    horizon_weeks: int = 4
    limit: int = 20
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """Units over the whole horizon, with the ends of a 90 % interval."""

    units: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DelistedProduct:
    """One product that leaves.

    Args:
        product_id, display_name: which.
        category_id: of the graph; None where the product has none.
        lost: what it would have sold (None: not known, counted as nothing).
        stays, leaves: where its own demand ends, units; None where `lost` is.
        scope: where its replacements were told from; None where none is known.
        replacements: how many are known.
    """

    product_id: str
    display_name: str
    category_id: str | None
    lost: Amount | None
    stays: float | None
    leaves: float | None
    scope: str | None
    replacements: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """A product that picks up demand.

    Args:
        product_id, display_name: which.
        units, low, high: what it picks up over the horizon, with the ends of a 90 % interval.
        passed_on_units: the part of `units` that first went to another product that leaves too.
        diversion_ratio: `units` as a share of all units that are lost.
        scope: of the edge that brings most of it: `chain` or `store_cluster:ID`.
        grade: of that edge.
    """

    product_id: str
    display_name: str
    units: float
    low: float
    high: float
    passed_on_units: float
    diversion_ratio: float
    scope: str
    grade: str


@dataclass(frozen=True, slots=True)
class ScopeUsed:
    """A scope whose edges answered: for how many of the products, and for how many of the lost units."""

    scope: str
    products: int
    lost_units: float


class AssumptionKind(StrEnum):
    """What an answer takes for granted. Each is explained in docs/api.md."""

    RECOVERY = "recovery"
    """The part that stays in the category. Told by past events, drawn to a prior: the share truly lost is not identified."""
    FIRST_CHOICES = "first_choices"
    """Who picks up what stays: from choices, which are identified."""
    PASSED_ON = "passed_on"
    """What would go to another product that leaves goes to that one's replacements, and a part of it leaves at each step."""
    WITHIN_CATEGORY = "within_category"
    """Demand that leaves the category counts as leaving the shop."""
    DEMAND = "demand"
    """What the products would have sold is the forecast, had nothing changed."""
    STORE_SHARE = "store_share"
    """What stores would have sold is the chain's forecast by their share of the latest 13 weeks."""
    CHAIN_FOR_CLUSTER = "chain_for_cluster"
    """No replacements are told of the stores' cluster: those of the chain stand in."""
    NO_HISTORY = "no_history"
    """Products without a forecast count as nothing lost."""
    NO_REPLACEMENT = "no_replacement"
    """Products without a known replacement: what stays of them is not told by product."""
    SIMULATED_COST = "simulated_cost"
    """Purchase costs are simulated."""
    WITHOUT_COST = "without_cost"
    """Products without a purchase cost take the mean margin of their category."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that the answer rests on.

    Args:
        kind: which.
        text: a sentence for people.
        identified: whether the data tell it; otherwise it is taken for granted.
        value, low, high: its figure where it has one, with the ends of a 90 % interval.
        products: how many products it concerns; None: all.
    """

    kind: AssumptionKind
    text: str
    identified: bool
    value: float | None = None
    low: float | None = None
    high: float | None = None
    products: int | None = None


@dataclass(frozen=True, slots=True)
class PastDelisting:
    """A product that went away before: what was foreseen of its known replacements, and what came, as shares of what was lost.

    `simulated` says whether the feed that shows the event is simulated.
    """

    event_id: str
    kind: str
    product_id: str
    display_name: str
    category_id: str | None
    day: date
    predicted: float
    realised: float
    low: float
    high: float
    simulated: bool


@dataclass(frozen=True, slots=True)
class Comparables:
    """Past events of the same categories, the latest first; of all categories where these have none (`same_category` False).

    `total` are there, of which `covered` lie in the interval that was given for them.
    """

    events: tuple[PastDelisting, ...] = ()
    same_category: bool = False
    total: int = 0
    covered: int = 0


@dataclass(frozen=True, slots=True)
class DelistAnswer:
    """Who picks up the demand, what stays in the category, and what leaves the shop.

    lost = replacements + stays_elsewhere + leaves, in units over the horizon. The contributions of the explanation's paths are
    units, and sum to those of the replacements.

    Args:
        product_ids, store_ids, cluster_id, horizon_weeks, as_of: as asked, or as served; ids in order, each once.
        first_week, last_week: Mondays of the first and the last week.
        lost: what would have been sold.
        picked_up: by the replacements that are named.
        stays_elsewhere: by other products of the category.
        stays_in_category: both together.
        leaves: the shop.
        delisted: product by product.
        replacements: the most units first.
        replacements_total: how many there are, named or not.
        scopes: whose edges answered.
        events: comparable past events.
        assumptions: what all this rests on.
        explanation: a sentence, and paths from what leaves to what picks it up.
        simulated: whether anything behind the answer is simulated.
    """

    product_ids: tuple[str, ...]
    store_ids: tuple[str, ...] | None
    cluster_id: str | None
    horizon_weeks: int
    as_of: date
    first_week: date
    last_week: date
    lost: Amount
    picked_up: Amount
    stays_elsewhere: Amount
    stays_in_category: Amount
    leaves: Amount
    delisted: tuple[DelistedProduct, ...]
    replacements: tuple[Replacement, ...]
    replacements_total: int
    scopes: tuple[ScopeUsed, ...]
    events: Comparables
    assumptions: tuple[Assumption, ...]
    explanation: Explanation
    simulated: bool = False


class Objective(StrEnum):
    """What a proposal loses least of."""

    DEMAND = "demand"
    MARGIN = "margin"


@dataclass(frozen=True, slots=True)
class AssortmentRequest:
    """Which products of a category to drop, so that the least is lost.

    Args:
        category_id: a category of the graph, of any level; products below it that are sold and forecast count.
        count: how many to drop, at least 1 and fewer than the category has.
        objective: lost demand in units, or lost margin in currency.
        store_ids, cluster_id, horizon_weeks, as_of: as in `DelistRequest`.
    """

    category_id: str
    count: int
    objective: Objective = Objective.DEMAND
    store_ids: tuple[str, ...] | None = None
    cluster_id: str | None = None
    horizon_weeks: int = 4
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class DroppedProduct:
    """One product of a proposal, in the order of dropping.

    Args:
        product_id, display_name: which.
        units: what it would have sold.
        cost: what dropping it adds to what is lost, after those before it, in the objective's unit.
        margin_per_unit: price less purchase cost, currency; None where neither it nor its category has a cost.
    """

    product_id: str
    display_name: str
    units: float
    cost: float
    margin_per_unit: float | None


@dataclass(frozen=True, slots=True)
class AssortmentAnswer:
    """What to drop.

    Args:
        category_id, count, objective, store_ids, cluster_id, horizon_weeks, as_of: as asked, or as served.
        considered: how many products could be dropped.
        dropped: the proposal.
        loss: what is lost with all of them gone, in the objective's unit: units that leave, or margin; with a 90 % interval.
        least_possible: no choice of as many products loses less than this, by the same figures.
        optimal: whether the proposal is proven to lose least.
        method: `exact` or `greedy`.
        category_total: units, or margin, of all that were considered.
        assumptions, explanation: as in `DelistAnswer`; the paths' contributions are units picked up.
        simulated: whether the margins rest on simulated costs.
    """

    category_id: str
    count: int
    objective: Objective
    store_ids: tuple[str, ...] | None
    cluster_id: str | None
    horizon_weeks: int
    as_of: date
    considered: int
    dropped: tuple[DroppedProduct, ...]
    loss: Amount
    least_possible: float
    optimal: bool
    method: str
    category_total: float
    assumptions: tuple[Assumption, ...]
    explanation: Explanation
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class ExpectedUnits:
    """What products would sell: units over the horizon by product with the ends of a 90 % interval, in the order asked for; None
    where it is not known. `first_week` is the Monday of the first week.
    """

    first_week: date
    units: tuple[Amount | None, ...]


class DemandSource(Protocol):
    """Tells what products would sell had nothing changed."""

    def expected_units(self, product_ids: Sequence[str], store_ids: Sequence[str] | None, horizon_weeks: int) -> ExpectedUnits:
        """Return the units of each product over the next weeks, in the stores together (None: in the chain)."""
        ...


class PastEvents(Protocol):
    """Tells what came when products went away before."""

    def comparable(self, category_ids: Sequence[str], limit: int) -> Comparables:
        """Return past events of these categories, or of all where these have none."""
        ...
