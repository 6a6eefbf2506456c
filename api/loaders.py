"""Per-request loaders, named as the questions they answer.

Execution is synchronous, so loaders do not wait for one another: every object knows its page (all ids that were listed
together), and the first object of a page that asks a question loads the answer for the whole page in a constant number
of reads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from api.kept_reads import KeptReads
from kg.ports import Direction, Edge, Node

__all__ = ["Loaders", "NodesById", "Page", "TargetsByNode"]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Ids of one label that were listed together."""

    label: str
    ids: tuple[str, ...]


class NodesById:
    """Which node is this? One read per page and label."""

    def __init__(self, reader: KeptReads) -> None:
        self._reader = reader
        self._known: dict[str, dict[str, Node | None]] = {}

    def load(self, page: Page) -> tuple[Node, ...]:
        """Return the nodes of a page that exist, in its order."""
        known = self._known.setdefault(page.label, {})
        missing = [one for one in dict.fromkeys(page.ids) if one not in known]
        if missing:
            found = self._reader.nodes(page.label, missing)
            known.update({one: found.get(one) for one in missing})
        return tuple(node for one in page.ids if (node := known[one]) is not None)


class TargetsByNode:
    """Which edges of a relation leave (or reach) this node? One read per page, relation, direction and limit."""

    def __init__(self, reader: KeptReads) -> None:
        self._reader = reader
        self._known: dict[tuple[str, Direction, int, date | None], dict[str, tuple[Edge, ...]]] = {}

    def load(
        self, relation: str, page: Page, *, direction: Direction, limit: int, as_of: date | None = None
    ) -> Mapping[str, tuple[Edge, ...]]:
        """Return the edges of every id of a page, by id."""
        known = self._known.setdefault((relation, direction, limit, as_of), {})
        missing = [one for one in dict.fromkeys(page.ids) if one not in known]
        if missing:
            known.update(self._reader.related(relation, missing, direction=direction, limit=limit, as_of=as_of))
        return known


class Loaders:
    """All loaders of one request."""

    def __init__(self, reader: KeptReads) -> None:
        self.nodes_by_id = NodesById(reader)
        self.targets_by_node = TargetsByNode(reader)

    def others(
        self, relation: str, page: Page, label: str, *, direction: Direction, limit: int, as_of: date | None = None
    ) -> Mapping[str, tuple[Node, ...]]:
        """Return the nodes at the other end of a relation for every id of a page: two reads for the whole page."""
        edges = self.targets_by_node.load(relation, page, direction=direction, limit=limit, as_of=as_of)
        ends = {one: [_other(edge, direction) for edge in edges[one]] for one in page.ids}
        nodes = self._by_id(label, (end for ids in ends.values() for end in ids))
        return {one: tuple(nodes[end] for end in ids if end in nodes) for one, ids in ends.items()}

    def _by_id(self, label: str, ids: Iterable[str]) -> dict[str, Node]:
        page = Page(label, tuple(dict.fromkeys(ids)))
        return {node.id: node for node in self.nodes_by_id.load(page)} if page.ids else {}


def _other(edge: Edge, direction: Direction) -> str:
    return edge.target.id if direction is Direction.OUT else edge.source.id
