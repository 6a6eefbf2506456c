"""Path search in the embedded store: the surroundings of both ends are fetched, the search runs on them in memory.

Every edge of a trail of up to four hops touches an end of the trail or a neighbour of one. So two rounds of fetching hold all
such trails, and the bound on fetched edges decides whether the question is refused, never which trails are found.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from kg.embedded_store import cypher
from kg.embedded_store.engine import Engine
from kg.embedded_store.values import asked_ids
from kg.errors import QueryTooLarge
from kg.ports import Direction, NodeRef
from kg.visibility import visibility_of
from ontology.schema_types import GraphSchema, RelationDefinition

__all__ = ["MAXIMUM_FETCHED_EDGES", "EdgeKey", "Surroundings", "fetch_surroundings"]

MAXIMUM_FETCHED_EDGES = 200_000

EdgeKey = tuple[str, str, str, tuple[object, ...]]
"""An edge as (relation, source id, target id, key values)."""

NodeKey = tuple[str, str]
"""A node as (id, label): sorts in the port's order."""


@dataclass(slots=True)
class Surroundings:
    """Implements `kg.trails.TrailGraph` on fetched edges, for one target."""

    edges: dict[NodeKey, dict[NodeKey, set[EdgeKey]]] = field(default_factory=dict)
    reaching: list[set[NodeKey]] = field(default_factory=list)

    def neighbours(self, node: NodeKey, edges_left: int) -> Iterator[NodeKey]:
        return iter(sorted(self.edges.get(node, {}).keys() & self.reaching[edges_left - 1]))

    def edges_between(self, one: NodeKey, other: NodeKey) -> tuple[EdgeKey, ...]:
        return tuple(sorted(self.edges.get(one, {}).get(other, ())))

    def add(self, source: NodeKey, target: NodeKey, edge: EdgeKey) -> None:
        """Take an edge in; taking it in twice changes nothing."""
        self.edges.setdefault(source, {}).setdefault(target, set()).add(edge)
        self.edges.setdefault(target, {}).setdefault(source, set()).add(edge)

    def mark(self, target: NodeKey, maximum_hops: int) -> None:
        """Note which nodes reach the target by a walk of 0 to `maximum_hops - 1` edges."""
        self.reaching = [{target}]
        for _ in range(1, maximum_hops):
            self.reaching.append({near for node in self.reaching[-1] for near in self.edges.get(node, {})})


def fetch_surroundings(
    engine: Engine, schema: GraphSchema, ends: Sequence[NodeRef], relations: Sequence[str], maximum_hops: int
) -> Surroundings:
    """Fetch what a search between `ends` can need. Raises: QueryTooLarge for more than `MAXIMUM_FETCHED_EDGES` edges."""
    fetcher = _Fetcher(engine, schema, relations)
    keys = {(ref.id, ref.label) for ref in ends}
    fetcher.fetch(keys)
    if maximum_hops > 2:
        fetcher.fetch({near for key in keys for near in fetcher.around.edges.get(key, {})} - keys)
    return fetcher.around


class _Fetcher:
    def __init__(self, engine: Engine, schema: GraphSchema, relations: Sequence[str]) -> None:
        self.around = Surroundings()
        self._engine = engine
        self._schema = schema
        self._relations = relations
        self._fetched = 0

    def fetch(self, keys: Iterable[NodeKey]) -> None:
        """Take in all edges of the named nodes."""
        by_label: dict[str, list[str]] = {}
        for node_id, label in sorted(keys):
            by_label.setdefault(label, []).append(node_id)
        for relation in self._relations:
            definition = self._schema.relations[relation]
            for direction, label in ((Direction.OUT, definition.source), (Direction.IN, definition.target)):
                if label in by_label:
                    self._take_in(definition, self._rows(definition, direction, by_label[label]))

    def _rows(self, definition: RelationDefinition, direction: Direction, ids: Sequence[str]) -> pa.Table:
        asked, parameters = asked_ids(ids)
        statement = cypher.edges_touching(definition, visibility_of(self._schema, definition.name), direction, asked)
        limit = MAXIMUM_FETCHED_EDGES - self._fetched + 1
        rows = self._engine.rows("paths", statement, {**parameters, "limit": limit})
        self._fetched += rows.num_rows
        if self._fetched > MAXIMUM_FETCHED_EDGES:
            raise QueryTooLarge("edges around the ends of a path search", self._fetched, MAXIMUM_FETCHED_EDGES)
        return rows

    def _take_in(self, definition: RelationDefinition, rows: pa.Table) -> None:
        columns = [rows.column(name).to_pylist() for name in definition.key]
        keys = list(zip(*columns, strict=True)) if columns else [()] * rows.num_rows
        ends = zip(rows.column("source").to_pylist(), rows.column("target").to_pylist(), keys, strict=True)
        for source, target, key in ends:
            edge = (definition.name, source, target, key)
            self.around.add((source, definition.source), (target, definition.target), edge)
