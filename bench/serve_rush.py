"""Ten times what a worker can do, for a minute: what it still answers, how many are told to come back, how soon it is well.

Goodput is answers of success per second while the rush lasts, beside what the same requests reach in a closed loop before it and
after it. The load shares the machine's cores with the server. Each household was asked for once before: a capacity that is
measured while answers are computed for the first time is a tenth of the one after it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.frame import Bench, BenchContext, BenchRow
from bench.http_load import Request, run_load
from bench.open_load import run_open_load
from bench.running import HOST, running_server
from bench.serve import open_requests
from kg.snapshot import current_folder, open_snapshot
from kit.progress import Progress
from pipeline.errors import NotBuilt
from pipeline.layout import HomeLayout

__all__ = ["BENCH", "Rush", "rush_rows"]

TIMES = 10
CAPACITY_CONNECTIONS = 32
RUSH_CONNECTIONS = 512
LOOK_SECONDS, PATIENCE_SECONDS = 0.05, 60.0
STATUS = slice(9, 12)


@dataclass(frozen=True, slots=True)
class Rush:
    """How long is measured: the capacity, before and after, and the rush; and how long households are asked before, at most."""

    capacity_seconds: float = 8.0
    seconds: float = 60.0
    warm_up_seconds: float = 300.0

    @classmethod
    def quick(cls) -> "Rush":
        """Return one of seconds."""
        return cls(1.0, 3.0, 2.0)


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Serve the current release, ask for all households once, then for more than can be answered."""
    folder = current_folder(HomeLayout(context.home).snapshots)
    if folder is None:
        raise NotBuilt("published graph", "shelfgraph graph build")
    requests = open_requests(open_snapshot(folder), "recommendations_rest")
    plan = Rush.quick() if context.quick else Rush()
    with running_server(context.home, context.progress) as (port, _):
        with context.progress.stage("every household once"):
            once = list(dict.fromkeys(requests))
            run_load(HOST, port, once, connections=1, seconds=plan.warm_up_seconds, once=True)
        rows = list(rush_rows((HOST, port), requests, plan, context.progress))
    return rows, [
        "REST, ten recommendations with their paths; who asks is drawn. The load runs on the same cores as the server.",
        "`goodput_share`: beside the mean of what a closed loop of 32 connections reaches before and after the rush.",
    ]


def rush_rows(where: tuple[str, int], requests: Sequence[Request], plan: Rush, progress: Progress) -> Iterator[BenchRow]:
    """Yield the figures of a rush."""
    name, statuses = f"{TIMES} x capacity for {plan.seconds:.0f} s", Counter[bytes]()
    with progress.stage("what a worker can do"):
        before = _capacity(where, requests, plan)
    with progress.stage(f"{TIMES} times as much"):
        heard, rate = _heard(statuses), TIMES * before
        rush = run_open_load(
            *where, requests, rate=rate, seconds=plan.seconds, connections=RUSH_CONNECTIONS, heard=heard, drop=True
        )
        recovery = _recovery(where, requests)
        after = _capacity(where, requests, plan)
    lasted = rush.answers / rush.answers_per_second
    goodput = statuses[b"200"] / lasted
    values = {
        "capacity": before,
        "capacity_after": after,
        "goodput": goodput,
        "goodput_share": goodput / ((before + after) / 2),
        "refused_per_second": statuses[b"503"] / lasted,
        "other_answers": float(sum(statuses.values()) - statuses[b"200"] - statuses[b"503"]),
        "recovery_seconds": recovery,
    }
    for metric, value in values.items():
        yield BenchRow("shelfgraph", metric, name, value, n=rush.answers)


def _capacity(where: tuple[str, int], requests: Sequence[Request], plan: Rush) -> float:
    """Return answers per second of a closed loop."""
    found = run_load(*where, requests, connections=CAPACITY_CONNECTIONS, seconds=plan.capacity_seconds)
    return found.requests_per_second


def _heard(statuses: Counter[bytes]) -> Callable[[bytes], None]:
    def heard(answer: bytes) -> None:
        statuses[answer[STATUS]] += 1

    return heard


def _recovery(where: tuple[str, int], requests: Sequence[Request]) -> float:
    """Return the seconds until a request alone is answered, or those after which it is waited for no longer."""
    began = time.perf_counter()
    while run_load(*where, requests[:1], connections=1, seconds=PATIENCE_SECONDS, once=True).errors:
        if time.perf_counter() - began > PATIENCE_SECONDS:
            break
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - began


BENCH = Bench(
    name="rush",
    claim="answers a second under ten times what a worker can do, beside its capacity before and after",
    run=run,
    tables=("sales_lines", "products"),
)
