"""The outermost layer: which hosts are answered, headers of every response, counting, and a mask over every fault."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import error_response, json_response, overloaded_response
from api.backlog import Backlog
from api.hosts import host_name
from api.metrics import Metrics
from api.rest.charts import CHART_PATHS
from api.rest.playground import CONTENT_SECURITY_POLICY

__all__ = ["Border", "Endpoint", "Straight"]

Endpoint = Callable[[Request], Awaitable[Response]]

HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
NEVER_REFUSED = ("/health", "/ready", "/metrics")
"""Whoever looks after the server must see it when it is busiest."""
NO_STORE = (b"cache-control", b"no-store")
KNOWN_ROUTES = (
    "/graphql", "/v1/recommendations", "/v1/outcomes", "/v1/events", "/v1/relation-quality.svg", "/health", "/ready",
    "/metrics",
    "/playground/examples.json",
    *CHART_PATHS,
)  # fmt: skip


class Border:
    """Wraps the application.

    Args:
        app: what is wrapped.
        metrics: counts requests by route and status.
        hosts: names under which the server may be addressed; others get 421, so that a page on another site cannot reach a
            local server by pointing its own name at it.
        backlog: the requests under way; while they are as many as may be, others are refused.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, hosts: Sequence[str], backlog: Backlog) -> None:
        self._app = app
        self._metrics = metrics
        self._hosts = frozenset(hosts)
        self._backlog = backlog

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in KNOWN_ROUTES else "other"
        started, status = time.perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *HEADERS, *([NO_STORE] if route != "other" else [])]
            await send(message)

        try:
            await self._admit(scope, receive, send_on)
        except Exception as error:  # noqa: BLE001 - the last mask: whatever it is, it is logged and its text stays here
            if status == 0:
                await error_response(error)(scope, receive, send_on)
        self._metrics.request(route, status, time.perf_counter() - started)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in NEVER_REFUSED:
            await self._answer(scope, receive, send)
        elif self._backlog.full:
            self._metrics.refused("OVERLOADED")
            await asyncio.sleep(self._backlog.pause())
            await overloaded_response()(scope, receive, send)
        else:
            with self._backlog.entered():
                await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if host_name(host.decode("latin-1")) in self._hosts:
            await self._app(scope, receive, send)
            return
        refusal = {"errors": [{"message": "This server is not addressed by that name.", "extensions": {"code": "MISDIRECTED"}}]}
        await json_response(refusal, 421)(scope, receive, send)


class Straight:
    """An application of endpoints by method and path: no layers, and no routes that are tried one after the other."""

    def __init__(self, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self._endpoints = endpoints

    def takes(self, scope: Scope) -> bool:
        """Whether a request is for one of the endpoints."""
        return scope["type"] == "http" and (scope["method"], scope["path"]) in self._endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that it takes."""
        response = await self._endpoints[scope["method"], scope["path"]](Request(scope, receive, send))
        await response(scope, receive, send)
