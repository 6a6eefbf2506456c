"""The snapshot: one published version of the graph, read from memory-mapped arrays."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path as FilePath

import numpy as np
import pyarrow as pa

from kg.bounds import check_hops, check_ids, check_limit, check_path_relations, check_scope
from kg.columns import edge_columns, edge_schema, find_node_type, find_relation, node_columns, node_schema
from kg.digest import graph_digest
from kg.errors import UnknownTerm
from kg.ports import Adjacency, Direction, Edge, GraphVersion, Node, NodeRef, Path, RepertoireItem
from kg.snapshot.files import SnapshotFiles, decoded
from kg.snapshot.manifest import damaged, read_manifest
from kg.snapshot.publish import current_folder
from kg.snapshot.reading import EdgeFilter, Repertoires, Scopes
from kg.snapshot.searching import ArrayTrails, EdgeRow, Place
from kg.trails import first_trails
from ontology.schema_types import GraphSchema

__all__ = ["Snapshot", "open_current_snapshot", "open_snapshot"]

NO_ROWS = np.empty(0, dtype=np.int64)


def open_snapshot(folder: FilePath) -> "Snapshot":
    """Open a published version: its manifest's seal and every file's presence and size are checked, files are mapped later.

    Raises:
        SnapshotError: the version is missing, damaged or of another format.
    """
    manifest = read_manifest(folder)
    if manifest.version.id != folder.name:
        raise damaged(folder, f"its manifest is of version {manifest.version.id}.")
    files = SnapshotFiles(folder, manifest)
    files.check_sizes()
    return Snapshot(files, manifest.version, manifest.counts)


def open_current_snapshot(root: FilePath) -> "Snapshot":
    """Open the version that `root/CURRENT` names. Raises: SnapshotError, also when nothing was published."""
    return open_snapshot(current_folder(root))


class Snapshot:
    """Implements `kg.ports.ArrayGraph`. Built by `open_snapshot`; safe to share between threads."""

    def __init__(self, files: SnapshotFiles, version: GraphVersion, counts: Mapping[str, int]) -> None:
        self._files = files
        self._version = version
        self._counts = dict(counts)
        self._filters: dict[str, EdgeFilter] = {}
        self._scopes_by_relation: dict[str, Scopes] = {}
        self._repertoires: Repertoires | None = None

    @property
    def version(self) -> GraphVersion:
        return self._version

    @property
    def schema(self) -> GraphSchema:
        """The schema under which the version was published."""
        return self._files.schema

    def verify(self) -> None:
        """Check the content of every file against the manifest. Raises: SnapshotError."""
        self._files.check_content()
        if self.digest() != self._version.digest:
            raise damaged(self._files.folder, "its content does not have the digest of its manifest.")

    def counts(self) -> Mapping[str, int]:
        return dict(self._counts)

    def nodes(self, label: str, ids: Sequence[str]) -> Mapping[str, Node]:
        check_ids(ids)
        positions = self._files.positions(label)
        known = [node_id for node_id in dict.fromkeys(ids) if node_id in positions]
        rows = np.array([positions[node_id] for node_id in known], dtype=np.int64)
        properties = self._files.node_records(label).read(rows)
        return {node_id: Node(label, node_id, values) for node_id, values in zip(known, properties, strict=True)}

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
        definition = find_relation(self.schema, relation)
        check_ids(ids)
        check_limit(limit)
        check_scope(definition, scope)
        positions = self._files.positions(definition.source if direction is Direction.OUT else definition.target)
        adjacency = self._files.adjacency(relation, direction)
        asked = list(dict.fromkeys(ids))
        window_of = self._windows(relation, adjacency, limit, as_of, scope)
        windows = [window_of(positions.get(node_id)) for node_id in asked]
        edges = self._edges(relation, windows[0] if len(windows) == 1 else np.concatenate(windows)) if windows else []
        answer: dict[str, tuple[Edge, ...]] = {}
        start = 0
        for node_id, window in zip(asked, windows, strict=True):
            answer[node_id] = tuple(edges[start : start + len(window)])
            start += len(window)
        return answer

    def repertoire(self, household_ids: Sequence[str], *, as_of: date, limit: int) -> Mapping[str, tuple[RepertoireItem, ...]]:
        check_ids(household_ids)
        check_limit(limit)
        if self._repertoires is None:
            self._repertoires = Repertoires(self._files)
        positions, repertoires = self._files.positions("Household"), self._repertoires
        return {one: repertoires.of(positions[one], as_of, limit) if one in positions else () for one in household_ids}

    def paths(
        self, source: NodeRef, target: NodeRef, *, relations: Sequence[str], maximum_hops: int, limit: int
    ) -> tuple[Path, ...]:
        check_hops(maximum_hops)
        check_limit(limit)
        named = check_path_relations(self.schema, relations)
        ends = [(ref.label, self.position(ref.label, ref.id)) for ref in (source, target)]
        if any(position is None for _, position in ends):
            return ()
        start, end = [(label, position) for label, position in ends if position is not None]
        trails = first_trails(ArrayTrails(self._files, end, named, maximum_hops), start, maximum_hops=maximum_hops, limit=limit)
        return tuple(self._path(places, edges) for places, edges in trails)

    def export_nodes(self, label: str) -> pa.Table:
        stored = self._files.nodes(label)
        return pa.table([decoded(column) for column in stored.columns], schema=node_schema(find_node_type(self.schema, label)))

    def export_edges(self, relation: str) -> pa.Table:
        columns = [self.edge_column(relation, name) for name in self._files.edges(relation).column_names]
        return pa.table(columns, schema=edge_schema(find_relation(self.schema, relation)))

    def digest(self) -> str:
        return graph_digest(self.schema, self)

    def ids(self, label: str) -> Sequence[str]:
        return self._files.ids(label)

    def position(self, label: str, id: str) -> int | None:
        return self._files.positions(label).get(id)

    def column(self, label: str, property_name: str) -> pa.ChunkedArray:
        known = ("id", *(p.name for p in node_columns(find_node_type(self.schema, label))))
        if property_name not in known:
            raise UnknownTerm(f"property of {label}", property_name, known)
        return decoded(self._files.nodes(label).column(property_name))

    def edge_column(self, relation: str, property_name: str) -> pa.ChunkedArray:
        definition = find_relation(self.schema, relation)
        known = ("source", "target", *(p.name for p in edge_columns(definition)))
        if property_name not in known:
            raise UnknownTerm(f"property of {relation}", property_name, known)
        stored = self._files.edges(relation).column(property_name)
        if property_name in ("source", "target"):
            label = definition.source if property_name == "source" else definition.target
            return self._files.nodes(label).column("id").take(stored)
        return decoded(stored)

    def adjacency(self, relation: str, direction: Direction) -> Adjacency:
        return self._files.adjacency(relation, direction)

    def _windows(
        self, relation: str, adjacency: Adjacency, limit: int, as_of: date | None, scope: str | None
    ) -> Callable[[int | None], np.ndarray]:
        """Return what gives the first edge rows of a node (by position) that are there on the day and in the scope."""
        visible = None if as_of is None else self._filter(relation)
        in_scope = None if scope is None else self._scopes(relation)

        def window(position: int | None) -> np.ndarray:
            if position is None:
                return NO_ROWS
            rows: np.ndarray = adjacency.edges[adjacency.indptr[position] : adjacency.indptr[position + 1]]
            if in_scope is not None and scope is not None:
                rows = rows[in_scope.of(rows, scope)]
            if visible is not None and as_of is not None:
                rows = rows[visible.visible(rows, as_of)]
            return np.asarray(rows[:limit])

        return window

    def _filter(self, relation: str) -> EdgeFilter:
        if relation not in self._filters:
            self._filters[relation] = EdgeFilter(self._files, relation)
        return self._filters[relation]

    def _scopes(self, relation: str) -> Scopes:
        if relation not in self._scopes_by_relation:
            self._scopes_by_relation[relation] = Scopes(self._files.edges(relation).column("scope"))
        return self._scopes_by_relation[relation]

    def _edges(self, relation: str, rows: np.ndarray) -> list[Edge]:
        definition = self.schema.relations[relation]
        sources, targets = self._files.ends(relation)
        properties = self._files.edge_records(relation).read(rows)
        ends = zip(self._refs(definition.source, sources[rows]), self._refs(definition.target, targets[rows]), strict=True)
        return [Edge(relation, source, target, values) for (source, target), values in zip(ends, properties, strict=True)]

    def _refs(self, label: str, positions: np.ndarray) -> list[NodeRef]:
        ids, made = self._files.ids(label), dict[int, NodeRef]()
        refs = []
        for position in positions.tolist():
            # one end is the same for all edges of an answer
            if position not in made:
                made[position] = NodeRef(label, ids[position])
            refs.append(made[position])
        return refs

    def _path(self, places: tuple[Place, ...], edges: tuple[EdgeRow, ...]) -> Path:
        nodes = tuple(NodeRef(label, self._files.ids(label)[position]) for label, position in places)
        return Path(nodes, tuple(self._edges(relation, np.array([row]))[0] for relation, _, _, row in edges))
