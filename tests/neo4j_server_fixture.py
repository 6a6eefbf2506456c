"""A real Neo4j with Graph Data Science for the tests: started once per run, on its own port and folder, never skipped."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kg.neo4j_store import Neo4jStore, open_neo4j
from kg.neo4j_store.server import start, stop
from ontology.schema import load_schema

SPOKEN_TO = pytest.StashKey[str]()


@dataclass(frozen=True, slots=True)
class TestServer:
    """Address of the running server. Its database may hold what an earlier test has written; `empty_neo4j` is clean."""

    __test__ = False

    uri: str
    user: str
    password: str
    neo4j_version: str
    gds_version: str
    home: Path


@pytest.fixture(scope="session")
def neo4j_server(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[TestServer]:
    home = tmp_path_factory.mktemp("neo4j")
    try:
        # small graphs and many different statements: code is compiled once and quickly, never twice and well
        running = start(home, heap="1g", pagecache="256m", jvm_options=("-XX:TieredStopAtLevel=1",))
        _tell(pytestconfig, f"Neo4j {running.neo4j_version} with Graph Data Science {running.gds_version}")
        yield TestServer(running.uri, running.user, running.password, running.neo4j_version, running.gds_version, home)
    finally:
        stop(home)


@pytest.fixture(scope="session")
def prepared_neo4j(neo4j_server: TestServer) -> Iterator[Neo4jStore]:
    schema = load_schema()
    with closing(open_neo4j(neo4j_server.uri, neo4j_server.user, neo4j_server.password, schema)) as store:
        store.prepare()
        yield store


@pytest.fixture
def empty_neo4j(prepared_neo4j: Neo4jStore) -> Neo4jStore:
    """A store with constraints and indexes in place and nothing else. Cleared before the test: a failed one can be looked at."""
    prepared_neo4j.clear()
    return prepared_neo4j


def _tell(config: pytest.Config, versions: str) -> None:
    """Say which server was spoken to: to the process that prints the summary where several run the tests."""
    output = getattr(config, "workeroutput", None)
    if output is None:
        config.stash[SPOKEN_TO] = versions
    else:
        output["spoken_to"] = versions


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    versions = getattr(node, "workeroutput", {}).get("spoken_to")
    if versions:
        node.config.stash[SPOKEN_TO] = versions


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if SPOKEN_TO in config.stash:
        terminalreporter.write_sep("=", config.stash[SPOKEN_TO])
