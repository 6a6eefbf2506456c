"""`python -m bench.evidence_engines`: derive evidence on relations on DuckDB, in a process of its own, and say what it took.

`bench.evidence_spark` does the same on Spark, which is an extra of the installation: nothing here imports it.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path

from pyarrow import feather

from bench.costs import NEW_PEAK, Cost, metered, peak_rss_mb
from bench.evidence import COSTS_FILE, START, TRIPS
from features.household_segments import household_segments
from features.relation_evidence import EVIDENCE_KINDS, EvidenceScopes, evidence_in_turn
from features.store_clusters import store_clusters
from lake import Lake
from lake.delta_lake import DeltaLake

__all__ = ["MEMORY_GB", "Engine", "derive_on", "main"]

MEMORY_GB = 12
"""Of DuckDB, and of Spark's Java: with DuckDB's usual 3 the largest world is written to disk and read back many times."""

Engine = Callable[[DeltaLake, bool], AbstractContextManager[tuple[Lake, int | None]]]
"""Starts an engine on the files of a lake, in a hurry or not; gives the lake that it reads, and the process id of its Java."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the evidence of every kind and what each took on DuckDB."""
    derive_on(_duckdb, arguments)


def derive_on(engine: Engine, arguments: Sequence[str] | None) -> None:
    """Write the evidence of every kind, and what each took: a Java process of the engine's counts with ours.

    Args:
        engine: what to derive on.
        arguments: of the command line; None takes those of this process.
    """
    asked = _parser().parse_args(arguments)
    files = DeltaLake(asked.lake, memory_gb=MEMORY_GB)
    scopes = EvidenceScopes(store_clusters(files, asked.as_of), household_segments(files, asked.as_of))
    costs: dict[str, Cost] = {}
    began = time.perf_counter()
    with engine(files, asked.quick) as (lake, java):
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Derive evidence on relations.")
    parser.add_argument("--lake", type=Path, required=True, help="folder of the facts")
    parser.add_argument("--as-of", type=date.fromisoformat, required=True, help="the last day that is known")
    parser.add_argument("--folder", type=Path, required=True, help="receives KIND.arrow of each kind, and the costs")
    parser.add_argument("--kinds", nargs="+", choices=EVIDENCE_KINDS, default=EVIDENCE_KINDS, help="of evidence")
    parser.add_argument("--quick", action="store_true", help="spend less on compiling than many rows would be worth")
    return parser


@contextmanager
def _duckdb(files: DeltaLake, _: bool) -> Iterator[tuple[Lake, int | None]]:
    yield files, None


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
