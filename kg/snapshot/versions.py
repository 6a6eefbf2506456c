"""The published versions of one graph, opened to be compared."""

from collections import OrderedDict
from pathlib import Path

from kg.errors import SnapshotError
from kg.ports import GraphVersion
from kg.snapshot.publish import published_versions
from kg.snapshot.snapshot import Snapshot, open_snapshot

__all__ = ["SnapshotVersions"]

KEPT_OPEN = 4


class SnapshotVersions:
    """Implements `kg.ports.GraphVersions` on the folder of all versions. The last few that were asked for stay open."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: OrderedDict[str, Snapshot] = OrderedDict()

    def published(self) -> tuple[GraphVersion, ...]:
        return published_versions(self._root) if self._root.is_dir() else ()

    def open(self, version_id: str) -> Snapshot:
        snapshot = self._open.pop(version_id, None) or self._opened(version_id)
        self._open[version_id] = snapshot
        while len(self._open) > KEPT_OPEN:
            self._open.popitem(last=False)
        return snapshot

    def _opened(self, version_id: str) -> Snapshot:
        # looked up among the versions that are there: what was asked for is never used as a path
        if version_id not in {version.id for version in self.published()}:
            raise SnapshotError(f"No graph version '{version_id[:80]}' is published.", "Name one that is.")
        return open_snapshot(self._root / version_id)
