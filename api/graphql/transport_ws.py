"""Subscriptions over a WebSocket, by the protocol graphql-transport-ws and no other.

A connection has to be greeted within 5 seconds and holds at most 10 subscriptions. Documents are held against the limits
of POST. What a page of another site opens is refused: a browser sends the page's origin with it, and cookies or a loopback
identity would otherwise speak for whoever sits before it.
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
from graphql import ExecutionResult, subscribe
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.answers import error_body
from api.asked import Front
from api.body import MAXIMUM_BODY
from api.errors import QueryRefused
from api.graphql.documents import DocumentStore
from api.graphql.endpoint import checked, coerced, located
from api.graphql.schema import RetailSchema
from api.hosts import host_name
from governance.policy import Principal
from kit.errors import ShelfgraphError

__all__ = ["INIT_SECONDS", "MAXIMUM_CONNECTIONS", "MAXIMUM_SUBSCRIPTIONS", "TransportWs"]

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 5.0
MAXIMUM_SUBSCRIPTIONS = 10
MAXIMUM_CONNECTIONS = 100
MAXIMUM_ID = 100
BAD_MESSAGE, NOT_GREETED, FORBIDDEN, NO_SUCH_PROTOCOL = 4400, 4401, 4403, 4406
GREETED_TOO_LATE, KNOWN_ID, GREETED_TWICE, TOO_MANY = 4408, 4409, 4429, 1013


class _Closing(Exception):
    """The connection is to be closed with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class TransportWs:
    """Answers WebSocket connections on /graphql.

    Args:
        front: what is served.
        schema: built once.
        documents: holds every document against the limits.
        principal_of: tells who connects.
        names: names under which the server may be addressed, and origins may be.
        init_seconds: how long a connection may take to greet.
    """

    def __init__(
        self, front: Front, schema: RetailSchema, documents: DocumentStore, principal_of: Callable[[HTTPConnection], Principal],
        names: Sequence[str], *, init_seconds: float = INIT_SECONDS,
    ) -> None:  # fmt: skip
        self._parts = (front, schema, documents)
        self._principal_of = principal_of
        self._names = frozenset(names)
        self._init_seconds = init_seconds
        self._open = 0

    async def __call__(self, socket: WebSocket) -> None:
        """Serve one connection until either side ends it."""
        if not self._allowed(socket):
            await socket.close(FORBIDDEN)
            return
        principal = self._principal_of(socket)
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.accept()
            await socket.close(NO_SUCH_PROTOCOL, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        if self._open >= MAXIMUM_CONNECTIONS:
            await socket.close(TOO_MANY, "Too many connections")
            return
        self._open += 1
        try:
            await _Connection(socket, principal, *self._parts).serve(self._init_seconds)
        finally:
            self._open -= 1

    def _allowed(self, socket: WebSocket) -> bool:
        host, origin = socket.headers.get("host", ""), socket.headers.get("origin")
        return host_name(host) in self._names and (origin is None or host_name(urlsplit(origin).netloc) in self._names)


class _Connection:
    def __init__(
        self, socket: WebSocket, principal: Principal, front: Front, schema: RetailSchema, documents: DocumentStore
    ) -> None:
        self._socket = socket
        self._principal = principal
        self._front = front
        self._schema = schema
        self._documents = documents
        self._followed: dict[str, asyncio.Task[None]] = {}

    async def serve(self, init_seconds: float) -> None:
        try:
            await self._greet(init_seconds)
            while True:
                await self._heed(await self._receive())
        except _Closing as closing:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self._socket.close(closing.code, closing.reason)
        except WebSocketDisconnect:
            pass
        finally:
            await self._end_all()

    async def _greet(self, init_seconds: float) -> None:
        try:
            async with asyncio.timeout(init_seconds):
                while (message := await self._receive())["type"] != "connection_init":
                    if message["type"] not in ("ping", "pong"):
                        raise _Closing(NOT_GREETED, "Unauthorized")
                    await self._answer_ping(message)
        except TimeoutError as error:
            raise _Closing(GREETED_TOO_LATE, "Connection initialisation timeout") from error
        await self._send({"type": "connection_ack"})

    async def _heed(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind in ("ping", "pong"):
            await self._answer_ping(message)
        elif kind == "connection_init":
            raise _Closing(GREETED_TWICE, "Too many initialisation requests")
        elif kind == "subscribe":
            await self._follow(_id_of(message), message.get("payload"))
        elif kind == "complete":
            await self._end(_id_of(message))
        else:
            raise _Closing(BAD_MESSAGE, "Unknown message")

    async def _follow(self, name: str, payload: Any) -> None:
        if name in self._followed:
            raise _Closing(KNOWN_ID, f"Subscriber for {name} already exists")
        if not isinstance(payload, dict):
            raise _Closing(BAD_MESSAGE, "A subscription without payload")
        if len(self._followed) >= MAXIMUM_SUBSCRIPTIONS:
            problem = f"This connection follows {MAXIMUM_SUBSCRIPTIONS} subscriptions already."
            error = QueryRefused("TOO_MANY_SUBSCRIPTIONS", problem, "Complete one, or open another connection.")
            await self._send({"type": "error", "id": name, "payload": [error_body(error)]})
            return
        self._followed[name] = asyncio.create_task(self._run(name, payload))

    async def _run(self, name: str, payload: dict[str, Any]) -> None:
        try:
            results = await self._results(payload)
            if isinstance(results, ExecutionResult):
                errors = [located(error) for error in results.errors or ()]
                await self._send({"type": "error", "id": name, "payload": errors})
                return
            async for result in results:
                await self._send({"type": "next", "id": name, "payload": _shown(result)})
            await self._send({"type": "complete", "id": name})
        except ShelfgraphError as error:
            await self._send({"type": "error", "id": name, "payload": [error_body(error)]})
        except (WebSocketDisconnect, RuntimeError):
            return  # the other side has gone; `serve` hears of it too
        finally:
            self._followed.pop(name, None)

    async def _results(self, payload: dict[str, Any]) -> AsyncIterator[ExecutionResult] | ExecutionResult:
        text, variables, operation = checked(payload)
        prepared = self._documents.prepare(text, operation, followed=True)
        values = coerced(self._schema, prepared, variables)
        self._documents.price(prepared, values.coerced)
        asked = self._front.ask(self._principal)
        started = subscribe(
            self._schema.compiled, prepared.document, context_value=asked, variable_values=variables, operation_name=operation
        )
        return await started if inspect.isawaitable(started) else started

    async def _end(self, name: str) -> None:
        task = self._followed.pop(name, None)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _end_all(self) -> None:
        for name in list(self._followed):
            await self._end(name)

    async def _answer_ping(self, message: dict[str, Any]) -> None:
        if message["type"] == "ping":
            await self._send({"type": "pong"})

    async def _receive(self) -> dict[str, Any]:
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1000))
        text = received.get("text")
        if text is None or len(text) > MAXIMUM_BODY:
            raise _Closing(BAD_MESSAGE, "No text, or too long a one")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise _Closing(BAD_MESSAGE, "No JSON") from error
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _Closing(BAD_MESSAGE, "No message of the protocol")
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(orjson.dumps(message).decode())


def _shown(result: ExecutionResult) -> dict[str, Any]:
    errors = [located(error) for error in result.errors or ()]
    return {"data": result.data, **({"errors": errors} if errors else {})}


def _id_of(message: dict[str, Any]) -> str:
    name = message.get("id")
    if not isinstance(name, str) or not name or len(name) > MAXIMUM_ID:
        raise _Closing(BAD_MESSAGE, "A message without id")
    return name
