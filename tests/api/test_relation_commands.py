"""`shelfgraph relations` and `shelfgraph graph versions`: what they print for people and for programs, and how they refuse."""

import json
from datetime import date
from types import SimpleNamespace

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cli import graph, relations
from cli.main import app
from decisions.relations import BeforeFirstSale, RelationService
from features.relation_events import EVENT_SCHEMA
from kg.snapshot import SnapshotVersions
from pipeline import relation_events
from pipeline.errors import NothingIngested
from pipeline.relation_events import EventFilter, list_events
from pipeline.relation_evidence import EvidenceList
from pipeline.relation_scopes import ScopeList
from tests.api import scoped_shop

EVENTS = pa.Table.from_pylist(
    [
        {"event_id": f"{kind}/{scope}/{product}", "kind": kind, "product_id": product, "category": category, "scope": scope,
         "first_day": date(2017, 9, 1), "former_buyers": buyers, "simulated": False, "source": "sales_lines"}
        for kind, scope, product, category, buyers in (
            ("absence", "store:1", "a", "COLA", 4),
            ("absence", "store_cluster:2", "b", "COLA", 9),
            ("delisting", "chain", "a", "COLA", 30),
            ("delisting", "chain", "c", None, 30),
        )
    ],
    EVENT_SCHEMA,
)  # fmt: skip
EVIDENCE = pa.Table.from_pylist(
    [
        {"kind": kind, "source": source, "target": "a", "scope": "chain", "observed": 30.0, "expected": 10.0, "ratio": 2.3,
         "low": 1.7, "high": 3.0, "households": 20, "last_day": date(2017, 9, 1)}
        for kind, source in (("same_basket", "b"), ("same_basket", "c"), ("switching", "d"))
    ]
)  # fmt: skip
SCOPES = pa.table(
    {"scope": ["store_cluster:cluster-1"], "members": [2], "meaning": ["Store cluster of 2 stores"], "stores": [["7", "12"]]}
)


class Sales:
    """A lake that knows when its first sale was."""

    def __init__(self, first=date(2017, 1, 1)):
        self.first = first

    def names(self):
        return ("sales_lines",)

    def sql(self, _):
        return pa.table({"day": pa.array([self.first], pa.date32())})


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(relation_events, "detect_events", lambda lake, as_of, kinds: EVENTS)
    return lambda **wanted: list_events(Sales(), date(2017, 12, 31), EventFilter(**wanted))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["delisting/chain/a", "delisting/chain/c", "absence/store_cluster:2/b", "absence/store:1/a"]),
        ({"product_id": "a"}, ["delisting/chain/a", "absence/store:1/a"]),
        ({"category": "COLA", "scope": "chain"}, ["delisting/chain/a"]),
        ({"scope": "store"}, ["absence/store:1/a"]),
        ({"scope": "store_cluster"}, ["absence/store_cluster:2/b"]),
        ({"scope": "store_cluster:2"}, ["absence/store_cluster:2/b"]),
        ({"event_id": "delisting/chain/c"}, ["delisting/chain/c"]),
        ({"product_id": "nobody"}, []),
    ],
)
def test_events_are_filtered_and_those_with_most_buyers_come_first(found, wanted, expected):
    assert found(**wanted).rows["event_id"].to_pylist() == expected


def test_events_are_counted_by_kind_and_kind_of_scope(found):
    assert found().counts == {("absence", "store"): 1, ("absence", "store_cluster"): 1, ("delisting", "chain"): 2}
    assert found(product_id="nobody").counts == {}


def test_a_day_before_the_first_sale_is_refused():
    with pytest.raises(BeforeFirstSale) as refused:
        list_events(Sales(), date(2016, 12, 31), EventFilter())
    assert refused.value.first_sale == date(2017, 1, 1)
    with pytest.raises(NothingIngested):
        list_events(Sales(None), date(2017, 1, 1), EventFilter())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("versions")
    graph_ = scoped_shop.publish(root)
    versions = SnapshotVersions(root)
    return SimpleNamespace(
        snapshot=lambda: graph_,
        graph_versions=lambda: versions,
        relations=lambda: RelationService(graph_, versions=versions),
        released_relations=lambda: RelationService(graph_, versions=versions, quality=scoped_shop.QUALITY),
        relation_scopes=lambda as_of, _: ScopeList(as_of or date(2017, 12, 31), SCOPES),
        relation_evidence=lambda as_of, wanted, _: EvidenceList(as_of or date(2017, 12, 31), EVIDENCE, 7),
        relation_events=lambda as_of, wanted, _: list_events(Sales(), as_of or date(2017, 12, 31), wanted),
    )


