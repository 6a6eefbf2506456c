"""The published graph as explanations need it: names, categories, and hops that are checked to be there."""

from datetime import date
from functools import cache, lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.envelope import EVIDENCE_COLUMNS, FACT, Evidence, Hop, NodeName
from decisions.recommend.graph_places import product_places
from features.recommend_relations import RELATIONS, TOWARDS_ITEM, Neighbours, neighbours_of_edges
from features.recommend_tables import ServingFeatures
from kg.ports import Adjacency, ArrayGraph, Direction

__all__ = ["GraphView"]

KEPT_HOPS = 50_000
TOLD_RELATIONS = (*RELATIONS, "isSubstituteFor")
"""The ranker reads the first two; what replaces a product is asked beside it."""


class GraphView:
    """Hops by feature positions of products. Every hop that is given exists in the graph, in its stored direction.

    Args:
        graph: the published version.
        features: what names products, households and latest purchases by position.
    """

    def __init__(self, graph: ArrayGraph, features: ServingFeatures) -> None:
        self._graph = graph
        self.as_of = graph.version.as_of
        self._product_ids: list[str] = features.product_ids.to_pylist()
        self._household_ids = features.household_ids
        self.place = product_places(graph, self._product_ids)
        """Where each product of the features lies in the graph, `NOT_THERE` for one that it does not have."""
        self.present = self.place >= 0
        """Which products of the features the graph has."""
        edges_of = {relation: graph.export_edges(relation) for relation in TOLD_RELATIONS}
        self._evidence = {
            relation: {name: edges.column(name).combine_chunks() for name in EVIDENCE_COLUMNS}
            for relation, edges in edges_of.items()
        }
        self.neighbours: dict[str, Neighbours] = {
            relation: neighbours_of_edges(relation, edges, features.product_ids, self.as_of)
            for relation, edges in edges_of.items()
        }
        self._made_by = _plain(graph.adjacency("madeBy", Direction.OUT))
        self._contains = _plain(graph.adjacency("contains", Direction.OUT))
        self._category = _plain(graph.adjacency("inCategory", Direction.OUT))
        self._promoted = _plain(graph.adjacency("promotes", Direction.IN))
        self._valid = tuple(_days(graph.column("Promotion", name)) for name in ("valid_from", "valid_to"))
        self._names = {label: graph.column(label, "display_name").combine_chunks() for label in NAMED_LABELS}
        self._basket_day = _days(graph.column("Basket", "business_date"))
        self._basket_ids = graph.ids("Basket")
        self._last_basket = _positions(features.last_basket_ids, graph.column("Basket", "id"))
        # products are few and asked for again and again; households and their baskets are not
        self.product = cache(self._find_product)
        self.category = cache(self._find_category)
        self.promotion = cache(self._find_promotion)
        self._fact_of_edge = lru_cache(KEPT_HOPS)(self._relation_hop)

    def name(self, product: int) -> str:
        """Return how people read a product that may not be in the graph: its display name, or its id."""
        return self.product(product).display_name if self.present[product] else self._product_ids[product]

    def household(self, household: int) -> tuple[int, NodeName] | None:
        """Return a household's position in the graph and its name; None where the graph does not have it."""
        place = self._graph.position("Household", self._household_ids[household])
        return None if place is None else (place, self._node("Household", place, self._household_ids[household]))

    def purchase(self, buyer: tuple[int, NodeName] | None, row: int, product: int) -> tuple[Hop, ...]:
        """Return Household ← madeBy − Basket − contains → Product, or nothing where the graph does not hold it.

        Args:
            buyer: what `household` gave.
            row: the row of the features' latest purchases that names the basket, or -1 for none.
            product: what was bought.
        """
        basket = int(self._last_basket[row]) if row >= 0 else -1
        if buyer is None or basket < 0:
            return ()
        # few neighbours: a list is searched sooner than an array
        held, made_by = _row(self._contains, basket).tolist(), _row(self._made_by, basket).tolist()
        if int(self.place[product]) not in held or buyer[0] not in made_by:
            return ()
        there = self._node("Basket", basket, self._basket_ids[basket])
        fact = _fact_of_day(int(self._basket_day[basket]))
        return (Hop(there, "madeBy", buyer[1], fact, walked_backwards=True), Hop(there, "contains", self.product(product), fact))

    def _find_product(self, product: int) -> NodeName:
        """Return a product's name."""
        return self._node("Product", int(self.place[product]), self._product_ids[product])

    def _find_category(self, product: int) -> tuple[Hop, ...]:
        """Return Product − inCategory → ProductCategory, or nothing for a product without one."""
        found = _row(self._category, int(self.place[product]))
        if not len(found):
            return ()
        place = int(found[0])
        group = self._node("ProductCategory", place, self._graph.ids("ProductCategory")[place])
        return (Hop(self.product(product), "inCategory", group, NO_DAY),)

    def _find_promotion(self, product: int) -> tuple[Hop, ...]:
        """Return the latest Promotion − promotes → Product that is valid on `as_of`, or nothing."""
        found = _row(self._promoted, int(self.place[product]))
        number = (self.as_of - date(1970, 1, 1)).days
        valid = found[(self._valid[0][found] <= number) & (number < self._valid[1][found])]
        if not len(valid):
            return ()
        place = int(valid[np.argmax(self._valid[0][valid])])
        source = self._node("Promotion", place, self._graph.ids("Promotion")[place])
        return (Hop(source, "promotes", self.product(product), _fact_of_day(int(self._valid[0][place]))),)

    def relation(self, relation: str, row: int, item: int, candidate: int) -> Hop:
        """Return the derived edge of a row of the relation's export, walked from the item to the candidate."""
        return self._fact_of_edge(relation, row, item, candidate)

    def _relation_hop(self, relation: str, row: int, item: int, candidate: int) -> Hop:
        values = {name: column[row].as_py() for name, column in self._evidence[relation].items()}
        evidence = Evidence(**{**values, "sources": tuple(values["sources"] or ()), "grade": values["grade"] or FACT})
        ends = self.product(item), self.product(candidate)
        backwards = relation in TOWARDS_ITEM
        return Hop(*_ordered(ends, relation, backwards=backwards), evidence, walked_backwards=backwards)

    def _node(self, label: str, place: int, node_id: str) -> NodeName:
        return NodeName(label, node_id, self._names[label][place].as_py() or node_id)


