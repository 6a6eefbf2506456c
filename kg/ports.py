"""The semantic port of the graph: what any store of it can do, in the words of the domain.

Three implementations stand behind it: Neo4j, the embedded store (Ladybug) and the immutable in-memory snapshot, which is
a reader and exporter only. One conformance suite (`tests/conformance`) runs over all of them.

Batches are Arrow tables. A node batch has the column `id` and one column per property; an edge batch has `source`,
`target` and one column per property. Missing optional columns mean null. Types follow `ontology.schema_types.PropertyKind`:
string, int64, float64, bool, date32, timestamp[us, UTC], list<string>.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

import numpy as np
import pyarrow as pa

from ontology.schema_types import GraphSchema

__all__ = [
    "CHAIN",
    "Adjacency",
    "ArrayGraph",
    "Direction",
    "Edge",
    "EraseReport",
    "GraphAdmin",
    "GraphExporter",
    "GraphReader",
    "GraphStore",
    "GraphVersion",
    "GraphVersions",
    "GraphWriter",
    "Node",
    "NodeRef",
    "Path",
    "PropertyValue",
    "RepertoireItem",
    "WriteCount",
]

MAXIMUM_HOPS = 4
MAXIMUM_IDS = 10_000
MAXIMUM_ROWS = 10_000
ATOMIC_ROWS = 10_000

CHAIN = "chain"
"""The scope of an edge that holds everywhere, all year, for all households: every other scope is a part of it."""

PropertyValue: TypeAlias = str | int | float | bool | date | datetime | tuple[str, ...] | None


class Direction(StrEnum):
    """Which end of an edge the question starts from."""

    OUT = "out"
    """From the edge's source: the answer holds targets."""
    IN = "in"
    """From the edge's target: the answer holds sources."""


@dataclass(frozen=True, slots=True)
class NodeRef:
    """A node by label and id."""

    label: str
    id: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node with its properties. Absent properties are not in the mapping."""

    label: str
    id: str
    properties: Mapping[str, PropertyValue]


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge as stored: `source` and `target` keep the stored direction, whichever end was asked for."""

    relation: str
    source: NodeRef
    target: NodeRef
    properties: Mapping[str, PropertyValue]


