"""Batch writes: checked against the schema and the ends first, then merged in transactions of a fixed size.

Up to that size a batch is written whole or not at all; of a larger one a writer that dies leaves those transactions behind that
were committed. The same call again finds them and merges the rest. The server keeps no versions, so a reader may see a part of
a batch while it is being committed; derived edges alone are shown at once (`kg.neo4j_store.generations`).

A label or relation that is empty when a writer's turn begins is created instead of merged: nothing can be there to merge with,
because keys are unique inside a checked batch and other writers wait.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc

from kg.batches import check_derived_batch, check_edge_batch, check_node_batch
from kg.columns import find_node_type, find_relation
from kg.errors import GraphError, UnknownEndpoint
from kg.neo4j_store import cypher
from kg.neo4j_store.generations import fresh_generation, take_turn
from kg.neo4j_store.sessions import Sessions
from kg.neo4j_store.values import parameter_columns
from kg.ports import EraseReport, WriteCount
from ontology.schema_types import GraphSchema, RelationDefinition, RelationKind

__all__ = ["Writer"]

CHECK_IDS = 50_000


class Writer:
    """Implements `kg.ports.GraphWriter` on sessions."""

    def __init__(self, sessions: Sessions, schema: GraphSchema) -> None:
        self._sessions = sessions
        self._schema = schema

    def upsert_nodes(self, label: str, rows: pa.Table) -> WriteCount:
        checked = check_node_batch(self._schema, label, rows)
        if not checked.num_rows:
            return WriteCount(0, 0)
        node_type = find_node_type(self._schema, label)
        merge = cypher.write_nodes(node_type, checked.column_names, merge=True)
        with take_turn(self._sessions, label):
            is_empty = not self._sessions.settings.always_merge and self._count(cypher.count_nodes(node_type), {}) == 0
            statement = cypher.write_nodes(node_type, checked.column_names, merge=False) if is_empty else merge
            created = self._write(f"upsert {label}", checked, {}, statement=statement, again=merge)
        return WriteCount(checked.num_rows, created)

    def upsert_edges(self, relation: str, rows: pa.Table) -> WriteCount:
        checked = check_edge_batch(self._schema, relation, rows)
        if not checked.num_rows:
            return WriteCount(0, 0)
        with take_turn(self._sessions, relation) as turn:
            definition = find_relation(self._schema, relation)
            self._check_ends(definition, checked)
            is_empty = (
                not self._sessions.settings.always_merge
                and self._count(cypher.count_edges(definition), {"generation": turn.generation}) == 0
            )
            created = self._write_edges(definition, checked, turn.generation, create=is_empty)
        return WriteCount(checked.num_rows, created)

    def replace_derived(self, relation: str, rows: pa.Table) -> WriteCount:
        checked = check_derived_batch(self._schema, relation, rows)
        definition = find_relation(self._schema, relation)
        generation = fresh_generation()
        with take_turn(self._sessions, relation) as turn:
            self._check_ends(definition, checked)
            # what a writer that died half way has left
            self._delete_others(definition, turn.generation)
            self._write_edges(definition, checked, generation, create=True)
            turn.publish(generation)
        with take_turn(self._sessions, relation) as turn:
            self._delete_others(definition, turn.generation)
        return WriteCount(checked.num_rows, checked.num_rows)

    def erase_household(self, household_id: str) -> EraseReport:
        edges = self._edges_of_household(household_id)
        nodes = self._sessions.write("erase household", cypher.erase_household(), {"id": household_id}).deleted
        return EraseReport(household_id, found=nodes > 0, nodes=nodes, edges=edges if nodes else 0)

    def _edges_of_household(self, household_id: str) -> int:
        rows = self._sessions.rows("erase household", cypher.count_household_edges(), {"id": household_id})
        return int(rows[0][0])

    def _count(self, statement: cypher.Statement, parameters: Mapping[str, object]) -> int:
        return int(self._sessions.rows("count", statement, parameters)[0][0])

    def _check_ends(self, definition: RelationDefinition, rows: pa.Table) -> None:
        """Raises: UnknownEndpoint when an edge names a node that is not there."""
        missing = [
            node_id
            for column, label in (("source", definition.source), ("target", definition.target))
            for node_id in self._missing(label, pc.unique(rows.column(column)))
        ]
        if missing:
            raise UnknownEndpoint(definition.name, tuple(missing[:5]), len(missing))

    def _missing(self, label: str, ids: pa.Array) -> list[str]:
        statement = cypher.missing_ids(label)
        limit = self._sessions.settings.write_timeout_seconds
        found: list[str] = []
        for start in range(0, len(ids), CHECK_IDS):
            part = {"ids": ids.slice(start, CHECK_IDS).to_pylist()}
            found += [row[0] for row in self._sessions.rows("check ends", statement, part, seconds=limit)]
        return found

    def _write_edges(self, definition: RelationDefinition, rows: pa.Table, generation: int, *, create: bool) -> int:
        merge = cypher.write_edges(definition, rows.column_names, merge=True)
        statement = cypher.write_edges(definition, rows.column_names, merge=False) if create else merge
        extra = {"generation": generation} if definition.kind is RelationKind.DERIVED else {}
        return self._write(f"upsert {definition.name}", rows, extra, statement=statement, again=merge)

    def _write(
        self, operation: str, rows: pa.Table, extra: Mapping[str, object], *, statement: cypher.Statement, again: cypher.Statement
    ) -> int:
        """Write all rows in batches; return how many nodes or edges are new."""

        def write_batch(batch: pa.Table) -> int:
            parameters = {**parameter_columns(batch), **extra}
            result = self._sessions.write(operation, statement, parameters, again=again)
            if result.rows != batch.num_rows:
                raise GraphError(
                    f"{batch.num_rows - result.rows} ends of '{operation}' vanished while it was writing.",
                    "Another writer erased them; run the same write again, which finishes it or names them.",
                )
            return result.created

        with ThreadPoolExecutor(self._sessions.settings.writers) as pool:
            return sum(pool.map(write_batch, self._batches(rows)))

    def _batches(self, rows: pa.Table) -> Iterator[pa.Table]:
        size = self._sessions.settings.batch_rows
        return (rows.slice(start, size) for start in range(0, rows.num_rows, size))

    def _delete_others(self, definition: RelationDefinition, generation: int) -> None:
        self._sessions.command(
            f"clean {definition.name}", cypher.delete_other_generations(definition), {"generation": generation}
        )
