"""Where demand goes after a delisting, in words: title, description and table, and the parts in their order."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from api.charts.contract import FlowChart, FlowPart, Table, Told
from api.charts.words import day_text, interval_text, readable, share_text, units_text, weeks_text

__all__ = [
    "ELSEWHERE",
    "LEAVES",
    "REPLACEMENT",
    "REST",
    "UNTOLD",
    "ShownPart",
    "drawn_units",
    "flow_title",
    "flow_told",
    "lost_units",
    "shown_lost",
    "shown_parts",
]

MOST_REPLACEMENTS = 8
MOST_LOST = 8
REPLACEMENT, REST, ELSEWHERE, LEAVES, UNTOLD = "replacement", "rest", "elsewhere", "leaves", "not told apart"
SMALL = 1e-3
"""Of the lost units, what the parts may leave: rounding."""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A part of the lost demand, and what happens to it."""

    kind: str
    part: FlowPart


def lost_units(chart: FlowChart) -> float:
    """Return the units that would have been sold."""
    return sum(part.units for part in chart.lost)


def shown_parts(chart: FlowChart) -> tuple[ShownPart, ...]:
    """Return the parts as the picture has room for them; replacements beyond that are summed up."""
    known = chart.replacements
    first = known if len(known) <= MOST_REPLACEMENTS else known[: MOST_REPLACEMENTS - 1]
    rest = known[len(first) :]
    return (
        *(ShownPart(REPLACEMENT, part) for part in first),
        *((ShownPart(REST, FlowPart(f"{len(rest)} further products", sum(p.units for p in rest))),) if rest else ()),
        ShownPart(ELSEWHERE, chart.elsewhere),
        ShownPart(LEAVES, chart.leaves),
        *(ShownPart(UNTOLD, part) for part in _untold(chart)),
    )


def _untold(chart: FlowChart) -> Sequence[FlowPart]:
    """Return what the parts leave of the lost units, where it is more than rounding."""
    told = sum(part.units for part in (*chart.replacements, chart.elsewhere, chart.leaves))
    left, lost = lost_units(chart) - told, lost_units(chart)
    return () if math.isfinite(left) and left <= SMALL * lost else (FlowPart(UNTOLD, left),)


def shown_lost(chart: FlowChart) -> tuple[FlowPart, ...]:
    """Return the delisted products as the picture has room for them."""
    if len(chart.lost) <= MOST_LOST:
        return chart.lost
    rest = chart.lost[MOST_LOST - 1 :]
    return (*chart.lost[: MOST_LOST - 1], FlowPart(f"{len(rest)} further delisted products", sum(p.units for p in rest)))


def flow_title(chart: FlowChart) -> str:
    """Return what the chart is about."""
    what = readable(chart.lost[0].words) if len(chart.lost) == 1 else f"{len(chart.lost)} products"
    return f"Where the demand goes without {what}"


def flow_told(chart: FlowChart) -> Told:
    """Return the chart in words."""
    total = lost_units(chart)
    lost = f"{units_text(total)} units in {weeks_text(chart.weeks)} would have been sold in {readable(chart.place)}."
    parts = "; ".join(f"{readable(one.part.words)}: {_numbers(one.part, total)}" for one in shown_parts(chart))
    known = f"Intervals are {readable(chart.interval)}. Known up to {day_text(chart.as_of)}; {chart.origin}."
    return Told(flow_title(chart), f"{lost} Of them: {parts}. {known}", (_lost_table(chart), _parts_table(chart)))


def _numbers(part: FlowPart, total: float) -> str:
    between = "" if part.low is None or part.high is None else interval_text(part.low, part.high)
    beside = ", ".join(filter(None, (share_text(part.units, total), between)))
    return f"{units_text(part.units)}{f' ({beside})' if beside else ''}"


def _lost_table(chart: FlowChart) -> Table:
    rows = [_row(part, lost_units(chart)) for part in chart.lost]
    return Table(f"Delisted products, in units over {weeks_text(chart.weeks)}", _columns(chart, "Product"), tuple(rows))


def _parts_table(chart: FlowChart) -> Table:
    parts: Sequence[FlowPart] = (*chart.replacements, chart.elsewhere, chart.leaves, *_untold(chart))
    total = lost_units(chart)
    told = sum(part.units for part in parts)
    rows = [_row(part, total) for part in parts]
    rows.append(("All of it", units_text(told), share_text(told, total), ""))
    return Table(f"Where it goes, in units over {weeks_text(chart.weeks)}", _columns(chart, "To"), tuple(rows))


def _columns(chart: FlowChart, first: str) -> tuple[str, ...]:
    return (first, "Units", "Share", f"{readable(chart.interval)} interval")


def _row(part: FlowPart, total: float) -> tuple[str, ...]:
    between = "" if part.low is None or part.high is None else interval_text(part.low, part.high)
    return (readable(part.words), units_text(part.units), share_text(part.units, total), between)


def drawn_units(units: float) -> float:
    """Return how wide a part is drawn, in units: what is not known has no width."""
    return units if math.isfinite(units) and units > 0 else 0.0
