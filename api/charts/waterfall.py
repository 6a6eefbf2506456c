"""The drivers of a forecast, step by step from the baseline's units to the forecast's; other products stand apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from api.charts.canvas import LABEL_SIZE, SMALL_SIZE, bare
from api.charts.contract import FanChart, FanDriver
from api.charts.fan_words import OWN_HEADING, baseline_words, shown_drivers
from api.charts.palette import INK, PAPER, QUIET_INK, Look, look
from api.charts.scale import scale_for
from api.charts.words import change_text, units_text, weeks_text, wrapped

__all__ = ["ROW", "draw_waterfall", "rows_needed"]

ROW = 0.25
"""Inches."""
LABEL_WIDTH, LABEL_LINES = 40, 3
ONE_LINE, MORE_LINE, BAR = 0.72, 0.56, 0.62
"""Heights in rows: of words on one line, of a further line, and of the bar below them."""
HEADING_ROOM = 1.1
ROOM_BESIDE, NUMBER_ROOM = 0.06, 0.24
"""Parts of the steps' width: before them, and behind them for the column of numbers."""


@dataclass(frozen=True, slots=True)
class _Row:
    """Words, a number at their right, and what is drawn below: a bar between two totals, or a mark at one of them."""

    words: str
    number: str
    start: float = math.nan
    end: float = math.nan
    mark: Look | None = None
    heading: bool = False

    @property
    def height(self) -> float:
        """In rows."""
        return HEADING_ROOM if self.heading else ONE_LINE + MORE_LINE * self.words.count("\n") + BAR


def rows_needed(chart: FanChart) -> float:
    """Return how high the panel is, in rows."""
    return sum(row.height for row in _rows(chart))


def draw_waterfall(chart: FanChart, axes: Axes, room: float) -> None:
    """Draw the steps into axes that are `room` rows high, `rows_needed` at least.

    The axis need not begin at zero: a bar counts by its length.
    """
    rows = _rows(chart)
    scale = scale_for([place for row in rows for place in (row.start, row.end)])
    _set_limits(axes, [scale.at(place) for row in rows for place in (row.start, row.end)], room)
    for mark, units in (("baseline", chart.baseline_units), ("forecast", chart.forecast_units)):
        seen = look("drivers", mark)
        if not math.isnan(scale.at(units)):
            axes.axvline(scale.at(units), color=seen.colour, linestyle=seen.dash, linewidth=0.9, zorder=1)
    top = 0.0
    for row in rows:
        _draw_row(axes, row, top, scale.at(row.start), scale.at(row.end))
        top += row.height
    axes.set_xlabel(f"units over {weeks_text(len(chart.weeks))}{scale.words}", loc="right")
    axes.set_title("From baseline to forecast", loc="left", size=LABEL_SIZE + 1, weight="bold", pad=8)


def _rows(chart: FanChart) -> list[_Row]:
    shown, at = shown_drivers(chart), chart.baseline_units
    rows = [_Row(wrapped(baseline_words(chart), LABEL_WIDTH, 1), units_text(at), at, at, look("drivers", "baseline"))]
    for heading, drivers in ((OWN_HEADING, shown.own), ("Neighbours: other products", shown.neighbours)):
        if shown.neighbours and drivers:
            rows.append(_Row(heading, "", heading=True))
        for one in drivers:
            rows.append(_step(one, at))
            at += one.units
    if not shown.all:
        rows.append(_Row("no driver moves the forecast", "", heading=True))
    end = chart.forecast_units
    return [*rows, _Row("forecast", units_text(end), end, end, look("drivers", "forecast"))]


def _step(driver: FanDriver, at: float) -> _Row:
    return _Row(wrapped(driver.words, LABEL_WIDTH, LABEL_LINES), change_text(driver.units), at, at + driver.units)


def _set_limits(axes: Axes, places: Sequence[float], height: float) -> None:
    known = [place for place in places if not math.isnan(place)] or [0.0]
    low, high = min(known), max(known)
    span = high - low or max(abs(high), 1.0)
    axes.set_xlim(low - ROOM_BESIDE * span, high + NUMBER_ROOM * span)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}".replace("-", "−")))
    bare(axes, ("bottom",))


def _draw_row(axes: Axes, row: _Row, top: float, start: float, end: float) -> None:
    behind = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.6}
    if row.heading:
        axes.text(0, top + HEADING_ROOM - 0.2, row.words, transform=axes.get_yaxis_transform(), size=SMALL_SIZE, weight="bold",
                  color=QUIET_INK, va="bottom", bbox=behind, zorder=2)  # fmt: skip
        return
    below = top + row.height - BAR
    for place, side, words in ((0.0, "left", row.words), (1.0, "right", row.number)):
        axes.text(place, below - 0.04, words, transform=axes.get_yaxis_transform(), size=SMALL_SIZE, color=INK, ha=side,
                  va="bottom", linespacing=1.05, bbox=behind, zorder=2)  # fmt: skip
    if row.mark is not None and not math.isnan(start):
        axes.plot(
            [start], [below + 0.26], marker=row.mark.marker, color=row.mark.colour, markersize=6.5, linestyle="none", zorder=4
        )
    elif not (math.isnan(start) or math.isnan(end)):
        seen = look("drivers", "more" if end >= start else "less")
        style: dict[str, Any] = {"facecolor": seen.colour, "edgecolor": seen.edge, "hatch": seen.hatch, "linewidth": 0.8}
        axes.barh(below + 0.26, end - start, left=start, height=0.36, zorder=3, **style)
