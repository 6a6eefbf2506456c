"""One suite over every implementation of the graph's port. `filled` reads a shop; `store` is empty and can be written."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kg.embedded_store import EmbeddedStore, open_embedded
from kg.neo4j_store import Neo4jStore, open_neo4j
from kg.ports import GraphReader, GraphStore
from kg.snapshot import Snapshot, open_current_snapshot, publish_snapshot
from kit.clock import SystemClock
from tests.conformance.counting import STORES
from tests.conformance.world import AS_OF, SCHEMA, shop

WRITERS = ("embedded", "neo4j")


def _parameters(names: tuple[str, ...]) -> list:
    return [pytest.param(name, marks=pytest.mark.neo4j) if name == "neo4j" else name for name in names]


@pytest.fixture(scope="module", params=_parameters(STORES))
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphReader]:
    """A store that holds the shop. Nothing in a module that uses it writes."""
    if request.param == "neo4j":
        with _neo4j(request) as graph:
            graph.clear()
            shop().write(graph)
            yield graph
        return
    graph = open_embedded(tmp_path_factory.mktemp("embedded"), SCHEMA)
    try:
        shop().write(graph)
        yield publish(graph, tmp_path_factory.mktemp("published")) if request.param == "snapshot" else graph
    finally:
        graph.close()


@pytest.fixture(params=_parameters(WRITERS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """An empty store."""
    with empty_store(request.param, request, tmp_path) as graph:
        yield graph


@pytest.fixture(params=_parameters(WRITERS))
def other_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], object]:
    """Opens a second, empty store to rebuild in, once the first one has been read."""
    return lambda: empty_store(request.param, request, tmp_path / "other")


@pytest.fixture(params=_parameters(WRITERS))
def store_address(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """How a process of its own opens an empty store: the arguments of `writer_process`."""
    if request.param == "embedded":
        return ["embedded", str(tmp_path / "store")]
    server = request.getfixturevalue("neo4j_server")
    with _neo4j(request) as graph:
        graph.clear()
    return ["neo4j", server.uri, server.user, server.password]


class empty_store:  # noqa: N801 - used as a function
    def __init__(self, name: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self._open = (lambda: open_embedded(folder, SCHEMA)) if name == "embedded" else (lambda: _open_neo4j(request))

    def __enter__(self) -> GraphStore:
        self.graph: EmbeddedStore | Neo4jStore = self._open()
        if isinstance(self.graph, Neo4jStore):
            # the server is shared by the whole run; a folder of the embedded store is fresh
            self.graph.prepare()
            self.graph.clear()
        return self.graph

    def __exit__(self, *exception: object) -> None:
        self.graph.close()


class _neo4j:  # noqa: N801 - used as a function
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request

    def __enter__(self) -> Neo4jStore:
        self.graph = _open_neo4j(self._request)
        self.graph.prepare()
        return self.graph

    def __exit__(self, *exception: object) -> None:
        self.graph.close()


def _open_neo4j(request: pytest.FixtureRequest) -> Neo4jStore:
    server = request.getfixturevalue("neo4j_server")
    return open_neo4j(server.uri, server.user, server.password, SCHEMA)


def publish(exporter: object, root: Path) -> Snapshot:
    publish_snapshot(exporter, root, schema=SCHEMA, as_of=AS_OF, clock=SystemClock())
    return open_current_snapshot(root)
