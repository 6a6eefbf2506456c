"""The graph: its port, its stores and its published snapshots. The only room with graph drivers."""

from kg.batches import check_derived_batch, check_edge_batch, check_node_batch
from kg.digest import graph_digest
from kg.ports import (
    Adjacency,
    ArrayGraph,
    Direction,
    Edge,
    EraseReport,
    GraphAdmin,
    GraphExporter,
    GraphReader,
    GraphStore,
    GraphVersion,
    GraphWriter,
    Node,
    NodeRef,
    Path,
    PropertyValue,
    RepertoireItem,
    WriteCount,
)
from kg.snapshot import Snapshot, open_current_snapshot, open_snapshot, publish_snapshot
from kg.tables import TableGraph

__all__ = [
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
    "GraphWriter",
    "Node",
    "NodeRef",
    "Path",
    "PropertyValue",
    "RepertoireItem",
    "Snapshot",
    "TableGraph",
    "WriteCount",
    "check_derived_batch",
    "check_edge_batch",
    "check_node_batch",
    "graph_digest",
    "open_current_snapshot",
    "open_snapshot",
    "publish_snapshot",
]
