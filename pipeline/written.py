"""What a build has just written, as an exporter: the batches themselves, and the store for everything else."""

from collections.abc import Mapping

import pyarrow as pa

from kg.digest import graph_digest
from kg.ports import GraphStore
from kg.tables import TableGraph

__all__ = ["WrittenGraph"]


class WrittenGraph:
    """Exports the batches that a store was given in this build, and asks the store for labels and relations beside them.

    A store holds at least what was merged into it; that it holds nothing else of these terms is checked by their counts
    before. Reading three million edges back over Bolt takes longer than everything else of a build.

    Args:
        store: where the batches were written.
        batches: by label or relation, whole: all that the store holds of it.
    """

    def __init__(self, store: GraphStore, batches: Mapping[str, pa.Table]) -> None:
        self.schema = store.schema
        self._store = store
        self._written = frozenset(batches)
        nodes = {term: rows for term, rows in batches.items() if term in self.schema.nodes}
        edges = {term: rows for term, rows in batches.items() if term in self.schema.relations}
        self._tables = TableGraph(self.schema, nodes, edges)

    def export_nodes(self, label: str) -> pa.Table:
        return self._tables.export_nodes(label) if label in self._written else self._store.export_nodes(label)

    def export_edges(self, relation: str) -> pa.Table:
        return self._tables.export_edges(relation) if relation in self._written else self._store.export_edges(relation)

    def digest(self) -> str:
        return graph_digest(self.schema, self)
