"""The feature snapshot: immutable Arrow tables of one day, memory-mapped by serving.

FeatureSnapshotError  the snapshot is missing, damaged or of another format
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from kit.canonical import canonical_bytes, digest_of_bytes
from kit.errors import ShelfgraphError

__all__ = ["FeatureSnapshot", "FeatureSnapshotError", "InMemory", "Tables", "open_features", "publish_features"]

MANIFEST = "manifest.json"


class FeatureSnapshotError(ShelfgraphError):
    """A feature snapshot is missing, damaged or of another format."""

    def __init__(self, folder: Path, problem: str) -> None:
        self.folder = folder
        super().__init__(f"The feature snapshot {folder.name} cannot be used: {problem}", "Run `shelfgraph train` again.")


class Tables(Protocol):
    """Anything that gives a table by its name, such as a feature snapshot."""

    def table(self, name: str) -> pa.Table:
        """Return one table."""
        ...


class InMemory:
    """Tables that were not published yet."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self._tables = tables

    def table(self, name: str) -> pa.Table:
        return self._tables[name]


@dataclass(frozen=True, slots=True)
class FeatureSnapshot:
    """Tables of features as known at the end of `as_of`. `id` is the digest over all of them."""

    id: str
    as_of: date
    folder: Path
    table_names: tuple[str, ...]

    def table(self, name: str) -> pa.Table:
        """Return one table, memory-mapped: it costs no copy. Raises: FeatureSnapshotError."""
        if name not in self.table_names:
            raise FeatureSnapshotError(self.folder, f"it has no table '{name}', only {', '.join(self.table_names)}.")
        with pa.memory_map(str(self.folder / f"{name}.arrow")) as source:
            return pa.ipc.open_file(source).read_all()


def publish_features(root: Path, as_of: date, tables: Mapping[str, pa.Table]) -> FeatureSnapshot:
    """Write `tables` below `root` under the digest of their content. Publishing the same content twice is once."""
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=root))
    try:
        digests = {name: _write_table(draft / f"{name}.arrow", table) for name, table in sorted(tables.items())}
        manifest = canonical_bytes({"as_of": as_of, "tables": digests})
        (draft / MANIFEST).write_bytes(manifest)
        target = root / digest_of_bytes(manifest)[:32]
        if not target.exists():
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return open_features(target)


def open_features(folder: Path) -> FeatureSnapshot:
    """Open a published snapshot after checking the digest of each file. Raises: FeatureSnapshotError."""
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = json.loads(content)
    except (OSError, ValueError) as error:
        raise FeatureSnapshotError(folder, f"its manifest cannot be read ({error}).") from error
    if digest_of_bytes(content)[:32] != folder.name:
        raise FeatureSnapshotError(folder, "its manifest was changed after it was published.")
    for name, digest in manifest["tables"].items():
        if digest_of_bytes((folder / f"{name}.arrow").read_bytes()) != digest:
            raise FeatureSnapshotError(folder, f"its table '{name}' was changed after it was published.")
    return FeatureSnapshot(folder.name, date.fromisoformat(manifest["as_of"]), folder, tuple(manifest["tables"]))


def _write_table(path: Path, table: pa.Table) -> str:
    whole = table.combine_chunks()
    columns = [_without_remnants(whole[name].combine_chunks()) for name in whole.column_names]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(pa.Table.from_arrays(columns, schema=table.schema))
    return digest_of_bytes(path.read_bytes())


def _without_remnants(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the same column with zeros beneath its nulls: an engine leaves there what memory held, and a digest is of bytes."""
    kind = column.type
    if isinstance(column, pa.ChunkedArray) or not column.null_count:
        return column
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind)):
        return column
    numbers = column.view(pa.int32() if kind.bit_width == 32 else pa.int64()) if pa.types.is_temporal(kind) else column
    held = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
    told = pa.array(held, numbers.type, mask=pc.is_null(column).to_numpy(zero_copy_only=False))
    return told.view(kind)
