"""Pictures of a back-test, drawn as SVG by ourselves: plain shapes and words, the same bytes for the same figures.

Per relation: `RELATION.calibration` shows for past events what was predicted against what came, each with the interval that was
given; `RELATION.METRIC` shows for one metric every system with its interval. Colours are told apart in print and by the
colour-blind (Okabe and Ito).
"""

import re
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from decisions.relations.quality import EventOutcome, QualityFigure, RelationQuality

__all__ = ["draw_pictures"]

WIDTH, HEIGHT, MARGIN = 640, 480, 64
ROW = 26
LABELS = 250
OURS = "shelfgraph"
INSIDE, MISSED, LINE = "#0072B2", "#D55E00", "#555555"
MOST_EVENTS = 2_000
UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")


def draw_pictures(quality: RelationQuality) -> dict[str, bytes]:
    """Return the pictures of a back-test by name, as `RelationQuality.pictures` takes them."""
    relations = dict.fromkeys([one.relation for one in quality.figures] + [one.relation for one in quality.events])
    pictures: dict[str, bytes] = {}
    for relation in relations:
        events = [one for one in quality.events if one.relation == relation]
        if events:
            pictures[f"{relation}.calibration"] = _calibration(relation, events, quality)
        figures = [one for one in quality.figures if one.relation == relation and one.category is None]
        for metric in dict.fromkeys(one.metric for one in figures):
            name = UNSAFE_IN_NAMES.sub("_", f"{relation}.{metric}")
            pictures[name] = _systems(relation, metric, [one for one in figures if one.metric == metric], quality)
    return pictures


def _calibration(relation: str, events: Sequence[EventOutcome], quality: RelationQuality) -> bytes:
    """Draw one point per event: predicted to the right, realised upwards; its interval lies across."""
    shown = sorted(events, key=lambda one: (one.day, one.event_id), reverse=True)[:MOST_EVENTS]
    values = [value for one in shown for value in (one.predicted, one.realised, one.low, one.high)]
    axis = _Axis(min([0.0, *values]), max([*values, 1e-9]), MARGIN, WIDTH - MARGIN)
    upward = _Axis(axis.low, axis.high, HEIGHT - MARGIN, MARGIN)
    covered = sum(one.covered for one in shown)
    diagonal = _line(axis.at(axis.low), upward.at(axis.low), axis.at(axis.high), upward.at(axis.high), LINE, dashed=True)
    points = [part for one in shown for part in _outcome(one, axis, upward)]
    words = f"{relation}: {covered} of {len(shown)} past events lie in their interval ({covered / len(shown):.0%})"
    below = _text(WIDTH / 2, HEIGHT - 14, "predicted, with its 90 % interval", "middle")
    beside = _text(16, HEIGHT / 2, "realised", "middle", turned=True)
    axes = [*_ticks(axis, HEIGHT - MARGIN), *_side_ticks(upward), diagonal]
    return _picture(WIDTH, HEIGHT, words, quality, [*axes, *points, below, beside])


def _outcome(one: EventOutcome, axis: "_Axis", upward: "_Axis") -> Iterable[str]:
    colour, height = INSIDE if one.covered else MISSED, upward.at(one.realised)
    yield _line(axis.at(one.low), height, axis.at(one.high), height, colour, faint=True)
    yield f'<circle cx="{axis.at(one.predicted):.1f}" cy="{height:.1f}" r="3" fill="{colour}"/>'


def _systems(relation: str, metric: str, figures: Sequence[QualityFigure], quality: RelationQuality) -> bytes:
    """Draw one row per slice and system: ours first, then the floors; the point is the value, the bar its interval."""
    rows = sorted(figures, key=lambda one: (one.slice, one.system != OURS, one.system))
    ends = [end for one in rows for end in (one.value, one.low, one.high) if end is not None]
    room = 0.05 * (max(ends) - min(ends)) or 1.0
    axis = _Axis(min(ends) - room, max(ends) + room, LABELS, WIDTH - MARGIN)
    bottom = MARGIN + ROW * len(rows)
    parts = [part for place, one in enumerate(rows) for part in _bar(one, axis, MARGIN + ROW * (place + 0.5))]
    return _picture(WIDTH, bottom + MARGIN, f"{relation}: {metric}", quality, [*_ticks(axis, bottom), *parts])


def _bar(one: QualityFigure, axis: "_Axis", height: float) -> Iterable[str]:
    colour = INSIDE if one.system == OURS else LINE
    yield _text(LABELS - 12, height + 4, f"{one.system} · {one.slice} · {one.events}", "end")
    if one.low is not None and one.high is not None:
        yield _line(axis.at(one.low), height, axis.at(one.high), height, colour)
    yield f'<circle cx="{axis.at(one.value):.1f}" cy="{height:.1f}" r="4" fill="{colour}"/>'
    yield _text(WIDTH - MARGIN + 8, height + 4, f"{one.value:.3g}", "start")


class _Axis:
    """Places values of [low, high] between two edges of the picture."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high
        self._start, self._scale = start, (end - start) / (high - low)

    def at(self, value: float) -> float:
        """Return where a value lies."""
        return self._start + (value - self.low) * self._scale

    def marks(self) -> list[float]:
        """Return five values from end to end."""
        return [self.low + part * (self.high - self.low) / 4 for part in range(5)]


def _ticks(axis: _Axis, height: float) -> Iterable[str]:
    yield _line(axis.at(axis.low), height, axis.at(axis.high), height, LINE)
    for mark in axis.marks():
        yield _line(axis.at(mark), height, axis.at(mark), height + 5, LINE)
        yield _text(axis.at(mark), height + 20, f"{mark:.3g}", "middle")


def _side_ticks(axis: _Axis) -> Iterable[str]:
    yield _line(MARGIN, axis.at(axis.low), MARGIN, axis.at(axis.high), LINE)
    for mark in axis.marks():
        yield _line(MARGIN - 5, axis.at(mark), MARGIN, axis.at(mark), LINE)
        yield _text(MARGIN - 8, axis.at(mark) + 4, f"{mark:.3g}", "end")


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False, faint: bool = False) -> str:
    style = (' stroke-dasharray="4 4"' if dashed else "") + (' stroke-opacity="0.35"' if faint else "")
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="1.5"{style}/>'


def _text(x: float, y: float, words: str, anchor: str, *, turned: bool = False) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}>{escape(words)}</text>'


def _picture(width: int, height: int, title: str, quality: RelationQuality, parts: Iterable[str]) -> bytes:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
    origin = f"{quality.protocol} As of {quality.as_of}, {quality.model_version}."
    told = f"<title>{escape(title)}</title><desc>{escape(origin)}</desc>"
    paper = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    heading = f'<text x="{MARGIN}" y="28" font-size="15">{escape(title)}</text>'
    return "\n".join([head, told, paper, heading, *parts, "</svg>", ""]).encode()
