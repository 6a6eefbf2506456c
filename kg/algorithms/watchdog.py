"""What holds the server to the limit of a call to the algorithms.

The library's statements take no time limit. So a thread waits beside each call; when its time is over it asks the server to end
the transactions that work on the call's projection. The projection's name is the call's own: nobody else's work is touched.
The algorithms look every ten seconds whether they are to end, and some of them (FastRP of 2.13) never answer when they were
ended. Therefore the call's connection is cut when it has not ended a little later.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from neo4j import Driver, Query
from neo4j.exceptions import DriverError, Neo4jError

from kg.algorithms.limits import Limit
from kg.errors import GraphTimeout
from kg.neo4j_store.projections import END_WORK_ON_PROJECTION

__all__ = ["Call", "watched"]

GRACE_SECONDS = 15.0
AGAIN_SECONDS = 0.5
ASKING_SECONDS = 10.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One call on its way: what it works on, where it runs, and how to ask for its end.

    Args:
        projection: name of the projection, the call's own.
        working: the driver that the call alone uses.
        asking: another driver on the same server.
        database: where the asking statement runs.
    """

    projection: str
    working: Driver
    asking: Driver
    database: str


@contextmanager
def watched(call: Call, limit: Limit) -> Iterator[None]:
    """Hold the block to the limit. Raises: GraphTimeout instead of whatever the driver says of its end."""
    done = threading.Event()
    arguments = (call, limit.left_seconds(), done)
    watchdog = threading.Thread(target=_watch, args=arguments, name=f"limit of {call.projection}", daemon=True)
    watchdog.start()
    try:
        yield
    except (Neo4jError, DriverError) as error:
        if limit.is_over:
            raise GraphTimeout(limit.operation, limit.seconds) from error
        raise
    finally:
        done.set()
        watchdog.join()


def _watch(call: Call, seconds: float, done: threading.Event) -> None:
    if done.wait(seconds):
        return
    last = time.monotonic() + GRACE_SECONDS
    _ask_for_the_end(call)
    while not done.wait(AGAIN_SECONDS):
        if time.monotonic() >= last:
            call.working.close()
            return
        _ask_for_the_end(call)


def _ask_for_the_end(call: Call) -> None:
    try:
        query = Query(str(END_WORK_ON_PROJECTION), timeout=ASKING_SECONDS)
        call.asking.execute_query(query, {"projection": call.projection}, database_=call.database)
    except (Neo4jError, DriverError) as error:
        # it is asked again, and the connection is cut in the end
        log.warning("the work on %s could not be ended yet: %s", call.projection, type(error).__name__)
