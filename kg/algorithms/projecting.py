"""Projections as sparse matrices, from any exported graph."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from kg.algorithms.ports import HouseholdProducts, RelationGraph
from kg.columns import find_relation
from kg.errors import UnknownTerm
from kg.ports import GraphExporter
from kg.visibility import RETRACTED
from ontology.schema_types import GraphSchema, RelationDefinition

__all__ = ["Bipartite", "Network", "bipartite_of", "check_relation_graph", "network_of"]


@dataclass(frozen=True, slots=True)
class Bipartite:
    """Products in rows, households in columns, 1 where the household bought the product. `ids` are the products', ascending."""

    ids: pa.Array
    matrix: sparse.csr_array


@dataclass(frozen=True, slots=True)
class Network:
    """A square matrix of weights from row to column; edges between the same nodes add up. `ids` ascending.

    `degrees` counts the edges of each row, whatever they weigh.
    """

    ids: pa.Array
    matrix: sparse.csr_array
    degrees: np.ndarray


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
    return Bipartite(products.column("id").take(enough).combine_chunks(), matrix[enough])


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
    """Return the projected relation. Raises: UnknownTerm, also for a weight it does not have; ValueError between two labels."""
    definition = find_relation(schema, projection.relation)
    names = tuple(p.name for p in definition.properties)
    if projection.weight_property is not None and projection.weight_property not in names:
        raise UnknownTerm(f"property of {projection.relation}", projection.weight_property, names)
    if definition.source != definition.target:
        raise ValueError(f"{projection.relation} joins {definition.source} and {definition.target}; one label is needed")
    return definition


def network_of(graph: GraphExporter, schema: GraphSchema, projection: RelationGraph) -> Network:
    """Return the relation as a matrix. Raises: as `check_relation_graph`."""
    definition = check_relation_graph(schema, projection)
    edges = graph.export_edges(projection.relation)
    if "status" in edges.column_names:
        edges = edges.filter(pc.not_equal(pc.fill_null(edges.column("status"), ""), RETRACTED))
    ids = graph.export_nodes(definition.source).column("id").combine_chunks()
    ends = [pc.index_in(edges.column(end), value_set=ids).to_numpy() for end in ("source", "target")]
    weights = _square(_weights(edges, projection.weight_property), ends, len(ids), undirected=projection.undirected)
    counts = _square(np.ones(edges.num_rows), ends, len(ids), undirected=projection.undirected)
    return Network(ids, weights, np.asarray(counts.sum(axis=1)).reshape(-1))


def _square(values: np.ndarray, ends: list[np.ndarray], size: int, *, undirected: bool) -> sparse.csr_array:
    matrix = sparse.csr_array((values, (ends[0], ends[1])), shape=(size, size))
    return sparse.csr_array(matrix + matrix.T) if undirected else matrix


def _weights(edges: pa.Table, weight_property: str | None) -> np.ndarray:
    if weight_property is None:
        return np.ones(edges.num_rows)
    given: np.ndarray = pc.fill_null(edges.column(weight_property).cast(pa.float64()), 0.0).to_numpy()
    return given