@dataclass(frozen=True, slots=True)
class Path:
    """A trail: no edge is used twice. `edges[i]` joins `nodes[i]` and `nodes[i + 1]`, in either direction."""

    nodes: tuple[NodeRef, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class RepertoireItem:
    """A product that a household has bought: in how many baskets, how many units, and when last."""

    product_id: str
    baskets: int
    units: float
    last_bought: date


@dataclass(frozen=True, slots=True)
class GraphVersion:
    """Which graph answers. `digest` is over all nodes and edges, the same for the same content in any store."""

    id: str
    digest: str
    ontology_version: str
    as_of: date
    built_at: datetime


@dataclass(frozen=True, slots=True)
class WriteCount:
    """What one write did: rows given, and how many of them were new."""

    rows: int
    created: int


@dataclass(frozen=True, slots=True)
class EraseReport:
    """What erasing a household removed."""

    household_id: str
    found: bool
    nodes: int
    edges: int


@dataclass(frozen=True, slots=True)
class Adjacency:
    """One relation as compressed sparse rows over node positions.

    `indptr` has one entry per node of the starting label plus one (int64); `neighbours` (int32) holds positions of the
    other label; `edges` (int64) the row of each entry in the relation's property columns. Rows are ordered by
    strength descending (where the relation has one), then neighbour id ascending, then key. Retracted edges are left out.
    """

    indptr: np.ndarray
    neighbours: np.ndarray
    edges: np.ndarray


class GraphAdmin(Protocol):
    """Schema and life cycle of a store."""

    @property
    def schema(self) -> GraphSchema:
        """The schema this store was opened with."""
        ...

    @property
    def reads_snapshots(self) -> bool:
        """Whether a read sees the graph between two commits, and never a commit half applied (see `GraphWriter`)."""
        ...

    def prepare(self) -> None:
        """Create constraints and indexes (or tables) of the schema. Running it twice changes nothing."""
        ...

    def clear(self) -> None:
        """Remove every node and edge, in bounded transactions."""
        ...

    def close(self) -> None:
        """Release connections and files. Closing twice is allowed."""
        ...


class GraphWriter(Protocol):
    """Idempotent batch writes. Each call is checked against the schema before anything is written (`kg.batches`).

    A property column that is given replaces what is stored, a null removes it; a column that is not given leaves stored
    values as they are.

    An upsert of at most `ATOMIC_ROWS` (10,000) rows is written whole or not at all, also when the writer dies. A store may
    merge a larger one in portions of so many rows; a writer that dies leaves whole portions behind, and the same call again
    completes them to the same graph. A reader beside an upsert sees each row as it was or as it will be, and none go away.
    Where `GraphAdmin.reads_snapshots` holds it sees nothing or all of a portion, elsewhere perhaps a part of one while that is
    being committed. A set of derived edges is replaced at once for every reader of every store, whatever its size.
    A call that raises has changed nothing, but for the portions of a larger upsert that were merged before.
    """

    def upsert_nodes(self, label: str, rows: pa.Table) -> WriteCount:
        """Merge nodes on `id`; given properties replace stored ones. Raises: UnknownTerm, InvalidBatch, GraphTimeout."""
        ...

    def upsert_edges(self, relation: str, rows: pa.Table) -> WriteCount:
        """Merge edges on (source, target, key properties). Raises: as `upsert_nodes`, and UnknownEndpoint."""
        ...

    def replace_derived(self, relation: str, rows: pa.Table) -> WriteCount:
        """Replace all edges of a derived relation at once: a reader sees the old set or the new set, never a mixture,
        also when the writer dies half way. Raises: as `upsert_edges`; InvalidBatch when the relation is not derived.
        """
        ...

    def erase_household(self, household_id: str) -> EraseReport:
        """Remove a household with its baskets, sessions and all their edges, in one transaction where the store has
        one for that many; a repeated call ends an interrupted one. Erasing twice is allowed (`found` is then False).
        """
        ...


class GraphReader(Protocol):
    """Typed reads. `as_of` hides baskets after that day, and derived edges and promotions not valid on it.

    `kg.visibility` says which rules hold for which relation, `kg.bounds` what is asked too much: limits are 1 to 10,000.
    """

    def counts(self) -> Mapping[str, int]:
        """Return the number of nodes per label and of edges per relation, zeros included."""
        ...

    def nodes(self, label: str, ids: Sequence[str]) -> Mapping[str, Node]:
        """Return the nodes that exist, by id. Unknown ids are absent. Raises: UnknownTerm, QueryTooLarge."""
        ...

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
        """Return at most `limit` edges for each given id, by id; every given id is a key.

        Ordered by `strength` descending where the relation has one, then by the other end's id ascending
        (ids compare by code point), then by the key properties. Edges whose status is `retracted` are left out. `scope` lets
        only edges of that scope count, before the limit; None lets all. Raises: UnknownTerm, also for a scope where the
        relation's edges have none; QueryTooLarge.
        """
        ...

    def repertoire(self, household_ids: Sequence[str], *, as_of: date, limit: int) -> Mapping[str, tuple[RepertoireItem, ...]]:
        """Return what each household bought on or before `as_of`: most baskets first, then product id."""
        ...

    def paths(
        self, source: NodeRef, target: NodeRef, *, relations: Sequence[str], maximum_hops: int, limit: int
    ) -> tuple[Path, ...]:
        """Return trails between two nodes over the named relations, in either direction, shortest first, then by the (id,
        label) pairs of their nodes in order, then by the (relation, source id, target id, key) of their edges in order.

        Edges whose status is `retracted` are left out. An unknown end gives no trail. A trail may pass through a node
        twice (so a node has trails to itself), never through an edge. Raises: UnknownTerm; QueryTooLarge beyond 4 hops,
        and where the ends have so many neighbours that an exact answer would take too long.
        """
        ...


class GraphExporter(Protocol):
    """Whole labels and relations as Arrow, in a canonical order, so that equal graphs export equal bytes."""

    def export_nodes(self, label: str) -> pa.Table:
        """Return all nodes of a label with every property of the schema, sorted by id."""
        ...

    def export_edges(self, relation: str) -> pa.Table:
        """Return all edges of a relation with every property, sorted by source, target and key."""
        ...

    def digest(self) -> str:
        """Return the SHA-256 of the exported content of all labels and relations (see `kg.digest`)."""
        ...


class GraphStore(GraphAdmin, GraphWriter, GraphReader, GraphExporter, Protocol):
    """A store that does all of it."""


class GraphVersions(Protocol):
    """The published versions of one graph, to be compared with each other."""

    def published(self) -> tuple[GraphVersion, ...]:
        """Return the versions, the oldest first."""
        ...

    def open(self, version_id: str) -> "ArrayGraph":
        """Return one of them. Raises: SnapshotError when it is not there or damaged."""
        ...


class ArrayGraph(GraphReader, GraphExporter, Protocol):
    """A published version as immutable arrays: the hot read path of every decision."""

    @property
    def version(self) -> GraphVersion:
        """Which published version this is."""
        ...

    def ids(self, label: str) -> Sequence[str]:
        """Return the ids of a label in position order (ascending)."""
        ...

    def position(self, label: str, id: str) -> int | None:
        """Return a node's position among its label's ids, or None."""
        ...

    def column(self, label: str, property_name: str) -> pa.ChunkedArray:
        """Return one property of all nodes of a label, in position order."""
        ...

    def edge_column(self, relation: str, property_name: str) -> pa.ChunkedArray:
        """Return one property of all edges of a relation, in export order."""
        ...

    def adjacency(self, relation: str, direction: Direction) -> Adjacency:
        """Return a relation as compressed sparse rows, from the named end."""
        ...
