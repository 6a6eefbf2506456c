"""Enumerating trails between two nodes in the port's order, on whatever can name neighbours.

Depth first over node sequences in ascending order, one length after the other, cut to nodes that still can reach the target in
the edges that are left. So the first `limit` trails are found without looking at the others. A node sequence carries a trail
exactly when it uses no pair of nodes more often than there are edges between them, which is checked while walking.
"""

from collections.abc import Hashable, Iterator
from itertools import islice, pairwise
from typing import Generic, Protocol, TypeVar

from kg.errors import QueryTooLarge

__all__ = ["MAXIMUM_STEPS", "TrailGraph", "first_trails"]

MAXIMUM_STEPS = 200_000
"""Steps of the walk before the question is refused: about a second."""

NodeT = TypeVar("NodeT", bound=Hashable)
EdgeT = TypeVar("EdgeT", bound=Hashable)
EdgeT_co = TypeVar("EdgeT_co", bound=Hashable, covariant=True)


class TrailGraph(Protocol[NodeT, EdgeT_co]):
    """A graph in which one target is looked for."""

    def neighbours(self, node: NodeT, edges_left: int) -> Iterator[NodeT]:
        """Yield each neighbour once, in (id, label) order, that reaches the target by a walk of `edges_left - 1` edges."""
        ...

    def edges_between(self, one: NodeT, other: NodeT) -> tuple[EdgeT_co, ...]:
        """Return all edges between two nodes, in either direction, in (relation, source id, target id, key) order."""
        ...


def first_trails(
    graph: TrailGraph[NodeT, EdgeT], source: NodeT, *, maximum_hops: int, limit: int
) -> list[tuple[tuple[NodeT, ...], tuple[EdgeT, ...]]]:
    """Return the first `limit` trails from `source` to the graph's target as (nodes, edges).

    Raises:
        QueryTooLarge: the walk took more than `MAXIMUM_STEPS` steps.
    """
    walker = _Walker(graph)
    found = (trail for hops in range(1, maximum_hops + 1) for trail in walker.trails((source,), hops))
    return list(islice(found, limit))


class _Walker(Generic[NodeT, EdgeT]):
    def __init__(self, graph: TrailGraph[NodeT, EdgeT]) -> None:
        self._graph = graph
        self._steps = 0

    def trails(self, nodes: tuple[NodeT, ...], edges_left: int) -> Iterator[tuple[tuple[NodeT, ...], tuple[EdgeT, ...]]]:
        if edges_left == 0:
            for edges in self._choices(nodes, ()):
                yield nodes, edges
            return
        for neighbour in self._graph.neighbours(nodes[-1], edges_left):
            self._count_step()
            if self._has_unused_edge(nodes, neighbour):
                yield from self.trails((*nodes, neighbour), edges_left - 1)

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > MAXIMUM_STEPS:
            raise QueryTooLarge("steps of a path search", self._steps, MAXIMUM_STEPS)

    def _has_unused_edge(self, nodes: tuple[NodeT, ...], neighbour: NodeT) -> bool:
        pair = {nodes[-1], neighbour}
        uses = sum({one, other} == pair for one, other in pairwise(nodes))
        return uses == 0 or uses < len(self._graph.edges_between(nodes[-1], neighbour))

    def _choices(self, nodes: tuple[NodeT, ...], edges: tuple[EdgeT, ...]) -> Iterator[tuple[EdgeT, ...]]:
        """Yield every way to take a different edge between each pair of following nodes."""
        hop = len(edges)
        if hop == len(nodes) - 1:
            yield edges
            return
        for edge in self._graph.edges_between(nodes[hop], nodes[hop + 1]):
            if edge not in edges:
                yield from self._choices(nodes, (*edges, edge))
