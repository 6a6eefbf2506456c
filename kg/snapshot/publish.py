"""Publishing: one graph version becomes an immutable folder, and `CURRENT` names it. Each step is atomic."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa

from kg.digest import combined_digest, table_digest
from kg.errors import SnapshotError
from kg.ports import GraphExporter, GraphVersion
from kg.snapshot.manifest import MANIFEST, SEAL, FileEntry, Manifest, content_id, damaged, manifest_bytes, read_manifest
from kg.snapshot.writing import build_adjacency, with_positions, write_adjacency, write_arrow
from kit.canonical import digest_of_bytes
from kit.clock import Clock
from kit.progress import Progress, SilentProgress
from ontology.schema_types import GraphSchema

__all__ = ["CURRENT", "current_folder", "publish_snapshot", "published_versions"]

CURRENT = "CURRENT"
DRAFT = ".draft-"


def publish_snapshot(
    exporter: GraphExporter,
    root: Path,
    *,
    schema: GraphSchema,
    as_of: date,
    clock: Clock,
    progress: Progress | None = None,
) -> GraphVersion:
    """Write what `exporter` holds below `root` as a new version and make it the current one.

    A reader of `CURRENT` sees the old version or the new one; a publisher that dies leaves the old one. Content that was
    published before is not written again. The exporter must not change meanwhile.

    Args:
        exporter: a store, another snapshot, or tables (`kg.tables.TableGraph`).
        root: the folder that holds all versions; created when missing.
        schema: the schema that the exporter was filled under.
        as_of: the business day up to which the graph knows everything.
        clock: gives `built_at`.
        progress: is told of each label and relation.

    Raises:
        UnknownEndpoint: an edge names a node that is not exported.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _only_publisher(root):
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=root))
        try:
            manifest = _write_draft(exporter, draft, schema, as_of, clock, progress or SilentProgress())
            version = _settle(draft, root, manifest)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        _write_durably(root / CURRENT, version.id.encode())
    return version


def current_folder(root: Path) -> Path:
    """Return the folder of the current version. Raises: SnapshotError when nothing was published."""
    try:
        name = (root / CURRENT).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SnapshotError(f"No graph version is published in {root}.", "Run `shelfgraph graph build` first.") from error
    if not name or "/" in name or name.startswith("."):
        raise SnapshotError(f"{root / CURRENT} does not name a version.", "Run `shelfgraph graph build` again.")
    return root / name


def published_versions(root: Path) -> tuple[GraphVersion, ...]:
    """Return the versions below `root`, the oldest first. Raises: SnapshotError for a damaged one."""
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return tuple(sorted((read_manifest(folder).version for folder in folders), key=lambda v: (v.built_at, v.id)))


@contextmanager
def _only_publisher(root: Path) -> Iterator[None]:
    """Hold the publisher's lock, and remove what a publisher that died has left behind."""
    with (root / ".publish.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in root.glob(f"{DRAFT}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _write_draft(
    exporter: GraphExporter, draft: Path, schema: GraphSchema, as_of: date, clock: Clock, progress: Progress
) -> Manifest:
    for part in ("nodes", "edges", "adjacency"):
        (draft / part).mkdir()
    counts: dict[str, int] = {}
    with progress.stage("Publishing the graph", total=len(schema.nodes) + len(schema.relations)) as stage:
        node_digests, ids = {}, {}
        for label in schema.nodes:
            rows = exporter.export_nodes(label)
            ids[label] = rows.column("id").combine_chunks()
            node_digests[label], counts[label] = table_digest(rows), rows.num_rows
            write_arrow(draft / "nodes" / f"{label}.arrow", rows)
            stage.advance()
        edge_digests = {}
        for relation in schema.relations:
            edge_digests[relation], counts[relation] = _write_relation(exporter, draft, schema, relation, ids)
            stage.advance()
    digest = combined_digest(node_digests, edge_digests)
    files = {str(path.relative_to(draft)): _entry(path) for path in sorted(draft.rglob("*")) if path.is_file()}
    version_id = content_id(digest, schema, as_of, files)
    version = GraphVersion(version_id, digest, schema.ontology_version, as_of, clock.now())
    return Manifest(version, schema, counts, files)


def _write_relation(
    exporter: GraphExporter, draft: Path, schema: GraphSchema, relation: str, ids: dict[str, pa.Array]
) -> tuple[str, int]:
    definition = schema.relations[relation]
    rows = exporter.export_edges(relation)
    digest = table_digest(rows)
    placed = with_positions(definition, rows, ids[definition.source], ids[definition.target])
    write_arrow(draft / "edges" / f"{relation}.arrow", placed)
    adjacency = build_adjacency(definition, placed, len(ids[definition.source]), len(ids[definition.target]))
    for direction, sparse_rows in adjacency.items():
        write_adjacency(draft / "adjacency", relation, direction, sparse_rows)
    return digest, rows.num_rows


def _entry(path: Path) -> FileEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return FileEntry(path.stat().st_size, digest)


def _settle(draft: Path, root: Path, manifest: Manifest) -> GraphVersion:
    """Move the draft to its place, unless the same content is there already and whole."""
    target = root / manifest.version.id
    if target.exists():
        try:
            return _whole_version(target, manifest)
        except SnapshotError:
            target.rename(Path(tempfile.mkdtemp(prefix=DRAFT, dir=root)) / "damaged")
    content = manifest_bytes(manifest)
    _write_durably(draft / MANIFEST, content)
    _write_durably(draft / SEAL, digest_of_bytes(content).encode())
    for folder in (*(path for path in draft.iterdir() if path.is_dir()), draft):
        _sync_folder(folder)
    draft.rename(target)
    _sync_folder(root)
    return manifest.version


def _whole_version(folder: Path, manifest: Manifest) -> GraphVersion:
    standing = read_manifest(folder)
    for name, entry in manifest.files.items():
        path = folder / name
        if not path.is_file() or _entry(path) != entry:
            raise damaged(folder, f"its file {name} was changed or removed.")
    return standing.version


def _write_durably(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
