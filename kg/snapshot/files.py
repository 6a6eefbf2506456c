"""The files of one open snapshot, mapped when they are first asked for, and kept."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from kg.columns import ARROW_TYPES, edge_columns, find_node_type, find_relation, node_columns
from kg.ports import Adjacency, Direction
from kg.snapshot.manifest import FileEntry, Manifest, damaged
from kg.snapshot.records import Records
from kg.snapshot.values import all_texts
from ontology.schema_types import PropertyKind

__all__ = ["SnapshotFiles", "decoded"]


class SnapshotFiles:
    """Lazy access to a snapshot's parts. Safe to share between threads: the worst of a race is a file mapped twice."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.schema = manifest.schema
        self._entries: Mapping[str, FileEntry] = manifest.files
        self._tables: dict[str, pa.Table] = {}
        self._adjacency: dict[tuple[str, Direction], Adjacency] = {}
        self._ids: dict[str, list[str]] = {}
        self._positions: dict[str, dict[str, int]] = {}
        self._records: dict[str, Records] = {}
        self._ends: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def check_sizes(self) -> None:
        """Raises: SnapshotError when a file is missing or has another size than when it was published."""
        for name, entry in self._entries.items():
            try:
                size = (self.folder / name).stat().st_size
            except OSError as error:
                raise damaged(self.folder, f"its file {name} is missing.") from error
            if size != entry.bytes:
                raise damaged(self.folder, f"its file {name} has {size} bytes, and {entry.bytes} were published.")

    def check_content(self) -> None:
        """Raises: SnapshotError when a file has another content than when it was published."""
        for name, entry in self._entries.items():
            try:
                with (self.folder / name).open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise damaged(self.folder, f"its file {name} cannot be read ({error}).") from error
            if digest != entry.sha256:
                raise damaged(self.folder, f"its file {name} was changed after it was published.")

    def nodes(self, label: str) -> pa.Table:
        """Return a label as stored, sorted by id. Raises: UnknownTerm, SnapshotError."""
        find_node_type(self.schema, label)
        return self._table(f"nodes/{label}.arrow")

    def edges(self, relation: str) -> pa.Table:
        """Return a relation as stored, ends as positions. Raises: UnknownTerm, SnapshotError."""
        find_relation(self.schema, relation)
        return self._table(f"edges/{relation}.arrow")

    def ids(self, label: str) -> list[str]:
        """Return the ids of a label in position order."""
        if label not in self._ids:
            self._ids[label] = all_texts(self.nodes(label).column("id"))
        return self._ids[label]

    def positions(self, label: str) -> dict[str, int]:
        """Return the position of each id of a label."""
        if label not in self._positions:
            self._positions[label] = {node_id: position for position, node_id in enumerate(self.ids(label))}
        return self._positions[label]

    def node_records(self, label: str) -> Records:
        """Return the properties of a label, opened for reads of a few rows."""
        if label not in self._records:
            names = [p.name for p in node_columns(find_node_type(self.schema, label))]
            self._records[label] = Records(self.nodes(label), names)
        return self._records[label]

    def edge_records(self, relation: str) -> Records:
        """Return the properties of a relation, opened for reads of a few rows."""
        if relation not in self._records:
            names = [p.name for p in edge_columns(find_relation(self.schema, relation))]
            self._records[relation] = Records(self.edges(relation), names)
        return self._records[relation]

    def ends(self, relation: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of all sources and of all targets, in export order."""
        if relation not in self._ends:
            rows = self.edges(relation)
            self._ends[relation] = rows.column("source").to_numpy(), rows.column("target").to_numpy()
        return self._ends[relation]

    def adjacency(self, relation: str, direction: Direction) -> Adjacency:
        """Return a relation as compressed sparse rows, memory-mapped. Raises: UnknownTerm, SnapshotError."""
        if (relation, direction) not in self._adjacency:
            find_relation(self.schema, relation)
            stem = f"adjacency/{relation}.{direction.value}"
            parts = {part: self._array(f"{stem}.{part}.npy") for part in ("indptr", "neighbours", "edges")}
            self._adjacency[relation, direction] = Adjacency(**parts)
        return self._adjacency[relation, direction]

    def _table(self, name: str) -> pa.Table:
        if name not in self._tables:
            try:
                with pa.memory_map(str(self.folder / name)) as source:
                    self._tables[name] = pa.ipc.open_file(source).read_all().combine_chunks()
            except (OSError, pa.ArrowInvalid) as error:
                raise damaged(self.folder, f"its file {name} cannot be read ({error}).") from error
        return self._tables[name]

    def _array(self, name: str) -> np.ndarray:
        try:
            mapped = np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise damaged(self.folder, f"its file {name} cannot be read ({error}).") from error
        # a plain view: indexing the memmap class itself is several times slower
        return np.asarray(mapped)


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a stored column in its canonical type."""
    if pa.types.is_dictionary(column.type):
        return column.cast(ARROW_TYPES[PropertyKind.STRING])
    if pa.types.is_list(column.type) and pa.types.is_dictionary(column.type.value_type):
        return column.cast(ARROW_TYPES[PropertyKind.STRING_LIST])
    return column