@pytest.fixture
def run(monkeypatch, home, found):
    for module in (graph, relations):
        monkeypatch.setattr(module.Installation, "open", lambda: home)
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture
def told(run):
    def answer(*arguments):
        done = run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return answer


def test_versions_and_their_difference(told, run, home):
    listed = told("graph", "versions")
    ids = [version["id"] for version in listed["versions"]]
    assert (listed["current"], ids[-1], len(ids)) == (home.snapshot().version.id, home.snapshot().version.id, 2)
    answer = told("relations", "diff", "--limit", "2")
    assert [(one["kind"], one["change"]) for one in answer["items"]] == [("added", 0.9), ("changed", 0.5)]
    assert (answer["added"], answer["removed"], answer["changed"], answer["unchanged"]) == (1, 1, 1, 180)
    back = told("relations", "diff", "--from", ids[1], "--to", ids[0], "--limit", "1")
    assert [(one["kind"], one["change"]) for one in back["items"]] == [("removed", -0.9)]
    assert "season:summer" in run("relations", "diff").stdout
    refused = run("relations", "diff", "--to", ids[0])
    assert refused.exit_code == 1
    assert "before" in refused.output


def test_why_two_products_are_related(told, run):
    answer = told("relations", "why", "P007", "P008")
    assert [(one["relation"], one["scope"]) for one in answer["relations"]] == [
        ("isSubstituteFor", "chain"),
        ("isSubstituteFor", "store_cluster:2"),
    ]
    shown = run("relations", "why", "P007", "P008").stdout
    assert "← inCategory − P008" in shown.replace("\n", " ")
    for arguments, words in (
        (("P007", "nope"), "no product 'nope'"),
        (("P007", "P007"), "compared with itself"),
        (("P030", "P059"), "never sold at the same time"),
        (("P007", "P008", "--as-of", "2016-01-01"), "the first sale is of 2017-01-01"),
        (("P007", "P008", "--as-of", "2017-06-01"), "not as of 2017-06-01"),
    ):
        refused = run("relations", "why", *arguments)
        assert refused.exit_code == 1, arguments
        assert words in refused.output, arguments
        assert "What to do" in refused.output


def test_the_back_test_and_its_pictures(told, run, tmp_path):
    answer = told("relations", "quality", "--limit", "2", "--pictures", str(tmp_path / "pictures"))
    assert [one["event_id"] for one in answer["events"]] == ["e4", "e2"]
    assert (answer["figures_total"], answer["covered"]) == (4, 4)
    written = {path.name: path.read_bytes() for path in (tmp_path / "pictures").iterdir()}
    assert written == {f"{name}.svg": scoped_shop.PICTURE for name in scoped_shop.QUALITY.pictures}
    assert "repertoire" in run("relations", "quality", "--metric", "log_loss").stdout
    refused = run("relations", "quality", "--category", "NOWHERE")
    assert (refused.exit_code, "GROCERY > DAIRY" in refused.output) == (1, True)


def test_events_are_listed_and_looked_at(told, run):
    answer = told("relations", "events", "--scope", "chain")
    assert [one["event_id"] for one in answer["events"]] == ["delisting/chain/a", "delisting/chain/c"]
    assert (answer["total"], answer["counts"]) == (2, [{"kind": "delisting", "scope": "chain", "events": 2}])
    assert told("relations", "events", "--limit", "1")["total"] == 4
    assert "former_buyers" in run("relations", "events").stdout
    one = run("relations", "events", "--event", "delisting/chain/c").stdout
    assert "related_event_ids" in one
    assert run("relations", "events", "--kind", "nonsense").exit_code == 2
    assert run("relations", "events", "--as-of", "2016-01-01").exit_code == 1


def test_evidence_is_listed_kind_by_kind(told, run):
    answer = told("relations", "evidence", "a", "--limit", "1")
    assert {kind: [row["source"] for row in rows] for kind, rows in answer["evidence"].items()} == {
        "same_basket": ["b"],
        "switching": ["d"],
        "co_consumption": [],
    }
    assert (answer["total"], answer["withheld"]) == ({"same_basket": 2, "switching": 1, "co_consumption": 0}, 7)
    shown = run("relations", "evidence", "a", "--kind", "switching").stdout
    assert ("switching, known on 2017-12-31: 1 of 1" in shown, "same_basket" in shown) == (True, False)
    assert run("relations", "evidence", "a", "--kind", "gossip").exit_code == 2


def test_scopes_are_listed_with_their_stores(told, run):
    assert told("relations", "scopes")["scopes"][0]["stores"] == ["7", "12"]
    assert "7, 12" in run("relations", "scopes", "--as-of", "2017-06-30").stdout
