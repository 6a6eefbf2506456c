"""Published versions of the graph: immutable files, memory-mapped, swapped by one pointer."""

from kg.snapshot.publish import current_folder, publish_snapshot, published_versions
from kg.snapshot.snapshot import Snapshot, open_current_snapshot, open_snapshot

__all__ = [
    "Snapshot",
    "current_folder",
    "open_current_snapshot",
    "open_snapshot",
    "publish_snapshot",
    "published_versions",
]
