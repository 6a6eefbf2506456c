"""The flow of demand after a delisting: how high a part is says how many units; words beside it say them with interval.

Everything is placed in inches, so that words have room however many parts there are and however small one is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

from api.charts.canvas import SMALL_SIZE, head, head_height, sheet
from api.charts.contract import FlowChart, FlowPart
from api.charts.flow_words import (
    ELSEWHERE,
    LEAVES,
    REPLACEMENT,
    REST,
    UNTOLD,
    ShownPart,
    drawn_units,
    flow_title,
    lost_units,
    shown_lost,
    shown_parts,
)
from api.charts.palette import INK, QUIET_INK, look
from api.charts.scale import scale_for
from api.charts.words import day_text, interval_text, readable, share_text, units_text, weeks_text, wrapped

__all__ = ["draw_flow"]

WIDTH = 11.5
BELOW = 0.4
LEGEND = 0.32
"""Inches for the names of the looks."""
TRUNK_HEIGHT = 3.2
"""Inches that stand for all of the lost demand."""
NODE = 0.16
LEFT_NODE, TRUNK, RIGHT_NODE = 3.0, 4.5, 6.9
LEFT_LABEL, RIGHT_LABEL = 34, 56
"""Characters of a line of words beside a node."""
NAME_LINES = 3
LINE = 0.155
BETWEEN = 0.14
HAIR = 0.012
"""Least height of a part that is not nothing."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part that has no place yet, with its height in inches."""

    words: str
    kind: str
    height: float

    @property
    def slot(self) -> float:
        """How much room it needs with its words."""
        return max(self.height, LINE * (self.words.count("\n") + 1))


@dataclass(frozen=True, slots=True)
class _Node:
    """A part with its place: `top` and `bottom` in inches from the upper edge of the panel."""

    words: str
    kind: str
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def draw_flow(chart: FlowChart) -> Figure:
    """Return the drawing of where demand goes."""
    shown = [ShownPart("lost", part) for part in shown_lost(chart)], shown_parts(chart)
    inches = _inches(shown)
    sources, targets = (
        [_Part(_words(one.part, chart, width), one.kind, inches(one.part)) for one in parts]
        for parts, width in zip(shown, (LEFT_LABEL, RIGHT_LABEL), strict=True)
    )
    panel = max(_needed(sources), _needed(targets), TRUNK_HEIGHT)
    above = head_height(flow_title(chart))
    figure = sheet(WIDTH, above + LEGEND + panel + BELOW)
    head(figure, flow_title(chart), _subtitle(chart), chart.origin)
    axes = figure.add_axes((0, BELOW / figure.get_figheight(), 1, panel / figure.get_figheight()))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(panel, 0)
    axes.set_axis_off()
    _draw_panel(axes, _placed(sources, panel), _placed(targets, panel), panel)
    _name_looks(figure, above, {part.kind for part in targets})
    return figure


def _subtitle(chart: FlowChart) -> str:
    lost = f"{units_text(lost_units(chart))} units over {weeks_text(chart.weeks)}"
    return f"{lost} · {readable(chart.place)} · known up to {day_text(chart.as_of)}"


def _inches(columns: Sequence[Sequence[ShownPart]]) -> Callable[[FlowPart], float]:
    """Return what tells how high a part is drawn: the larger of the two columns is as high as the trunk."""
    most = max(sum(drawn_units(one.part.units) for one in column) for column in columns)
    scale = scale_for([most])
    inches = TRUNK_HEIGHT / scale.at(most) if most > 0 else 0.0
    return lambda part: inches * scale.at(drawn_units(part.units))


def _words(part: FlowPart, chart: FlowChart, width: int) -> str:
    share = share_text(part.units, lost_units(chart))
    numbers = f"{units_text(part.units)} units{share and ', '}{share}"
    if part.low is not None and part.high is not None:
        numbers += f"; {readable(chart.interval)} interval {interval_text(part.low, part.high)}"
    return f"{wrapped(part.words, width, NAME_LINES)}\n{wrapped(numbers, width, 2)}"


def _needed(parts: Sequence[_Part]) -> float:
    return sum(part.slot for part in parts) + BETWEEN * (len(parts) - 1)


