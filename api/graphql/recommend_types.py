"""Suggestions as GraphQL types: lists, pages of placements, and why a product is not among them."""

from datetime import date

import strawberry

from api.graphql.envelope_types import Decision, Degradation, Explanation, PageInfo
from api.graphql.node_types import Household
from api.graphql.product_types import Product
from decisions.recommend import contract
from decisions.recommend.contract import Surface, WhyNotOutcome

__all__ = [
    "ConstraintsInput",
    "ContextInput",
    "PlacementList",
    "RecommendationConnection",
    "RecommendationEdge",
    "RecommendationItem",
    "RecommendationPage",
    "RuleCheck",
    "RungUsed",
    "WhyNotRecommended",
    "Withheld",
    "constraints_of",
    "context_of",
]


strawberry.enum(
    Surface,
    description="Where suggestions are shown: for a household (with neither it nor a basket: what sells), beside a basket or a "
    "session, beside one product, bought before, never bought, selling more than it used to, or the caller's own candidates.",
)
strawberry.enum(WhyNotOutcome, description="What became of a product that was asked after.")


@strawberry.input(description="What is known of the moment; every value may be left out.")
class ContextInput:
    """What is known of the moment."""

    hour: int | None = strawberry.field(default=None, description="0 to 23, in the shop's time.")
    weekday: int | None = strawberry.field(default=None, description="0 for Monday to 6.")
    device: str | None = None
    weather: str | None = None


@strawberry.input(description="What must hold for every suggestion. Where a rule asks, what is unknown fails.")
class ConstraintsInput:
    """What must hold for every suggestion."""

    without_allergens: list[str] = strawberry.field(default_factory=list, description="Each must be stated to be absent.")
    diets: list[str] = strawberry.field(default_factory=list, description="Each must be stated to be met.")
    age_years: int | None = strawberry.field(
        default=None, description="Of whoever sees the list; unknown withholds what has an age limit."
    )
    in_stock_only: bool = strawberry.field(default=False, description="Stock at the store must be known and there.")
    largest_stock_age_days: int | None = strawberry.field(default=None, description="Older stock counts as unknown.")
    priced_only: bool = strawberry.field(default=False, description="A price must be known.")


@strawberry.type(description="One rule held against one product, with what was read.")
class RuleCheck:
    """One rule held against one product."""

    rule: str
    passed: bool
    proof: str
    source: str | None = strawberry.field(description="The table that was read.")
    observed_on: date | None
    simulated: bool


@strawberry.type(description="How many candidates a rule kept out of the list.")
class Withheld:
    """How many candidates a rule kept out."""

    rule: str
    products: int


@strawberry.type(description="One step of the surface's ladder that gave suggestions, and why the step above did not give them.")
class RungUsed:
    """One step of the ladder."""

    name: str
    places: int
    cause: str


@strawberry.type(description="One suggestion with the reasons for it.")
class RecommendationItem:
    """One suggestion."""

    node: Product
    rank: int
    score: float
    sources: list[str] = strawberry.field(description="The candidate sources that brought it.")
    explanation: Explanation
    kind: str = strawberry.field(
        description="What the place is for: `habit`, `new`, `discovery`, `relations`, `trend`, `popularity`."
    )
    customer_text: str = strawberry.field(description="A sentence that may be shown to the customer.")
    p_accept: float | None = strawberry.field(description="The calibrated probability that it is in the next basket.")
    propensity: float = strawberry.field(description="The probability with which this product got this place.")
    base_score: float = strawberry.field(description="What its score started from: the contributions sum to the rest.")
    checks: list[RuleCheck] = strawberry.field(description="The rules that were asked for, with their proofs.")


@strawberry.type(description="One suggestion of a list that can be paged through.")
class RecommendationEdge(RecommendationItem):
    """One suggestion of a connection."""

    cursor: str


@strawberry.type(description="Suggestions, best first, and the decision that chose them.")
class RecommendationConnection:
    """A page of suggestions."""

    system: str = strawberry.field(description="Which system ordered the list.")
    surface: Surface
    household: Household | None
    edges: list[RecommendationEdge]
    page_info: PageInfo
    discovery_share: float = strawberry.field(description="The share of the places that discovery got.")
    withheld: list[Withheld] = strawberry.field(description="What rules kept out.")
    rungs: list[RungUsed] = strawberry.field(description="The steps of the ladder that filled places.")
    unused_context: list[str] = strawberry.field(description="What was told of the moment and the model does not know.")
    newest_event: int = strawberry.field(description="The number of the last event that counted; 0: none since the release.")
    decision: Decision


@strawberry.type(description="The list of one placement of a page.")
class PlacementList:
    """One placement."""

    name: str
    surface: Surface
    system: str
    items: list[RecommendationItem]
    rungs: list[RungUsed]
    degraded: Degradation | None


@strawberry.type(description="Several placements for one visit: no product comes twice.")
class RecommendationPage:
    """A page of placements."""

    placements: list[PlacementList]
    decision: Decision


@strawberry.type(description="Why a product is not among the suggestions, or that it is.")
class WhyNotRecommended:
    """Why a product is not among the suggestions."""

    product: Product
    outcome: WhyNotOutcome
    text: str
    rank: int | None = strawberry.field(description="Its place in the whole order.")
    score: float | None
    needed: float | None = strawberry.field(description="The score of the last place of the list.")
    change: str = strawberry.field(description="The smallest change that would list it; empty where a rule forbids.")
    checks: list[RuleCheck] = strawberry.field(description="All rules, failing ones first.")
    decision: Decision


def context_of(given: ContextInput | None) -> contract.RequestContext:
    """Return the moment as the room takes it."""
    if given is None:
        return contract.NO_CONTEXT
    return contract.RequestContext(given.hour, given.weekday, given.device, given.weather)


def constraints_of(given: ConstraintsInput | None) -> contract.Constraints:
    """Return the constraints as the room takes them."""
    if given is None:
        return contract.NO_CONSTRAINTS
    return contract.Constraints(
        tuple(given.without_allergens),
        tuple(given.diets),
        given.age_years,
        given.in_stock_only,
        given.largest_stock_age_days,
        given.priced_only,
    )
