"""The whole demo data on a real Neo4j that the command line installs and starts: counts asked of the server itself, and the same
graph as on the embedded store.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from neo4j import GraphDatabase

from kg.neo4j_store import Neo4jStore, open_neo4j
from kg.neo4j_store.server import RunningServer, status, stop
from kg.snapshot import Snapshot, open_current_snapshot
from ontology.schema import load_schema
from ontology.schema_types import RelationKind
from pipeline.layout import HomeLayout
from tests.full.conftest import COMMAND, Demo
from tests.full.test_demo import INDEPENDENT_COUNTS, raw_data

__all__ = ["raw_data"]

pytestmark = [pytest.mark.full, pytest.mark.neo4j, pytest.mark.timeout(1800)]

BUILD_SECONDS = 900
DERIVED = ("isBoughtWith", "isSubstituteFor", "isComplementTo")
COMMON_SHARE = 0.95
"""Edges that both engines derive, of those that either does: embeddings are other random numbers in each engine. Seen: 0.98."""
DOWN = 3


@dataclass(frozen=True)
class Built:
    """A home whose graph of record lies in a Neo4j of its own."""

    layout: HomeLayout
    printed: dict
    server: RunningServer
    root: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_in(self.layout.home, self.root, *arguments)


def run_in(home: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"SHELFGRAPH_HOME": str(home), "SHELFGRAPH_STORE": "neo4j", "SHELFGRAPH_PORT": "0"}
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=root,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def built(demo: Demo, tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Iterator[Built]:
    layout = HomeLayout(tmp_path_factory.mktemp("neo4j-home"))
    shutil.copytree(HomeLayout(demo.home).lake, layout.lake)
    try:
        done = run_in(layout.home, project_root, "graph", "build", "--json")
        assert done.returncode == 0, done.stderr[-4000:]
        server = status(layout.neo4j)
        assert server is not None
        yield Built(layout, json.loads(done.stdout), server, project_root)
    finally:
        stop(layout.neo4j)


@pytest.fixture(scope="module")
def embedded(demo: Demo) -> Snapshot:
    return open_current_snapshot(HomeLayout(demo.home).snapshots)


@pytest.fixture(scope="module")
def store(built: Built) -> Iterator[Neo4jStore]:
    server = built.server
    with closing(open_neo4j(server.uri, server.user, server.password, load_schema())) as opened:
        yield opened


@pytest.mark.parametrize("term", INDEPENDENT_COUNTS)
def test_the_server_counts_what_the_files_hold(built: Built, raw_data: duckdb.DuckDBPyConnection, term: str) -> None:
    pattern = f"(found:`{term}`)" if term in load_schema().nodes else f"()-[found:`{term}`]->()"
    with GraphDatabase.driver(built.server.uri, auth=(built.server.user, built.server.password)) as driver:
        records, _, _ = driver.execute_query(f"MATCH {pattern} RETURN count(found)")
    expected = raw_data.execute(INDEPENDENT_COUNTS[term]).fetchone()
    assert expected is not None
    assert records[0][0] == expected[0]


def test_all_facts_are_those_of_the_embedded_store(built: Built, embedded: Snapshot) -> None:
    published = open_current_snapshot(built.layout.snapshots)
    assert published.version.as_of == embedded.version.as_of
    schema = load_schema()
    # needs are communities: each engine draws other random numbers, and finds others
    for label in set(schema.nodes) - {"Need"}:
        assert published.export_nodes(label).equals(embedded.export_nodes(label)), label
    facts = [name for name, relation in schema.relations.items() if relation.kind is not RelationKind.DERIVED]
    for relation in facts:
        assert published.export_edges(relation).equals(embedded.export_edges(relation)), relation
    assert built.printed["version"]["digest"] == published.version.digest


@pytest.mark.parametrize("term", ["Product", "Promotion", "received", "redeemed", "inCategory", *DERIVED])
def test_the_server_holds_what_was_published(built: Built, store: Neo4jStore, term: str) -> None:
    published = open_current_snapshot(built.layout.snapshots)
    is_label = term in load_schema().nodes
    held = store.export_nodes(term) if is_label else store.export_edges(term)
    assert held.equals(published.export_nodes(term) if is_label else published.export_edges(term))
    assert held.num_rows > 0


def test_what_is_bought_together_is_the_same_on_both_stores(store: Neo4jStore, embedded: Snapshot) -> None:
    by_run = {"run_id", "recorded_from", "recorded_to"}
    left, right = (graph.export_edges("isBoughtWith") for graph in (store, embedded))
    columns = [name for name in left.column_names if name not in by_run]
    assert left.select(columns).equals(right.select(columns))


@pytest.mark.parametrize("relation", ["isSubstituteFor", "isComplementTo"])
def test_the_engines_derive_the_same_edges_in_the_main(store: Neo4jStore, embedded: Snapshot, relation: str) -> None:
    found, expected = (ends(graph.export_edges(relation)) for graph in (store, embedded))
    assert len(found & expected) >= COMMON_SHARE * len(found | expected)


def ends(edges: pa.Table) -> set[tuple[str, str]]:
    return set(zip(edges["source"].to_pylist(), edges["target"].to_pylist(), strict=True))


def test_the_command_line_stops_and_starts_the_server_with_its_graph(built: Built) -> None:
    said = built.run("neo4j", "status", "--json")
    assert said.returncode == 0
    expected = {
        "installed": True,
        "running": True,
        "uri": built.server.uri,
        "pid": built.server.pid,
        "neo4j": built.server.neo4j_version,
        "gds": built.server.gds_version,
    }
    assert expected.items() <= json.loads(said.stdout).items()
    assert built.run("neo4j", "stop").returncode == 0
    down = built.run("neo4j", "status", "--json")
    assert (down.returncode, json.loads(down.stdout)) == (DOWN, {"installed": True, "running": False})
    assert built.run("neo4j", "start").returncode == 0
    again = status(built.layout.neo4j)
    assert again is not None
    assert again.pid != built.server.pid
    with closing(open_neo4j(again.uri, again.user, again.password, load_schema())) as store:
        assert store.counts() == open_current_snapshot(built.layout.snapshots).counts()
    assert built.run("neo4j", "stop").returncode == 0
    assert status(built.layout.neo4j) is None
