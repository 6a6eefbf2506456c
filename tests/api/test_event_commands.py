"""`shelfgraph events`: from a file into the book, how much it holds, and into the lake."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from api.wiring import Installation
from cli.main import app
from ingest.home import enter_source
from ingest.sources.configuration import SourceConfiguration
from tests.tiny_retailer import build_tiny_lake, household

TINY = SourceConfiguration("tiny", "A tiny shop", "EUR", "UTC", simulated=False, folder=None, feeds=())


def purchase(name, product="milk"):
    lines = [{"product_id": product, "quantity": 1, "net_sales": 2.0}]
    return {"event_id": name, "kind": "purchase", "household_id": household(1), "store_id": "st1", "basket_id": f"b-{name}",
            "lines": lines, "happened_at": datetime.now(UTC).isoformat()}  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SHELFGRAPH_HOME", str(tmp_path / "home"))
    installation = Installation.open()
    build_tiny_lake(installation.layout.lake)
    enter_source(installation.lake, TINY)
    return installation


def run(*arguments, code=0):
    done = CliRunner().invoke(app, ["events", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def test_events_of_a_file_are_sent_seen_and_landed(home, tmp_path):
    file = tmp_path / "events.json"
    file.write_text(json.dumps([purchase("e1"), purchase("e2", "unheard")]))
    sent = json.loads(run("send", file, "--json").stdout)
    assert {name: sent[name] for name in ("received", "accepted", "rejected")} == {"received": 2, "accepted": 1, "rejected": 1}
    assert "product_id.reference" in run("send", file, "--strict", code=4).stdout
    found = json.loads(run("status", "--json").stdout)
    assert (found["counts"]["by_kind"], found["unlanded"], found["landings"]) == ([["purchase", 1]], 1, [])
    today = datetime.now(UTC).date().isoformat()
    landed = json.loads(run("land", "--through", today, "--json").stdout)
    assert {feed["feed"]: feed["accepted"] for feed in landed["report"]["feeds"]}["sales_lines"] == 1
    assert "never" not in run("status").output
    assert run("land").exit_code == 0
    rows = home.lake.arrow("sales_lines").to_pylist()
    assert [row["basket_id"] for row in rows if row["source"] == "online"] == ["b-e1"]


def test_json_lines_are_read_and_a_line_that_is_none_is_named(home, tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(json.dumps(purchase(f"e{n}")) for n in range(3)) + "\n\n")
    assert json.loads(run("send", file, "--json").stdout)["accepted"] == 3
    file.write_text(json.dumps(purchase("e9")) + "\nnonsense\n")
    assert "line 2" in run("send", file, code=1).output
    assert home.event_book.newest() == 3
    assert "missing" in run("send", tmp_path / "missing.json", code=1).output


def test_kafka_needs_its_address(home):
    assert "SHELFGRAPH_KAFKA_SERVERS" in run("consume", code=1).output


def test_a_home_without_facts_takes_no_events(tmp_path, monkeypatch):
    monkeypatch.setenv("SHELFGRAPH_HOME", str(tmp_path / "empty"))
    file = tmp_path / "events.json"
    file.write_text("[]")
    assert "shelfgraph ingest run" in run("send", file, code=1).output
