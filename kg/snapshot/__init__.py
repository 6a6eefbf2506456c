"""Published versions of the graph: immutable files, memory-mapped, swapped by one pointer."""

from kg.snapshot.publish import current_folder, publish_snapshot, published_versions
from kg.snapshot.snapshot import Snapshot, open_current_snapshot, open_snapshot
from kg.snapshot.versions import SnapshotVersions

__all__ = [
    "Snapshot",
    "SnapshotVersions",
    "current_folder",
    "open_current_snapshot",
    "open_snapshot",
    "publish_snapshot",
    "published_versions",
]
