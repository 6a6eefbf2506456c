"""Projections as sparse matrices, from any exported graph or from edges that are given."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from kg.algorithms.limits import MAXIMUM_NUMBERS
from kg.algorithms.ports import GIVEN_EDGE_SCHEMA, GivenEdges, HouseholdProducts, NetworkProjection, Projection, RelationGraph
from kg.columns import find_relation
from kg.errors import ProjectionRefused, QueryTooLarge, UnknownTerm
from kg.ports import GraphExporter
from kg.visibility import RETRACTED, visibility_of
from ontology.schema_types import GraphSchema, RelationDefinition

__all__ = ["Bipartite", "Network", "bipartite_of", "check_given_edges", "check_relation_graph", "described", "network_of"]


@dataclass(frozen=True, slots=True)
class Bipartite:
    """Products in rows, households in columns, 1 where the household bought the product. `ids` are the products', ascending.

    Every household has bought something: one that comes later must not move what is drawn at random for the others.
    """

    ids: pa.Array
    matrix: sparse.csr_array

    @property
    def nodes(self) -> int:
        """How many products and households it joins."""
        return int(sum(self.matrix.shape))


@dataclass(frozen=True, slots=True)
class Network:
    """A square matrix of weights from row to column; edges between the same nodes add up. `ids` ascending.

    `degrees` counts the edges of each row, whatever they weigh.
    """

    ids: pa.Array
    matrix: sparse.csr_array
    degrees: np.ndarray


def described(projection: Projection) -> tuple[str, date | None]:
    """Return in words what is projected, and the day it speaks of."""
    if isinstance(projection, HouseholdProducts):
        goods = "merchandise" if projection.merchandise_only else "all goods"
        return f"households and products with at least {projection.minimum_households} buyers, {goods}", projection.as_of
    ways = "both ways" if projection.undirected else "one way"
    if isinstance(projection, GivenEdges):
        return f"given edges, {ways}", projection.as_of
    weight = f" weighted by {projection.weight_property}" if projection.weight_property else ""
    return f"{projection.relation}{weight}, {ways}", projection.as_of


def bipartite_of(graph: GraphExporter, projection: HouseholdProducts) -> Bipartite:
    """Return which households bought which products, as the projection says."""
    baskets = graph.export_nodes("Basket")
    known = baskets.filter(pc.less_equal(baskets.column("business_date"), projection.as_of)).column("id")
    products = graph.export_nodes("Product")
    if projection.merchandise_only:
        products = products.filter(products.column("merchandise"))
    made, lines = graph.export_edges("madeBy"), graph.export_edges("contains")
    households = pc.unique(made.column("target")).sort()
    household_of_basket = _aligned(known, made)
    lines_basket = pc.index_in(lines.column("source"), value_set=known)
    rows = pc.index_in(lines.column("target"), value_set=products.column("id"))
    columns = pc.index_in(household_of_basket, value_set=households).take(lines_basket)
    matrix = _presence(rows, columns, (products.num_rows, len(households)))
    enough = np.flatnonzero(np.diff(matrix.indptr) >= projection.minimum_households)
    kept = matrix[enough]
    return Bipartite(products.column("id").take(enough).combine_chunks(), kept[:, np.unique(kept.indices)])


def _aligned(baskets: pa.ChunkedArray, made: pa.Table) -> pa.ChunkedArray:
    """Return the household of each basket, null where it has none."""
    return made.column("target").take(pc.index_in(baskets, value_set=made.column("source")))


def _presence(rows: pa.ChunkedArray, columns: pa.ChunkedArray, shape: tuple[int, int]) -> sparse.csr_array:
    present = pc.and_(pc.is_valid(rows), pc.is_valid(columns))
    coordinates = (rows.filter(present).to_numpy(), columns.filter(present).to_numpy())
    counted = sparse.csr_array((np.ones(len(coordinates[0]), dtype=np.int32), coordinates), shape=shape)
    counted.data[:] = 1
    return counted


def check_relation_graph(schema: GraphSchema, projection: RelationGraph) -> RelationDefinition:
    """Return the projected relation.

    Raises:
        UnknownTerm: there is no such relation, or no such weight on it.
        ProjectionRefused: it joins two labels.
    """
    definition = find_relation(schema, projection.relation)
    names = tuple(p.name for p in definition.properties)
    if projection.weight_property is not None and projection.weight_property not in names:
        raise UnknownTerm(f"property of {projection.relation}", projection.weight_property, names)
    if definition.source != definition.target:
        problem = f"{projection.relation} joins {definition.source} and {definition.target}; one label is needed."
        raise ProjectionRefused("projection", problem, "Take a relation between nodes of one label.")
    return definition


def check_given_edges(projection: GivenEdges) -> pa.Table:
    """Return the edges in their own columns. Raises: ProjectionRefused, QueryTooLarge."""
    edges = projection.edges
    if missing := [name for name in GIVEN_EDGE_SCHEMA.names if name not in edges.column_names]:
        raise ProjectionRefused("projection", f"the edges have no column {missing[0]}.", "Give source, target and weight.")
    if edges.num_rows * len(GIVEN_EDGE_SCHEMA) > MAXIMUM_NUMBERS:
        raise QueryTooLarge("given edges", edges.num_rows, MAXIMUM_NUMBERS // len(GIVEN_EDGE_SCHEMA))
    given = edges.select(GIVEN_EDGE_SCHEMA.names).cast(GIVEN_EDGE_SCHEMA).combine_chunks()
    if any(column.null_count for column in given.columns) or not np.isfinite(given["weight"].to_numpy()).all():
        raise ProjectionRefused("projection", "an end or a weight is missing or no number.", "Leave such edges out.")
    return given


def network_of(graph: GraphExporter, schema: GraphSchema, projection: NetworkProjection) -> Network:
    """Return the edges as a matrix. Raises: as `check_relation_graph` and `check_given_edges`."""
    if isinstance(projection, GivenEdges):
        edges = check_given_edges(projection)
        ids = pc.unique(pa.concat_arrays([edges["source"].combine_chunks(), edges["target"].combine_chunks()]))
        return _network(ids.sort(), edges, edges["weight"].to_numpy(), undirected=projection.undirected)
    definition = check_relation_graph(schema, projection)
    edges = _visible(graph.export_edges(projection.relation), schema, projection)
    ids = graph.export_nodes(definition.source).column("id").combine_chunks()
    return _network(ids, edges, _weights(edges, projection.weight_property), undirected=projection.undirected)


def _visible(edges: pa.Table, schema: GraphSchema, projection: RelationGraph) -> pa.Table:
    rules, day = visibility_of(schema, projection.relation), projection.as_of
    if rules.edge_status:
        edges = edges.filter(pc.not_equal(pc.fill_null(edges.column("status"), ""), RETRACTED))
    if rules.edge_window and day is not None:
        begun = pc.fill_null(pc.less_equal(edges.column("valid_from"), day), fill_value=True)
        unended = pc.fill_null(pc.greater(edges.column("valid_to"), day), fill_value=True)
        edges = edges.filter(pc.and_(begun, unended))
    return edges


def _network(ids: pa.Array, edges: pa.Table, values: np.ndarray, *, undirected: bool) -> Network:
    ends = [pc.index_in(edges.column(end), value_set=ids).to_numpy() for end in ("source", "target")]
    weights = _square(values, ends, len(ids), undirected=undirected)
    counts = _square(np.ones(edges.num_rows), ends, len(ids), undirected=undirected)
    return Network(ids, weights, np.asarray(counts.sum(axis=1)).reshape(-1))


def _square(values: np.ndarray, ends: list[Any], size: int, *, undirected: bool) -> sparse.csr_array:
    matrix = sparse.csr_array((values, (ends[0], ends[1])), shape=(size, size))
    return sparse.csr_array(matrix + matrix.T) if undirected else matrix


def _weights(edges: pa.Table, weight_property: str | None) -> np.ndarray:
    if weight_property is None:
        return np.ones(edges.num_rows)
    given: np.ndarray = pc.fill_null(edges.column(weight_property).cast(pa.float64()), 0.0).to_numpy()
    return given
