"""What-ifs as GraphQL types. Their fields are read straight from the values of `decisions.substitution.contract`."""

from datetime import date
from enum import Enum

import strawberry

from api.graphql.envelope_types import Decision, Explanation

__all__ = [
    "Amount",
    "AssortmentObjective",
    "AssortmentProposal",
    "Assumption",
    "DelistWhatIf",
    "DelistedProduct",
    "DroppedProduct",
    "PastDelisting",
    "Replacement",
    "ScopeUsed",
]


@strawberry.enum(description="What a proposal loses least of: demand, in units that leave the shop, or margin, in currency.")
class AssortmentObjective(Enum):
    """What a proposal loses least of."""

    DEMAND = "demand"
    MARGIN = "margin"


@strawberry.type(description="Units over the whole horizon (of a proposal by margin: currency), with a 90 % interval.")
class Amount:
    """An amount with its interval."""

    units: float
    low: float = strawberry.field(description="The lower end of the 90 % interval.")
    high: float = strawberry.field(description="The upper end of the 90 % interval.")


@strawberry.type(description="One product that leaves, and where its own demand ends.")
class DelistedProduct:
    """A product that leaves."""

    product_id: strawberry.ID
    display_name: str
    category_id: strawberry.ID | None
    lost: Amount | None = strawberry.field(description="What it would have sold; null where it is not forecast.")
    stays: float | None = strawberry.field(description="What of it stays in the category, units.")
    leaves: float | None = strawberry.field(description="What of it is counted as leaving the shop, units.")
    scope: str | None = strawberry.field(description="Where its replacements were told from; null where none is known.")
    replacements: int = strawberry.field(description="How many replacements are known.")


@strawberry.type(description="A product that picks up demand.")
class Replacement:
    """A replacement."""

    product_id: strawberry.ID
    display_name: str
    units: float
    low: float
    high: float
    passed_on_units: float = strawberry.field(description="The part that first went to another product that leaves too.")
    diversion_ratio: float = strawberry.field(description="Its units as a share of all that are lost.")
    scope: str
    grade: str


@strawberry.type(description="A scope whose relations answered.")
class ScopeUsed:
    """A scope."""

    scope: str
    products: int
    lost_units: float


@strawberry.type(description="A product that went away before: what was foreseen and what came, as shares of what was lost.")
class PastDelisting:
    """A past event."""

    event_id: str
    kind: str
    product_id: strawberry.ID
    display_name: str
    category_id: strawberry.ID | None
    day: date
    predicted: float
    realised: float
    low: float
    high: float
    simulated: bool


@strawberry.type(description="One thing that the answer rests on.")
class Assumption:
    """An assumption."""

    kind: str
    text: str
    identified: bool = strawberry.field(description="Whether the data tell it; otherwise it is taken for granted.")
    value: float | None
    low: float | None
    high: float | None
    products: int | None = strawberry.field(description="How many products it concerns; null: all.")


@strawberry.type(
    description="Who picks up the demand, what stays in the category, what leaves. The contributions of the paths are units."
)
class DelistWhatIf:
    """A delist what-if."""

    store_ids: list[strawberry.ID] | None
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
    delisted: list[DelistedProduct]
    replacements: list[Replacement]
    replacements_total: int
    scopes: list[ScopeUsed]
    events: list[PastDelisting]
    events_of_same_category: bool
    events_total: int
    events_covered: int = strawberry.field(description="How many of `eventsTotal` lie in the interval that was given for them.")
    assumptions: list[Assumption]
    simulated: bool
    explanation: Explanation
    decision: Decision


@strawberry.type(description="One product of a proposal, in the order of dropping.")
class DroppedProduct:
    """A product to drop."""

    product_id: strawberry.ID
    display_name: str
    units: float
    cost: float = strawberry.field(description="What dropping it adds to the loss, after those before it.")
    margin_per_unit: float | None


@strawberry.type(description="Which products of a category to drop so that the least is lost.")
class AssortmentProposal:
    """A proposal."""

    category_id: strawberry.ID
    objective: AssortmentObjective
    store_ids: list[strawberry.ID] | None
    cluster_id: str | None
    horizon_weeks: int
    as_of: date
    considered: int
    dropped: list[DroppedProduct]
    loss: Amount
    least_possible: float = strawberry.field(description="No choice of as many products loses less, by the same figures.")
    optimal: bool
    method: str
    category_total: float
    assumptions: list[Assumption]
    simulated: bool
    explanation: Explanation
    decision: Decision
