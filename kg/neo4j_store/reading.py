"""Typed reads, equal to the snapshot's answers value by value and in order."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from neo4j import ManagedTransaction

from kg.bounds import check_hops, check_ids, check_limit, check_path_relations, check_scope
from kg.columns import edge_columns, find_node_type, find_relation, node_columns
from kg.neo4j_store import cypher
from kg.neo4j_store.generations import read_steadily
from kg.neo4j_store.sessions import Sessions, run_rows
from kg.neo4j_store.values import port_date, port_properties
from kg.ports import Direction, Edge, Node, NodeRef, Path, RepertoireItem
from kg.visibility import visibility_of
from ontology.schema_types import GraphSchema

__all__ = ["Reader"]

Generations = Mapping[str, int]


class Reader:
    """Implements `kg.ports.GraphReader` on sessions."""

    def __init__(self, sessions: Sessions, schema: GraphSchema) -> None:
        self._sessions = sessions
        self._schema = schema

    def counts(self) -> Mapping[str, int]:
        def count(transaction: ManagedTransaction, generations: Generations) -> dict[str, int]:
            found = {label: _one(transaction, cypher.count_nodes(node), {}) for label, node in self._schema.nodes.items()}
            for name, relation in self._schema.relations.items():
                found[name] = _one(transaction, cypher.count_edges(relation), {"generation": generations.get(name, 0)})
            return found

        limit = self._sessions.settings.write_timeout_seconds
        return read_steadily(
            self._sessions, self._schema, "counts", count, relations=tuple(self._schema.relations), seconds=limit
        )

    def nodes(self, label: str, ids: Sequence[str]) -> Mapping[str, Node]:
        node_type = find_node_type(self._schema, label)
        check_ids(ids)
        rows = self._sessions.rows("nodes", cypher.nodes_by_ids(node_type), {"ids": list(dict.fromkeys(ids))})
        definitions = node_columns(node_type)
        return {node_id: Node(label, node_id, port_properties(stored, definitions)) for node_id, stored in rows}

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
        definition = find_relation(self._schema, relation)
        check_ids(ids)
        check_limit(limit)
        check_scope(definition, scope)
        rules = visibility_of(self._schema, relation)
        statement = cypher.related_edges(definition, rules, direction, dated=as_of is not None, scoped=scope is not None)
        answer: dict[str, list[Edge]] = {node_id: [] for node_id in ids}
        parameters = {"ids": list(answer), "limit": limit, "as_of": as_of, "scope": scope}

        def read(transaction: ManagedTransaction, generations: Generations) -> list[tuple[Any, ...]]:
            return run_rows(transaction, statement, {**parameters, "generation": generations.get(relation, 0)})

        rows = read_steadily(self._sessions, self._schema, "related", read, relations=(relation,))
        for node_id, other_id, stored in rows:
            ends = (node_id, other_id) if direction is Direction.OUT else (other_id, node_id)
            answer[node_id].append(self._edge(relation, *ends, stored))
        return {node_id: tuple(edges) for node_id, edges in answer.items()}

    def repertoire(self, household_ids: Sequence[str], *, as_of: date, limit: int) -> Mapping[str, tuple[RepertoireItem, ...]]:
        check_ids(household_ids)
        check_limit(limit)
        answer: dict[str, list[RepertoireItem]] = {household: [] for household in household_ids}
        parameters = {"ids": list(answer), "as_of": as_of, "limit": limit}
        for household, product, baskets, quantities, last in self._sessions.rows("repertoire", cypher.repertoires(), parameters):
            answer[household].append(RepertoireItem(product, baskets, math.fsum(quantities), port_date(last)))
        return {household: tuple(items) for household, items in answer.items()}

    def paths(
        self, source: NodeRef, target: NodeRef, *, relations: Sequence[str], maximum_hops: int, limit: int
    ) -> tuple[Path, ...]:
        check_hops(maximum_hops)
        check_limit(limit)
        named = check_path_relations(self._schema, relations)
        for ref in (source, target):
            find_node_type(self._schema, ref.label)
        if not named:
            return ()

        def read(transaction: ManagedTransaction, generations: Generations) -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = []
            parameters = {"source": source.id, "target": target.id, "generations": dict(generations)}
            for hops in range(1, maximum_hops + 1):
                statement = cypher.paths_of_length([self._schema.relations[n] for n in named], source.label, target.label, hops)
                if len(found) < limit:
                    found += run_rows(transaction, statement, {**parameters, "limit": limit - len(found)})
            return found

        rows = read_steadily(
            self._sessions,
            self._schema,
            "paths",
            read,
            relations=named,
            seconds=self._sessions.settings.path_timeout_seconds,
        )
        return tuple(self._path(nodes, edges) for nodes, edges in rows)

    def _path(self, nodes: Sequence[Sequence[str]], edges: Sequence[Sequence[Any]]) -> Path:
        return Path(tuple(NodeRef(label, node_id) for label, node_id in nodes), tuple(self._edge(*edge) for edge in edges))

    def _edge(self, relation: str, source: str, target: str, stored: Mapping[str, Any]) -> Edge:
        definition = self._schema.relations[relation]
        properties = port_properties(stored, edge_columns(definition))
        return Edge(relation, NodeRef(definition.source, source), NodeRef(definition.target, target), properties)


def _one(transaction: ManagedTransaction, statement: cypher.Statement, parameters: Mapping[str, object]) -> int:
    return int(run_rows(transaction, statement, parameters)[0][0])
