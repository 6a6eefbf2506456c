"""Serving one release after the other without dropping a request.

Each release has an application of its own; a request belongs to the one that was current when it came, so no answer is made of
two releases. The next release is opened beside the one that serves, which goes on meanwhile, and takes over between two
requests. What a release that went held is given back when its last request is answered. A release that cannot be opened
changes nothing: the one before it goes on serving, and what went wrong is logged.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from api.short_collections import sweep

__all__ = ["OpenedRelease", "ReleaseSwitch", "ReleaseWatcher"]

END_SECONDS = 5.0
logger = logging.getLogger("shelfgraph.api")


@dataclass(slots=True)
class OpenedRelease:
    """A release that can answer. `close` gives back what it alone holds; what all releases share is not its business."""

    release_id: str
    app: ASGIApp
    close: Callable[[], None] = lambda: None
    under_way: int = field(default=0, init=False)
    gone: bool = field(default=False, init=False)


class ReleaseSwitch:
    """The application that is served: it hands every request to the release that is current when it comes.

    Args:
        first: serves until another one takes over.
        lifespan: opened when the server starts; at its end it closes what all releases share.
    """

    def __init__(self, first: OpenedRelease, lifespan: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._current = first
        self._lingering = 0
        self._lock = threading.Lock()
        self._router = Router(lifespan=lambda _: lifespan())

    @property
    def release_id(self) -> str:
        """The release that answers now."""
        return self._current.release_id

    @property
    def lingering(self) -> int:
        """How many releases that went have requests under way."""
        return self._lingering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._router(scope, receive, send)
            return
        with self._lock:
            release = self._current
            release.under_way += 1
        try:
            await release.app(scope, receive, send)
        finally:
            self._answered(release)

    def close(self) -> None:
        """Give back what the current release holds, when no more requests come."""
        self._current.close()

    def switch_to(self, release: OpenedRelease) -> None:
        """Let another release answer from the next request on."""
        with self._lock:
            before, self._current = self._current, release
            before.gone = True
            closes = not before.under_way
            self._lingering += 1
        if closes:
            self._close(before)

    def _answered(self, release: OpenedRelease) -> None:
        with self._lock:
            release.under_way -= 1
            closes = release.gone and not release.under_way
        if closes:
            self._close(release)

    def _close(self, release: OpenedRelease) -> None:
        release.close()
        with self._lock:
            self._lingering -= 1
        logger.warning("release %s has answered its last request", release.release_id)


class ReleaseWatcher(threading.Thread):
    """Looks whether another release has become current, opens it, and switches to it.

    Args:
        switch: what serves.
        current: tells the id of the current release.
        open_release: opens one beside that which serves; takes seconds, in this thread.
        seconds: between two looks.
    """

    def __init__(
        self, switch: ReleaseSwitch, current: Callable[[], str], open_release: Callable[[str], OpenedRelease], seconds: float
    ) -> None:
        super().__init__(name="release-watcher", daemon=True)
        self._switch = switch
        self._current = current
        self._open = open_release
        self._seconds = seconds
        self._over = threading.Event()
        self._refused: str | None = None
        self._swept = True

    def run(self) -> None:
        while not self._over.wait(self._seconds):
            self.look()

    def look(self) -> None:
        """Switch to the current release, where it is another one than that which serves and can be opened."""
        self._sweep()
        wanted = ""
        try:
            wanted = self._current()
            if wanted == self._switch.release_id:
                self._refused = None
            if wanted in (self._switch.release_id, self._refused):
                return
            opened = self._open(wanted)
        except Exception:
            # whatever keeps a release from being opened, the one that serves goes on
            if wanted != self._refused:  # told once, and not tried again: the next one is
                logger.exception("release '%s' cannot be opened, %s goes on", wanted, self._switch.release_id)
            self._refused = wanted
            return
        self._switch.switch_to(opened)
        self._refused, self._swept = None, False
        logger.warning("release %s answers", opened.release_id)

    def _sweep(self) -> None:
        """Give back the memory of what went, when its last request is answered: its parts know each other in rings."""
        if not self._swept and not self._switch.lingering:
            sweep()
            self._swept = True

    def close(self) -> None:
        """Look no more. A release that is being opened is not waited for longer than `END_SECONDS`."""
        self._over.set()
        self.join(END_SECONDS)
