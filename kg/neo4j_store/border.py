"""Where the driver's errors become the room's: one table, and a test that fails when the driver grows a class it lacks.

| the driver says | the room says |
| --- | --- |
| nobody answers, the connection was lost, no connection was free in time, the password is refused | GraphUnavailable |
| the server ended the transaction because its time was over, or a lock was not to be had in time | GraphTimeout |
| anything else: a statement the server refuses, a server of another kind | GraphError |
"""

from collections.abc import Iterator
from contextlib import contextmanager

from neo4j.exceptions import (
    AuthError,
    ConfigurationError,
    ConnectionPoolError,
    DatabaseUnavailable,
    DriverError,
    ForbiddenOnReadOnlyDatabase,
    Neo4jError,
    NotALeader,
    ServiceUnavailable,
    SessionExpired,
)

from kg.errors import GraphError, GraphTimeout, GraphUnavailable

__all__ = ["TIMEOUT_CODES", "translate", "translated"]

STORE = "neo4j"
UNAVAILABLE = (
    AuthError,
    ConfigurationError,
    ConnectionPoolError,
    DatabaseUnavailable,
    ForbiddenOnReadOnlyDatabase,
    NotALeader,
    ServiceUnavailable,
    SessionExpired,
)
TIMEOUT_CODES = frozenset(
    {
        "Neo.ClientError.Transaction.TransactionTimedOut",
        "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
        "Neo.TransientError.Transaction.LockAcquisitionTimeout",
        "Neo.ClientError.Transaction.LockClientStopped",
        # the driver calls these two client errors, whatever the server calls them
        "Neo.ClientError.Transaction.Terminated",
        "Neo.ClientError.Transaction.TransactionTerminated",
    }
)


def translate(error: Neo4jError | DriverError, operation: str, seconds: float) -> GraphError:
    """Return the room's error for a driver's error during `operation`, which was given `seconds`."""
    if isinstance(error, Neo4jError) and error.code in TIMEOUT_CODES:
        return GraphTimeout(operation, seconds)
    if isinstance(error, UNAVAILABLE):
        return GraphUnavailable(STORE, f"{type(error).__name__}: {error}"[:500])
    return GraphError(
        f"Neo4j refused '{operation}': {type(error).__name__}: {str(error)[:1000]}",
        "Look at the server's log; `shelfgraph doctor` compares its version with the one the product was tested with.",
    )


@contextmanager
def translated(operation: str, seconds: float) -> Iterator[None]:
    """Turn every error of the driver inside the block into one of the room, with its cause chained."""
    try:
        yield
    except (Neo4jError, DriverError) as error:
        raise translate(error, operation, seconds) from error
