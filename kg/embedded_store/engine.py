"""The database file: one process has it open, one statement runs at a time, foreign errors become the room's.

Ladybug must never be opened twice on one file. So the folder has a lock file of our own, held as long as the store is open, and
every statement takes its turn on one connection. Hot reads are served from a published snapshot, not from here.
"""

import fcntl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import ladybug
import pyarrow as pa

from kg.embedded_store import cypher
from kg.embedded_store.settings import EmbeddedSettings
from kg.errors import GraphError, GraphTimeout, GraphUnavailable

__all__ = ["Engine"]

STORE = "embedded"
DATABASE = "graph.lbug"
CHUNK_ROWS = 1 << 20
INTERRUPTED = "Interrupted"
POLL_SECONDS = 0.05


class Engine:
    """Runs statements. `folder` is created when missing.

    Raises:
        GraphUnavailable: another process has the store open, or its file cannot be read.
    """

    def __init__(self, folder: Path, settings: EmbeddedSettings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self._turn = threading.RLock()
        self._deadline = 0.0
        self._depth = 0
        self._lock = _locked(folder, settings.open_timeout_seconds)
        try:
            self._database, self._connection = _opened(folder / DATABASE, settings)
        except BaseException:
            self._lock.close()
            raise
        self._closed = False

    def close(self) -> None:
        """Close the file and give the lock back, after the statement that is running. Closing twice is allowed."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            self._connection.close()
            self._database.close()
            self._lock.close()

    @contextmanager
    def turn(self, operation: str, seconds: float) -> Iterator[None]:
        """Have the connection alone for several statements, which together take at most `seconds`.

        Raises:
            GraphTimeout: the turn did not come, or did not end, in time.
            GraphUnavailable: the store was closed.
        """
        deadline = time.monotonic() + seconds
        if not self._turn.acquire(timeout=seconds):
            raise GraphTimeout(operation, seconds)
        outer = self._deadline if self._depth else deadline
        try:
            if self._closed:
                raise GraphUnavailable(STORE, "it was closed.", "Open it again.")
            self._depth += 1
            self._deadline = min(outer, deadline)
            try:
                yield
            finally:
                self._depth -= 1
                self._deadline = outer
        finally:
            self._turn.release()

    @contextmanager
    def transaction(self, operation: str) -> Iterator[None]:
        """Make the statements inside one: all of them count, or none."""
        with self.turn(operation, self.settings.write_timeout_seconds):
            self.run(operation, cypher.BEGIN)
            try:
                yield
            except BaseException:
                self._roll_back(operation)
                raise
            self.run(operation, cypher.COMMIT)

    def run(self, operation: str, statement: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement that returns nothing. Raises: GraphTimeout, GraphError."""
        with self.turn(operation, self.settings.write_timeout_seconds):
            self._execute(operation, statement, parameters).close()

    def rows(self, operation: str, statement: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Run a statement and return its rows. Raises: GraphTimeout, GraphError."""
        with self.turn(operation, self.settings.write_timeout_seconds):
            result = self._execute(operation, statement, parameters)
            try:
                rows: pa.Table = result.get_as_arrow(chunk_size=CHUNK_ROWS)
            finally:
                result.close()
            return rows

    def _execute(
        self, operation: str, statement: str, parameters: Mapping[str, object] | None, seconds: float | None = None
    ) -> ladybug.QueryResult:
        left = seconds if seconds is not None else self._deadline - time.monotonic()
        if left <= 0:
            raise GraphTimeout(operation, self.settings.write_timeout_seconds)
        self._connection.set_query_timeout(max(1, int(left * 1000)))
        with _translated(operation, left):
            result = self._connection.execute(statement, dict(parameters or {}))
        if isinstance(result, list):
            # one builder returns one statement; a second one would have come in through a value
            raise GraphError(f"'{operation}' ran {len(result)} statements instead of one.", "Report this: it is a defect.")
        return result

    def _roll_back(self, operation: str) -> None:
        # its own few seconds: the deadline may be what ended the transaction
        self._execute(operation, cypher.ROLLBACK, None, seconds=30.0).close()


def _locked(folder: Path, seconds: float) -> IO[str]:
    lock = (folder / "LOCK").open("a")
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                lock.close()
                cause = f"another process or store object has {folder} open."
                raise GraphUnavailable(STORE, cause, "End the other one, or read a published snapshot instead.") from error
            time.sleep(POLL_SECONDS)
        else:
            return lock


def _opened(path: Path, settings: EmbeddedSettings) -> tuple[ladybug.Database, ladybug.Connection]:
    with _translated("open", settings.open_timeout_seconds):
        database = ladybug.Database(path, buffer_pool_size=settings.buffer_pool_bytes, max_num_threads=settings.threads)
        connection = ladybug.Connection(database, num_threads=settings.threads)
        connection.execute(cypher.NO_STATEMENT_CACHE)
    return database, connection


@contextmanager
def _translated(operation: str, seconds: float) -> Iterator[None]:
    """Turn errors of the library, which are all plain RuntimeErrors, into errors of the room, with their cause chained."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if INTERRUPTED in text:
            raise GraphTimeout(operation, seconds) from error
        if operation == "open":
            remedy = "Rebuild the graph from the lake (`shelfgraph graph build`) in a new folder."
            raise GraphUnavailable(STORE, text[:1000], remedy) from error
        raise GraphError(f"The embedded store refused '{operation}': {text[:1000]}", "Report this: it is a defect.") from error
