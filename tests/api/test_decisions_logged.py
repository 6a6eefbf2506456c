"""Every answer is on disk before it leaves, says what it rests on, and comes out the same again."""

import json
import threading
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from enum import StrEnum

import pytest

from api.decisions_made import KINDS, request_of
from api.replay import replay
from governance.policy import policy_digest
from governance.records import SqliteDecisionLog
from governance.records.errors import DecisionLogUnavailable, DecisionUnknown
from kit.canonical import canonical_bytes
from kit.restored import restored

ALL_KINDS = """{
  a: substitutes(productId: "P007", first: 3) { ... on RelatedConnection { decision { id kind } } }
  b: complements(productId: "P007", first: 3) { ... on RelatedConnection { decision { id kind } } }
  c: boughtWith(productId: "P007", first: 3) { ... on RelatedConnection { decision { id kind } } }
  d: recommendations(householdId: "hh_a", basket: ["P001"], first: 3) { ... on RecommendationConnection { decision { id kind } } }
  e: forecast(productId: "P059") { ... on InsufficientEvidence { decision { id kind } } }
  g: whyRelated(a: "P007", b: "P008") { ... on WhyRelated { decision { id kind } } }
  h: graphDiff(relation: "isSubstituteFor", first: 1) { ... on GraphDiff { decision { id kind } } }
  i: relationQuality(relation: "isSubstituteFor", first: 1) { ... on RelationQuality { decision { id kind } } }
  j: delistWhatIf(productIds: ["P007"]) { ... on DelistWhatIf { decision { id kind } } }
  k: assortmentProposal(categoryId: "GROCERY > DAIRY", count: 2) { ... on AssortmentProposal { decision { id kind } } }
}"""
OTHER_KINDS = """{
  a: recommendationPage(placements: ["home", "cart"], visit: {householdId: "hh_a", basket: ["P001"]}) {
    ... on RecommendationPage { decision { id kind } } }
  b: whyNotRecommended(productId: "P007", visit: {householdId: "hh_a"}) { ... on WhyNotRecommended { decision { id kind } } }
}"""
"""A document has at most ten root fields."""
HEADER = """id kind asOf servedFrom releaseId graphVersion ontologyVersion featureSnapshot modelVersion policyDigest experiment
  freshness { table newest ageDays simulated } degraded { cause rung } recordedAt"""


PLANNED = {"scenario_comparison", "overridden_forecast"}
"""Kinds that need the planners' books: tests/api/test_scenario_questions.py and test_override_acts.py replay them."""


class SlowLog:
    """Holds every entry back until it is told to write."""

    def __init__(self, log):
        self._log, self.release, self.waiting = log, threading.Event(), threading.Event()

    def submit(self, entry):
        done: Future[str] = Future()
        self.waiting.set()

        def write():
            self.release.wait(10)
            done.set_result(self._log.append(entry))

        threading.Thread(target=write).start()
        return done

    def __getattr__(self, name):
        return getattr(self._log, name)


@pytest.mark.requirement("R-AUD-01")
@pytest.mark.parametrize("rest", [False, True])
def test_the_answer_waits_until_its_decision_is_on_disk(open_shop, tmp_path, rest):
    log = SlowLog(SqliteDecisionLog(tmp_path / "slow.db"))
    shop = open_shop(log=log)
    answers = []

    def ask():
        if rest:
            answers.append(shop.client.get("/v1/recommendations?limit=2"))
        else:
            answers.append(shop.client.post("/graphql", json={"query": ALL_KINDS}))

    asking = threading.Thread(target=ask)
    asking.start()
    assert log.waiting.wait(10)
    asking.join(0.3)
    assert answers == []
    log.release.set()
    asking.join(10)
    assert answers[0].status_code == 200
    assert log.verify().entries == (1 if rest else 10)


class BrokenLog:
    """Refuses every entry, and does not know it yet."""

    writable = True

    def submit(self, entry):
        done: Future[str] = Future()
        done.set_exception(DecisionLogUnavailable("its disk at /secret/canary is full"))
        return done

    def close(self):
        return


@pytest.mark.requirement("R-AUD-02")
def test_without_the_log_no_decision_leaves(open_shop):
    shop = open_shop(log=BrokenLog())
    for answer in (shop.client.post("/graphql", json={"query": ALL_KINDS}), shop.client.get("/v1/recommendations")):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert set(answer.json()) == {"errors"}
        assert answer.json()["errors"][0]["extensions"]["code"] == "DECISION_LOG_UNAVAILABLE"
        assert "canary" not in answer.text
    assert shop.ask("{ health { status } }")["data"]["health"]["status"] == "ok"


@pytest.mark.requirement("R-AUD-01")
def test_each_answer_has_exactly_one_entry(shop):
    answers = [*shop.ask(ALL_KINDS)["data"].values(), *shop.ask(OTHER_KINDS)["data"].values()]
    kinds = {one["decision"]["id"]: one["decision"]["kind"] for one in answers}
    entries = list(shop.log.entries())
    assert {entry.id: entry.kind for entry in entries} == kinds
    assert len(entries) == 12
    assert set(kinds.values()) == set(KINDS) - PLANNED
    twice = shop.ask("""{ a: forecast(productId: "P007") { ... on Forecast { decision { id } } }
                          b: forecast(productId: "P007") { ... on Forecast { decision { id } } } }""")["data"]
    assert twice["a"] == twice["b"]
    assert shop.log.verify().entries == 13


