"""The tiny retailer, built once per store: facts, graph, models, release."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.services import Services
from api.settings import Settings
from api.wiring import Installation
from kit.clock import FixedClock
from kit.progress import SilentProgress
from tests.tiny_retailer import build_tiny_lake

RECORDED_AT = datetime(2024, 10, 7, 8, 0, tzinfo=UTC)
STORES = ("embedded", "neo4j")


@dataclass(frozen=True)
class Shop:
    """A built installation and what it serves."""

    installation: Installation
    services: Services
    digest: str


def settings_for(home: Path, store: str, request: pytest.FixtureRequest) -> Settings:
    values: dict[str, Any] = {"home": home, "store": store, "threads": 1, "port": 0}
    if store == "neo4j":
        server = request.getfixturevalue("neo4j_server")
        values |= {"neo4j_uri": server.uri, "neo4j_user": server.user, "neo4j_password": server.password}
    return Settings(**values)


def build_shop(home: Path, settings: Settings, prepare: Callable[[Installation], None] = lambda _: None) -> Shop:
    installation = Installation.open(settings)
    build_tiny_lake(installation.layout.lake)
    prepare(installation)
    built = installation.build(SilentProgress(), fresh=True)
    installation.train(SilentProgress())
    return Shop(installation, installation.services_of(), built.version.digest)


@pytest.fixture(scope="session", params=STORES)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp(f"shop-{request.param}")
    yield build_shop(home, settings_for(home, request.param, request))


@pytest.fixture(scope="session")
def embedded_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    home = tmp_path_factory.mktemp("shop-alone")
    return build_shop(home, settings_for(home, "embedded", request))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(RECORDED_AT)
