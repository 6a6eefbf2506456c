"""Seconds, rows per second and peak memory of loading all facts into each store.

`batched_merge` is the plain recipe on Neo4j: one session, 10,000 rows a transaction, `MERGE` on the key for every row. It runs
through the same writer with `always_merge`.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.frame import Bench, BenchContext, BenchRow
from bench.stores import FreshStore, fresh_store, resident_mb
from ingest.graph_load import fact_batches
from ingest.graph_queries import EDGE_QUERIES, NODE_QUERIES
from pipeline.build import last_full_day

__all__ = ["BENCH"]

SAMPLE_SECONDS = 0.25
SYSTEMS = (("shelfgraph", "embedded"), ("shelfgraph", "neo4j"), ("batched_merge", "neo4j"))
QUICK_TERMS = ("Product", "ProductCategory", "Supplier", "Brand", "inCategory", "suppliedBy", "ofBrand", "broader")


@dataclass(slots=True)
class _Load:
    seconds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    peak_mb: float = 0.0


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Read every fact from the lake once for each system and write it into an empty store."""
    rows: list[BenchRow] = []
    for system, kind in SYSTEMS:
        with fresh_store(kind, context.progress, plain_merge=system == "batched_merge") as fresh:
            fresh.store.prepare()
            load = _Load()
            with context.progress.stage(f"Loading {kind} ({system})"), _watched(load, fresh):
                _write_all(context, fresh, load)
            rows += _rows(system, kind, load)
    return rows, ["Seconds count writing alone; memory is this process and the server together, sampled every quarter second."]


def _write_all(context: BenchContext, fresh: FreshStore, load: _Load) -> None:
    as_of = context.as_of or last_full_day(context.lake)
    for queries, write in ((NODE_QUERIES, fresh.store.upsert_nodes), (EDGE_QUERIES, fresh.store.upsert_edges)):
        chosen = tuple(query for query in queries if not context.quick or query.term in QUICK_TERMS)
        for term, batch in fact_batches(context.lake, chosen, as_of):
            begun = time.perf_counter()
            write(term, batch)
            load.seconds[term] = time.perf_counter() - begun
            load.rows[term] = batch.num_rows


def _rows(system: str, kind: str, load: _Load) -> list[BenchRow]:
    seconds, count = sum(load.seconds.values()), sum(load.rows.values())
    rows = [
        BenchRow(system, "seconds", kind, seconds, n=count),
        BenchRow(system, "rows_per_second", kind, count / seconds, n=count),
        BenchRow(system, "peak_rss_mb", kind, load.peak_mb),
    ]
    for term, taken in load.seconds.items():
        if load.rows[term] >= 1000:
            rows.append(BenchRow(system, "rows_per_second", f"{kind}:{term}", load.rows[term] / taken, n=load.rows[term]))
    return rows


@contextmanager
def _watched(load: _Load, fresh: FreshStore) -> Iterator[None]:
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            server = resident_mb(fresh.server_pid) if fresh.server_pid else 0.0
            load.peak_mb = max(load.peak_mb, resident_mb(os.getpid()) + server)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


BENCH = Bench(
    name="load",
    claim="seconds, rows per second and memory of loading all facts into each store",
    run=run,
    tables=("sales_lines", "products", "promotion_weeks", "coupon_products"),
)
