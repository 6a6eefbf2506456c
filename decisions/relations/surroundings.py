"""What the graph says around a product and its related products: names, categories, and edges between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kg.ports import ArrayGraph, Direction, Edge, NodeRef

__all__ = ["Surroundings", "look_around"]

MOST_COMPANIONS = 100


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Looked up once for a whole answer.

    `names` holds display names by label and id; `ascents` the edges from a product up to its highest category, in order;
    `companions` the isBoughtWith edge from the asked product to another, by that product's id.
    """

    asked: NodeRef
    names: Mapping[tuple[str, str], str]
    ascents: Mapping[str, tuple[Edge, ...]]
    companions: Mapping[str, Edge]


def look_around(graph: ArrayGraph, product_id: str, edges: Sequence[Edge]) -> Surroundings:
    """Return what explanations of `edges` (into the product) need: a fixed number of reads, however many edges there are."""
    products = [product_id, *(edge.source.id for edge in edges)]
    placed = graph.related("inCategory", products, direction=Direction.OUT, limit=1)
    ascents = {product: tuple(found) for product, found in placed.items()}
    parents = _parents(graph, {found[0].target.id for found in placed.values() if found})
    whole = {product: _ascend(found, parents) for product, found in ascents.items()}
    together = graph.related(
        "isBoughtWith", [product_id], direction=Direction.OUT, limit=MOST_COMPANIONS, as_of=graph.version.as_of
    )
    companions = {edge.target.id: edge for edge in together[product_id]}
    categories = sorted({edge.target.id for ascent in whole.values() for edge in ascent})
    names = _names(graph, "Product", products) | _names(graph, "ProductCategory", categories)
    return Surroundings(NodeRef("Product", product_id), names, whole, companions)


def _parents(graph: ArrayGraph, categories: set[str]) -> dict[str, Edge]:
    """Return the edge to the broader category of each category and of those above it: one read per level."""
    parents: dict[str, Edge] = {}
    level = sorted(categories)
    while level:
        found = graph.related("broader", level, direction=Direction.OUT, limit=1)
        fresh = {category: edges[0] for category, edges in found.items() if edges}
        parents |= fresh
        level = sorted({edge.target.id for edge in fresh.values()} - parents.keys())
    return parents


def _ascend(placed: tuple[Edge, ...], parents: Mapping[str, Edge]) -> tuple[Edge, ...]:
    trail = list(placed)
    while trail and trail[-1].target.id in parents:
        trail.append(parents[trail[-1].target.id])
    return tuple(trail)


def _names(graph: ArrayGraph, label: str, ids: Sequence[str]) -> dict[tuple[str, str], str]:
    nodes = graph.nodes(label, list(dict.fromkeys(ids)))
    return {(label, node_id): str(node.properties.get("display_name", node_id)) for node_id, node in nodes.items()}
