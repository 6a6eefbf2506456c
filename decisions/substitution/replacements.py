"""The published graph as what-ifs need it: who replaces whom in which scope, categories, names, and hops that exist."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.envelope import EVIDENCE_COLUMNS, Hop, NodeName, evidence_of
from decisions.substitution.amounts import relative_variance
from kg.ports import CHAIN, ArrayGraph, Direction

__all__ = ["CLUSTER_SCOPE", "Edges", "GraphView"]

RELATION = "isSubstituteFor"
CLUSTER_SCOPE = "store_cluster:"
CATEGORY_LEVEL = "category"
MOST_LEVELS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Edges into some products, by product in the order asked for, each with its place there (`missing`).

    `source` is a position in the graph, `row` that of the relation's columns, `ratio` the diversion ratio, `variance` its
    relative variance; `in_scope` (one per product) says whether the scope asked for answered, else the chain did.
    """

    missing: np.ndarray
    source: np.ndarray
    row: np.ndarray
    ratio: np.ndarray
    variance: np.ndarray
    in_scope: np.ndarray


class GraphView:
    """One published version, opened once. Products are positions."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph
        self.as_of = graph.version.as_of
        into = graph.adjacency(RELATION, Direction.IN)
        self._start, self._source, self._row = (np.asarray(part) for part in (into.indptr, into.neighbours, into.edges))
        self._columns = {name: graph.edge_column(RELATION, name).combine_chunks() for name in EVIDENCE_COLUMNS}
        strength, low = (self._columns[name].to_numpy(zero_copy_only=False) for name in ("strength", "low"))
        self._strength, self._variance = np.asarray(strength), relative_variance(strength, low)
        scopes = self._columns["scope"].dictionary_encode()
        self._scope_names: list[str] = scopes.dictionary.to_pylist()
        self._scope = np.asarray(scopes.indices.to_numpy(zero_copy_only=False))
        self._names = graph.column("Product", "display_name").combine_chunks()
        self._group_names = graph.column("ProductCategory", "display_name").combine_chunks()
        self.ids: pa.Array = graph.column("Product", "id").combine_chunks()
        self._climb = _Climb(graph)

    def position(self, product_id: str) -> int | None:
        """Return a product's position; None where the graph does not have it."""
        return self._graph.position("Product", product_id)

    def has_store(self, store_id: str) -> bool:
        """Return whether the graph has a store."""
        return self._graph.position("Store", store_id) is not None

    def product(self, position: int) -> NodeName:
        """Return a product's name."""
        product_id = self._graph.ids("Product")[position]
        return NodeName("Product", product_id, self._names[position].as_py() or product_id)

    def products(self) -> int:
        """Return how many products there are."""
        return len(self._names)

    @property
    def categories(self) -> np.ndarray:
        """By product the category whose products replace each other, as a position among the categories; -1 for none."""
        return self._climb.of_products

    def category_id(self, category: int) -> str | None:
        """Return the id of a category."""
        return None if category < 0 else self._graph.ids("ProductCategory")[category]

    def below(self, category_id: str) -> np.ndarray | None:
        """Return the products in a category and in those below it; None where the graph does not have it."""
        place = self._graph.position("ProductCategory", category_id)
        return None if place is None else self._climb.below(place)

    def edges(self, positions: np.ndarray, scope: str = CHAIN) -> Edges:
        """Return the edges into each product in a scope; in the chain for those that have none there."""
        start, size = self._start[positions], self._start[positions + 1] - self._start[positions]
        missing = np.repeat(np.arange(positions.size), size)
        at = np.arange(missing.size) - np.repeat(np.cumsum(size) - size, size) + np.repeat(start, size)
        row = self._row[at]
        found = self._scope[row] == self._code(scope)
        in_scope = np.bincount(missing, found, positions.size) > 0
        kept = np.where(in_scope[missing], found, self._scope[row] == self._code(CHAIN))
        row = row[kept]
        return Edges(missing[kept], self._source[at][kept], row, self._strength[row], self._variance[row], in_scope)

    def scope_of(self, row: int) -> str:
        """Return the scope of an edge."""
        return str(self._scope_names[self._scope[row]])

    def grade_of(self, row: int) -> str:
        """Return the grade of an edge."""
        return str(self._columns["grade"][row].as_py())

    def hop(self, row: int, source: int, missing: int) -> Hop:
        """Return an edge as it is walked: from the product that leaves to the one that replaces it."""
        evidence = evidence_of({name: _plain(column[row].as_py()) for name, column in self._columns.items()})
        return Hop(self.product(source), RELATION, self.product(missing), evidence, walked_backwards=True)

    def through_category(self, start: int, end: int) -> tuple[Hop, ...]:
        """Return the way from a product over the closest category that both are in to another; none where there is none."""
        up, down = self._climb.way_up(start), self._climb.way_up(end)
        common = next((one for one in up if one in down), None)
        if common is None:
            return ()
        climbed, descended = up[: up.index(common) + 1], down[: down.index(common) + 1]
        rising = [self.product(start), *(self._group(one) for one in climbed)]
        falling = [self.product(end), *(self._group(one) for one in descended)]
        first = [_fact(lower, upper) for lower, upper in pairwise(rising)]
        second = [_fact(lower, upper, backwards=True) for lower, upper in pairwise(falling)]
        return (*first, *reversed(second))

    def _group(self, category: int) -> NodeName:
        category_id = self._graph.ids("ProductCategory")[category]
        return NodeName("ProductCategory", category_id, self._group_names[category].as_py() or category_id)

    def _code(self, scope: str) -> int:
        return self._scope_names.index(scope) if scope in self._scope_names else -1


