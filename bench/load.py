"""Seconds, rows per second and peak memory of loading all facts into each store.

`batched_merge` is the plain recipe on Neo4j: one session, 10,000 rows a transaction, `MERGE` on the key for every row. It runs
through the same writer with `always_merge`. Each system loads in a process of its own, so that none inherits another's memory.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from bench.apart import apart
from bench.frame import Bench, BenchContext, BenchRow
from bench.stores import FreshStore, fresh_store, resident_mb
from ingest.graph_load import fact_batches
from ingest.graph_queries import EDGE_QUERIES, NODE_QUERIES
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake
from pipeline.layout import HomeLayout

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
    with context.progress.stage("Loading every store", len(SYSTEMS)) as stage:
        for system, kind in SYSTEMS:
            stage.note(f"{kind} ({system})")
            load = apart(_loaded, HomeLayout(context.home).lake, context.as_of, system, kind, quick=context.quick)
            rows += _rows(system, kind, load)
            stage.advance()
    return rows, ["Seconds count writing alone; memory is the loading process and the server together, every quarter second."]


def _loaded(lake_folder: Path, as_of: date, system: str, kind: str, *, quick: bool) -> _Load:
    """Load one store; runs in a process of its own."""
    load = _Load()
    with fresh_store(kind, SilentProgress(), plain_merge=system == "batched_merge") as fresh:
        fresh.store.prepare()
        with _watched(load, fresh):
            _write_all(DeltaLake(lake_folder), as_of, fresh, load, quick=quick)
    return load


def _write_all(lake: DeltaLake, as_of: date, fresh: FreshStore, load: _Load, *, quick: bool) -> None:
    for queries, write in ((NODE_QUERIES, fresh.store.upsert_nodes), (EDGE_QUERIES, fresh.store.upsert_edges)):
        chosen = tuple(query for query in queries if not quick or query.term in QUICK_TERMS)
        for term, batch in fact_batches(lake, chosen, as_of):
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
    takes_as_of=True,
)
