"""Requests sent at a rate that asks for no permission: the next leaves when its time has come, answered or not."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Seen", "closed_load", "open_load"]

HOST = "127.0.0.1"


@dataclass
class Seen:
    """What became of the requests: statuses, seconds from when each was due, and the bodies that were kept."""

    statuses: Counter = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    retry_after: int = 0
    unanswered: int = 0
    elapsed: float = 0.0


class _Wire(asyncio.Protocol):
    """One kept-alive connection with at most one request on it."""

    def __init__(self, seen, free):
        self._seen, self._free = seen, free
        self._due, self._read = 0.0, b""

    def connection_made(self, transport):
        self._transport = transport
        self._free.append(self)

    def connection_lost(self, exc):
        if self._due:
            self._seen.unanswered += 1

    def send(self, raw, due):
        self._due = due
        self._transport.write(raw)

    def data_received(self, data):
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        status = int(head[9:12])
        self._seen.statuses[status] += 1
        self._seen.seconds.append(time.perf_counter() - self._due)
        self._seen.retry_after += b"retry-after" in lower
        if status == 200:
            self._seen.bodies.append(body)
        self._read, self._due = b"", 0.0
        self._free.append(self)

    def close(self):
        self._due = 0.0
        self._transport.close()


async def _connected(port, connections):
    seen, free = Seen(), []
    loop = asyncio.get_running_loop()
    wires = [(await loop.create_connection(lambda: _Wire(seen, free), HOST, port))[1] for _ in range(connections)]
    return seen, free, wires


async def open_load(port: int, requests: Sequence[bytes], *, rate: float, seconds: float, connections: int) -> Seen:
    """Send `rate` requests a second over at most so many connections; one that finds none free counts as unanswered."""
    seen, free, wires = await _connected(port, connections)
    started, sent = time.perf_counter(), 0
    while (now := time.perf_counter()) < started + seconds:
        due = min(int((now - started) * rate), int(seconds * rate))
        for number in range(sent, due):
            if free:
                free.pop().send(requests[number % len(requests)], started + number / rate)
            else:
                seen.unanswered += 1
        sent = due
        await asyncio.sleep(0.002)
    seen.elapsed = time.perf_counter() - started
    await _drained(free, wires)
    return seen


async def closed_load(port: int, requests: Sequence[bytes], *, seconds: float, connections: int) -> Seen:
    """Send a request wherever an answer came, for so long."""
    seen, free, wires = await _connected(port, connections)
    started, sent = time.perf_counter(), 0
    while time.perf_counter() < started + seconds:
        while free:
            free.pop().send(requests[sent % len(requests)], time.perf_counter())
            sent += 1
        await asyncio.sleep(0)
    seen.elapsed = time.perf_counter() - started
    await _drained(free, wires)
    return seen


async def _drained(free, wires):
    until = time.perf_counter() + 10
    while len(free) < len(wires) and time.perf_counter() < until:  # noqa: ASYNC110 - nobody tells that the last answer came
        await asyncio.sleep(0.01)
    for wire in wires:
        wire.close()
