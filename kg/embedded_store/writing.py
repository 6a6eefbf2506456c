"""Writes: what is new is copied in bulk, what is there is updated in place, both in one transaction."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.batches import check_derived_batch, check_edge_batch, check_node_batch, complete
from kg.columns import edge_schema, node_schema
from kg.embedded_store import cypher
from kg.embedded_store.engine import Engine
from kg.embedded_store.values import differs, id_rows, row_columns, stored_form
from kg.errors import UnknownEndpoint
from kg.ports import Direction, EraseReport, WriteCount
from ontology.schema_types import GraphSchema, NodeType, RelationDefinition

__all__ = ["NEXT", "Writer"]

NEXT = "__next"
"""Ends the name of a relation's new set while it is being prepared."""


class Writer:
    """Implements `kg.ports.GraphWriter` on an engine."""

    def __init__(self, engine: Engine, schema: GraphSchema) -> None:
        self._engine = engine
        self._schema = schema

    def upsert_nodes(self, label: str, rows: pa.Table) -> WriteCount:
        checked = check_node_batch(self._schema, label, rows)
        node = self._schema.nodes[label]
        with self._engine.transaction(f"upsert {label}"):
            known = pc.is_in(checked.column("id"), value_set=self._known_ids(node, checked.column("id")))
            new = checked.filter(pc.invert(known))
            self._update_nodes(node, checked.filter(known))
            self._copy(f"upsert {label}", cypher.copy_nodes(node), complete(new, node_schema(node)))
        return WriteCount(rows=rows.num_rows, created=new.num_rows)

    def upsert_edges(self, relation: str, rows: pa.Table) -> WriteCount:
        checked = check_edge_batch(self._schema, relation, rows)
        definition = self._schema.relations[relation]
        with self._engine.transaction(f"upsert {relation}"):
            self._check_ends(definition, checked)
            given = [name for name in checked.column_names if name not in ("source", "target", *definition.key)]
            stored = self._stored_edges(definition, checked, given)
            new = checked.filter(pa.array(~_mentioned(stored, checked.num_rows)))
            self._update_edges(definition, _changed(checked, stored, given), given)
            self._copy(f"upsert {relation}", cypher.copy_edges(definition, relation), complete(new, edge_schema(definition)))
        return WriteCount(rows=rows.num_rows, created=new.num_rows)

    def replace_derived(self, relation: str, rows: pa.Table) -> WriteCount:
        checked = check_derived_batch(self._schema, relation, rows)
        definition = self._schema.relations[relation]
        operation, following = f"replace {relation}", f"{relation}{NEXT}"
        with self._engine.transaction(operation):
            self._check_ends(definition, checked)
            created = checked.num_rows - self._stored_edges(definition, checked, ()).num_rows
            self._engine.run(operation, cypher.create_relation_table(definition, following))
            self._copy(operation, cypher.copy_edges(definition, following), checked)
            self._engine.run(operation, cypher.drop_table(relation))
            self._engine.run(operation, cypher.rename_table(following, relation))
        return WriteCount(rows=rows.num_rows, created=created)

    def erase_household(self, household_id: str) -> EraseReport:
        with self._engine.transaction("erase household"):
            erased = self._owned_by(household_id)
            edges = sum(self._count_edges_of(relation, erased) for relation in self._schema.relations.values())
            for label, ids in erased.items():
                if ids:
                    self._engine.run("erase household", cypher.delete_nodes(self._schema.nodes[label]), {"ids": ids})
        found = bool(erased["Household"])
        return EraseReport(household_id, found=found, nodes=sum(map(len, erased.values())), edges=edges)

    def _owned_by(self, household_id: str) -> dict[str, list[str]]:
        """Return the ids of the household, if it is there, and of its baskets and sessions, by label."""
        household = self._known_ids(self._schema.nodes["Household"], pa.chunked_array([[household_id]], pa.string()))
        owned = {"Household": household.to_pylist()}
        for relation in (self._schema.relations["madeBy"], self._schema.relations["inSession"]):
            statement = cypher.baskets_of_household(relation)
            found = self._engine.rows("erase household", statement, {"household": household_id})
            owned[relation.source] = found.column("id").to_pylist()
        return owned

    def _count_edges_of(self, relation: RelationDefinition, nodes: Mapping[str, list[str]]) -> int:
        sources, targets = nodes.get(relation.source), nodes.get(relation.target)
        given = {Direction.OUT: ("sources", sources), Direction.IN: ("targets", targets)}
        ends = {end: pair for end, pair in given.items() if pair[1]}
        if not ends:
            return 0
        statement = cypher.count_edges_of(relation, tuple(ends))
        return int(self._engine.rows("erase household", statement, dict(ends.values())).column("count")[0].as_py())

    def _known_ids(self, node: NodeType, ids: pa.ChunkedArray) -> pa.Array:
        if not len(ids) or not self._count(cypher.count_nodes(node)):
            return pa.array([], pa.string())
        distinct = id_rows(pc.unique(ids))
        return self._engine.rows("known ids", cypher.known_ids(node), {"rows": distinct}).column("id").combine_chunks()

    def _stored_edges(self, relation: RelationDefinition, rows: pa.Table, given: Sequence[str]) -> pa.Table:
        """Return for each row whose edge is stored its `row_number` and what is stored of the given properties."""
        if not rows.num_rows or not self._count(cypher.count_edges(relation)):
            return pa.table({"row_number": pa.array([], pa.int64())})
        keys = row_columns(rows.select(["source", "target", *relation.key]))
        numbered = keys.append_column("row_number", pa.array(np.arange(rows.num_rows)))
        return self._engine.rows("known edges", cypher.known_edges(relation, given), {"rows": numbered})

    def _check_ends(self, relation: RelationDefinition, rows: pa.Table) -> None:
        missing: list[str] = []
        count = 0
        for name, label in (("source", relation.source), ("target", relation.target)):
            known = self._known_ids(self._schema.nodes[label], rows.column(name))
            unknown = rows.column(name).filter(pc.invert(pc.is_in(rows.column(name), value_set=known)))
            missing += unknown.slice(0, 5).to_pylist()
            count += len(unknown)
        if count:
            raise UnknownEndpoint(relation.name, tuple(missing), count)

    def _update_nodes(self, node: NodeType, rows: pa.Table) -> None:
        given = [name for name in rows.column_names if name != "id"]
        if rows.num_rows and given:
            self._engine.run(f"upsert {node.label}", cypher.update_nodes(node, given), {"rows": row_columns(rows)})

    def _update_edges(self, relation: RelationDefinition, rows: pa.Table, given: Sequence[str]) -> None:
        if rows.num_rows:
            self._engine.run(f"upsert {relation.name}", cypher.update_edges(relation, given), {"rows": row_columns(rows)})

    def _copy(self, operation: str, statement: str, rows: pa.Table) -> None:
        if rows.num_rows:
            self._engine.run(operation, statement, {"rows": stored_form(rows)})

    def _count(self, statement: str) -> int:
        return int(self._engine.rows("count", statement).column("count")[0].as_py())


def _mentioned(stored: pa.Table, count: int) -> np.ndarray:
    known = np.zeros(count, dtype=np.bool_)
    known[stored.column("row_number").to_numpy()] = True
    return known


def _changed(rows: pa.Table, stored: pa.Table, given: Sequence[str]) -> pa.Table:
    """Return the rows that say something else than what is stored: setting an edge costs twenty times what reading it does."""
    said = rows.take(stored.column("row_number").combine_chunks())
    changed = np.zeros(stored.num_rows, dtype=np.bool_)
    for name in given if stored.num_rows else ():
        changed |= differs(said.column(name), stored.column(name).cast(said.column(name).type))
    return said.filter(pa.array(changed))
