"""Evidence on relations from worlds of three sizes: what it takes on DuckDB and on Spark, and whether the two count the same.

Every world is simulated in a process of its own, and every engine derives in one, so that memory is that of deriving alone.
Evidence is counted as the product counts it: in the chain, its store clusters, seasons and segments of households.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from pyarrow import feather

from bench.apart import simulate
from bench.costs import Cost, run_module
from bench.frame import Bench, BenchContext, BenchRow
from bench.world.sizes import AS_OF
from features.relation_evidence import EVIDENCE_KINDS
from features.relation_evidence_agreement import largest_difference
from lake.delta_lake import DeltaLake

__all__ = ["BENCH", "QUICK", "Asked", "compared", "evidence_rows"]

SIZE_NAMES = ("small", "medium", "large")
MODULES = {"duckdb": "bench.evidence_engines", "spark": "bench.evidence_spark"}
ENGINES = tuple(MODULES)
COST_NAMES = ("seconds", "peak_rss_mb")
KEYS = ["source", "target", "scope"]
START, TRIPS, COSTS_FILE = "start", "trips", "costs.json"
"""What the modules call the engine's start and the counting of trips, and the file that it writes costs to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is derived; `quick` where the rows are too few to be worth compiling well."""

    kinds: tuple[str, ...] = EVIDENCE_KINDS
    quick: bool = False


QUICK = Asked(EVIDENCE_KINDS[-1:], quick=True)


