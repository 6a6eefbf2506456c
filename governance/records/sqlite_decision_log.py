"""The decision log on SQLite: one writer thread commits the entries of all callers in groups."""

import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from governance.records import decision_rows as table
from governance.records.chain_head import GENESIS, ChainHead, ChainHeadFile, HeadState, head_path, read_head_state
from governance.records.decision_contents import ContentChecks, Contents
from governance.records.errors import DecisionDamaged, DecisionLogUnavailable, DecisionRepeated, DecisionUnknown
from governance.records.ports import ChainBreak, ChainReport, DecisionEntry

__all__ = ["SqliteDecisionLog"]

GROUP = 64
"""Entries per commit. One statement writes a group, so that the interpreter's lock is given up once, not once a row."""
RESERVED = 1024
"""Entries that the head file allows ahead, so that it is waited for once in so many, not once a group."""
IDLE_SECONDS = 0.05
"""After so long without an entry the head is made exact, and brought to disk."""
FAILING_SECONDS = 5.0
"""So long after a failed write the log says that it cannot be written, unless one succeeds; then whoever asks may try again."""
BY_ID = "SELECT * FROM decision WHERE id = ?"
POSITION_OF = "SELECT position FROM decision WHERE id = ?"
CLOSED = "it was closed."
AFTER = "SELECT * FROM decision WHERE position > ? ORDER BY position LIMIT ?"


@dataclass(frozen=True, slots=True)
class _Ticket:
    entry: DecisionEntry
    done: "Future[str]"


