"""What the graph says around a product and its related products: names, categories, and edges between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kg.ports import CHAIN, ArrayGraph, Direction, Edge, NodeRef

__all__ = ["Surroundings", "look_around", "names_of"]

MOST_COMPANIONS = 100


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Looked up once for all answers of a page; what is of other products of it is never asked for.

    `names` holds display names by label and id; `ascents` the edges from a product up to its highest category, in order;
    `companions` the isBoughtWith edge from the asked product to another, by that product's id.
    """

    asked: NodeRef
    names: Mapping[tuple[str, str], str]
    ascents: Mapping[str, tuple[Edge, ...]]
    companions: Mapping[str, Edge]


def look_around(graph: ArrayGraph, edges_into: Mapping[str, Sequence[Edge]]) -> dict[str, Surroundings]:
    """Return what explanations of edges into products need, by product: a fixed number of reads, however many there are."""
    asked = list(edges_into)
    products = list(dict.fromkeys([*asked, *(edge.source.id for edges in edges_into.values() for edge in edges)]))
    placed = graph.related("inCategory", products, direction=Direction.OUT, limit=1)
    parents = _parents(graph, {found[0].target.id for found in placed.values() if found})
    whole = {product: _ascend(tuple(found), parents) for product, found in placed.items()}
    as_of = graph.version.as_of
    together = graph.related("isBoughtWith", asked, direction=Direction.OUT, limit=MOST_COMPANIONS, as_of=as_of, scope=CHAIN)
    categories = sorted({edge.target.id for ascent in whole.values() for edge in ascent})
    names = names_of(graph, "Product", products) | names_of(graph, "ProductCategory", categories)
    return {
        product: Surroundings(NodeRef("Product", product), names, whole, {edge.target.id: edge for edge in together[product]})
        for product in asked
    }


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


def names_of(graph: ArrayGraph, label: str, ids: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return the display names of the nodes that are there, by label and id."""
    nodes = graph.nodes(label, list(dict.fromkeys(ids)))
    return {(label, node_id): str(node.properties.get("display_name", node_id)) for node_id, node in nodes.items()}
