"""How soon an event changes the next answer, in `bench serve`: over HTTP, alone and beside an open load.

A household is answered, puts the first product of its list into its cart, and is asked for again until the list does not hold
it. The time counts from before the event is sent until the changed answer is read.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any

import numpy as np

from bench.frame import BenchRow
from bench.http_load import Request
from bench.open_load import run_open_load
from kit.progress import Progress

__all__ = ["Cart", "event_rows"]

LIMIT_SECONDS = 5.0
"""An answer that has not changed by then counts as an error, with all of this time."""
BESIDE_RATE = 300.0
"""Recommendations a second that are asked for beside the events."""
SESSION = "shelfgraph-bench"
Ask = Callable[[str, str, bytes | None], Any]


@dataclass(frozen=True, slots=True)
class Cart:
    """Whose cart is filled, and in which store."""

    household_id: str
    store_id: str


def event_rows(
    where: tuple[str, int], carts: Sequence[Cart], beside: Sequence[Request], progress: Progress
) -> Iterator[BenchRow]:
    """Yield the figures of one half of the carts alone, then of the other beside an open load.

    Args:
        where: host and port of the server.
        carts: what is filled, each once.
        beside: what is asked for at the same time.
        progress: who watches.
    """
    half = len(carts) // 2
    with progress.stage(f"{half} events to changed answers"):
        yield from _rows("event_to_answer", *_measured(where, carts[:half]))
    with progress.stage(f"{half} events to changed answers beside {BESIDE_RATE:.0f} requests a second"):
        over = threading.Event()
        load = threading.Thread(target=_load_until, args=(over, where, beside))
        load.start()
        try:
            yield from _rows(f"event_to_answer beside {BESIDE_RATE:.0f}", *_measured(where, carts[half:]))
        finally:
            over.set()
            load.join()


def _load_until(over: threading.Event, where: tuple[str, int], requests: Sequence[Request]) -> None:
    while not over.is_set():
        run_open_load(*where, requests, rate=BESIDE_RATE, seconds=1.0)


def _measured(where: tuple[str, int], carts: Sequence[Cart]) -> tuple[list[float], int]:
    """Return the seconds of each event, and how many answers never changed."""
    connection = HTTPConnection(*where, timeout=30)

    def ask(method: str, path: str, body: bytes | None = None) -> Any:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    try:
        took = [_one(ask, cart) for cart in carts]
    finally:
        connection.close()
    return took, sum(seconds >= LIMIT_SECONDS for seconds in took)


def _one(ask: Ask, cart: Cart) -> float:
    session = f"{SESSION}-{cart.household_id}"
    path = f"/v1/recommendations?household={cart.household_id}&limit=10&session={session}"
    first = _listed(ask("GET", path, None))[0]
    event = {
        "event_id": session,
        "kind": "cart",
        "household_id": cart.household_id,
        "session_id": session,
        "store_id": cart.store_id,
        "product_id": first,
        "happened_at": datetime.now(UTC).isoformat(),
    }
    started = time.perf_counter()
    told = ask("POST", "/v1/events", json.dumps([event]).encode())
    if told.get("accepted") != 1:
        raise RuntimeError(f"the event was not accepted: {told}")
    while first in _listed(ask("GET", path, None)):
        if time.perf_counter() - started >= LIMIT_SECONDS:
            return LIMIT_SECONDS
    return time.perf_counter() - started


def _listed(answer: Any) -> list[str]:
    return [str(item["product_id"]) for item in answer["answer"]["items"]]


def _rows(name: str, took: Sequence[float], errors: int) -> Iterator[BenchRow]:
    p50, p99, longest = (float(value) for value in np.percentile(np.asarray(took) * 1e3, [50, 99, 100]))
    for metric, value in {"p50_ms": p50, "p99_ms": p99, "longest_ms": longest, "errors": float(errors)}.items():
        yield BenchRow("shelfgraph", metric, name, value, n=len(took))
