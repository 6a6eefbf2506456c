"""The open-loop part of `bench serve`: latency at fixed rates, the highest rate that keeps it, and memory over a long run.

A rate is kept when the 99th percentile stays within the goal and no request fails. Other work on the machine comes and goes, so
a rate is tried several times and the best try counts: what the worker can do is measured, not what its neighbours leave it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.frame import BenchRow
from bench.http_load import Request
from bench.open_load import OpenFigures, run_open_load
from bench.stores import resident_mb
from kit.progress import Progress

__all__ = ["OPEN_LOADS", "OpenLoad", "OpenPlan", "open_rows"]


STOLEN = 7
"""The place in /proc/stat of what other machines on the same hardware took."""


@dataclass(frozen=True, slots=True)
class OpenLoad:
    """One kind of request at the rate that a worker is to bear, and the 99th percentile that is allowed there."""

    name: str
    rate: float
    allowed_p99_ms: float


OPEN_LOADS = (
    OpenLoad("recommendations", 300.0, 80.0),
    OpenLoad("recommendations_rest", 900.0, 80.0),
    OpenLoad("item", 300.0, 30.0),
)


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """How long is measured: seconds and tries of a rate, by how much rates grow, how often, and seconds of the long run."""

    seconds: float = 10.0
    tries: int = 3
    growth: float = 1.2
    steps: int = 6
    long_seconds: float = 600.0
    settled_seconds: float = 60.0

    @classmethod
    def quick(cls) -> "OpenPlan":
        """Return a plan of seconds."""
        return cls(seconds=2.0, tries=1, growth=1.5, steps=2, long_seconds=6.0, settled_seconds=2.0)


class Ask(Protocol):
    """Sends requests at a rate for some seconds."""

    def __call__(self, requests: Sequence[Request], rate: float, seconds: float) -> OpenFigures: ...


def open_rows(
    where: tuple[str, int, int], asked: Callable[[str], Sequence[Request]], plan: OpenPlan, progress: Progress
) -> Iterator[BenchRow]:
    """Yield the figures of every load, then of the long run with the first of them.

    Args:
        where: host, port and process id of the server.
        asked: the requests of a load by its name.
        plan: how long is measured.
        progress: who watches.
    """
    host, port, pid = where

    def ask(requests: Sequence[Request], rate: float, seconds: float) -> OpenFigures:
        return run_open_load(host, port, requests, rate=rate, seconds=seconds)

    for load in OPEN_LOADS:
        with progress.stage(f"{load.name}, {load.rate:.0f} a second"):
            requests = asked(load.name)
            first = best_of(ask, requests, load.rate, plan)
        yield from _rows(load, f"{load.name}@{load.rate:.0f}", first)
        with progress.stage(f"{load.name}, the highest rate"):
            yield from _highest(ask, requests, load, first, plan)
    with progress.stage(f"memory over {plan.long_seconds:.0f} seconds"):
        yield from _long(ask, asked(OPEN_LOADS[0].name), plan, pid)


def best_of(ask: Ask, requests: Sequence[Request], rate: float, plan: OpenPlan) -> OpenFigures:
    """Return the best of several tries: the fewest errors, then the lowest 99th percentile."""
    return min((ask(requests, rate, plan.seconds) for _ in range(plan.tries)), key=lambda tried: (tried.errors, tried.p99_ms))


def kept(load: OpenLoad, found: OpenFigures) -> bool:
    """Whether a rate was kept."""
    return found.errors == 0 and found.p99_ms <= load.allowed_p99_ms


def _highest(ask: Ask, requests: Sequence[Request], load: OpenLoad, first: OpenFigures, plan: OpenPlan) -> Iterator[BenchRow]:
    """Yield the highest rate that was kept, 0 where not even the first was, and the percentile there."""
    best = first if kept(load, first) else None
    for step in range(1, plan.steps + 1) if best else ():
        found = best_of(ask, requests, load.rate * plan.growth**step, plan)
        if not kept(load, found):
            break
        best = found
    yield BenchRow("shelfgraph", "highest_rate", f"{load.name}@highest", best.rate if best else 0.0)
    if best:
        yield BenchRow("shelfgraph", "p99_ms", f"{load.name}@highest", best.p99_ms, n=best.answers)


def _long(ask: Ask, requests: Sequence[Request], plan: OpenPlan, pid: int) -> Iterator[BenchRow]:
    """Yield how much memory grew from when the worker had settled to the end, and the latency of all that time."""
    load = OPEN_LOADS[0]
    ask(requests, load.rate, plan.settled_seconds)
    settled, before = resident_mb(pid), _processor_ticks()
    found = ask(requests, load.rate, plan.long_seconds)
    stolen, ticks = (now - then for now, then in zip(_processor_ticks(), before, strict=True))
    name = f"{load.name}@{load.rate:.0f} for {plan.long_seconds:.0f} s"
    yield from _rows(load, name, found)
    late = sum(p99 > load.allowed_p99_ms for p99 in found.p99_by_second_ms)
    yield BenchRow("shelfgraph", "late_seconds", name, float(late), n=len(found.p99_by_second_ms))
    yield BenchRow("shelfgraph", "stolen_share", name, stolen / max(ticks, 1))
    yield BenchRow("shelfgraph", "rss_mb", name, settled)
    yield BenchRow("shelfgraph", "rss_growth_mb", name, resident_mb(pid) - settled)


def _rows(load: OpenLoad, name: str, found: OpenFigures) -> Iterator[BenchRow]:
    values = {
        "requests_per_second": found.answers_per_second,
        "p50_ms": found.p50_ms,
        "p95_ms": found.p95_ms,
        "p99_ms": found.p99_ms,
        "allowed_p99_ms": load.allowed_p99_ms,
        "errors": float(found.errors),
    }
    for metric, value in values.items():
        yield BenchRow("shelfgraph", metric, name, value, n=found.answers)


def _processor_ticks() -> tuple[int, int]:
    """Return the ticks that the machine's processors were taken away from it, and all ticks (proc(5))."""
    ticks = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return ticks[STOLEN], sum(ticks)