def _placed(parts: Sequence[_Part], panel: float) -> list[_Node]:
    """Stack the parts in the middle of the panel, each in the middle of the room that its words need."""
    at, nodes = (panel - _needed(parts)) / 2, []
    for part in parts:
        height = max(part.height, HAIR) if part.height > 0 else 0.0
        top = at + (part.slot - height) / 2
        nodes.append(_Node(part.words, part.kind, top, top + height))
        at += part.slot + BETWEEN
    return nodes


def _draw_panel(axes: Axes, sources: Sequence[_Node], targets: Sequence[_Node], panel: float) -> None:
    trunk = LEFT_NODE if len(sources) == 1 else TRUNK
    if len(sources) > 1:
        _draw_streams(axes, sources, _stacked(sources, panel), (LEFT_NODE + NODE, TRUNK))
        axes.add_patch(_box("lost", TRUNK, _whole(_stacked(sources, panel))))
    _draw_streams(axes, targets, _stacked(targets, panel), (RIGHT_NODE, trunk + NODE))
    for node in sources:
        axes.add_patch(_box("lost", LEFT_NODE, node))
        axes.text(LEFT_NODE - 0.08, node.middle, node.words, ha="right", va="center", size=SMALL_SIZE, color=INK)
    for node in targets:
        axes.add_patch(_box(node.kind, RIGHT_NODE, node))
        axes.text(RIGHT_NODE + NODE + 0.1, node.middle, node.words, va="center", size=SMALL_SIZE, color=INK)


def _stacked(nodes: Sequence[_Node], panel: float) -> list[_Node]:
    """Put the same parts on each other without a gap, in the middle of the panel."""
    at, stack = (panel - sum(node.bottom - node.top for node in nodes)) / 2, []
    for node in nodes:
        stack.append(_Node("", node.kind, at, at + node.bottom - node.top))
        at = stack[-1].bottom
    return stack


def _whole(stack: Sequence[_Node]) -> _Node:
    return _Node("", "lost", stack[0].top, stack[-1].bottom)


def _draw_streams(axes: Axes, outer: Sequence[_Node], inner: Sequence[_Node], ends: tuple[float, float]) -> None:
    """Draw a stream from each part's own place at `ends[0]` to its place in the stack at `ends[1]`."""
    start, end = ends
    bend = (start + end) / 2
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    for node, place in zip(outer, inner, strict=True):
        if node.top == node.bottom:  # nothing flows
            continue
        seen = look("flow", node.kind)
        corners = [
            (start, node.top), (bend, node.top), (bend, place.top), (end, place.top),
            (end, place.bottom), (bend, place.bottom), (bend, node.bottom), (start, node.bottom), (start, node.top),
        ]  # fmt: skip
        style: dict[str, Any] = {"facecolor": seen.colour, "edgecolor": seen.edge, "hatch": seen.hatch, "linestyle": seen.dash}
        axes.add_patch(PathPatch(Path(corners, codes), clip_on=False, linewidth=0.5, **style))


def _box(kind: str, left: float, node: _Node) -> Rectangle:
    seen, size = look("flow", kind), (NODE, node.bottom - node.top)
    return Rectangle((left, node.top), *size, facecolor=seen.colour, edgecolor=seen.edge, linewidth=0.9, clip_on=False)


def _name_looks(figure: Figure, above: float, kinds: set[str]) -> None:
    words = {
        "lost": "no longer on sale",
        REPLACEMENT: "to another product",
        REST: "to further products",
        ELSEWHERE: "elsewhere in the category",
        LEAVES: "leaves the shop",
        UNTOLD: "not told apart",
    }
    handles = [
        Patch(facecolor=look("flow", kind).colour, edgecolor=look("flow", kind).edge, hatch=look("flow", kind).hatch, label=label)
        for kind, label in words.items()
        if kind == "lost" or kind in kinds
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.01, 1 - (above - 0.1) / figure.get_figheight()),
        ncols=len(handles),
        frameon=False,
        fontsize=SMALL_SIZE,
        handlelength=2.4,
        labelcolor=QUIET_INK,
    )
