"""The answers of the other decisions and of the lists: recommendations, forecast, products, search."""

from datetime import date

import strawberry

from api.graphql.described import described
from api.graphql.envelope_types import Decision, Explanation, PageInfo
from api.graphql.node_types import Ask, ProductCategory, Store
from api.graphql.override_types import OverriddenForecast, overridden_of
from api.graphql.product_types import Product
from decisions.forecast.contract import ForecastRequest

__all__ = [
    "Forecast",
    "ForecastDriver",
    "ForecastPoint",
    "Health",
    "ProductConnection",
    "ProductEdge",
    "SalesWeek",
    "SearchConnection",
    "SearchEdge",
]


@strawberry.type(
    description="Units in the week that begins on `weekStart`, with intervals of 80 and 95 % and the baseline's value."
)
class ForecastPoint:
    """One week of a forecast."""

    week_start: date
    units: float
    low: float = strawberry.field(description="The lower end of the 80 % interval, in units.")
    high: float = strawberry.field(description="The upper end of the 80 % interval, in units.")
    baseline_units: float
    promoted: bool
    low_95: float = strawberry.field(description="The lower end of the 95 % interval, in units.")
    high_95: float = strawberry.field(description="The upper end of the 95 % interval, in units.")


@strawberry.type(
    description="What one cause brought over the whole horizon, in units; all of them sum to forecast minus baseline."
)
class ForecastDriver:
    """One cause."""

    name: str
    words: str
    units: float
    product_id: strawberry.ID | None = strawberry.field(description="The neighbour that it came from, where it came from one.")
    past_weeks: int | None = strawberry.field(description="Past weeks in which that neighbour was promoted.")
    low: float | None = strawberry.field(description="Lower bound (95 %) of what as many such weeks as lie ahead brought.")
    high: float | None = strawberry.field(description="Its upper bound.")


@strawberry.type(description="Units that were sold in a week.")
class SalesWeek:
    """One week of the past."""

    week_start: date
    units: float


@strawberry.type(description="Weekly units to come. The contributions of the paths are in units over the whole horizon.")
class Forecast:
    """A forecast and its drivers."""

    product: Product | None = strawberry.field(description="Null for a category, and for all merchandise.")
    store: Store | None
    category: ProductCategory | None
    as_of: date
    system: str = strawberry.field(description="Which system answered.")
    why: str = strawberry.field(description="Why this system answered.")
    baseline: str
    drivers: list[ForecastDriver]
    points: list[ForecastPoint]
    history: list[SalesWeek]
    explanation: Explanation
    decision: Decision
    request: strawberry.Private[ForecastRequest]

    @described("Both figures where somebody has set the forecast by hand and that is in force; null where nobody has.")
    def overridden(self, info: Ask) -> OverriddenForecast | None:
        return overridden_of(info.context, self.request)


@strawberry.type
class ProductEdge:
    """One product of a list."""

    cursor: str
    node: Product


@strawberry.type(description="Products in the order of their ids.")
class ProductConnection:
    """A page of products."""

    edges: list[ProductEdge]
    page_info: PageInfo
    total_count: int = strawberry.field(description="How many products the filter has in all.")


@strawberry.type
class SearchEdge:
    """One match."""

    cursor: str
    node: Product
    score: float


@strawberry.type(description="Products that match the words, best first.")
class SearchConnection:
    """A page of matches."""

    edges: list[SearchEdge]
    page_info: PageInfo
    total_count: int


@strawberry.type(description="What this service serves, and whether it can answer.")
class Health:
    """State of the service."""

    status: str = strawberry.field(description="`ok`, or `unavailable` when decisions cannot be answered and logged.")
    as_of: date
    release_id: str
    graph_version: str
    graph_digest: str
    ontology_version: str
    served_from: str
