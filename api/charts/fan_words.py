"""A forecast in words: title, description and tables, and the drivers in the order in which they are shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from api.charts.contract import FanChart, FanDriver, Table, Told
from api.charts.words import UNKNOWN, change_text, day_text, interval_text, readable, units_text, weeks_text

__all__ = ["OWN_HEADING", "ShownDrivers", "baseline_words", "fan_told", "shown_drivers"]

MOST_OWN, MOST_NEIGHBOURS = 6, 5
NOT_TOLD_APART = "not told apart"
SMALL = 1e-3
"""Of all that drivers move, what they may leave: rounding, which nobody need read of."""
OWN_HEADING = "The product's own"


@dataclass(frozen=True, slots=True)
class ShownDrivers:
    """The drivers that have room, the largest first, those that have none summed up, and what all of them leave."""

    own: tuple[FanDriver, ...]
    neighbours: tuple[FanDriver, ...]

    @property
    def all(self) -> tuple[FanDriver, ...]:
        """All of them: they sum to forecast minus baseline."""
        return self.own + self.neighbours


def shown_drivers(chart: FanChart) -> ShownDrivers:
    """Return the drivers as they are shown: together they are forecast minus baseline."""
    own = _fitted([one for one in chart.drivers if not one.neighbour], MOST_OWN, "smaller ones")
    neighbours = _fitted([one for one in chart.drivers if one.neighbour], MOST_NEIGHBOURS, "other products")
    told = sum(one.units for one in chart.drivers)
    left = chart.forecast_units - chart.baseline_units - told
    moved = sum(abs(one.units) for one in chart.drivers) + abs(chart.forecast_units - chart.baseline_units)
    if not math.isfinite(left) or abs(left) > SMALL * moved:
        own = [*own, FanDriver(NOT_TOLD_APART, left, neighbour=False)]
    return ShownDrivers(tuple(own), tuple(neighbours))


def _fitted(drivers: Sequence[FanDriver], most: int, words: str) -> list[FanDriver]:
    ranked = sorted((one for one in drivers if one.units != 0), key=lambda one: (-_size(one.units), one.words))
    if len(ranked) <= most:
        return ranked
    rest = ranked[most - 1 :]
    return [*ranked[: most - 1], FanDriver(f"{len(rest)} {words}", sum(one.units for one in rest), rest[0].neighbour)]


def _size(units: float) -> float:
    return abs(units) if math.isfinite(units) else math.inf


def fan_told(chart: FanChart) -> Told:
    """Return the chart in words."""
    title = f"Forecast of {readable(chart.product)} in {readable(chart.place)}"
    sentences = (*_ahead(chart), *_behind(chart), *_moved(chart), f"Known up to {day_text(chart.as_of)}; {chart.origin}.")
    return Told(title, " ".join(sentences), (_weeks_table(chart), _drivers_table(chart), _history_table(chart)))


def baseline_words(chart: FanChart) -> str:
    """Return what the baseline is called."""
    return f"baseline ({readable(chart.baseline)})"


def _ahead(chart: FanChart) -> Sequence[str]:
    first = chart.weeks[0]
    yield_of = f"{units_text(chart.forecast_units)} units in {weeks_text(len(chart.weeks))} from {day_text(first.week_start)}"
    held = f"the {baseline_words(chart)} expects {units_text(chart.baseline_units)}"
    band = f"In the first week {units_text(first.units)}, with an 80 % interval of {interval_text(first.low_80, first.high_80)}"
    wide = "" if first.low_95 is None else f" and a 95 % interval of {interval_text(first.low_95, first.high_95)}"
    promoted = [day_text(week.week_start) for week in chart.weeks if week.promoted]
    known = f"Promoted weeks begin on {', '.join(promoted)}." if promoted else "No promotion is known for these weeks."
    return (f"{yield_of}, by {readable(chart.system)}; {held}.", f"{band}{wide}.", known)


def _behind(chart: FanChart) -> Sequence[str]:
    sold = [units for _, units in chart.history if math.isfinite(units)]
    if not sold:
        return ("No sales history is known.",)
    return (f"In the last {weeks_text(len(sold))} between {units_text(min(sold))} and {units_text(max(sold))} units a week.",)


def _moved(chart: FanChart) -> Sequence[str]:
    drivers = shown_drivers(chart).all
    if not drivers:
        return ("No driver moves the forecast away from its baseline.",)
    return (f"Drivers in units: {'; '.join(f'{readable(one.words)} {change_text(one.units)}' for one in drivers)}.",)


def _weeks_table(chart: FanChart) -> Table:
    wide = any(week.low_95 is not None for week in chart.weeks)
    columns = ("Week from", "Forecast", "80 % interval", *(("95 % interval",) if wide else ()), "Baseline", "Promoted")
    rows = tuple(
        (
            day_text(week.week_start),
            units_text(week.units),
            interval_text(week.low_80, week.high_80),
            *((interval_text(week.low_95, week.high_95),) if wide else ()),
            units_text(week.baseline_units),
            "yes" if week.promoted else "no",
        )
        for week in chart.weeks
    )
    total = ("All weeks", units_text(chart.forecast_units), "", *(("",) if wide else ()), units_text(chart.baseline_units), "")
    return Table("Weeks ahead, in units", columns, (*rows, total))


def _drivers_table(chart: FanChart) -> Table:
    weeks = weeks_text(len(chart.weeks))
    drivers = [(readable(one.words), _kind(one), change_text(one.units)) for one in shown_drivers(chart).all]
    first = (baseline_words(chart), "", units_text(chart.baseline_units))
    last = ("forecast", "", units_text(chart.forecast_units))
    return Table(f"From baseline to forecast, in units over {weeks}", ("What", "Kind", "Units"), (first, *drivers, last))


def _kind(driver: FanDriver) -> str:
    return "" if driver.words == NOT_TOLD_APART else "neighbours" if driver.neighbour else "own"


def _history_table(chart: FanChart) -> Table:
    rows = tuple((day_text(day), units_text(units)) for day, units in chart.history)
    return Table("Weeks before, in units", ("Week from", "Sold"), rows or (("none", UNKNOWN),))
