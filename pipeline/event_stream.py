"""From a stream into the event book: at least once on the way, once in the book."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from governance.records import EventBook
from governance.records.errors import BookUnavailable
from ingest.online_events import EventIntake
from pipeline.online_events import TakenEvents, take_events

__all__ = ["Consumed", "EventStream", "consume_events"]

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


class EventStream(Protocol):
    """Events in batches; what was not committed comes again."""

    def batch(self, wait_seconds: float = ...) -> tuple[object, ...]:
        """Return the next events, none when nothing came. Raises: StreamUnavailable."""
        ...

    def commit(self) -> None:
        """Say that all that was returned so far is durable."""
        ...


@dataclass(frozen=True, slots=True)
class Consumed:
    """How many events were received since the start, and what became of them."""

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0


def consume_events(
    stream: EventStream,
    intake: EventIntake,
    book: EventBook,
    *,
    idle_seconds: float | None = None,
    watch: Callable[[Consumed], None] = lambda _: None,
    patience_seconds: float = 60.0,
) -> Consumed:
    """Take events until nothing came for `idle_seconds`; None goes on until interrupted.

    A batch is committed when the book holds it. A book that cannot be written is tried again for `patience_seconds`; then what is
    raised ends the consumption, and the batch comes again at the next start.
    Raises: BookUnavailable, StreamUnavailable.
    """
    totals: Counter[str] = Counter()
    last = time.monotonic()
    while idle_seconds is None or time.monotonic() - last < idle_seconds:
        told = stream.batch()
        if not told:
            continue
        totals.update(_patiently(intake, book, told, patience_seconds).counts)
        stream.commit()
        last = time.monotonic()
        watch(Consumed(**totals))
    return Consumed(**totals)


def _patiently(intake: EventIntake, book: EventBook, told: tuple[object, ...], patience_seconds: float) -> TakenEvents:
    pause, until = FIRST_PAUSE_SECONDS, time.monotonic() + patience_seconds
    while True:
        try:
            return take_events(intake, book, told)
        except BookUnavailable:
            if time.monotonic() + pause > until:
                raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