def test_the_header_names_every_version(shop):
    shown = shop.ask(f"""{{ forecast(productId: "P007") {{ ... on Forecast {{ decision {{ {HEADER} }} }} }} }}""")
    decision = shown["data"]["forecast"]["decision"]
    entry = shop.log.get(decision.pop("id"))
    assert decision.pop("recordedAt") == entry.recorded_at.isoformat()
    version = shop.graph.version
    assert decision == {
        "kind": "forecast", "asOf": "2017-12-31", "servedFrom": "snapshot", "releaseId": "rel_1", "graphVersion": version.id,
        "ontologyVersion": version.ontology_version, "featureSnapshot": "feat_1", "modelVersion": "m-fc",
        "policyDigest": policy_digest(), "experiment": None, "freshness": [], "degraded": None,
    }  # fmt: skip


def test_every_kind_names_its_model(shop):
    shop.ask(ALL_KINDS)
    shop.ask(OTHER_KINDS)
    named = {entry.kind: json.loads(entry.header)["model_version"] for entry in shop.log.entries()}
    others = dict.fromkeys(("recommendations", "recommendation_page", "why_not_recommended"), "m-rec")
    others |= {"forecast": "m-fc", "delist_what_if": "m-sub", "assortment_proposal": "m-sub"}
    assert named == dict.fromkeys(set(KINDS) - PLANNED, "m-rel") | others


@pytest.mark.requirement("R-AUD-07")
def test_every_kind_of_decision_replays_to_the_same_bytes(shop):
    shop.ask(ALL_KINDS)
    shop.ask(OTHER_KINDS)
    opened = []

    def open_services(release_id):
        opened.append(release_id)
        return shop.services

    reports = [replay(entry.id, shop.log, open_services) for entry in shop.log.entries()]
    assert len(reports) == 12
    assert {r.kind for r in reports} == set(KINDS) - PLANNED
    assert all(r.identical and r.first_difference is None and r.logged_digest == r.replayed_digest for r in reports)
    assert opened == ["rel_1"] * 12


def test_a_replay_that_differs_says_where(shop):
    shop.ask("{ recommendations(first: 2) { ... on RecommendationConnection { system } } }")
    entry = next(shop.log.entries())

    class Other:
        def recommend(self, request):
            answer = shop.services.recommender.recommend(request)
            return replace(answer, system="else")

    other = replace(shop.services, recommender=Other())
    report = replay(entry.id, shop.log, lambda _: other)
    assert not report.identical
    assert report.first_difference == entry.answer.index(b"shelfgraph")
    with pytest.raises(DecisionUnknown):
        replay("dec_none", shop.log, lambda _: other)


def test_the_logged_request_is_canonical_and_complete(shop):
    shop.client.get("/v1/recommendations?household=hh_a&basket=P001,P002&store=st1&limit=7")
    entry = next(shop.log.entries())
    given = {"household_id": "hh_a", "basket": ["P001", "P002"], "store_id": "st1", "limit": 7, "as_of": None}
    moment = dict.fromkeys(("hour", "weekday", "device", "weather"))
    must = {"without_allergens": [], "diets": [], "age_years": None, "in_stock_only": False, "largest_stock_age_days": None,
            "priced_only": False}  # fmt: skip
    rest = {"surface": "household", "session_id": None, "product_id": None, "candidates": [], "exclude": [],
            "discovery_share": shop.services.discovery_share, "context": moment, "constraints": must,
            "purpose": "personalisation", "events_until": 0}  # fmt: skip
    assert entry.request == canonical_bytes({**given, **rest})


class Weather(StrEnum):
    RAIN = "rain"


@dataclass(frozen=True, slots=True)
class Window:
    first: date
    last: date | None


@dataclass(frozen=True, slots=True)
class MadeUpRequest:
    """Of every type that a request may hold."""

    name: str
    limit: int
    share: float
    since: date
    at: datetime
    weather: Weather | None
    days: tuple[date, ...]
    pair: tuple[str, float]
    windows: tuple[Window, ...]
    store: str | None = None
    as_of: date | None = None
    exact: bool = False


def test_a_request_of_any_shape_comes_back_as_it_was(monkeypatch):
    asked = MadeUpRequest(
        "x", 3, 0.5, date(2017, 2, 1), datetime(2017, 2, 1, 12, tzinfo=UTC), Weather.RAIN, (date(2017, 1, 1),),
        ("2017-01-01", 2.0), (Window(date(2017, 3, 1), None), Window(date(2017, 3, 1), date(2017, 4, 1))), "2017-01-01",
        exact=True,
    )  # fmt: skip
    monkeypatch.setitem(KINDS, "made_up", replace(KINDS["forecast"], request_type=MadeUpRequest))
    again = request_of("made_up", canonical_bytes(asked))
    assert again == asked
    assert [type(getattr(again, f.name)) for f in fields(asked)] == [type(getattr(asked, f.name)) for f in fields(asked)]
    assert canonical_bytes(again) == canonical_bytes(asked)


@pytest.mark.parametrize(
    ("hint", "plain"), [(int, "3"), (date, 3), (str | int, "x"), (list[str], ["x"]), (tuple[str, int], ["x"])]
)
def test_what_has_no_way_back_is_refused(hint, plain):
    with pytest.raises((TypeError, ValueError)):
        restored(hint, plain)


def test_a_field_that_does_not_fit_is_named():
    with pytest.raises(TypeError, match="windows: first: int is no date"):
        restored(MadeUpRequest, {"windows": [{"first": 3, "last": None}]})


def test_a_request_with_unknown_fields_is_refused():
    with pytest.raises((KeyError, TypeError)):
        request_of("forecast", b'{"product_id":"P007","colour":"red"}')
