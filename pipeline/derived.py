"""Derived edges on their way into the graph: held to the ontology's shapes and to the nodes that were loaded."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingest.graph_load import REJECTED_SCHEMA, REJECTED_TABLE
from kit.canonical import canonical_bytes
from lake import Lake
from ontology.validate import validate_edges

__all__ = ["SoundEdges", "keep_rejections", "sift_edges"]


@dataclass(frozen=True, slots=True)
class SoundEdges:
    """What may be written, by relation, and the rows that may not, each once per rule it breaks."""

    edges: Mapping[str, pa.Table]
    rejected: Mapping[str, int]
    rejections: pa.Table


def sift_edges(derived: Mapping[str, pa.Table], nodes: Mapping[str, pa.Table]) -> SoundEdges:
    """Part derived edges from those that break a shape, or whose ends were not loaded because they broke one themselves.

    Args:
        derived: edge batches by relation.
        nodes: the node batches that were loaded, by label.
    """
    known_ids = {label: rows["id"] for label, rows in nodes.items() if "id" in rows.column_names}
    edges: dict[str, pa.Table] = {}
    rejected: dict[str, int] = {}
    rejections = [REJECTED_SCHEMA.empty_table()]
    for relation, rows in derived.items():
        report = validate_edges(relation, rows, known_ids)
        faulty = report.faulty_rows
        rejections += [_told(relation, rows.take(pa.array(one.rows)), one.rule, one.message) for one in report.findings]
        keep = np.ones(rows.num_rows, dtype=bool)
        keep[faulty] = False
        edges[relation], rejected[relation] = rows.filter(pa.array(keep)), len(faulty)
    return SoundEdges(edges, rejected, pa.concat_tables(rejections))


def keep_rejections(lake: Lake, rejections: pa.Table) -> None:
    """Add rejected edges to those that loading the facts has kept."""
    if rejections.num_rows:
        lake.append(REJECTED_TABLE, rejections)


def _told(relation: str, rows: pa.Table, rule: str, message: str) -> pa.Table:
    texts = [canonical_bytes(row).decode() for row in rows.to_pylist()]
    columns = {"term": [relation] * len(texts), "row": texts, "rule": [rule] * len(texts), "message": [message] * len(texts)}
    return pa.table(columns, schema=REJECTED_SCHEMA)
