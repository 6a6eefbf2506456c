"""The graph in one file of this machine, behind the semantic port."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path as FilePath

import pyarrow as pa

from kg.columns import edge_schema, find_node_type, find_relation, node_schema
from kg.digest import graph_digest
from kg.embedded_store import cypher
from kg.embedded_store.engine import Engine
from kg.embedded_store.reading import Reader
from kg.embedded_store.settings import EmbeddedSettings
from kg.embedded_store.values import with_schema
from kg.embedded_store.writing import Writer
from kg.order import canonical_edges, canonical_nodes
from kg.ports import Direction, Edge, EraseReport, Node, NodeRef, Path, RepertoireItem, WriteCount
from ontology.schema_types import GraphSchema

__all__ = ["EmbeddedStore", "open_embedded"]


def open_embedded(folder: FilePath, schema: GraphSchema, *, settings: EmbeddedSettings | None = None) -> "EmbeddedStore":
    """Open the store in `folder`, which is created when missing, and make its tables.

    One process has a store open at a time, as one store object; threads share that object and take turns.

    Args:
        folder: where the store's files lie.
        schema: labels and relations that the store holds.
        settings: limits on time and size.

    Raises:
        GraphUnavailable: another process has the store open, or its file cannot be read.
    """
    engine = Engine(folder, settings or EmbeddedSettings())
    try:
        store = EmbeddedStore(engine, schema)
        store.prepare()
    except BaseException:
        engine.close()
        raise
    return store


class EmbeddedStore:
    """Implements `kg.ports.GraphStore`. Safe to share between threads. Built by `open_embedded`."""

    def __init__(self, engine: Engine, schema: GraphSchema) -> None:
        self._engine = engine
        self._schema = schema
        self._writer = Writer(engine, schema)
        self._reader = Reader(engine, schema)

    @property
    def schema(self) -> GraphSchema:
        return self._schema

    @property
    def reads_snapshots(self) -> bool:
        return True

    def prepare(self) -> None:
        with self._engine.transaction("prepare"):
            self._create_tables()

    def clear(self) -> None:
        with self._engine.transaction("clear"):
            for name in (*self._schema.relations, *self._schema.nodes):
                self._engine.run("clear", cypher.drop_table(name))
            self._create_tables()

    def close(self) -> None:
        self._engine.close()

    def upsert_nodes(self, label: str, rows: pa.Table) -> WriteCount:
        return self._writer.upsert_nodes(label, rows)

    def upsert_edges(self, relation: str, rows: pa.Table) -> WriteCount:
        return self._writer.upsert_edges(relation, rows)

    def replace_derived(self, relation: str, rows: pa.Table) -> WriteCount:
        return self._writer.replace_derived(relation, rows)

    def erase_household(self, household_id: str) -> EraseReport:
        return self._writer.erase_household(household_id)

    def counts(self) -> Mapping[str, int]:
        return self._reader.counts()

    def nodes(self, label: str, ids: Sequence[str]) -> Mapping[str, Node]:
        return self._reader.nodes(label, ids)

    def related(
        self,
        relation: str,
        ids: Sequence[str],
        *,
        direction: Direction,
        limit: int,
        as_of: date | None = None,
        scope: str | None = None,
    ) -> Mapping[str, tuple[Edge, ...]]:
        return self._reader.related(relation, ids, direction=direction, limit=limit, as_of=as_of, scope=scope)

    def repertoire(self, household_ids: Sequence[str], *, as_of: date, limit: int) -> Mapping[str, tuple[RepertoireItem, ...]]:
        return self._reader.repertoire(household_ids, as_of=as_of, limit=limit)

    def paths(
        self, source: NodeRef, target: NodeRef, *, relations: Sequence[str], maximum_hops: int, limit: int
    ) -> tuple[Path, ...]:
        return self._reader.paths(source, target, relations=relations, maximum_hops=maximum_hops, limit=limit)

    def export_nodes(self, label: str) -> pa.Table:
        node = find_node_type(self._schema, label)
        rows = self._engine.rows("export", cypher.export_nodes(node))
        return canonical_nodes(self._schema, label, with_schema(rows, node_schema(node)))

    def export_edges(self, relation: str) -> pa.Table:
        definition = find_relation(self._schema, relation)
        rows = self._engine.rows("export", cypher.export_edges(definition))
        return canonical_edges(self._schema, relation, with_schema(rows, edge_schema(definition)))

    def digest(self) -> str:
        return graph_digest(self._schema, self)

    def _create_tables(self) -> None:
        for node in self._schema.nodes.values():
            self._engine.run("prepare", cypher.create_node_table(node))
        for relation in self._schema.relations.values():
            self._engine.run("prepare", cypher.create_relation_table(relation, relation.name))
