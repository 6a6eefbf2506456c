"""A small closed-loop load over kept-alive HTTP/1.1 connections on loopback, bounded in count and time."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import uvloop

__all__ = ["LoadFigures", "Request", "run_load"]

READ_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request: method, path and JSON body (empty for GET)."""

    method: str
    path: str
    body: bytes = b""

    def as_bytes(self, host: str) -> bytes:
        """Return the request as it goes over the wire."""
        lines = (
            f"{self.method} {self.path} HTTP/1.1",
            f"Host: {host}",
            "Content-Type: application/json",
            f"Content-Length: {len(self.body)}",
        )
        return "\r\n".join((*lines, "", "")).encode() + self.body


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What a load saw: answers per second, latency percentiles in milliseconds, and how many answers were no success."""

    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    answers: int
    errors: int


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, raw: bytes) -> tuple[int, bytes]:
        self._writer.write(raw)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length"))
        return int(lines[0].split()[1]), await self._reader.readexactly(length)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def run_load(
    host: str, port: int, requests: Sequence[Request], *, connections: int, seconds: float, once: bool = False
) -> LoadFigures:
    """Send `requests` round and round over `connections` at once for `seconds`, each connection waiting for its answer.

    With `once`, which wants one connection, no request is sent twice: the load ends with the last of them if not before.
    An answer counts as an error when its status is not 200 or its body holds a GraphQL `errors` key.
    """
    # the loop that costs least: the load takes its processor time from the server that it measures
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(host, port, requests, connections, seconds, once=once))


async def _load(
    host: str, port: int, requests: Sequence[Request], connections: int, seconds: float, *, once: bool
) -> LoadFigures:
    raw = [request.as_bytes(f"{host}:{port}") for request in requests]
    opened = [_Connection(*await asyncio.open_connection(host, port, limit=READ_LIMIT)) for _ in range(connections)]
    started = time.perf_counter()
    try:
        parts = await asyncio.gather(
            *(_drive(c, raw, start, started + seconds, len(raw) if once else None) for start, c in enumerate(opened))
        )
    finally:
        await asyncio.gather(*(c.close() for c in opened))
    elapsed = time.perf_counter() - started
    milliseconds = np.concatenate([np.asarray(latencies) for latencies, _ in parts]) * 1e3
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    errors = sum(failed for _, failed in parts)
    return LoadFigures(len(milliseconds) / elapsed, float(p50), float(p95), float(p99), len(milliseconds), errors)


async def _drive(
    connection: _Connection, raw: Sequence[bytes], start: int, until: float, most: int | None
) -> tuple[list[float], int]:
    latencies: list[float] = []
    errors = 0
    position = start * 7919  # connections begin at different requests
    while (begun := time.perf_counter()) < until and (most is None or len(latencies) < most):
        status, body = await connection.ask(raw[position % len(raw)])
        latencies.append(time.perf_counter() - begun)
        errors += status != 200 or b'"errors":' in body
        position += 1
    return latencies, errors