class SqliteDecisionLog:
    """Implements `governance.records.ports.DecisionLog`, and `submit` for callers that must not block.

    One process writes (the head file is locked); any number may open it with `read_only` to verify or replay.
    A log whose end is not the head kept beside it is not written to: appending would hide what was cut.
    No ticket is left waiting: one lock decides whether a ticket is queued before the writer's last look or refused at once.

    Args:
        path: the database file; `<path>.head` lies beside it.
        read_only: for `get`, `entries` and `verify` while another process writes.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._admission = threading.Lock()
        self._refused_because: str | None = "it is not open for writing." if read_only else None
        self._closing = False
        self._failing_until = 0.0
        self._in_flight: list[_Ticket] = []
        self._limit = 0
        self._writer: threading.Thread | None = None
        try:
            with ExitStack() as opened:
                if not read_only:
                    self._open_for_writing(path, opened)
                self._reader = table.connect(path, read_only=True)
                opened.callback(self._reader.close)
                self._parts = opened.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise DecisionLogUnavailable(f"{path.name}: {error}") from error
        if not read_only:
            self._writer = threading.Thread(target=self._write_groups, name="decision-log", daemon=True)
            self._writer.start()

    @property
    def writable(self) -> bool:
        return self._refused_because is None and time.monotonic() >= self._failing_until

    def append(self, entry: DecisionEntry) -> str:
        return self.submit(entry).result()

    def submit(self, entry: DecisionEntry) -> "Future[str]":
        """Queue one entry; the future gives its chain hash once it is durable, or raises as `append` does."""
        ticket = _Ticket(entry, Future())
        ticket.done.set_running_or_notify_cancel()  # a caller that goes away must not break the group of the others
        with self._admission:
            refused_because = self._refused_because
            if refused_because is None:
                self._queue.put(ticket)
        if refused_because is not None:
            ticket.done.set_exception(DecisionLogUnavailable(refused_because))
        return ticket.done

    def get(self, decision_id: str) -> DecisionEntry:
        row = self._one(BY_ID, (decision_id,))
        if row is None:
            raise DecisionUnknown(decision_id)
        if row[1] != decision_id or table.row_hash(row[0], row[1:9], row[-2]) != row[-1]:
            raise DecisionDamaged(decision_id)
        return self._entry(row)

    def entries(self, *, after: str | None = None, limit: int = 1000) -> Iterator[DecisionEntry]:
        start = 0 if after is None else self._one(POSITION_OF, (after,))
        if start is None:
            raise DecisionUnknown(str(after))
        for row in self._many(AFTER, (start if isinstance(start, int) else start[0], limit)):
            yield self._entry(row)

    def verify(self) -> ChainReport:
        head_file = head_path(self._path)
        before = read_head_state(head_file)
        try:
            connection = table.connect(self._path, read_only=True)
            try:
                connection.execute("BEGIN")
                table.read_tail(connection)  # pins what is read from here on
                after = read_head_state(head_file)
                return table.verify_rows(table.rows(connection), before, after, ContentChecks(connection))
            finally:
                connection.close()
        except (sqlite3.Error, ValueError) as error:
            return ChainReport(0, GENESIS, ChainBreak(0, "", f"the database cannot be read to its end: {error}"))

    def close(self) -> None:
        """Commit what is queued, then close. Closing twice is allowed.

        Raises:
            DecisionLogUnavailable: the last state could not be brought to disk. All is closed all the same, every entry that was
                acknowledged is durable, and the head file still allows the log's end.
        """
        with self._admission:
            if self._closing:
                return
            self._closing = True
            self._refused_because = self._refused_because or CLOSED
            self._queue.put(None)
        try:
            with self._parts:
                if self._writer is not None:
                    self._writer.join()
                    self._settle()
        except (sqlite3.Error, OSError) as error:
            raise DecisionLogUnavailable(f"{self._path.name} was closed without its last state on disk: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_for_writing(self, path: Path, opened: ExitStack) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = read_head_state(head_path(path))
        self._head_file = ChainHeadFile(head_path(path))
        opened.callback(self._head_file.close)
        self._connection = table.connect(path, read_only=False)
        opened.callback(self._connection.close)
        self._contents = Contents(self._connection)
        self._head = table.read_tail(self._connection)
        if not table.continues(self._connection, known or HeadState(ChainHead(0, GENESIS))):
            raise DecisionLogUnavailable(f"{path.name} ends at entry {self._head.entries}, not at the head kept beside it.")
        self._settle()

    def _write_groups(self) -> None:
        last = False
        try:
            while not last:
                self._in_flight, last = self._next_group()
                self._commit_or_refuse(self._in_flight)
                self._in_flight = []
                # a head that stays behind still allows this end; a full disk refuses the next reservation
                with suppress(OSError):
                    self._head_file.write(HeadState(self._head, limit=self._limit), durable=False)
        finally:
            self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        """Nobody waits for ever, also when the writer dies of something unforeseen: neither its group nor the queue."""
        with self._admission:
            cause = self._refused_because = self._refused_because or "its writer ended."
            while not self._queue.empty():
                ticket = self._queue.get()
                if ticket is not None:
                    self._in_flight.append(ticket)
        for ticket in self._in_flight:
            if not ticket.done.done():
                ticket.done.set_exception(DecisionLogUnavailable(cause))

    def _next_ticket(self) -> _Ticket | None:
        """Wait for a ticket; once none has come for a while, give the reservation back."""
        exact, patience = not self._limit, IDLE_SECONDS
        while not exact:
            with suppress(queue.Empty):
                return self._queue.get(timeout=patience)
            patience = FAILING_SECONDS
            with suppress(OSError):
                self._settle()
                exact = True
        return self._queue.get()

    def _next_group(self) -> tuple[list[_Ticket], bool]:
        """Wait for one ticket and take what else is queued; the flag says that the log is closing."""
        ticket = self._next_ticket()
        group: list[_Ticket] = []
        while ticket is not None:
            group.append(ticket)
            if len(group) == GROUP or self._queue.empty():
                return group, False
            ticket = self._queue.get()
        return group, True

    def _commit_or_refuse(self, group: list[_Ticket]) -> None:
        """Commit a group; where one entry breaks it, commit its entries one by one so that only that one is refused."""
        try:
            hashes = self._commit([ticket.entry for ticket in group])
        except (sqlite3.IntegrityError, ValueError, TypeError, AttributeError) as error:
            if len(group) > 1:
                for ticket in group:
                    self._commit_or_refuse([ticket])
                return
            group[0].done.set_exception(self._refusal(group[0].entry, error))
        except (sqlite3.Error, OSError) as error:
            self._failing_until = time.monotonic() + FAILING_SECONDS
            for ticket in group:
                ticket.done.set_exception(DecisionLogUnavailable(str(error)))
        else:
            self._failing_until = 0.0
            for ticket, digest in zip(group, hashes, strict=True):
                ticket.done.set_result(digest)

    def _refusal(self, entry: DecisionEntry, error: Exception) -> Exception:
        if not isinstance(error, sqlite3.IntegrityError):
            return DecisionLogUnavailable(f"the entry cannot be written: {error}")
        try:
            known = self._connection.execute(POSITION_OF, (entry.id,)).fetchone()
        except sqlite3.Error as unreadable:
            return DecisionLogUnavailable(str(unreadable))
        return DecisionRepeated(entry.id) if known else DecisionLogUnavailable(str(error))

    def _commit(self, entries: Sequence[DecisionEntry]) -> list[str]:
        if not entries:
            return []
        head, rows = self._head, []
        for entry in entries:
            row = table.row_of(entry, head)
            head = ChainHead(row[0], row[-1])
            rows.append(row)
        if head.entries > self._limit:
            limit = head.entries + RESERVED
            self._head_file.write(HeadState(self._head, limit=limit), durable=True)
            self._limit = limit
        self._insert(rows, self._contents.new((entry.answer, row[8]) for entry, row in zip(entries, rows, strict=True)))
        self._head = head
        return [row[-1] for row in rows]

    def _insert(self, rows: Sequence[table.Row], contents: dict[bytes, bytes]) -> None:
        """Write rows and the contents that they are the first to name, all or none. Without new ones one statement does it."""
        statement = table.INSERT_ROW + ",".join([table.PLACEHOLDERS] * len(rows))
        fields = [field for row in rows for field in row]
        if not contents:
            self._connection.execute(statement, fields)
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._contents.write(contents)
            self._connection.execute(statement, fields)
            self._connection.execute("COMMIT")
        except BaseException:
            # a full disk may have rolled back already
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._contents.wrote(contents)

    def _entry(self, row: table.Row) -> DecisionEntry:
        try:
            with self._read_lock:
                entry = table.entry_of(row, self._reader)
        except sqlite3.Error as error:
            raise DecisionLogUnavailable(str(error)) from error
        if entry is None:
            raise DecisionDamaged(row[1])
        return entry

    def _settle(self) -> None:
        """Make the head exact, and wait until it is on disk: nothing may follow it until there is room again. Raises: OSError."""
        self._limit = 0  # also where writing fails: the file may say so all the same
        self._head_file.write(HeadState(self._head), durable=True)

    def _one(self, query: str, parameters: tuple[object, ...]) -> table.Row | None:
        found = self._many(query, parameters)
        return found[0] if found else None

    def _many(self, query: str, parameters: tuple[object, ...]) -> list[table.Row]:
        try:
            with self._read_lock:
                return self._reader.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise DecisionLogUnavailable(str(error)) from error
