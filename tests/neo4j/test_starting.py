"""Who starts a server: one of two callers, before the eyes of whoever waits; and what is closed afterwards."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from api import wiring
from api.settings import Settings
from api.wiring import Installation
from kg.neo4j_store.server import Installation as Jars
from kg.neo4j_store.server import RunningServer, running
from kit.progress import Stage
from tests.neo4j.test_processes import sleeper


class Watcher:
    def __init__(self) -> None:
        self.titles: list[str] = []

    @contextmanager
    def stage(self, title: str, total: float | None = None) -> Iterator[Stage]:
        self.titles.append(title)
        yield None


def test_of_two_callers_one_starts_the_server_and_both_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = sleeper()
    started: list[str] = []
    together = threading.Barrier(2)

    def launch(home: Path, *_: object) -> RunningServer:
        started.append(str(home))
        mark = running.start_mark(process.pid) or ""
        server = RunningServer("bolt://127.0.0.1:1", "neo4j", "a password", process.pid, mark, "5", "2")
        (home / "run" / "server.json").write_text(json.dumps(asdict(server)))
        return server

    def call(_: int) -> RunningServer:
        together.wait()
        return running.start(tmp_path)

    monkeypatch.setattr(running, "install", lambda *_, **__: Jars(tmp_path))
    monkeypatch.setattr(running, "_prepare", lambda *_: "a password")
    monkeypatch.setattr(running, "_launch", launch)
    try:
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(call, range(2))
        assert one == other
        assert len(started) == 1
    finally:
        running.stop(tmp_path)


def test_a_build_shows_the_install_of_the_local_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher()

    def start(home: Path, *, progress: Watcher, **_: object) -> None:
        with progress.stage("Neo4j and Graph Data Science", 345.0):
            raise InterruptedError

    monkeypatch.setattr(wiring, "start", start)
    monkeypatch.setattr(wiring, "last_full_day", lambda _: None)
    installation = Installation.open(Settings(home=tmp_path, store="neo4j"))
    with pytest.raises(InterruptedError):
        installation.build(watcher)
    assert watcher.titles == ["Neo4j and Graph Data Science"]


def test_the_algorithms_are_closed_with_the_store(tmp_path: Path, neo4j_server) -> None:
    address = {"neo4j_uri": neo4j_server.uri, "neo4j_user": neo4j_server.user, "neo4j_password": neo4j_server.password}
    with Installation.open(Settings(home=tmp_path, store="neo4j", **address)).graph_of_record() as opened:
        assert opened.algorithms.held_projections() == ()
    assert opened.algorithms._server.driver._closed
    assert opened.store._sessions._reader._closed