NAMED_LABELS = ("Product", "ProductCategory", "Household", "Basket", "Promotion")


def _ordered(ends: tuple[NodeName, NodeName], relation: str, *, backwards: bool) -> tuple[NodeName, str, NodeName]:
    first, second = ends[::-1] if backwards else ends
    return first, relation, second


def _plain(adjacency: Adjacency) -> Adjacency:
    """Return the same memory as plain arrays: a slice of a memory map costs ten times that of an array."""
    return Adjacency(np.asarray(adjacency.indptr), np.asarray(adjacency.neighbours), np.asarray(adjacency.edges))


def _row(adjacency: Adjacency, place: int) -> np.ndarray:
    found: np.ndarray = adjacency.neighbours[adjacency.indptr[place] : adjacency.indptr[place + 1]]
    return found


def _positions(ids: pa.ChunkedArray, among: pa.ChunkedArray) -> np.ndarray:
    """Return where each id lies, or -1."""
    found = pc.fill_null(pc.index_in(ids, among.combine_chunks()), -1)
    return np.asarray(found.combine_chunks().to_numpy(zero_copy_only=False), dtype=np.int64)


def _fact(day: date | None) -> Evidence:
    return Evidence(None, None, None, None, None, None, day, day, FACT, ())


NO_DAY = _fact(None)


@cache
def _fact_of_day(day: int) -> Evidence:
    return _fact(date.fromordinal(date(1970, 1, 1).toordinal() + day))


def _days(column: pa.ChunkedArray) -> np.ndarray:
    """Return days since 1970-01-01; null reads as the far future."""
    days = pc.fill_null(pc.cast(column, pa.int32()), np.iinfo(np.int32).max)
    return np.asarray(days.to_numpy(), dtype=np.int64)
