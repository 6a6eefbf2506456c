"""What every benchmark shares: its rows, its result object, and how it is run and written."""

import importlib.metadata
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bench.errors import DataSetUnknown, DayFixed, PathNotUsed
from kit.canonical import canonical_value
from kit.progress import Progress
from lake import Lake

__all__ = ["Bench", "BenchContext", "BenchResult", "BenchRow", "measure"]

REPORTED_LIBRARIES = (
    "duckdb", "graphdatascience", "ibis-framework", "implicit", "ladybug", "lightgbm", "neo4j", "numpy", "pyarrow", "scipy"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One figure of one system: `low` and `high` bound it where an interval was computed, `n` counts what it rests on."""

    system: str
    metric: str
    slice: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class BenchContext:
    """What a benchmark is given.

    Args:
        lake: the facts that it measures on.
        home: the installation's folder (graph, snapshots, models).
        quick: end within a minute, on a sample.
        progress: who watches.
        data: the data set's name; "" for the demo data.
        path: the folder of data outside the project, where `data` needs one.
        as_of: measure as of this day; `date.max` where the data lie outside the project, of which all is measured.
        country: whose public holidays are known ahead; None: none.
    """

    lake: Lake
    home: Path
    quick: bool
    progress: Progress
    as_of: date
    data: str = ""
    path: Path | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The object that `--json` writes. Of data outside the project it tells neither a day nor a digest of the installation's."""

    bench: str
    data: str
    as_of: date | None
    quick: bool
    rows: tuple[BenchRow, ...]
    notes: tuple[str, ...]
    seconds: float
    peak_rss_mb: float
    machine: str
    versions: Mapping[str, str]
    data_digest: str
    commit: str

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON types, rows as objects."""
        plain: dict[str, Any] = canonical_value(asdict(self))
        return plain


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark.

    Args:
        name: its word on the command line.
        claim: what it measures, as a sentence that holds whatever the figures are.
        run: returns rows and remarks.
        tables: the facts whose digests the result carries.
        takes_as_of: whether it can measure as of an earlier day than the last of the data.
        data_sets: names of data that it can measure on, beside the installation's.
        needs_path: whether such data lie outside the project, so that it measures nothing without being told where.
    """

    name: str
    claim: str
    run: Callable[[BenchContext], tuple[list[BenchRow], list[str]]]
    tables: tuple[str, ...] = ("sales_lines",)
    takes_as_of: bool = False
    data_sets: tuple[str, ...] = ()
    needs_path: bool = False

    def check(self, *, data: str, path: Path | None, as_of: date | None) -> None:
        """Refuse what this benchmark would not heed. Raises: DataSetUnknown, PathNotUsed, DayFixed."""
        if data and data not in self.data_sets:
            raise DataSetUnknown(self.name, data, self.data_sets)
        if path and not data:
            raise PathNotUsed(self.name)
        if as_of and (data or not self.takes_as_of):
            raise DayFixed(self.name)


def measure(bench: Bench, context: BenchContext, commit: str) -> BenchResult:
    """Run a benchmark and describe where and on what it ran."""
    started = time.perf_counter()
    rows, notes = bench.run(context)
    known = set() if context.path else set(context.lake.names())
    digests = [context.lake.version(name).digest for name in bench.tables if name in known]
    return BenchResult(
        bench=bench.name,
        data=context.data,
        as_of=None if context.path else context.as_of,
        quick=context.quick,
        rows=tuple(rows),
        notes=tuple(notes),
        seconds=round(time.perf_counter() - started, 1),
        peak_rss_mb=round(_peak_rss_mb(), 0),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        versions={name: importlib.metadata.version(name) for name in REPORTED_LIBRARIES},
        data_digest=",".join(digest[:16] for digest in digests),
        commit=commit,
    )


def _peak_rss_mb() -> float:
    # Linux counts in KiB; the largest of this process and its finished children
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(own, children) / 1024