class _Climb:
    """Categories by product: the level whose products replace each other, and everything above."""

    def __init__(self, graph: ArrayGraph) -> None:
        levels = pc.equal(graph.column("ProductCategory", "level"), CATEGORY_LEVEL)
        is_level = np.asarray(pc.fill_null(levels, fill_value=False).combine_chunks().to_numpy(zero_copy_only=False), dtype=bool)
        self._above = _first(graph, "broader", is_level.size)
        self._narrowest = _first(graph, "inCategory", len(graph.ids("Product")))
        found, place = np.full(self._narrowest.size, -1), self._narrowest
        for _ in range(MOST_LEVELS):
            here = (place >= 0) & (found < 0)
            here[here] = is_level[place[here]]
            found[here] = place[here]
            place = np.where(place >= 0, self._above[place], -1) if self._above.size else np.full(place.size, -1)
        self.of_products: np.ndarray = np.where(found >= 0, found, self._narrowest)

    def way_up(self, product: int) -> list[int]:
        """Return the categories that a product is in, the narrowest first."""
        found: list[int] = []
        place = int(self._narrowest[product])
        while place >= 0 and len(found) < MOST_LEVELS:
            found.append(place)
            place = int(self._above[place])
        return found

    def below(self, category: int) -> np.ndarray:
        """Return the products in a category and in those below it."""
        inside, place = np.zeros(self._narrowest.size, dtype=bool), self._narrowest
        for _ in range(MOST_LEVELS):
            inside |= place == category
            place = np.where(place >= 0, self._above[place], -1)
        return np.flatnonzero(inside)


def _first(graph: ArrayGraph, relation: str, size: int) -> np.ndarray:
    """Return the first neighbour of each node, -1 for those without one."""
    out = graph.adjacency(relation, Direction.OUT)
    start, end, neighbours = np.asarray(out.indptr)[:-1], np.asarray(out.indptr)[1:], np.asarray(out.neighbours)
    found = np.full(size, -1, dtype=np.int64)
    has = end > start
    found[has] = neighbours[start[has]]
    return found


def _fact(lower: NodeName, upper: NodeName, *, backwards: bool = False) -> Hop:
    relation = "inCategory" if lower.label == "Product" else "broader"
    return Hop(lower, relation, upper, evidence_of({}), walked_backwards=backwards)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
