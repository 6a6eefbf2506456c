"""What it takes to train the graph neural network, and whether the same seed leaves the same bytes: on the demo data, and on
worlds of growing size.

Each training runs in a process of its own, so that memory is that of training alone.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.apart import simulate
from bench.costs import Cost, run_module
from bench.frame import Bench, BenchContext, BenchRow
from bench.world import SIZES
from bench.world.sizes import AS_OF
from gnn.export import load_vectors
from lake.delta_lake import DeltaLake
from pipeline.layout import HomeLayout

__all__ = ["BENCH", "training_rows"]

DEMO = "demo"
SIZE_NAMES = ("small", "medium", "large")
SAME_SEED_RUNS = 3


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return what training takes on the demo data (three times) or on the size of world that `data` names (once)."""
    size = "small" if context.quick else context.data
    if size not in SIZES:
        rows = training_rows(context, HomeLayout(context.home).lake, context.as_of, DEMO, SAME_SEED_RUNS)
    else:
        with TemporaryDirectory() as folder:
            lake = Path(folder) / "lake"
            with context.progress.stage(f"A {size} world"):
                simulate(size, 1, lake)
            rows = training_rows(context, lake, AS_OF, size, SAME_SEED_RUNS if context.quick else 1)
    return rows, [
        "`seconds` and `peak_rss_mb` are the largest of the runs; `digests` counts the different results of one seed.",
        "On a CPU, with the threads that are the default of `gnn.TrainingConfig`.",
    ]


def training_rows(context: BenchContext, lake: Path, as_of: date, label: str, runs: int) -> list[BenchRow]:
    """Train as often as asked with one seed and return costs, and how many different results came of it."""
    lines = DeltaLake(lake).version("sales_lines").rows
    costs: list[Cost] = []
    digests: set[str] = set()
    for number in range(1, runs + 1):
        with TemporaryDirectory() as folder, context.progress.stage(f"Training {number} of {runs}"):
            words = ["--lake", str(lake), "--as-of", as_of.isoformat(), "--folder", folder]
            costs.append(run_module("gnn", words))
            digests.add(load_vectors(Path(folder) / "vectors.safetensors").digest)
    return [*_cost_rows(costs, label, lines), BenchRow("network", "digests", label, float(len(digests)), n=runs)]


def _cost_rows(costs: Sequence[Cost], label: str, lines: int) -> list[BenchRow]:
    largest = {name: max(getattr(cost, name) for cost in costs) for name in ("seconds", "peak_rss_mb")}
    return [BenchRow("network", name, label, round(value, 1), n=lines) for name, value in largest.items()]


BENCH = Bench(
    name="training",
    claim="what training the graph neural network takes, and whether one seed always leaves the same result",
    run=run,
    tables=(),
    data_sets=SIZE_NAMES,
)
