"""Runs the API of the current release on loopback, and tells when it answers."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from threadpoolctl import threadpool_limits

from api.app import Standing, closing_at_the_end, create_app
from api.backlog import Backlog
from api.body import MAXIMUM_BODY
from api.planning.worker_keeper import WorkerKeeper
from api.release_switch import OpenedRelease, ReleaseSwitch, ReleaseWatcher
from api.services import Services
from api.short_collections import short_collections
from api.wiring import Installation
from kit.errors import ShelfgraphError

__all__ = ["PortTaken", "ask", "run_server"]

PLAYGROUND = Path(__file__).resolve().parent.parent / "web" / "dist"
START_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep an idle connection (60 seconds): else a request may meet one that is being closed."""
ASK_SECONDS = 30.0


class PortTaken(ShelfgraphError):
    """Another program listens on the port."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(
            f"Port {port} is taken.", "Stop what listens there, or choose another: SHELFGRAPH_PORT=0 takes a free one."
        )


def run_server(
    installation: Installation,
    *,
    port: int,
    seconds: float | None,
    announce: Callable[[str], None],
    when_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted, or for `seconds` after `when_ready` has returned.

    Args:
        installation: whose current release is served.
        port: 0 takes a free one.
        seconds: None serves until interrupted; 0 stops as soon as `when_ready` is done.
        announce: told the address when the server answers.
        when_ready: called with the address in a thread of its own; what it raises is raised here.
    """
    host = installation.settings.host
    listener = _listen(host, port)
    address = f"http://{host}:{listener.getsockname()[1]}"
    keeper = WorkerKeeper(installation.planning_books.jobs, installation.layout.home)
    standing = Standing(backlog=Backlog(installation.settings.most_waiting))
    switch, watcher = _releases(installation, keeper, standing)
    server = uvicorn.Server(_config(switch))
    companion = _Companion(server, address, seconds, announce, when_ready)
    companion.start()
    keeper.start()
    watcher.start()
    try:
        # products of small matrices: with more threads than cores that are idle each waits for the others
        with threadpool_limits(1), short_collections():
            server.run(sockets=[listener])
    finally:
        watcher.close()
        switch.close()
        keeper.close()
        installation.event_book.close()
    companion.finish()


def _releases(installation: Installation, keeper: WorkerKeeper, standing: Standing) -> tuple[ReleaseSwitch, ReleaseWatcher]:
    """Open the current release, and what switches to the ones that follow it."""
    services, key = installation.services_of(), installation.cursor_key()
    log, planning = installation.decision_log(), installation.planning(keeper.wake)
    outcomes, host = installation.outcome_desk(), installation.settings.host

    def opened(services: Services) -> OpenedRelease:
        # what happened since counts by the release's own day, so each release follows the events by itself
        events = installation.event_desk(services)
        app = create_app(
            services, log, playground=PLAYGROUND, host=host, cursor_key=key, planning=planning, outcomes=outcomes, events=events,
            standing=standing,
        )  # fmt: skip
        return OpenedRelease(services.release.id, app, events.overlay.close if events else lambda: None)

    switch = ReleaseSwitch(opened(services), partial(closing_at_the_end, log, standing))
    seconds = installation.settings.release_look_seconds
    current = installation.books.releases.current
    return switch, ReleaseWatcher(switch, lambda: current().id, lambda one: opened(installation.services_of(one)), seconds)


def _config(app: ReleaseSwitch) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_level="warning", access_log=False, loop="uvloop", http="httptools", ws_max_size=MAXIMUM_BODY,
        timeout_keep_alive=KEEP_ALIVE_SECONDS, proxy_headers=False,
    )  # fmt: skip


def ask(address: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Ask one GraphQL query of a running server on loopback and return the parsed answer, that of a refusal too."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:  # noqa: S310 - the address is our own server's
            parsed: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as refusal:
        parsed = json.load(refusal)
    return parsed


class _Companion(threading.Thread):
    """Waits until the server answers, calls whoever waited for it, and ends the server when its time is over."""

    def __init__(
        self,
        server: uvicorn.Server,
        address: str,
        seconds: float | None,
        announce: Callable[[str], None],
        when_ready: Callable[[str], None] | None,
    ) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._address = address
        self._seconds = seconds
        self._announce = announce
        self._when_ready = when_ready
        self._over = threading.Event()
        self._problem: BaseException | None = None

    def run(self) -> None:
        try:
            self._accompany()
        except BaseException as problem:  # noqa: BLE001 - kept, and raised in the main thread by `finish`
            self._problem = problem
            self._server.should_exit = True

    def finish(self) -> None:
        self._over.set()
        self.join(timeout=5)
        if self._problem is not None:
            raise self._problem

    def _accompany(self) -> None:
        for _ in range(int(START_SECONDS / 0.05)):
            if self._server.started or self._over.wait(0.05):
                break
        self._announce(f"Listening on {self._address}")
        if self._when_ready:
            self._when_ready(self._address)
        if self._seconds is not None:
            self._over.wait(self._seconds)
            self._server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(port) from error
    return listener
