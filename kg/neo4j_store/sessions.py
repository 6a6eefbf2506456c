"""Transactions on the driver: with bookmarks, so that a reader sees its own writes, and a limit on each.

Reads and writes have drivers of their own: a read gives up early, a batch may be tried again for longer.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from neo4j import READ_ACCESS, WRITE_ACCESS, Driver, GraphDatabase, ManagedTransaction, Query, Session, Transaction, unit_of_work
from neo4j.exceptions import DriverError, IncompleteCommit, Neo4jError, ResultError

from kg.neo4j_store.border import translated
from kg.neo4j_store.cypher import Statement
from kg.neo4j_store.settings import Neo4jSettings

__all__ = ["Sessions", "WriteResult", "run_rows"]

AnswerT = TypeVar("AnswerT")
Parameters = Mapping[str, object]
AGENT = "shelfgraph"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What one writing statement did. `rows` is the first number it returned, 0 where it returns none."""

    rows: int
    created: int
    deleted: int


class Sessions:
    """Opens sessions and runs statements; every driver error leaves as one of the room.

    Args:
        uri: address of the server.
        user, password: who asks.
        settings: limits.
    """

    def __init__(self, uri: str, user: str, password: str, settings: Neo4jSettings) -> None:
        self.settings = settings
        self._bookmarks = GraphDatabase.bookmark_manager()
        with translated("open", settings.connect_timeout_seconds):
            self._reader = self._driver(uri, user, password, settings.retry_seconds)
            self._writer = self._driver(uri, user, password, settings.write_retry_seconds)

    def _driver(self, uri: str, user: str, password: str, retry_seconds: float) -> Driver:
        limits = self.settings
        return GraphDatabase.driver(
            uri,
            auth=(user, password),
            connection_acquisition_timeout=limits.acquire_timeout_seconds,
            connection_timeout=limits.connect_timeout_seconds,
            max_transaction_retry_time=retry_seconds,
            initial_retry_delay=limits.first_retry_seconds,
            max_connection_pool_size=limits.pool_size,
            liveness_check_timeout=limits.liveness_seconds,
            telemetry_disabled=True,
            notifications_min_severity="OFF",
            user_agent=AGENT,
        )

    def verify(self) -> None:
        """Reach the server once. Raises: GraphUnavailable."""
        with translated("connect", self.settings.connect_timeout_seconds):
            self._reader.verify_connectivity()

    def close(self) -> None:
        """Close all connections; closing twice is allowed."""
        self._reader.close()
        self._writer.close()

    def read(self, operation: str, work: Callable[[ManagedTransaction], AnswerT], *, seconds: float | None = None) -> AnswerT:
        """Run `work` in a read transaction, again where it failed for a passing reason."""
        limit = seconds or self.settings.read_timeout_seconds
        with translated(operation, limit), self._session(self._reader, READ_ACCESS) as session:
            return session.execute_read(unit_of_work(timeout=limit)(work))

    def rows(
        self, operation: str, statement: Statement, parameters: Parameters, *, seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """Return all rows of one reading statement."""
        return self.read(operation, lambda transaction: run_rows(transaction, statement, parameters), seconds=seconds)

    def write(
        self, operation: str, statement: Statement, parameters: Parameters, *, again: Statement | None = None
    ) -> WriteResult:
        """Run one writing statement in a transaction of its own.

        Args:
            operation: name for messages.
            statement: what to run; it may run twice.
            parameters: its values.
            again: what to run when the connection was lost while committing, so that nobody knows whether the batch was written;
                it must be safe to run after `statement`. By default the statement itself.
        """
        limit = self.settings.write_timeout_seconds

        def run(chosen: Statement) -> WriteResult:
            work = unit_of_work(timeout=limit)(lambda transaction: _run_write(transaction, chosen, parameters))
            with self._session(self._writer, WRITE_ACCESS) as session:
                return session.execute_write(work)

        with translated(operation, limit):
            try:
                return run(statement)
            except IncompleteCommit:
                return run(again or statement)

    def command(self, operation: str, statement: Statement, parameters: Parameters | None = None) -> Any:
        """Run one statement that manages its own transactions (schema changes, deletes in batches); return its summary."""
        limit = self.settings.bulk_timeout_seconds
        with translated(operation, limit), self._session(self._writer, WRITE_ACCESS) as session:
            return session.run(Query(str(statement), timeout=limit), dict(parameters or {})).consume()

    @contextmanager
    def transaction(self, operation: str) -> Iterator[Transaction]:
        """Hold one writing transaction open; it is rolled back unless the block commits it."""
        limit = self.settings.bulk_timeout_seconds
        with translated(operation, limit), self._session(self._writer, WRITE_ACCESS) as session:
            transaction = session.begin_transaction(timeout=limit)
            try:
                yield transaction
            finally:
                with suppress(Neo4jError, DriverError, ResultError):
                    transaction.close()

    def _session(self, driver: Driver, access: str) -> Session:
        return driver.session(
            database=self.settings.database, default_access_mode=access, bookmark_manager=self._bookmarks, fetch_size=10_000
        )


def _run_write(transaction: ManagedTransaction, statement: Statement, parameters: Parameters) -> WriteResult:
    result = transaction.run(str(statement), dict(parameters))
    rows = result.values()
    counters = result.consume().counters
    matched = int(rows[0][0]) if rows else 0
    return WriteResult(matched, counters.nodes_created + counters.relationships_created, counters.nodes_deleted)


def run_rows(
    transaction: ManagedTransaction | Transaction, statement: Statement, parameters: Parameters
) -> list[tuple[Any, ...]]:
    """Return all rows of a statement inside a transaction."""
    return [tuple(values) for values in transaction.run(str(statement), dict(parameters)).values()]
