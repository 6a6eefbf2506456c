"""A graph held as Arrow tables: what an ingest run or a test has before it reaches a store."""

from collections.abc import Mapping

import pyarrow as pa

from kg.batches import check_edge_batch, check_node_batch, complete
from kg.columns import edge_schema, find_node_type, find_relation, node_schema
from kg.digest import graph_digest
from kg.order import canonical_edges, canonical_nodes
from ontology.schema_types import GraphSchema

__all__ = ["TableGraph"]


class TableGraph:
    """Whole labels and relations as tables; implements `kg.ports.GraphExporter`.

    Args:
        schema: what the tables are checked against.
        nodes: one table per label; labels without one are empty.
        edges: one table per relation; relations without one are empty.

    Raises:
        UnknownTerm, InvalidBatch: a table does not fit the schema.
    """

    def __init__(self, schema: GraphSchema, nodes: Mapping[str, pa.Table], edges: Mapping[str, pa.Table]) -> None:
        self.schema = schema
        self._nodes = {label: check_node_batch(schema, label, rows) for label, rows in nodes.items()}
        self._edges = {relation: check_edge_batch(schema, relation, rows) for relation, rows in edges.items()}

    def export_nodes(self, label: str) -> pa.Table:
        columns = node_schema(find_node_type(self.schema, label))
        rows = self._nodes.get(label, columns.empty_table())
        return canonical_nodes(self.schema, label, complete(rows, columns))

    def export_edges(self, relation: str) -> pa.Table:
        columns = edge_schema(find_relation(self.schema, relation))
        rows = self._edges.get(relation, columns.empty_table())
        return canonical_edges(self.schema, relation, complete(rows, columns))

    def digest(self) -> str:
        return graph_digest(self.schema, self)
