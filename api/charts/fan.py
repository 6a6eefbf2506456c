"""The forecast fan: weeks before and ahead with their intervals. Its drivers stand beside it (`waterfall`)."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation

from api.charts.canvas import LABEL_SIZE, SMALL_SIZE, bare, head, head_height, sheet
from api.charts.contract import FanChart, FanWeek
from api.charts.fan_words import baseline_words
from api.charts.palette import PAPER, QUIET_INK, Look, look
from api.charts.scale import Scale, scale_for
from api.charts.waterfall import ROW, draw_waterfall, rows_needed
from api.charts.words import MONTHS, day_text, readable, weeks_text, wrapped

__all__ = ["draw_fan"]

WIDTH = 11.5
FAN_LEFT, FAN_WIDTH = 0.075, 0.545
DRIVERS_LEFT, DRIVERS_WIDTH = 0.665, 0.308
LEGEND, BELOW = 0.5, 0.72
"""Inches for the names of the looks and for the words of the axis."""
LEAST_HEIGHT = 3.4
HEAD_ROOM = 1.12
LABEL_ROOM = 0.2
"""Part of the fan's width that is kept for the words at the end of its lines."""
APART = 0.09
"""Least distance of these words, as a part of the least height."""
TICK_WEEKS = 4
TICK_DEPTH = 0.1
WEEK_DAYS = 7
HALF_WEEK = 3.0
BEFORE_WORDS = 4.0


def draw_fan(chart: FanChart) -> Figure:
    """Return the drawing of a forecast."""
    panel = max(LEAST_HEIGHT, ROW * rows_needed(chart))
    height = head_height(chart.product) + LEGEND + panel + BELOW
    figure = sheet(WIDTH, height)
    head(figure, chart.product, _subtitle(chart), chart.origin)
    bottom, tall = BELOW / height, panel / height
    _draw_weeks(chart, figure, figure.add_axes((FAN_LEFT, bottom, FAN_WIDTH, tall)))
    draw_waterfall(chart, figure.add_axes((DRIVERS_LEFT, bottom, DRIVERS_WIDTH, tall)), panel / ROW)
    return figure


def _subtitle(chart: FanChart) -> str:
    ahead = f"Forecast of {weeks_text(len(chart.weeks))} by {readable(chart.system)}"
    past = "" if _has_history(chart) else " · no sales history is known"
    return f"{ahead} · {readable(chart.place)} · known up to {day_text(chart.as_of)}{past}"


def _has_history(chart: FanChart) -> bool:
    return any(math.isfinite(units) for _, units in chart.history)


def _draw_weeks(chart: FanChart, figure: Figure, axes: Axes) -> None:
    scale, first = scale_for(_all_units(chart)), chart.weeks[0].week_start
    days = [_day(week.week_start, first) for week in chart.weeks]
    before = [_day(day, first) for day, _ in chart.history]
    known = [scale.at(value) for value in _all_units(chart)]
    _set_limits(axes, min([*before, days[0]]), days[-1], max((value for value in known if not math.isnan(value)), default=0.0))
    _mark_promoted(chart, axes, days)
    _draw_bands(chart.weeks, axes, days, scale)
    if _has_history(chart):
        axes.axvline(-WEEK_DAYS / 2, color=QUIET_INK, linewidth=0.8)
        _line(axes, before, [scale.at(units) for _, units in chart.history], look("fan", "sold"), width=1.2)
    _line(axes, days, [scale.at(week.units) for week in chart.weeks], look("fan", "forecast"), width=2.2)
    _line(axes, days, [scale.at(week.baseline_units) for week in chart.weeks], look("fan", "baseline"), width=1.6)
    _label_ends(chart, axes, days[-1], scale)
    axes.set_ylabel(f"units a week{scale.words}")
    _label_weeks(figure, axes, [*before, *days], first)
    _name_looks(chart, axes)


def _all_units(chart: FanChart) -> Sequence[float | None]:
    ahead = [(w.units, w.low_80, w.high_80, w.low_95, w.high_95, w.baseline_units) for w in chart.weeks]
    return [*(units for _, units in chart.history), *(value for values in ahead for value in values)]


def _day(day: date, first: date) -> float:
    """Place the first week ahead at 0."""
    return float((day - first).days)


def _set_limits(axes: Axes, start: float, end: float, top: float) -> None:
    left, right = start - HALF_WEEK - 1, end + HALF_WEEK + 1
    axes.set_xlim(left, right + (right - left) * LABEL_ROOM / (1 - LABEL_ROOM))
    axes.set_ylim(0, top * HEAD_ROOM if top > 0 else 1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.7)
    axes.set_axisbelow(True)
    bare(axes, ("left", "bottom"))


def _mark_promoted(chart: FanChart, axes: Axes, days: Sequence[float]) -> None:
    seen = look("fan", "promoted")
    for week, day in zip(chart.weeks, days, strict=True):
        if week.promoted:
            start, end = day - HALF_WEEK, day + HALF_WEEK
            axes.axvspan(start, end, facecolor="none", edgecolor=seen.colour, hatch=seen.hatch, linewidth=0)
            axes.plot(
                [day],
                [0.965],
                marker=seen.marker,
                markersize=8,
                markerfacecolor=seen.colour,
                markeredgecolor=seen.edge,
                transform=axes.get_xaxis_transform(),
                linestyle="none",
            )


