"""What every book on SQLite shares: a connection to write and one to read, transactions, and acts that happen once per key."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from governance.records.errors import BookUnavailable, IdempotencyKeyReused
from governance.records.ports import Act

__all__ = ["CREATE_ACTS", "SqliteBook"]

CREATE_ACTS = """
CREATE TABLE IF NOT EXISTS act (
    position INTEGER PRIMARY KEY, principal TEXT NOT NULL, idempotency_key TEXT NOT NULL, fingerprint TEXT NOT NULL,
    subject TEXT NOT NULL, recorded_at TEXT NOT NULL, UNIQUE (principal, idempotency_key)
) STRICT;
CREATE TRIGGER IF NOT EXISTS act_never_updated BEFORE UPDATE ON act
    BEGIN SELECT RAISE(ABORT, 'acts are never changed'); END;
CREATE TRIGGER IF NOT EXISTS act_never_deleted BEFORE DELETE ON act
    BEGIN SELECT RAISE(ABORT, 'acts are never deleted'); END;
"""
KNOWN_ACT = "SELECT fingerprint, subject FROM act WHERE principal = ? AND idempotency_key = ?"
KEEP_ACT = "INSERT INTO act VALUES (NULL, ?, ?, ?, ?, ?)"
BUSY_SECONDS = 10.0


class SqliteBook:
    """Two connections in autocommit, each shared between threads under its lock: a read waits for no writer, here or in another
    process. Every commit is on disk before it returns.
    """

    def __init__(self, path: Path, create: str) -> None:
        self._lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._name = path.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as opened:
                self._connection = _connect(path, opened)
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.execute("PRAGMA foreign_keys=ON")
                self._connection.executescript(create)
                self._reader = _connect(path, opened)
                self._reader.execute("PRAGMA query_only=ON")
                self._parts = opened.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise BookUnavailable(path.name, "opened", error) from error

    def close(self) -> None:
        """Release the file. Closing twice is allowed."""
        self._parts.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the book's only write lock, over all processes; what is raised inside undoes everything."""
        try:
            with self._lock, self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
        except sqlite3.Error as error:
            raise BookUnavailable(self._name, "written", error) from error

    def _once(
        self, act: Act, now: datetime, effect: Callable[[sqlite3.Connection], str], *, dry_run: bool = False
    ) -> tuple[str, bool] | None:
        """Return the subject of an act, and whether it had happened before; the same key does it once, whoever asks at once.

        A dry run has the same effect and takes it back: what refuses the act refuses it too, nothing is left, and its key is not
        used up. It returns None.

        Raises:
            IdempotencyKeyReused: the key stands for another act.
        """
        with self._transaction() as connection:
            return self._act(connection, act, now, effect, dry_run=dry_run)

    @staticmethod
    def _act(
        connection: sqlite3.Connection, act: Act, now: datetime, effect: Callable[[sqlite3.Connection], str], *, dry_run: bool
    ) -> tuple[str, bool] | None:
        """Do as `_once` inside a transaction that is open, so that several acts share one commit."""
        known = connection.execute(KNOWN_ACT, (act.principal, act.key)).fetchone()
        if known is not None and known[0] != act.fingerprint:
            raise IdempotencyKeyReused(act.key)
        if dry_run:
            if known is None:
                _try(connection, effect)
            return None
        if known is not None:
            return str(known[1]), True
        subject = effect(connection)
        connection.execute(KEEP_ACT, (act.principal, act.key, act.fingerprint, subject, now.isoformat()))
        return subject, False

    def _done(self, act: Act) -> tuple[str, bool] | None:
        """Return the subject of an act that happened under this key, None where none did. Raises: IdempotencyKeyReused."""
        known = self._all(KNOWN_ACT, act.principal, act.key)
        if not known:
            return None
        if known[0][0] != act.fingerprint:
            raise IdempotencyKeyReused(act.key)
        return str(known[0][1]), True

    def _run(self, statement: str, *parameters: object) -> int:
        try:
            with self._lock:
                return self._connection.execute(statement, parameters).rowcount
        except sqlite3.Error as error:
            raise BookUnavailable(self._name, "written", error) from error

    def _all(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        try:
            with self._read_lock:
                return self._reader.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise BookUnavailable(self._name, "read", error) from error


def _try(connection: sqlite3.Connection, effect: Callable[[sqlite3.Connection], str]) -> None:
    connection.execute("SAVEPOINT tried")
    effect(connection)
    connection.execute("ROLLBACK TO tried")


def _connect(path: Path, opened: ExitStack) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    opened.callback(connection.close)
    return connection
