"""A read or a write beyond its time limit raises GraphTimeout and changes nothing.

The snapshot has no case: it is in memory, and its answers are bounded by the port's limits, not by time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from neo4j import GraphDatabase

from kg.embedded_store import EmbeddedStore, open_embedded
from kg.errors import GraphTimeout
from kg.neo4j_store import Neo4jSettings, open_neo4j
from kg.ports import Direction, GraphStore, NodeRef
from tests.conformance.conftest import WRITERS
from tests.conformance.large_world import derived, product_ids, products
from tests.conformance.world import DERIVED, SCHEMA, edge_row, edge_table, node_row, node_table

SECONDS = 0.5
PRODUCTS = [f"p{number:02d}" for number in range(40)]
SHORT = Neo4jSettings(
    read_timeout_seconds=SECONDS,
    path_timeout_seconds=SECONDS,
    write_timeout_seconds=SECONDS,
    bulk_timeout_seconds=SECONDS,
    write_retry_seconds=1.0,
)


@dataclass
class Slow:
    """A store with short limits, what makes its writes slow from outside, and one without limits to look with."""

    store: GraphStore
    patient: GraphStore
    held: Callable[[], AbstractContextManager[None]]


@pytest.fixture(params=WRITERS)
def slow(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Slow]:
    if request.param == "embedded":
        with closing(open_embedded(tmp_path, SCHEMA)) as store:
            yield Slow(store, store, lambda: busy(store))
        return
    server = request.getfixturevalue("neo4j_server")
    address = (server.uri, server.user, server.password)
    with closing(open_neo4j(*address, SCHEMA)) as patient, closing(open_neo4j(*address, SCHEMA, settings=SHORT)) as store:
        patient.prepare()
        patient.clear()
        yield Slow(store, patient, lambda: locked(address))


@contextmanager
def busy(store: EmbeddedStore) -> Iterator[None]:
    """Another thread has the store's connection: statements take turns on it."""
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._engine.turn("test", 60.0):
            holding.set()
            done.wait(60.0)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(60.0)
    with short_limits(store):
        try:
            yield
        finally:
            done.set()
            thread.join()


@contextmanager
def short_limits(store: EmbeddedStore, seconds: float = SECONDS) -> Iterator[None]:
    usual = store._engine.settings
    store._engine.settings = replace(usual, read_timeout_seconds=seconds, write_timeout_seconds=seconds)
    try:
        yield
    finally:
        store._engine.settings = usual


@contextmanager
def locked(address: tuple[str, str, str]) -> Iterator[None]:
    """Another client holds the lock of a product and of the turn on the derived relation, in an open transaction."""
    uri, user, password = address
    driver = GraphDatabase.driver(uri, auth=(user, password))
    with driver, driver.session() as session, session.begin_transaction() as transaction:
        transaction.run("MATCH (p:Product {id: 'p00'}) SET p.held = true").consume()
        transaction.run("MATCH (t:`_ShelfgraphTurn` {relation: $name}) SET t.held = true", name=DERIVED).consume()
        yield
        transaction.rollback()


def fill(store: GraphStore) -> str:
    """Join every product with every other one: a search of four hops has millions of trails to order."""
    store.upsert_nodes("Product", node_table("Product", [node_row("Product", one) for one in PRODUCTS]))
    pairs = [(one, other) for one in PRODUCTS for other in PRODUCTS if one != other]
    store.replace_derived(DERIVED, edge_table(DERIVED, [edge_row(DERIVED, *pair) for pair in pairs]))
    return store.digest()


def test_a_read_beyond_its_limit(slow: Slow) -> None:
    before = fill(slow.patient)
    if isinstance(slow.store, EmbeddedStore):
        # a search is bounded by its steps here, so a large read is asked for; its statement is interrupted half way
        slow.store.upsert_nodes("Product", products())
        slow.store.upsert_edges(DERIVED, derived("large"))
        before = slow.store.digest()
    began = time.monotonic()
    if isinstance(slow.store, EmbeddedStore):
        with short_limits(slow.store, 0.005), pytest.raises(GraphTimeout):
            slow.store.related(DERIVED, product_ids(count=10_000), direction=Direction.OUT, limit=10_000)
    else:
        ends = NodeRef("Product", PRODUCTS[0]), NodeRef("Product", PRODUCTS[1])
        with pytest.raises(GraphTimeout, match=r"'paths' did not finish within 0\.5 seconds"):
            slow.store.paths(*ends, relations=[DERIVED], maximum_hops=4, limit=10_000)
    # a server looks every two seconds for what is over its time
    assert time.monotonic() - began < 20
    assert slow.patient.digest() == before


@pytest.mark.parametrize("write", ["nodes", "edges", "replace"])
def test_a_write_beyond_its_limit(slow: Slow, write: str) -> None:
    before = fill(slow.patient)
    edge = edge_table(DERIVED, [edge_row(DERIVED, "p00", "p01", strength=9.0)])
    writes = {
        "nodes": lambda: slow.store.upsert_nodes("Product", node_table("Product", [node_row("Product", "p00", name="late")])),
        "edges": lambda: slow.store.upsert_edges(DERIVED, edge),
        "replace": lambda: slow.store.replace_derived(DERIVED, edge),
    }
    began = time.monotonic()
    with slow.held(), pytest.raises(GraphTimeout, match="did not finish within"):
        writes[write]()
    assert SECONDS * 0.9 < time.monotonic() - began < 30
    assert slow.patient.digest() == before
    # nobody holds it any more
    writes[write]()
    assert slow.patient.digest() != before
