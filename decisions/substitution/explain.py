"""Sentences and paths of what-ifs.

How contributions add up: each path leads along edges of the graph from a product that leaves to one that picks demand up, and
contributes the units that go that way. What was passed on by others that leave comes along the path of the one that passed most
of it; what comes without an edge, as to another product of the category, over the category from the one that brings most of it.
So the contributions to the named replacements sum to what they pick up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from decisions.envelope import ExplanationPath, Hop
from decisions.substitution.amounts import rounded
from decisions.substitution.contract import Amount, DelistAnswer
from decisions.substitution.groups import Part
from decisions.substitution.replacements import GraphView

__all__ = ["MOST_PATHS", "counted", "paths_of", "sentence_of"]

MOST_PATHS = 300
"""An explanation has no more paths; its text then says what part of the units they bring."""
LEAST_UNITS = 1e-9


@dataclass(frozen=True, slots=True)
class _Way:
    """How demand goes in one part, and its units: by the edge `last`, and the edge `before` it (-1: none); or, with `last` -1,
    over the category from `start` (a place among those that leave) to `end` (a position).
    """

    part: int
    last: int
    before: int
    units: float
    start: int = -1
    end: int = -1


def paths_of(view: GraphView, parts: Sequence[Part], positions: np.ndarray, named: Sequence[int]) -> tuple[ExplanationPath, ...]:
    """Return the ways to the named sources (positions), the most units first."""
    ways = [way for number, part in enumerate(parts) for way in _ways(number, part, named)]
    ways.sort(key=lambda way: (-way.units, way.part, way.last, way.before, way.end))
    return tuple(ExplanationPath(_hops(view, parts[way.part], positions, way), rounded(way.units)) for way in ways[:MOST_PATHS])


def sentence_of(answer: DelistAnswer, names: Sequence[str], paths: Sequence[ExplanationPath]) -> str:
    """Return an answer in words."""
    who = names[0] if len(names) == 1 else f"{len(names)} products"
    verb = "leaves" if len(names) == 1 else "leave"
    text = (
        f"If {who} {verb} {_where(answer)} for {counted(answer.horizon_weeks, 'week')}, {_told(answer.lost)} units are not sold:"
        f" {_told(answer.picked_up)} go to {counted(len(answer.replacements), 'replacement')}"
    )
    if answer.replacements:
        first = answer.replacements[0]
        text += f", most of them ({first.units:.1f}) to {first.display_name}"
    text += (
        f"; {_told(answer.stays_elsewhere)} stay with others of the category; {_told(answer.leaves)} are counted as leaving the"
        " shop, which the data do not identify: see the assumptions."
    )
    brought = sum(path.contribution for path in paths)
    if len(paths) == MOST_PATHS and brought < answer.picked_up.units * (1 - 1e-6):
        text += f" The {MOST_PATHS} widest paths bring {brought:.1f} of these units."
    return text


def _ways(number: int, part: Part, named: Sequence[int]) -> list[_Way]:
    of, flow = part.leaving, part.flow
    wide = flow.visits[of.missing] * of.ratio
    passing = _widest_into(part, wide)
    came = np.maximum(flow.visits - of.units, 0.0)
    shown = np.flatnonzero((of.inner < 0) & np.isin(of.source, np.asarray(named, dtype=np.int64)))
    ways = []
    for edge in shown.tolist():
        place = int(of.missing[edge])
        direct, passed = float(of.units[place] * of.ratio[edge]), float(came[place] * of.ratio[edge])
        if passing[place] < 0:
            direct, passed = direct + passed, 0.0
        ways += [_Way(number, edge, -1, direct)] if direct > LEAST_UNITS else []
        ways += [_Way(number, edge, int(passing[place]), passed)] if passed > LEAST_UNITS else []
    return ways + _beside(number, part, named)


def _beside(number: int, part: Part, named: Sequence[int]) -> list[_Way]:
    """Return what comes to each named source without an edge."""
    of = part.leaving
    brought = (part.flow.visits * of.rest)[:, None] * of.beside
    shown = np.flatnonzero(np.isin(of.named, np.asarray(named, dtype=np.int64)) & (brought.sum(axis=0) > LEAST_UNITS))
    return [
        _Way(number, -1, -1, float(brought[:, at].sum()), int(brought[:, at].argmax()), int(of.named[at]))
        for at in shown.tolist()
    ]


def _widest_into(part: Part, wide: np.ndarray) -> np.ndarray:
    """Return the edge that passes most on to each product that leaves, -1 where none does."""
    of = part.leaving
    widest = np.full(of.units.size, -1)
    inner = np.flatnonzero(of.inner >= 0)
    order = inner[np.lexsort((inner, -wide[inner]))]
    places, first = np.unique(of.inner[order], return_index=True)
    widest[places] = order[first]
    return widest


def _hops(view: GraphView, part: Part, positions: np.ndarray, way: _Way) -> tuple[Hop, ...]:
    if way.last < 0:
        return view.through_category(int(positions[way.start]), way.end)
    edges = [way.last] if way.before < 0 else [way.before, way.last]
    of = part.leaving
    return tuple(view.hop(int(part.edges.row[edge]), int(of.source[edge]), int(positions[of.missing[edge]])) for edge in edges)


def _where(answer: DelistAnswer) -> str:
    if answer.cluster_id is not None:
        return f"the stores of cluster {answer.cluster_id}"
    if answer.store_ids is None:
        return "the whole chain"
    return counted(len(answer.store_ids), "store")


def _told(amount: Amount) -> str:
    return f"{amount.units:.1f} ({amount.low:.1f} to {amount.high:.1f})"


def counted(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
