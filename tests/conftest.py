"""What every test may use. The real Neo4j server is started once per run by the fixture of the imported plugin."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytest_plugins = ["tests.neo4j_server_fixture", "tests.conformance.counting"]


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _needs_server(item):
            item.add_marker(pytest.mark.neo4j)
        if "conformance" in item.path.parts:
            item.add_marker(pytest.mark.conformance)
        if "demo" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.demo)


def _needs_server(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return "neo4j_server" in getattr(item, "fixturenames", ()) or "neo4j" in parameters.values()
