"""Loads the lake's facts into a graph store, as known on one day, validated against the ontology before they are merged."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from ingest.graph_queries import EDGE_QUERIES, NODE_QUERIES, FactQuery
from kg.ports import GraphWriter
from kit.canonical import canonical_bytes
from kit.progress import Progress
from lake import Lake
from ontology.validate import ValidationReport, validate_edges, validate_nodes

__all__ = ["GraphLoadReport", "fact_batches", "load_graph"]

AS_KNOWN = "WITH bounds AS (SELECT $as_of::DATE AS as_of) SELECT * FROM ("
REJECTED_SCHEMA = pa.schema([("term", pa.string()), ("row", pa.string()), ("rule", pa.string()), ("message", pa.string())])
REJECTED_TABLE = "graph_rejections"


@dataclass(frozen=True, slots=True)
class GraphLoadReport:
    """Rows read from the lake, written to the graph and rejected by the shapes, per label and relation."""

    read: Mapping[str, int]
    written: Mapping[str, int]
    rejected: Mapping[str, int]
    batches: Mapping[str, pa.Table]
    """What was written, by label and relation."""


_Validate: TypeAlias = Callable[[str, pa.Table], ValidationReport]


def fact_batches(lake: Lake, queries: tuple[FactQuery, ...], as_of: date) -> Iterator[tuple[str, pa.Table]]:
    """Yield (term, rows) of each query whose tables the lake has; a retailer without a feed simply has none of its facts."""
    present = set(lake.names())
    for query in queries:
        if present.issuperset(query.tables):
            yield query.term, lake.sql(f"{AS_KNOWN}{query.sql})", {"as_of": as_of})


def load_graph(lake: Lake, writer: GraphWriter, *, as_of: date, progress: Progress) -> GraphLoadReport:
    """Merge every fact known on `as_of` into `writer`: nodes first, then edges. Running it twice changes nothing.

    Rows that break a shape of the ontology are not merged; they are kept in the lake table `graph_rejections`. So are edges
    whose ends are not among the nodes of this load, because they were rejected or because no fact names them.
    """
    load = _Load(writer)
    steps = len(NODE_QUERIES) + len(EDGE_QUERIES)
    with progress.stage("Loading facts into the graph", steps) as stage:
        for label, rows in fact_batches(lake, NODE_QUERIES, as_of):
            stage.note(f"{label}: {rows.num_rows:,}")
            load.nodes(label, rows)
            stage.advance()
        for relation, rows in fact_batches(lake, EDGE_QUERIES, as_of):
            stage.note(f"{relation}: {rows.num_rows:,}")
            load.edges(relation, rows)
            stage.advance()
    lake.replace(REJECTED_TABLE, pa.concat_tables([REJECTED_SCHEMA.empty_table(), *load.rejections]))
    return GraphLoadReport(load.read, load.written, load.rejected, load.batches)


class _Load:
    """One load under way: what was read, written and rejected so far."""

    def __init__(self, writer: GraphWriter) -> None:
        self._writer = writer
        self._known_ids: dict[str, pa.Array] = {}
        self.read: dict[str, int] = {}
        self.written: dict[str, int] = {}
        self.rejected: dict[str, int] = {}
        self.rejections: list[pa.Table] = []
        self.batches: dict[str, pa.Table] = {}

    def nodes(self, label: str, rows: pa.Table) -> None:
        sound = self._sift(label, rows, validate_nodes)
        self._known_ids[label] = sound["id"].combine_chunks()
        self.written[label] = self._writer.upsert_nodes(label, sound).rows
        self.batches[label] = sound

    def edges(self, relation: str, rows: pa.Table) -> None:
        sound = self._sift(relation, rows, partial(validate_edges, known_ids=self._known_ids))
        self.written[relation] = self._writer.upsert_edges(relation, sound).rows
        self.batches[relation] = sound

    def _sift(self, term: str, rows: pa.Table, validate: _Validate) -> pa.Table:
        report = validate(term, rows)
        faulty = report.faulty_rows
        self.read[term] = rows.num_rows
        self.rejected[term] = len(faulty)
        for finding in report.findings:
            self._reject(term, rows.take(pa.array(finding.rows)), finding.rule, finding.message)
        keep = np.ones(rows.num_rows, dtype=bool)
        keep[faulty] = False
        return rows.filter(pa.array(keep))

    def _reject(self, term: str, rows: pa.Table, rule: str, message: str) -> None:
        texts = [canonical_bytes(row).decode() for row in rows.to_pylist()]
        columns = {"term": [term] * len(texts), "row": texts, "rule": [rule] * len(texts), "message": [message] * len(texts)}
        self.rejections.append(pa.table(columns, schema=REJECTED_SCHEMA))
