"""The open load counts what a closed one leaves out, and every answer that did not come."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench.http_load import Request
from bench.open_load import OpenFigures, run_open_load
from bench.serve_open import OPEN_LOADS, OpenPlan, best_of, kept, open_rows
from bench.serve_rush import Rush, rush_rows
from kit.progress import SilentProgress

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
ASKED = [Request("GET", "/"), Request("POST", "/x", b"{}")]


@contextmanager
def served(answer: Callable[[int], tuple[bytes | None, float]]) -> Iterator[int]:
    """Serve on a free port: `answer` gives the bytes (None: hang up) and the seconds for which everything stands still."""
    ready, loop, counted = threading.Event(), asyncio.new_event_loop(), iter(range(10**9))
    port = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2 if head.startswith(b"POST") else 0)
            content, still = answer(next(counted))
            if still:
                threading.Event().wait(still)  # the loop and all its connections stand still
            if content is None:
                writer.close()
                return
            half = len(content) // 2
            writer.write(content[:half])
            await asyncio.sleep(0)
            writer.write(content[half:])

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def start() -> None:
        nonlocal port
        server = await asyncio.start_server(quiet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        ready.set()

    loop.create_task(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    assert ready.wait(10)
    yield port
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def test_requests_leave_at_their_rate_and_all_answers_are_counted():
    with served(lambda _: (GOOD, 0.0)) as port:
        found = run_open_load("127.0.0.1", port, ASKED, rate=200, seconds=1.0)
    assert (found.answers, found.errors) == (200, 0)
    assert found.answers_per_second == pytest.approx(200, rel=0.15)
    assert 0 < found.p50_ms <= found.p95_ms <= found.p99_ms <= found.longest_ms


def test_who_waits_behind_a_slow_answer_is_counted_with_all_of_the_wait():
    """A closed loop would see one slow answer in a hundred or so; a fifth of the customers met it."""
    with served(lambda number: (GOOD, 0.4 if number == 60 else 0.0)) as port:
        found = run_open_load("127.0.0.1", port, ASKED, rate=200, seconds=2.0, connections=1)
    assert found.answers == 400
    assert 380 <= found.longest_ms <= 1500
    assert len(found.p99_by_second_ms) == 2
    assert found.p99_by_second_ms[0] == pytest.approx(found.longest_ms, rel=0.05)
    assert found.p95_ms >= 200  # a fifth of all requests were due meanwhile


@pytest.mark.parametrize(
    ("bad", "errors"),
    [
        (b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}", 20),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"errors":[]}', 20),
        (None, 20),
    ],
)
def test_what_is_no_success_is_an_error(bad, errors):
    with served(lambda number: (bad if number % 5 == 4 else GOOD, 0.0)) as port:
        found = run_open_load("127.0.0.1", port, ASKED, rate=200, seconds=0.5)
    assert found.errors == errors


def test_the_best_try_counts_and_an_error_outweighs_any_latency():
    tries = iter([OpenFigures(1, 1, 1, 1, p99, 9, 1, errors) for p99, errors in ((5.0, 1), (70.0, 0), (90.0, 0))])
    best = best_of(lambda *_: next(tries), [], 1.0, OpenPlan())
    assert (best.errors, best.p99_ms) == (0, 70.0)
    assert kept(OPEN_LOADS[0], best)
    assert not kept(OPEN_LOADS[2], best)


def test_the_rows_of_a_run_name_each_load_its_highest_rate_and_the_memory(monkeypatch):
    def found(_host, _port, _requests, *, rate, seconds):
        return OpenFigures(rate, rate, 1, 2, 10.0 if rate < 500 else 100.0, 200, int(rate * seconds), 0, (5.0, 81.0, 80.0, 90.0))

    monkeypatch.setattr("bench.serve_open.run_open_load", found)
    memory = iter([100.0, 103.0])
    monkeypatch.setattr("bench.serve_open.resident_mb", lambda _: next(memory))
    rows = {(row.slice, row.metric): row.value for row in open_rows(("", 0, 0), lambda _: [], OpenPlan(), SilentProgress())}
    assert rows["recommendations@300", "p99_ms"] == 10.0
    assert rows["recommendations@highest", "highest_rate"] == pytest.approx(300 * 1.2**2)
    assert rows["recommendations_rest@highest", "highest_rate"] == 0.0
    assert rows["recommendations_rest@900", "p99_ms"] == 100.0
    assert rows["recommendations@300 for 600 s", "rss_growth_mb"] == 3.0
    assert rows["recommendations@300 for 600 s", "late_seconds"] == 2.0
    assert 0 <= rows["recommendations@300 for 600 s", "stolen_share"] <= 1


def test_a_rush_is_told_with_what_was_answered_refused_and_before_and_after_it():
    busy = b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}"
    with served(lambda number: (busy if number % 4 == 3 else GOOD, 0.002)) as port:
        rows = rush_rows(("127.0.0.1", port), ASKED, Rush(0.5, 1.0), SilentProgress())
        found = {row.metric: row.value for row in rows}
    assert {row for row in found if found[row] <= 0} <= {"other_answers", "recovery_seconds"}
    assert found["other_answers"] == 0
    assert found["refused_per_second"] == pytest.approx(found["goodput"] / 3, rel=0.05)
    assert found["goodput_share"] == pytest.approx(found["goodput"] / ((found["capacity"] + found["capacity_after"]) / 2))
