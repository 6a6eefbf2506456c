"""`python -m bench.evidence_engines`: derive evidence on relations on one engine, in a process of its own, and say what it took.

PySpark is an extra of the installation: only a process that measures Spark imports it.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path

from pyarrow import feather

from bench.costs import NEW_PEAK, Cost, metered, peak_rss_mb
from bench.evidence import COSTS_FILE, START, TRIPS
from features.household_segments import household_segments
from features.relation_evidence import EVIDENCE_KINDS, EvidenceScopes, evidence_in_turn
from features.store_clusters import store_clusters
from kg.java import bundled_java
from lake import Lake
from lake.delta_lake import DeltaLake

__all__ = ["main"]

MEMORY_GB = 12
"""Of DuckDB, and of Spark's Java: with DuckDB's usual 3 the largest world is written to disk and read back many times."""

QUICK_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Code that runs once is compiled once and quickly, never twice and well."""

parser = argparse.ArgumentParser(prog="python -m bench.evidence_engines", description="Derive evidence on relations.")
parser.add_argument("--engine", choices=("duckdb", "spark"), required=True)
parser.add_argument("--lake", type=Path, required=True, help="folder of the facts")
parser.add_argument("--as-of", type=date.fromisoformat, required=True, help="the last day that is known")
parser.add_argument("--folder", type=Path, required=True, help="receives KIND.arrow of each kind, and the costs")
parser.add_argument("--kinds", nargs="+", choices=EVIDENCE_KINDS, default=EVIDENCE_KINDS, help="of evidence")
parser.add_argument("--quick", action="store_true", help="spend less on compiling than many rows would be worth")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the evidence of every kind and what each took; of Spark the Java process counts with ours."""
    asked = parser.parse_args(arguments)
    files = DeltaLake(asked.lake, memory_gb=MEMORY_GB)
    scopes = EvidenceScopes(store_clusters(files, asked.as_of), household_segments(files, asked.as_of))
    costs: dict[str, Cost] = {}
    began = time.perf_counter()
    with _spark(files, QUICK_JAVA if asked.quick else ()) if asked.engine == "spark" else _duckdb(files) as (lake, java):
        costs[START] = Cost(time.perf_counter() - began)
        with _metered_with(java) as costs[TRIPS]:
            in_turn = evidence_in_turn(lake, asked.as_of, scopes, kinds=asked.kinds)
        for _ in asked.kinds:
            with _metered_with(java) as cost:
                kind, table = next(in_turn)
            costs[kind] = cost
            # read back without taking memory
            feather.write_feather(table, asked.folder / f"{kind}.arrow", compression="uncompressed")
            del table
    (asked.folder / COSTS_FILE).write_text(json.dumps({name: asdict(cost) for name, cost in costs.items()}))


@contextmanager
def _duckdb(files: DeltaLake) -> Iterator[tuple[Lake, int | None]]:
    yield files, None


@contextmanager
def _spark(files: DeltaLake, java_options: Sequence[str]) -> Iterator[tuple[Lake, int | None]]:
    # DuckDB is measured where Spark is not installed
    from lake.spark_engine import SparkEngine  # noqa: PLC0415 - an extra of the installation
    from lake.spark_lake import SparkLake  # noqa: PLC0415 - likewise

    engine = SparkEngine(bundled_java(), memory=f"{MEMORY_GB}g", java_options=java_options)
    try:
        yield SparkLake(files, engine), engine.pid
    finally:
        engine.stop()


@contextmanager
def _metered_with(java: int | None) -> Iterator[Cost]:
    """Give a cost that holds, once the block has ended, what this process and another took: both peaks count in full."""
    if java is not None:
        Path(f"/proc/{java}/clear_refs").write_text(NEW_PEAK)
    with metered() as cost:
        yield cost
    if java is not None:
        cost.peak_rss_mb += peak_rss_mb(java)


if __name__ == "__main__":
    main()
