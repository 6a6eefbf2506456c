"""Weekly demand of a product in a store or in the whole chain, of a category, or of everything."""

from dataclasses import dataclass
from datetime import date

from decisions.envelope import Explanation

__all__ = ["Driver", "ForecastAnswer", "ForecastPoint", "ForecastRequest"]


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """A product (in a store, or with `store_id` None in the whole chain), a category, or neither: all merchandise.

    `horizon_weeks` 1 to 8; `as_of` None: the release's day. `without_promotions` are Mondays in which the product's own
    promotions are switched off, `without_neighbours` products that are not looked at as its neighbours: what would be without
    them. `launch_week` is the Monday of the week in which a product that was never sold is first sold; its weeks are counted from
    there, 1 to 4. `donors` (at most 10) are products whose launches it is expected to be like.
    """

    product_id: str | None = None
    store_id: str | None = None
    horizon_weeks: int = 4
    as_of: date | None = None
    category_id: str | None = None
    without_promotions: tuple[date, ...] = ()
    without_neighbours: tuple[str, ...] = ()
    launch_week: date | None = None
    donors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    """Units in the week that begins on `week_start`, with 80 and 95 % intervals and the baseline's value."""

    week_start: date
    units: float
    low: float
    high: float
    baseline_units: float
    promoted: bool
    low_95: float
    high_95: float


@dataclass(frozen=True, slots=True)
class Driver:
    """What one cause brought over the whole horizon, in units. Those of an answer sum to forecast minus baseline.

    `product_id` names the neighbour that it came from. `past_weeks` counts past weeks in which that neighbour was promoted, and
    `low` and `high` bound (95 %) what as many such weeks as lie ahead brought, by the product's own sales beyond expectation.
    """

    name: str
    words: str
    units: float
    product_id: str | None = None
    past_weeks: int | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ForecastAnswer:
    """The forecast and its drivers; the paths' contributions are in units over the whole horizon too."""

    product_id: str | None
    store_id: str | None
    as_of: date
    system: str
    """Which system answered: `shelfgraph`, or whatever won its back-test for series of this kind."""
    baseline: str
    points: tuple[ForecastPoint, ...]
    history: tuple[tuple[date, float], ...]
    """Up to 26 weeks (week_start, units) before `as_of`."""
    explanation: Explanation
    category_id: str | None = None
    drivers: tuple[Driver, ...] = ()
    why: str = ""
    """Why this system answered."""
