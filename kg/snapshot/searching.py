"""Path search on a snapshot's arrays: which nodes reach the target, and neighbours cut to those."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kg.errors import QueryTooLarge
from kg.ports import Adjacency, Direction
from kg.snapshot.files import SnapshotFiles

__all__ = ["MAXIMUM_TOUCHED_EDGES", "ArrayTrails", "EdgeRow", "Place", "gather"]

MAXIMUM_TOUCHED_EDGES = 20_000_000
"""Edges that marking may touch before the question is refused: about a third of a second."""

Place = tuple[str, int]
"""A node as (label, position)."""

EdgeRow = tuple[str, int, int, int]
"""An edge as (relation, source position, target position, row); rows of equal ends follow in key order."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A relation as it leaves a label: over which relation, from which end, to which label."""

    relation: str
    direction: Direction
    label: str
    adjacency: Adjacency


class ArrayTrails:
    """Implements `kg.trails.TrailGraph` for one target."""

    def __init__(self, files: SnapshotFiles, target: Place, relations: Sequence[str], maximum_hops: int) -> None:
        self._files = files
        self._ways = _ways_by_label(files, relations)
        self._reaching = self._mark(target, maximum_hops)

    def neighbours(self, node: Place, edges_left: int) -> Iterator[Place]:
        label, position = node
        reaching = self._reaching[edges_left - 1]
        found: dict[str, list[np.ndarray]] = {}
        for way in self._ways.get(label, ()):
            if way.label in reaching:
                ends = _row(way.adjacency, position)
                found.setdefault(way.label, []).append(ends[reaching[way.label][ends]])
        # positions ascend with ids; only where several labels meet do the ids have to be compared
        streams = [self._stream(other, np.unique(np.concatenate(parts))) for other, parts in sorted(found.items())]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=lambda place: (self._files.ids(place[0])[place[1]], place[0]))

    def edges_between(self, one: Place, other: Place) -> tuple[EdgeRow, ...]:
        edges: set[EdgeRow] = set()
        for way in self._ways.get(one[0], ()):
            if way.label == other[0]:
                source, target = (one[1], other[1]) if way.direction is Direction.OUT else (other[1], one[1])
                here = _row(way.adjacency, one[1]) == other[1]
                rows = _row_edges(way.adjacency, one[1])[here].tolist()
                edges.update((way.relation, source, target, row) for row in rows)
        return tuple(sorted(edges, key=self._edge_order))

    def _edge_order(self, edge: EdgeRow) -> tuple[str, str, str, int]:
        definition = self._files.schema.relations[edge[0]]
        return edge[0], self._files.ids(definition.source)[edge[1]], self._files.ids(definition.target)[edge[2]], edge[3]

    @staticmethod
    def _stream(label: str, positions: np.ndarray) -> Iterator[Place]:
        return ((label, position) for position in positions.tolist())

    def _mark(self, target: Place, maximum_hops: int) -> list[dict[str, np.ndarray]]:
        """Return for 0 to `maximum_hops - 1` edges, by label, which nodes reach the target by a walk of that many."""
        levels = [{target[0]: self._mask(target[0], np.array([target[1]]))}]
        touched = 0
        for _ in range(1, maximum_hops):
            level: dict[str, np.ndarray] = {}
            for label, mask in levels[-1].items():
                frontier = np.flatnonzero(mask)
                for way in self._ways.get(label, ()):
                    touched += int((way.adjacency.indptr[frontier + 1] - way.adjacency.indptr[frontier]).sum())
                    if touched > MAXIMUM_TOUCHED_EDGES:
                        raise QueryTooLarge("edges of a path search", touched, MAXIMUM_TOUCHED_EDGES)
                    reached = level.setdefault(way.label, self._mask(way.label, np.empty(0, dtype=np.int64)))
                    reached[way.adjacency.neighbours[gather(way.adjacency.indptr, frontier)]] = True
            levels.append(level)
        return levels

    def _mask(self, label: str, positions: np.ndarray) -> np.ndarray:
        mask = np.zeros(self._files.nodes(label).num_rows, dtype=np.bool_)
        mask[positions] = True
        return mask


def gather(indptr: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the entry numbers of several rows of a compressed sparse matrix, one row after the other."""
    starts = indptr[rows]
    lengths = indptr[rows + 1] - starts
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total)


def _ways_by_label(files: SnapshotFiles, relations: Sequence[str]) -> dict[str, list[_Way]]:
    ways: dict[str, list[_Way]] = {}
    for relation in relations:
        definition = files.schema.relations[relation]
        out, into = (files.adjacency(relation, direction) for direction in (Direction.OUT, Direction.IN))
        ways.setdefault(definition.source, []).append(_Way(relation, Direction.OUT, definition.target, out))
        ways.setdefault(definition.target, []).append(_Way(relation, Direction.IN, definition.source, into))
    return ways


def _row(adjacency: Adjacency, position: int) -> np.ndarray:
    return adjacency.neighbours[adjacency.indptr[position] : adjacency.indptr[position + 1]]


def _row_edges(adjacency: Adjacency, position: int) -> np.ndarray:
    return adjacency.edges[adjacency.indptr[position] : adjacency.indptr[position + 1]]