@dataclass(frozen=True, slots=True)
class Derived:
    """What one engine made of one lake: `costs` by kind of evidence (with TRIPS and START), and the folder of the tables."""

    costs: Mapping[str, Cost]
    kinds: tuple[str, ...]
    folder: Path

    def table(self, kind: str) -> pa.Table:
        """Return one kind of evidence, from the file without taking memory."""
        return feather.read_table(self.folder / f"{kind}.arrow", memory_map=True)

    @property
    def cost(self) -> Cost:
        """What the trips and then all kinds take, one after the other."""
        return reduce(Cost.plus, (self.costs[part] for part in (TRIPS, *self.kinds)))


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return costs and agreement on the size of world that `data` names, or on each; the quick sample is the smallest."""
    # a quick run takes the kind of the fewest steps: Spark needs seconds for each, however few the rows
    sizes, asked = (SIZE_NAMES[:1], QUICK) if context.quick else (SIZE_NAMES, Asked())
    rows = [row for size in ((context.data,) if context.data else sizes) for row in _measure(context, size, asked)]
    return rows, _notes(rows)


def evidence_rows(lake: Path, as_of: date, size: str, folder: Path, asked: Asked | None = None) -> list[BenchRow]:
    """Derive evidence on every engine that is installed and return what it took, and how far their tables agree.

    Args:
        lake: the folder of the facts.
        as_of: the last day that is known.
        size: the slice of the figures.
        folder: receives the tables.
        asked: everything by default.
    """
    lines = DeltaLake(lake).version("sales_lines").rows
    derived = {engine: _derive(engine, lake, as_of, folder / engine, asked or Asked()) for engine in _engines()}
    rows = [row for engine, found in derived.items() for row in _cost_rows(engine, size, found, lines)]
    return rows + (_agreement_rows(size, *(derived[engine] for engine in ENGINES)) if len(derived) == len(ENGINES) else [])


def compared(one: pa.Table, other: pa.Table) -> tuple[int, float]:
    """Return how many rows only one of two sorted tables has, and the largest difference of the rows that both have.

    Floats differ by parts of the larger of the two (and of 1); a count, a day or a null that differs is wholly different, 1.
    """
    missing = 0
    if not one.select(KEYS).equals(other.select(KEYS)):
        order = [(key, "ascending") for key in KEYS]
        shared = [
            left.join(right.select(KEYS), KEYS, join_type="left semi").sort_by(order)
            for left, right in ((one, other), (other, one))
        ]
        missing = one.num_rows + other.num_rows - 2 * shared[0].num_rows
        one, other = shared
    return missing, min(largest_difference(one, other), 1.0)


def _measure(context: BenchContext, size: str, asked: Asked) -> list[BenchRow]:
    with TemporaryDirectory() as folder, context.progress.stage(f"A {size} world"):
        simulate(size, 1, Path(folder) / "lake")
        return evidence_rows(Path(folder) / "lake", AS_OF, size, Path(folder), asked)


def _engines() -> Sequence[str]:
    # Spark is an extra of the installation
    return ENGINES if find_spec("pyspark") else ENGINES[:1]


def _derive(engine: str, lake: Path, as_of: date, folder: Path, asked: Asked) -> Derived:
    folder.mkdir()
    named = {"--lake": str(lake), "--as-of": as_of.isoformat(), "--folder": str(folder)}
    words = [word for pair in named.items() for word in pair]
    run_module(MODULES[engine], [*words, *(["--quick"] if asked.quick else []), "--kinds", *asked.kinds])
    costs = json.loads((folder / COSTS_FILE).read_text())
    return Derived({name: Cost(**cost) for name, cost in costs.items()}, asked.kinds, folder)


def _cost_rows(engine: str, size: str, found: Derived, lines: int) -> list[BenchRow]:
    counts = {kind: float(found.table(kind).num_rows) for kind in found.kinds}
    costs = {size: found.cost} | {f"{size}:{part}": found.costs[part] for part in (TRIPS, *found.kinds)}
    figures = [(where, name, round(getattr(cost, name), 1)) for where, cost in costs.items() for name in COST_NAMES]
    figures += [(size, "rows", sum(counts.values())), *((f"{size}:{kind}", "rows", rows) for kind, rows in counts.items())]
    figures.append((size, "start_seconds", round(found.costs[START].seconds, 1)))
    return [BenchRow(engine, metric, where, value, n=lines) for where, metric, value in figures]


def _agreement_rows(size: str, one: Derived, other: Derived) -> list[BenchRow]:
    """Return by kind, and over all, the rows that one engine lacks and the largest difference of the others."""
    found = {f"{size}:{kind}": compared(one.table(kind), other.table(kind)) for kind in one.kinds}
    found[size] = (sum(missing for missing, _ in found.values()), max(difference for _, difference in found.values()))
    return [
        BenchRow("spark", metric, where, float(value))
        for where, pair in found.items()
        for metric, value in zip(("rows_missing", "largest_difference"), pair, strict=True)
    ]


def _notes(rows: Sequence[BenchRow]) -> list[str]:
    figures = {(row.system, row.metric, row.slice): row for row in rows}
    engines = [engine for engine in ENGINES if any(row.system == engine for row in rows)]
    notes = [
        "The trips, then all kinds one after the other, to sorted tables; the start of Spark is told apart (`start_seconds`).",
        "`peak_rss_mb` is that of the kind that takes most; of Spark, that of its Java process and of ours together.",
        "Either engine may take 12 GB before it writes to disk (`SHELFGRAPH_QUERY_MEMORY_GB`).",
        "`rows_missing` are those that only one engine has; differences are in parts of the larger figure (1 at least).",
    ]
    if "spark" not in engines:
        notes.append("Spark is not installed here (the extra `spark`): DuckDB alone was measured.")
    if any(row.slice == "medium" for row in rows) and any(row.slice == "large" for row in rows):
        notes += [_growth(engine, figures) for engine in engines]
    return notes


def _growth(engine: str, figures: Mapping[tuple[str, str, str], BenchRow]) -> str:
    seconds, memory = (figures[engine, metric, "large"].value / figures[engine, metric, "medium"].value for metric in COST_NAMES)
    lines = (figures[engine, "seconds", "large"].n or 0) / (figures[engine, "seconds", "medium"].n or 1)
    return (
        f"From medium to large, {lines:.1f} times the sales lines: {engine} takes {seconds:.1f} times as long and "
        f"{memory:.1f} times the memory."
    )


BENCH = Bench(
    name="evidence",
    claim="what evidence on relations takes on DuckDB and on Spark as sales grow, and how far the two engines' tables differ",
    run=run,
    tables=(),
    data_sets=SIZE_NAMES,
)
