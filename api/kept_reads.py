"""Reads of a release's graph, kept: a release never changes, and a shop asks for the same products all day."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from kg.ports import Direction, Edge, GraphReader, Node
from kit.bounded import BoundedMemory

__all__ = ["KeptReads"]

KEPT_NODES = 20_000
KEPT_EDGES = 50_000
"""Per release, some 60 MB of both. A node without edges counts as one."""

_Found = TypeVar("_Found")
EdgesAsked = tuple[str, Direction, int, date | None]


class KeptReads:
    """Implements the reads of loaders. What was found is shared between requests, so nobody changes it.

    Args:
        reader: of a graph that never changes.
    """

    def __init__(self, reader: GraphReader) -> None:
        self._reader = reader
        self._nodes: BoundedMemory[tuple[str, str], Node] = BoundedMemory(KEPT_NODES)
        self._edges: BoundedMemory[tuple[EdgesAsked, str], tuple[Edge, ...]] = BoundedMemory(KEPT_EDGES)

    def nodes(self, label: str, ids: Sequence[str]) -> Mapping[str, Node]:
        """Return the nodes that exist, by id: one read for those that are not kept. Raises: as the reader."""
        return _kept(self._nodes, label, ids, lambda missing: self._reader.nodes(label, missing), lambda _: 1)

    def related(
        self, relation: str, ids: Sequence[str], *, direction: Direction, limit: int, as_of: date | None = None
    ) -> Mapping[str, tuple[Edge, ...]]:
        """Return the edges of each id, by id: one read for those that are not kept. Raises: as the reader."""
        return _kept(
            self._edges,
            (relation, direction, limit, as_of),
            ids,
            lambda missing: self._reader.related(relation, missing, direction=direction, limit=limit, as_of=as_of),
            lambda edges: 1 + len(edges),
        )


_Asked = TypeVar("_Asked", bound=Hashable)


def _kept(
    memory: BoundedMemory[tuple[_Asked, str], _Found],
    asked: _Asked,
    ids: Sequence[str],
    read: Callable[[Sequence[str]], Mapping[str, _Found]],
    weight: Callable[[_Found], int],
) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    missing = []
    for one in dict.fromkeys(ids):
        kept = memory.get((asked, one))
        if kept is None:
            missing.append(one)
        else:
            found[one] = kept
    if missing:
        for one, value in read(missing).items():
            memory.put((asked, one), value, weight(value))
            found[one] = value
    return found