def _draw_bands(weeks: Sequence[FanWeek], axes: Axes, days: Sequence[float], scale: Scale) -> None:
    wide = [(scale.at(week.low_95), scale.at(week.high_95)) for week in weeks]
    narrow = [(scale.at(week.low_80), scale.at(week.high_80)) for week in weeks]
    for above, (meaning, ends) in ((1.2, ("95 %", wide)), (1.3, ("80 %", narrow))):
        seen = look("fan", meaning)
        for run in _runs(days, ends):
            x = [run[0][0] - HALF_WEEK, *(day for day, _, _ in run), run[-1][0] + HALF_WEEK]
            low, high = ([run[0][end], *(part[end] for part in run), run[-1][end]] for end in (1, 2))
            axes.fill_between(x, low, high, facecolor=seen.colour, linewidth=0, zorder=above)
            for edge in (low, high):
                axes.plot(x, edge, color=seen.edge, linestyle=seen.dash, linewidth=0.9, zorder=above + 0.05)


def _runs(days: Sequence[float], ends: Sequence[tuple[float, float]]) -> list[list[tuple[float, float, float]]]:
    """Return weeks in a row whose interval is known."""
    runs: list[list[tuple[float, float, float]]] = [[]]
    for day, (low, high) in zip(days, ends, strict=True):
        if math.isnan(low) or math.isnan(high):
            runs.append([])
        else:
            runs[-1].append((day, low, high))
    return [run for run in runs if run]


def _line(axes: Axes, days: Sequence[float], units: Sequence[float], seen: Look, *, width: float) -> None:
    if len(days) == 1 and seen.marker is None:  # one week alone has no line
        days, units = [days[0] - HALF_WEEK, days[0] + HALF_WEEK], [units[0]] * 2
    size = 7 if seen.marker == "." else 5.5
    axes.plot(days, units, color=seen.colour, linestyle=seen.dash, linewidth=width, marker=seen.marker, markersize=size, zorder=3)


def _label_ends(chart: FanChart, axes: Axes, day: float, scale: Scale) -> None:
    last, top = chart.weeks[-1], axes.get_ylim()[1]
    ends = [("forecast", last.units), (f"baseline\n{wrapped(chart.baseline, 15, 1)}", last.baseline_units)]
    known = sorted(((scale.at(units) / top, words) for words, units in ends if not math.isnan(scale.at(units))), reverse=True)
    for (height, words), place in zip(known, _spread([height for height, _ in known]), strict=True):
        axes.annotate(
            words,
            (day, height * top),
            xytext=(day + HALF_WEEK + BEFORE_WORDS, place * top),
            va="center",
            size=LABEL_SIZE,
            linespacing=1.1,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
            arrowprops={"arrowstyle": "-", "color": QUIET_INK, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 4},
        )


def _spread(heights: Sequence[float]) -> Sequence[float]:
    """Return places for words beside heights, the highest first, that do not touch and stay on the paper."""
    if len(heights) < 2:
        return [min(max(height, APART / 2), 1.0) for height in heights]
    half = max(heights[0] - heights[1], APART) / 2
    middle = min(max(sum(heights) / 2, half + APART / 2), 1 - half)
    return [middle + half, middle - half]


def _label_weeks(figure: Figure, axes: Axes, days: Sequence[float], first: date) -> None:
    start, end = min(days), max(days)
    span = (end - start) / WEEK_DAYS
    step = WEEK_DAYS * (TICK_WEEKS if span > 2 * TICK_WEEKS else 2 if span > TICK_WEEKS else 1)
    places = [place * step for place in range(math.ceil(start / step), math.floor(end / step) + 1)]
    starts = [first + timedelta(days=place) for place in places]
    new_year = [True, *(earlier.year != later.year for earlier, later in pairwise(starts))]
    words = [
        f"{day.day} {MONTHS[day.month - 1]}" + (f"\n{day.year}" if told else "")
        for day, told in zip(starts, new_year, strict=True)
    ]
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.set_xticklabels(words)
    below = axes.transAxes + ScaledTranslation(0, -TICK_DEPTH, figure.dpi_scale_trans)
    axes.text(1, 0, "week from", transform=below, ha="right", va="top")


def _name_looks(chart: FanChart, axes: Axes) -> None:
    handles: list[Line2D | Patch] = [
        _named("forecast", "forecast"),
        _named("baseline", wrapped(baseline_words(chart), 24, 1)),
        *(_banded(band) for band in ("80 %", "95 %") if band == "80 %" or any(week.low_95 is not None for week in chart.weeks)),
    ]
    if _has_history(chart):
        handles.insert(0, _named("sold", "sold"))
    if any(week.promoted for week in chart.weeks):
        handles.append(_mark(look("fan", "promoted"), "promoted week"))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=3,
        frameon=False,
        fontsize=SMALL_SIZE,
        borderaxespad=0.2,
        handlelength=2.6,
        columnspacing=1.4,
    )


def _named(meaning: str, words: str) -> Line2D:
    seen = look("fan", meaning)
    return Line2D([], [], color=seen.colour, linestyle=seen.dash, marker=seen.marker, markersize=5.5, linewidth=2, label=words)


def _banded(meaning: str) -> Patch:
    seen = look("fan", meaning)
    return Patch(facecolor=seen.colour, edgecolor=seen.edge, linestyle=seen.dash, label=f"{meaning} interval")


def _mark(seen: Look, words: str) -> Line2D:
    faces: dict[str, Any] = {"markerfacecolor": seen.colour, "markeredgecolor": seen.edge}
    return Line2D([], [], linestyle="none", marker=seen.marker, markersize=8, label=words, **faces)
