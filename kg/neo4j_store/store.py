"""The graph in Neo4j, behind the semantic port."""

from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow as pa

from kg.neo4j_store import cypher
from kg.neo4j_store.exporting import Exporter
from kg.neo4j_store.reading import Reader
from kg.neo4j_store.sessions import Sessions
from kg.neo4j_store.settings import Neo4jSettings
from kg.neo4j_store.writing import Writer
from kg.ports import Direction, Edge, EraseReport, Node, NodeRef, Path, RepertoireItem, WriteCount
from ontology.schema_types import GraphSchema

__all__ = ["Neo4jStore", "open_neo4j"]


def open_neo4j(uri: str, user: str, password: str, schema: GraphSchema, *, settings: Neo4jSettings | None = None) -> "Neo4jStore":
    """Open a running server and reach it once.

    Args:
        uri: such as `bolt://127.0.0.1:7687`.
        user: database user.
        password: the user's password.
        schema: labels and relations that the store holds.
        settings: limits on time and size.

    Raises:
        GraphUnavailable: nobody answers there, or the password is refused.
    """
    sessions = Sessions(uri, user, password, settings or Neo4jSettings())
    try:
        sessions.verify()
    except BaseException:
        sessions.close()
        raise
    return Neo4jStore(sessions, schema)


class Neo4jStore:
    """Implements `kg.ports.GraphStore`. Safe to share between threads. Built by `open_neo4j`."""

    def __init__(self, sessions: Sessions, schema: GraphSchema) -> None:
        self._sessions = sessions
        self._schema = schema
        self._writer = Writer(sessions, schema)
        self._reader = Reader(sessions, schema)
        self._exporter = Exporter(sessions, schema)

    @property
    def schema(self) -> GraphSchema:
        return self._schema

    @property
    def reads_snapshots(self) -> bool:
        # isolation is read committed, without versions: a statement that reads while another transaction's commit is being
        # applied finds those of its rows that have been applied
        return False

    def prepare(self) -> None:
        # a uniqueness constraint has an index of its own name
        present = {row[0] for row in self._sessions.rows("prepare", cypher.SCHEMA_NAMES, {})}
        for name, statement in cypher.schema_statements(self._schema).items():
            if name not in present:
                self._sessions.command("prepare", statement)
        self._sessions.command("prepare", cypher.AWAIT_INDEXES)

    def clear(self) -> None:
        self._sessions.command("clear", cypher.delete_all_edges(self._schema))
        self._sessions.command("clear", cypher.delete_all_nodes(self._schema))
        self._sessions.command("clear", cypher.CLEAR_TURNS)

    def close(self) -> None:
        self._sessions.close()

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
        return self._exporter.export_nodes(label)

    def export_edges(self, relation: str) -> pa.Table:
        return self._exporter.export_edges(relation)

    def digest(self) -> str:
        return self._exporter.digest()
