"""Whole labels and relations as Arrow tables in canonical order."""

from collections.abc import Mapping

import pyarrow as pa
from neo4j import ManagedTransaction

from kg.columns import edge_schema, find_node_type, find_relation, node_schema
from kg.digest import graph_digest
from kg.neo4j_store import cypher
from kg.neo4j_store.generations import read_steadily
from kg.neo4j_store.sessions import Sessions
from kg.neo4j_store.values import columns_of_rows
from kg.order import canonical_edges, canonical_nodes
from ontology.schema_types import GraphSchema

__all__ = ["Exporter"]

CHUNK_ROWS = 50_000


class Exporter:
    """Implements `kg.ports.GraphExporter` on sessions. Rows become columns in chunks, so that a large relation stays small."""

    def __init__(self, sessions: Sessions, schema: GraphSchema) -> None:
        self._sessions = sessions
        self._schema = schema

    def export_nodes(self, label: str) -> pa.Table:
        node_type = find_node_type(self._schema, label)
        rows = self._stream(cypher.export_nodes(node_type), node_schema(node_type), ())
        return canonical_nodes(self._schema, label, rows)

    def export_edges(self, relation: str) -> pa.Table:
        definition = find_relation(self._schema, relation)
        rows = self._stream(cypher.export_edges(definition), edge_schema(definition), (relation,))
        return canonical_edges(self._schema, relation, rows)

    def digest(self) -> str:
        return graph_digest(self._schema, self)

    def _stream(self, statement: cypher.Statement, schema: pa.Schema, relations: tuple[str, ...]) -> pa.Table:
        def read(transaction: ManagedTransaction, generations: Mapping[str, int]) -> pa.Table:
            result = transaction.run(str(statement), {"generation": generations.get(relations[0], 0) if relations else 0})
            chunks = [schema.empty_table()]
            while rows := result.fetch(CHUNK_ROWS):
                chunks.append(columns_of_rows(rows, schema))
            return pa.concat_tables(chunks)

        limit = self._sessions.settings.bulk_timeout_seconds
        return read_steadily(self._sessions, self._schema, "export", read, relations=relations, seconds=limit)
