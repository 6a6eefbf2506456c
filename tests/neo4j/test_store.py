"""What only the Neo4j adapter promises: hidden generations, turns, limits, lost commits, and clear words when nobody answers."""

import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from neo4j import GraphDatabase, RoutingControl, Session
from neo4j.exceptions import IncompleteCommit

from kg.errors import GraphTimeout, GraphUnavailable
from kg.neo4j_store import Neo4jSettings, Neo4jStore, open_neo4j
from kg.neo4j_store.cypher import GENERATION_PROPERTY
from kg.neo4j_store.server import StartFailed, check_health, start, status
from kg.ports import Direction
from ontology.schema import load_schema
from tests.conformance.world import node_row, node_table

RELATION = "similarTo"


def products(count: int) -> pa.Table:
    ids = [f"p{number:04d}" for number in range(count)]
    return pa.table({"id": ids, "display_name": ids, "merchandise": [True] * count})


def edges(count: int, version: str) -> pa.Table:
    numbers = range(count)
    texts = {
        "unit": "score",
        "scope": "chain",
        "run_id": "r",
        "model_version": version,
        "grade": "association",
        "status": "active",
    }
    table = pa.table(
        {
            "source": [f"p{number:04d}" for number in numbers],
            "target": [f"p{number + 1:04d}" for number in numbers],
            "assertion_id": [f"{version}-{number}" for number in numbers],
            **{name: [float(number) for number in numbers] for name in ("strength", "low", "high")},
            **{name: [1] * count for name in ("events", "support")},
            "sources": [["sales_lines"]] * count,
            "valid_from": [date(2017, 1, 1)] * count,
            "recorded_from": pa.array([datetime(2017, 1, 1, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")),
        }
    )
    for name, text in texts.items():
        table = table.append_column(name, pa.array([text] * count))
    return table


@pytest.fixture
def driver(neo4j_server):
    with GraphDatabase.driver(neo4j_server.uri, auth=(neo4j_server.user, neo4j_server.password)) as opened:
        yield opened


def single(driver, query: str, **parameters):
    return driver.execute_query(query, parameters_=parameters)[0][0][0]


def opened(neo4j_server, **settings) -> Neo4jStore:
    limits = Neo4jSettings(**settings)
    return open_neo4j(neo4j_server.uri, neo4j_server.user, neo4j_server.password, load_schema(), settings=limits)


def test_edges_of_an_unpublished_set_are_seen_nowhere_and_swept_by_the_next_writer(empty_neo4j, driver) -> None:
    empty_neo4j.upsert_nodes("Product", products(6))
    empty_neo4j.replace_derived(RELATION, edges(3, "published"))
    orphan = (
        f"MATCH (a:Product {{id: 'p0000'}}), (b:Product {{id: 'p0005'}}) "
        f"CREATE (a)-[r:{RELATION} {{scope: 'chain', {GENERATION_PROPERTY}: 12345}}]->(b) RETURN 1"
    )
    single(driver, orphan)
    assert empty_neo4j.counts()[RELATION] == 3
    assert empty_neo4j.export_edges(RELATION).num_rows == 3
    found = empty_neo4j.related(RELATION, ["p0000"], direction=Direction.OUT, limit=10)["p0000"]
    assert [edge.target.id for edge in found] == ["p0001"]
    assert GENERATION_PROPERTY not in found[0].properties
    empty_neo4j.replace_derived(RELATION, edges(2, "next"))
    assert single(driver, f"MATCH ()-[r:{RELATION}]->() RETURN count(r)") == 2


def test_the_old_set_is_deleted_and_nothing_internal_is_exported(empty_neo4j, driver) -> None:
    empty_neo4j.upsert_nodes("Product", products(30))
    for version in ("one", "two"):
        empty_neo4j.replace_derived(RELATION, edges(25, version))
    assert single(driver, f"MATCH ()-[r:{RELATION}]->() RETURN count(r)") == 25
    exported = empty_neo4j.export_edges(RELATION)
    assert set(exported.column("model_version").to_pylist()) == {"two"}
    assert exported.column_names[:2] == ["source", "target"]
    assert GENERATION_PROPERTY not in exported.column_names


def test_a_writer_waits_for_the_turn_of_another_no_longer_than_its_limit(empty_neo4j, driver, neo4j_server) -> None:
    empty_neo4j.upsert_nodes("Product", products(6))
    empty_neo4j.replace_derived(RELATION, edges(3, "published"))
    with driver.session() as session, session.begin_transaction() as held:
        held.run("MATCH (turn:`_ShelfgraphTurn` {relation: $relation}) SET turn.writer = 'other'", relation=RELATION).consume()
        began = time.monotonic()
        with closing(opened(neo4j_server, bulk_timeout_seconds=1.0)) as impatient, pytest.raises(GraphTimeout, match=RELATION):
            impatient.replace_derived(RELATION, edges(1, "never"))
        assert 0.9 < time.monotonic() - began < 30
        # readers never wait for writers
        assert empty_neo4j.counts()[RELATION] == 3
    assert empty_neo4j.replace_derived(RELATION, edges(1, "after")).rows == 1


def test_batches_whose_commit_was_lost_are_not_written_twice(empty_neo4j, monkeypatch) -> None:
    original, calls = Session.execute_write, []

    def commit_and_lose(session, work, *arguments):
        answer = original(session, work, *arguments)
        calls.append(answer)
        if len(calls) % 2:
            raise IncompleteCommit("the connection was lost while committing")
        return answer

    monkeypatch.setattr(Session, "execute_write", commit_and_lose)
    empty_neo4j.upsert_nodes("Product", products(6))
    empty_neo4j.upsert_edges(RELATION, edges(5, "one"))
    assert len(calls) == 4
    assert empty_neo4j.counts()["Product"] == 6
    assert empty_neo4j.counts()[RELATION] == 5


def test_small_batches_side_by_side_write_everything_once(empty_neo4j, neo4j_server) -> None:
    with closing(opened(neo4j_server, batch_rows=7, writers=4)) as store:
        assert store.upsert_nodes("Product", products(200)).created == 200
        assert store.upsert_edges(RELATION, edges(199, "one")).created == 199
        assert store.upsert_edges(RELATION, edges(199, "two")).created == 0
    assert set(empty_neo4j.export_edges(RELATION).column("model_version").to_pylist()) == {"two"}


def test_a_node_that_turns_dense_while_it_is_read_is_never_seen_torn(empty_neo4j, driver) -> None:
    # beyond 50 edges the server lays those of a node out anew; 5.26.24 showed a reader on its way some of them only
    hubs, leaves, more = ([f"{kind}{number}" for number in range(count)] for kind, count in (("h", 1000), ("l", 40), ("m", 20)))
    empty_neo4j.upsert_nodes("Product", node_table("Product", [node_row("Product", one) for one in (*hubs, *leaves, *more)]))
    pairs = (
        "UNWIND $hubs AS hub MATCH (a:Product {id: hub}) UNWIND $others AS other MATCH (b:Product {id: other}) "
        "CREATE (a)-[:isVariantOf {part: $part}]->(b)"
    )
    driver.execute_query(pairs, hubs=hubs, others=leaves, part=1)
    count = (
        "UNWIND $hubs AS hub MATCH (a:Product {id: hub}) "
        "CALL (a) { MATCH (a)-[edge:isVariantOf]->(:Product) WHERE edge.part = 1 RETURN count(edge) AS edges } RETURN edges"
    )
    done = threading.Event()

    def watch(seed: int) -> set[int]:
        chance, seen = random.Random(seed), set()
        while not done.is_set():
            found = driver.execute_query(count, hubs=chance.sample(hubs, 50), routing_=RoutingControl.READ)[0]
            seen |= {row["edges"] for row in found}
        return seen

    with ThreadPoolExecutor(3) as pool:
        watchers = [pool.submit(watch, seed) for seed in range(3)]
        try:
            for first in range(0, len(hubs), 100):
                driver.execute_query(pairs, hubs=hubs[first : first + 100], others=more, part=2)
        finally:
            done.set()
        assert set().union(*(watcher.result() for watcher in watchers)) == {40}


def test_nobody_at_the_address_is_said_within_the_limit() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(GraphUnavailable, match="shelfgraph neo4j start"):
        open_neo4j(f"bolt://127.0.0.1:{port}", "neo4j", "a secret word", load_schema())
    assert time.monotonic() - began < 15


def test_a_wrong_password_is_refused_and_not_repeated(neo4j_server) -> None:
    with pytest.raises(GraphUnavailable) as caught:
        open_neo4j(neo4j_server.uri, neo4j_server.user, "a secret word", load_schema())
    assert "a secret word" not in str(caught.value)


def test_the_server_is_healthy_found_again_and_on_loopback(neo4j_server) -> None:
    versions = check_health(neo4j_server.uri, neo4j_server.user, neo4j_server.password)
    assert (versions.neo4j, versions.gds) == (neo4j_server.neo4j_version, neo4j_server.gds_version)
    running = status(neo4j_server.home)
    assert running is not None
    assert start(neo4j_server.home) == running
    assert running.uri.startswith("bolt://127.0.0.1:")
    for name in ("conf/password", "run/server.json"):
        assert (neo4j_server.home / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("password", [None, "-begins-with-a-dash", 'a "quoted\\ one'])
def test_a_start_that_fails_shows_what_the_server_said(tmp_path, password) -> None:
    with pytest.raises(StartFailed, match="heap"):
        start(tmp_path, heap="plenty", password=password)
    assert status(tmp_path) is None
