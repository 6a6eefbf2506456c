"""Typed reads, equal to the snapshot's answers value by value and in order."""

import math
from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow as pa

from kg.bounds import check_hops, check_ids, check_limit, check_path_relations, check_scope
from kg.columns import edge_columns, edge_schema, find_node_type, find_relation, node_columns, node_schema
from kg.embedded_store import cypher
from kg.embedded_store.engine import Engine
from kg.embedded_store.path_search import EdgeKey, fetch_surroundings
from kg.embedded_store.values import asked_ids, port_properties, ranked, with_schema
from kg.ports import Direction, Edge, Node, NodeRef, Path, RepertoireItem
from kg.trails import first_trails
from kg.visibility import STRENGTH, visibility_of
from ontology.schema_types import GraphSchema, RelationDefinition

__all__ = ["Reader"]


class Reader:
    """Implements `kg.ports.GraphReader` on an engine."""

    def __init__(self, engine: Engine, schema: GraphSchema) -> None:
        self._engine = engine
        self._schema = schema

    def counts(self) -> Mapping[str, int]:
        statements = {label: cypher.count_nodes(node) for label, node in self._schema.nodes.items()}
        statements |= {name: cypher.count_edges(relation) for name, relation in self._schema.relations.items()}
        with self._engine.turn("counts", self._engine.settings.read_timeout_seconds):
            return {name: self._rows("counts", text).column("count")[0].as_py() for name, text in statements.items()}

    def nodes(self, label: str, ids: Sequence[str]) -> Mapping[str, Node]:
        node = find_node_type(self._schema, label)
        check_ids(ids)
        if not ids:
            return {}
        asked, parameters = asked_ids(ids)
        found = self._rows("nodes", cypher.nodes_by_ids(node, asked), parameters)
        rows = with_schema(found, node_schema(node))
        properties = port_properties(rows, [p.name for p in node_columns(node)])
        return {one: Node(label, one, p) for one, p in zip(rows.column("id").to_pylist(), properties, strict=True)}

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
        answer: dict[str, list[Edge]] = {one: [] for one in ids}
        if not answer:
            return {}
        rules = visibility_of(self._schema, relation)
        how, parameters = asked_ids(answer)
        asked_for = {name: value for name, value in (("as_of", as_of), ("scope", scope)) if value is not None}
        limits = {"dated": as_of is not None, "scoped": scope is not None}
        statement = cypher.related_edges(definition, rules, direction, how, **limits)
        found = with_schema(self._rows("related", statement, {**parameters, **asked_for}), edge_schema(definition))
        asked, other = ("source", "target") if direction is Direction.OUT else ("target", "source")
        best = ranked(found, asked, other, STRENGTH if rules.edge_strength else None, definition.key, limit)
        for edge in _edges(definition, best):
            answer[edge.source.id if direction is Direction.OUT else edge.target.id].append(edge)
        return {one: tuple(edges) for one, edges in answer.items()}

    def repertoire(self, household_ids: Sequence[str], *, as_of: date, limit: int) -> Mapping[str, tuple[RepertoireItem, ...]]:
        check_ids(household_ids)
        check_limit(limit)
        answer: dict[str, list[RepertoireItem]] = {one: [] for one in household_ids}
        if not answer:
            return {}
        asked, parameters = asked_ids(answer)
        lines = self._rows("repertoire", cypher.purchases(asked), {**parameters, "as_of": as_of})
        sums = lines.group_by(["household", "product"]).aggregate([("quantity", "list"), ("day", "max"), ("day", "count")])
        # most baskets first is the order of a strength
        counted = sums.append_column("baskets", sums.column("day_count").cast(pa.float64()))
        for row in ranked(counted, "household", "product", "baskets", (), limit).to_pylist():
            # exactly rounded, so that every store gives the same sum whatever order it adds in
            units = math.fsum(q for q in row["quantity_list"] if q is not None)
            answer[row["household"]].append(RepertoireItem(row["product"], row["day_count"], units, row["day_max"]))
        return {one: tuple(items) for one, items in answer.items()}

    def paths(
        self, source: NodeRef, target: NodeRef, *, relations: Sequence[str], maximum_hops: int, limit: int
    ) -> tuple[Path, ...]:
        check_hops(maximum_hops)
        check_limit(limit)
        named = check_path_relations(self._schema, relations)
        for ref in (source, target):
            find_node_type(self._schema, ref.label)
        with self._engine.turn("paths", self._engine.settings.read_timeout_seconds):
            around = fetch_surroundings(self._engine, self._schema, (source, target), named, maximum_hops)
            around.mark((target.id, target.label), maximum_hops)
            trails = first_trails(around, (source.id, source.label), maximum_hops=maximum_hops, limit=limit)
            edges = {key: self._edge(key) for _, keys in trails for key in keys}
        return tuple(
            Path(tuple(NodeRef(label, one) for one, label in nodes), tuple(edges[key] for key in keys)) for nodes, keys in trails
        )

    def _edge(self, key: EdgeKey) -> Edge:
        relation, source, target, values = key
        definition = self._schema.relations[relation]
        found = self._rows("paths", cypher.edges_between(definition), {"source": source, "target": target})
        edges = _edges(definition, with_schema(found, edge_schema(definition)))
        return next(edge for edge in edges if tuple(edge.properties[name] for name in definition.key) == values)

    def _rows(self, operation: str, statement: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        with self._engine.turn(operation, self._engine.settings.read_timeout_seconds):
            return self._engine.rows(operation, statement, parameters)


def _edges(definition: RelationDefinition, rows: pa.Table) -> list[Edge]:
    properties = port_properties(rows, [p.name for p in edge_columns(definition)])
    ends = zip(rows.column("source").to_pylist(), rows.column("target").to_pylist(), properties, strict=True)
    return [
        Edge(definition.name, NodeRef(definition.source, source), NodeRef(definition.target, target), values)
        for source, target, values in ends
    ]
