"""An open-loop load: requests leave at a fixed rate whatever the server does, over kept-alive HTTP/1.1 connections on loopback.

A closed loop waits for a slow answer before it asks again, and so counts one slow answer where a shop's customers would have met
many (coordinated omission). Here the latency of a request counts from the moment at which it was to leave: time that it waited
for a free connection, or because this process was late, is in it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import uvloop

from bench.http_load import Request

__all__ = ["OpenFigures", "run_open_load"]

CONNECTIONS = 64
DRAIN_SECONDS = 10.0
"""How long answers are waited for when the last request was due; what is missing then is an error."""
LEAST_SLEEP_SECONDS = 0.001
"""Thousands of requests a second leave in bursts of a millisecond, each late and counted as late, so that timers do not take the
processor that the server needs."""
WAITING_AT_MOST = 4_000
"""Requests that wait for a connection before the rate is given up, since the server does not follow, or before one is dropped."""
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class OpenFigures:
    """What an open load saw: the rate asked for and the answers per second, latency in milliseconds, and errors.

    An error is an answer whose status is not 200 or that holds a GraphQL `errors` key, or that never came. `p99_by_second_ms` are
    the percentiles of what was due in each second that had an answer.
    """

    rate: float
    answers_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    answers: int
    errors: int
    p99_by_second_ms: tuple[float, ...] = ()


@dataclass(slots=True)
class _Run:
    """What is under way. `waiting`: requests that are due and have no connection yet, with their moments."""

    heard: Callable[[bytes], None] | None
    drop: bool
    started: float = 0.0
    latencies: list[float] = field(default_factory=list)
    seconds: list[int] = field(default_factory=list)
    errors: int = 0
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    free: list["_Client"] = field(default_factory=list)
    lost: int = 0
    dropped: int = 0
    expected: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def due(self, moment: float, raw: bytes) -> None:
        if self.free:
            self.free.pop().ask(moment, raw)
        else:
            self.waiting.append((moment, raw))

    def answered(self, client: "_Client", moment: float, *, failed: bool) -> None:
        self.latencies.append(time.perf_counter() - moment)
        self.seconds.append(int(moment - self.started))
        self.errors += failed
        if self.waiting:
            client.ask(*self.waiting.popleft())
        else:
            self.free.append(client)
        self.look()

    def look(self) -> None:
        """Tell whoever waits for the end whether it is reached."""
        if self.expected is not None and len(self.latencies) + self.lost >= self.expected:
            self.over.set()


class _Client(asyncio.Protocol):
    """One connection: asks one request at a time. The body is only looked at where its length is known to have come."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._moment = 0.0
        self._asking = False
        self._buffer = bytearray()
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._run.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asking:
            self._run.lost += 1
            self._run.look()
        elif self in self._run.free:
            self._run.free.remove(self)

    def ask(self, moment: float, raw: bytes) -> None:
        self._moment, self._asking = moment, True
        self._transport.write(raw)  # type: ignore[attr-defined]  # asyncio types it as the base transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._missing:
            head = self._buffer.find(HEAD_END)
            if head < 0:
                return
            lowered = bytes(self._buffer[:head]).lower()
            at = lowered.index(LENGTH) + len(LENGTH)
            self._missing = head + len(HEAD_END) + int(lowered[at:].split(b"\r\n", 1)[0])
        if len(self._buffer) >= self._missing:
            failed = not self._buffer.startswith(b"HTTP/1.1 200") or b'"errors":' in self._buffer
            if self._run.heard:
                self._run.heard(bytes(self._buffer))
            self._buffer.clear()
            self._missing, self._asking = 0, False
            self._run.answered(self, self._moment, failed=failed)

    def close(self) -> None:
        self._transport.close()


def run_open_load(
    host: str,
    port: int,
    requests: Sequence[Request],
    *,
    rate: float,
    seconds: float,
    connections: int = CONNECTIONS,
    heard: Callable[[bytes], None] | None = None,
    drop: bool = False,
) -> OpenFigures:
    """Send `requests` round and round, `rate` of them a second, evenly spaced, for `seconds`.

    Args:
        host: where.
        port: where there.
        requests: what is sent.
        rate: how many a second.
        seconds: how long.
        connections: how many are kept open.
        heard: is told every answer.
        drop: goes on for all the seconds where the server does not follow; what finds too many waiting is not sent, and an error.
    """
    raw = [request.as_bytes(f"{host}:{port}") for request in requests]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load((host, port), raw, (rate, seconds), connections, _Run(heard, drop)))


async def _load(
    where: tuple[str, int],
    raw: Sequence[bytes],
    pace: tuple[float, float],
    connections: int,
    run: "_Run",
) -> OpenFigures:
    loop, (rate, seconds) = asyncio.get_running_loop(), pace
    clients = [(await loop.create_connection(lambda: _Client(run), *where))[1] for _ in range(connections)]
    run.started = started = time.perf_counter()
    try:
        sent = await _send(run, raw, rate, int(rate * seconds), started)
        run.expected = sent - run.dropped
        run.look()
        with suppress(TimeoutError):
            await asyncio.wait_for(run.over.wait(), DRAIN_SECONDS)
    finally:
        elapsed = time.perf_counter() - started
        for client in clients:
            client.close()
    return _figures(run, rate, sent, elapsed)


async def _send(run: _Run, raw: Sequence[bytes], rate: float, count: int, started: float) -> int:
    """Send each request when it is due, and return how many were due: fewer where the server was given up."""
    for number in range(count):
        moment = started + number / rate
        if (ahead := moment - time.perf_counter()) > 0:
            await asyncio.sleep(max(ahead, LEAST_SLEEP_SECONDS))
        if len(run.waiting) <= WAITING_AT_MOST:
            run.due(moment, raw[number % len(raw)])
        elif not run.drop:
            return number
        else:
            run.dropped += 1
        if number % 16 == 15:
            await asyncio.sleep(0)  # answers are read also while requests are late
    return count


def _figures(run: _Run, rate: float, sent: int, elapsed: float) -> OpenFigures:
    milliseconds = np.asarray(run.latencies or [0.0]) * 1e3
    p50, p95, p99, longest = (float(value) for value in np.percentile(milliseconds, [50, 95, 99, 100]))
    answers, errors = len(run.latencies), run.errors + sent - len(run.latencies)
    second = np.asarray(run.seconds or [0])
    by_second = np.split(milliseconds[np.argsort(second, kind="stable")], np.cumsum(np.bincount(second))[:-1])
    each = tuple(float(np.percentile(some, 99)) for some in by_second if len(some))
    return OpenFigures(rate, answers / elapsed, p50, p95, p99, longest, answers, errors, each)
