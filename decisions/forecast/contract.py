"""Weekly demand of a product, in a store or in the whole chain."""

from dataclasses import dataclass
from datetime import date

from decisions.envelope import Explanation

__all__ = ["ForecastAnswer", "ForecastPoint", "ForecastRequest"]


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """`store_id` None means the whole chain; `horizon_weeks` 1 to 8; `as_of` None: the release's day."""

    product_id: str
    store_id: str | None = None
    horizon_weeks: int = 4
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    """Units in the week that begins on `week_start`, with an 80 % interval and the baseline's value."""

    week_start: date
    units: float
    low: float
    high: float
    baseline_units: float
    promoted: bool


@dataclass(frozen=True, slots=True)
class ForecastAnswer:
    """The forecast and its drivers: the paths' contributions are in units over the whole horizon."""

    product_id: str
    store_id: str | None
    as_of: date
    system: str
    """Which system answered: `shelfgraph`, or the baseline that won its back-test."""
    baseline: str
    points: tuple[ForecastPoint, ...]
    history: tuple[tuple[date, float], ...]
    """Up to 26 weeks (week_start, units) before `as_of`."""
    explanation: Explanation
