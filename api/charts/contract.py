"""What charts are drawn from: plain values, made from answers by the adapters, that know neither rooms nor drawing.

A number that is not known is None or not finite: it is left out of the picture and called unknown in the table.
"""

from dataclasses import dataclass
from datetime import date

__all__ = ["Chart", "FanChart", "FanDriver", "FanWeek", "FlowChart", "FlowPart", "Table", "Told"]


@dataclass(frozen=True, slots=True)
class FanWeek:
    """One week ahead, in units: forecast, ends of the 80 % and (where the answer has them) 95 % interval, baseline."""

    week_start: date
    units: float
    low_80: float
    high_80: float
    low_95: float | None
    high_95: float | None
    baseline_units: float
    promoted: bool


@dataclass(frozen=True, slots=True)
class FanDriver:
    """What moved the forecast away from its baseline, in units over all weeks; other products are neighbours."""

    words: str
    units: float
    neighbour: bool


@dataclass(frozen=True, slots=True)
class FanChart:
    """A forecast with its history and its drivers.

    Args:
        product, place: as people read them.
        as_of: the last day whose facts are known.
        system, baseline: which system answered, and what it is held against.
        origin: which release and graph version answered.
        history: weeks before `as_of`, the oldest first, and their units.
        weeks: the weeks ahead, one at least.
        drivers: whatever of forecast minus baseline they leave is shown as not told apart.
    """

    product: str
    place: str
    as_of: date
    system: str
    baseline: str
    origin: str
    history: tuple[tuple[date, float], ...]
    weeks: tuple[FanWeek, ...]
    drivers: tuple[FanDriver, ...]

    @property
    def forecast_units(self) -> float:
        """Units forecast over all weeks."""
        return sum(week.units for week in self.weeks)

    @property
    def baseline_units(self) -> float:
        """Units that the baseline expects over all weeks."""
        return sum(week.baseline_units for week in self.weeks)


@dataclass(frozen=True, slots=True)
class FlowPart:
    """Where units come from or go to, with the ends of their interval where it is known."""

    words: str
    units: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class FlowChart:
    """Where the demand for delisted products goes.

    Args:
        place: where they are delisted, as people read it.
        as_of: the last day whose facts are known.
        weeks: over how many weeks units are counted.
        interval: what the intervals are, such as `90 %`.
        origin: which release and graph version answered.
        lost: the delisted products with the units they would have sold; one at least.
        replacements: products that take some of them, the one with most first; the picture sums up what has no room.
        elsewhere: what stays in the category without a product being named.
        leaves: what leaves the shop.
    """

    place: str
    as_of: date
    weeks: int
    interval: str
    origin: str
    lost: tuple[FlowPart, ...]
    replacements: tuple[FlowPart, ...]
    elsewhere: FlowPart
    leaves: FlowPart


Chart = FanChart | FlowChart


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers as text, row by row; the first cell of a row names it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A chart in words: what stands in for the picture where it cannot be seen, and its numbers."""

    title: str
    description: str
    tables: tuple[Table, ...]
