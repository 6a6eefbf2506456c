"""The small shop, served."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from decisions.search import ProductSearch
from governance.records import SqliteDecisionLog
from tests.api import small_shop


@pytest.fixture(scope="session")
def shop_graph(tmp_path_factory: pytest.TempPathFactory):
    return small_shop.publish(tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="session")
def finder(shop_graph):
    return ProductSearch.build(shop_graph)


@pytest.fixture
def shop(open_shop) -> Any:
    return open_shop()


@pytest.fixture
def open_shop(shop_graph, finder, tmp_path: Path) -> Iterator[Any]:
    """Open shops with options; all are closed at the end."""
    with ExitStack() as stack:
        yield lambda **options: _open(stack, (shop_graph, finder), tmp_path, **options)


def _open(
    stack: ExitStack, parts: tuple[Any, Any], folder: Path, *, replaced: dict[str, Any] | None = None, **options: Any
) -> Any:
    log = options.pop("log", None) or SqliteDecisionLog(folder / f"decisions-{uuid4().hex}.db")
    graph = small_shop.CountingGraph(parts[0])
    services = replace(small_shop.services(graph, parts[1]), **(replaced or {}))
    app = create_app(services, log, **options)
    client = stack.enter_context(TestClient(app, base_url="http://localhost:8080", raise_server_exceptions=False))

    def ask(query: str, status: int = 200, **variables: Any) -> Any:
        response = client.post("/graphql", json={"query": query, "variables": variables})
        assert response.status_code == status, response.text
        return response.json()

    graph.calls.clear()
    return SimpleNamespace(client=client, log=log, ask=ask, graph=graph, services=services, app=app)
