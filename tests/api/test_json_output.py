"""What commands print for programs: one JSON value on standard output, and nothing secret."""

import json
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli import graph, neo4j
from cli.main import app


@pytest.fixture
def told(monkeypatch, shop_graph, tmp_path):
    def run(*arguments):
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    running = SimpleNamespace(uri="bolt://x", user="neo4j", pid=7, neo4j_version="5", gds_version="2", password="canary")
    home = SimpleNamespace(snapshot=lambda: shop_graph, start_neo4j=lambda _: running, layout=SimpleNamespace(neo4j=tmp_path))
    for module in (graph, neo4j):
        monkeypatch.setattr(module.Installation, "open", lambda: home)
    monkeypatch.setattr(neo4j.server, "install", lambda _: SimpleNamespace(folder=tmp_path))
    monkeypatch.setattr(neo4j.server, "stop", lambda _: True)
    return run


def test_a_graph_is_verified_and_exported_for_programs(told, shop_graph, tmp_path):
    assert told("graph", "verify") | {"version": None} == {"version": None, "whole": True}
    answer = told("graph", "export", str(tmp_path / "out"))
    assert answer["version"]["id"] == shop_graph.version.id
    assert answer["rows"] == dict(shop_graph.counts())
    assert {name: pq.read_metadata(tmp_path / "out" / f"{name}.parquet").num_rows for name in answer["rows"]} == answer["rows"]


def test_the_local_server_is_managed_for_programs(told, tmp_path):
    assert told("neo4j", "install")["folder"] == str(tmp_path)
    assert told("neo4j", "start") == {"uri": "bolt://x", "user": "neo4j", "pid": 7, "neo4j": "5", "gds": "2"}
    assert told("neo4j", "stop") == {"stopped": True}
