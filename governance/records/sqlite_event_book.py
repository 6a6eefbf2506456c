"""The event book on SQLite: one thread per process commits the batches of all callers in groups."""

import queue
import sqlite3
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Self

from governance.records import event_rows as table
from governance.records.errors import BookUnavailable
from governance.records.event_ports import (
    Event,
    EventBatch,
    EventCounts,
    EventDraft,
    EventKey,
    EventOutcome,
    Landing,
    Receipt,
    RefusedLine,
)
from governance.records.sqlite_book import SqliteBook
from kit.clock import Clock, SystemClock

__all__ = ["SqliteEventBook"]

GROUP = 64
"""Batches per commit: what waits while one commit goes to disk goes with the next."""
TAKEN = "Another event has this event_id and says something else: the first stays."


@dataclass(frozen=True, slots=True)
class _Ticket:
    batch: EventBatch
    done: "Future[tuple[Receipt, ...]]"


class SqliteEventBook(SqliteBook):
    """Implements `governance.records.event_ports.EventBook`, and `submit` for callers that must not block."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        super().__init__(path, table.CREATE)
        self._clock = clock or SystemClock()
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._admission = threading.Lock()
        self._closed = False
        self._writer: threading.Thread | None = None

    def take(self, batch: EventBatch) -> tuple[Receipt, ...]:
        return self.submit(batch).result()

    def submit(self, batch: EventBatch) -> "Future[tuple[Receipt, ...]]":
        """Queue one batch; the future gives its receipts once they are durable, or raises as `take` does."""
        ticket = _Ticket(batch, Future())
        ticket.done.set_running_or_notify_cancel()  # a caller that goes away must not break the group of the others
        with self._admission:
            if not self._closed:
                self._start_writer()
                self._queue.put(ticket)
                return ticket.done
        ticket.done.set_exception(BookUnavailable(self._name, "written", "it was closed"))
        return ticket.done

    def newest(self) -> int:
        return int(self._all(table.NEWEST)[0][0])

    def after(self, number: int, *, limit: int) -> tuple[Event, ...]:
        return tuple(table.event_of(row) for row in self._all(table.AFTER, number, limit))

    def about(self, key: EventKey, value: str, until: int) -> tuple[Event, ...]:
        return tuple(table.event_of(row) for row in self._all(table.ABOUT[key], value, until))

    def refused_after(self, number: int, *, limit: int) -> tuple[tuple[int, RefusedLine], ...]:
        return tuple(table.refused_of(row) for row in self._all(table.REFUSED_AFTER, number, limit))

    def note_landing(self, landing: Landing) -> None:
        row = (landing.recorded_at.isoformat(), landing.through.isoformat(), landing.until, landing.refused_until)
        self._run(table.ADD_LANDING, *row)

    def landings(self) -> tuple[Landing, ...]:
        return tuple(table.landing_of(row) for row in self._all(table.LANDINGS))

    def forget(self, before: date) -> int:
        return self._run(table.FORGET, before.isoformat())

    def counts(self) -> EventCounts:
        events, refused, last = self._all(table.COUNTS)[0]
        kinds = tuple((str(kind), int(count)) for kind, count in self._all(table.KINDS))
        return EventCounts(events, self.newest(), refused, kinds, datetime.fromisoformat(last) if last else None)

    def close(self) -> None:
        with self._admission:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        if self._writer is not None:
            self._writer.join()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_writer(self) -> None:
        """Start the thread with the first batch: who only reads has none."""
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_groups, name="event-book", daemon=True)
            self._writer.start()

    def _write_groups(self) -> None:
        last = False
        while not last:
            group, last = self._next_group()
            self._commit_or_refuse(group)

    def _next_group(self) -> tuple[list[_Ticket], bool]:
        """Wait for one batch and take what else is queued; the flag says that the book is closing."""
        ticket, group = self._queue.get(), []
        while ticket is not None:
            group.append(ticket)
            if len(group) == GROUP or self._queue.empty():
                return group, False
            ticket = self._queue.get()
        return group, True

    def _commit_or_refuse(self, group: list[_Ticket]) -> None:
        """Commit a group; where that fails, its batches one by one, so that a faulty one costs the others nothing."""
        if not group:
            return
        try:
            with self._transaction() as connection:
                receipts = [self._keep(connection, ticket.batch) for ticket in group]
        except (BookUnavailable, ValueError, TypeError, AttributeError) as error:
            if len(group) > 1:
                for ticket in group:
                    self._commit_or_refuse([ticket])
                return
            refusal = error if isinstance(error, BookUnavailable) else BookUnavailable(self._name, "written", error)
            group[0].done.set_exception(refusal)
            return
        for ticket, one in zip(group, receipts, strict=True):
            ticket.done.set_result(one)

    def _keep(self, connection: sqlite3.Connection, batch: EventBatch) -> tuple[Receipt, ...]:
        now, number = self._clock.now(), int(connection.execute(table.NEWEST).fetchone()[0])
        receipts: list[Receipt] = []
        for draft in batch.drafts:
            receipt = self._keep_one(connection, draft, number + 1, now)
            number = max(number, receipt.number)
            receipts.append(receipt)
        connection.executemany(table.ADD_REFUSED, [table.refused_row(line, now) for line in batch.refused])
        return tuple(receipts)

    def _keep_one(self, connection: sqlite3.Connection, draft: EventDraft, number: int, now: datetime) -> Receipt:
        row = table.event_row(number, draft, now)
        known = connection.execute(table.KNOWN, (draft.event_id,)).fetchone()
        if known is None:
            connection.execute(table.ADD_EVENT, row)
            return Receipt(EventOutcome.ACCEPTED, number)
        if known[0] == row[2]:
            return Receipt(EventOutcome.DUPLICATE, known[1])
        lines = [RefusedLine(draft.event_id, text, "key.taken", ("key.taken",), TAKEN) for text in draft.rows]
        connection.executemany(table.ADD_REFUSED, [table.refused_row(line, now) for line in lines])
        return Receipt(EventOutcome.CONFLICT, known[1])
