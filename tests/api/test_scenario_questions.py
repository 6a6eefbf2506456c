"""Scenarios over GraphQL: kept, compared, archived, refused with a type, and never a change of what the base answers."""

import json
import threading
from datetime import timedelta

import pytest

from api.replay import replay
from decisions.overlay import NO_OVERLAY
from governance.policy import Principal, Role
from tests.api import small_shop
from tests.api.planning_shop import KnownDelistings, SupposingForecaster, planning, week
from tests.moved_clock import MovedClock

CREATE = """mutation($name: String!, $changes: [ScenarioChangeInput!]!, $key: String!, $version: Int = 0,
    $dry: Boolean = false) {
  scenarioCreate(name: $name, changes: $changes, idempotencyKey: $key, expectedVersion: $version, dryRun: $dry) {
    scenario { id name revision archived author releaseId graphVersion asOf
      changes { kind productId mechanic fromWeek untilWeek } }
    changes { kind } dryRun repeated userErrors { __typename message remedy
      ... on OverlappingChanges { total overlaps { first second productId storeId weekStart } }
      ... on WeeksOutsideHorizon { firstWeek untilWeek } ... on VersionConflict { expected found } } } }"""
REVISE = """mutation($id: ID!, $version: Int!, $key: String!, $name: String,
    $changes: [ScenarioChangeInput!], $dry: Boolean = false) {
  scenarioRevise(id: $id, expectedVersion: $version, idempotencyKey: $key, name: $name, changes: $changes, dryRun: $dry) {
    scenario { id name revision changes { kind } } repeated
    userErrors { __typename ... on VersionConflict { expected found } } } }"""
ARCHIVE = """mutation($id: ID!, $version: Int!, $key: String!) {
  scenarioArchive(id: $id, expectedVersion: $version, idempotencyKey: $key) {
    scenario { revision archived } repeated userErrors { __typename } } }"""
COMPARE = """query($product: ID!, $scenarios: [ScenarioRefInput!]!, $store: ID, $combined: Boolean = false, $weeks: Int = 4) {
  scenarioComparison(productId: $product, scenarios: $scenarios, storeId: $store, combined: $combined, horizonWeeks: $weeks) {
    __typename
    ... on ScenarioComparison { product { productId } store { displayName } asOf decision { id kind }
      columns { name scenarioId revision system units difference note weeks { weekStart units low high promoted }
        delist { lostUnits keptUnits low high takers { productId units low high } } } }
    ... on OverlappingChanges { message total overlaps { first second } }
    ... on InsufficientEvidence { decision { id } }
    ... on Problem { message remedy } } }"""
BASE = """{ forecast(productId: "P007") { ... on Forecast { points { weekStart units low high baselineUnits promoted } system } }
  substitutes(productId: "P007", first: 5) {
    ... on RelatedConnection { edges { node { productId } evidence { strength } } } } }"""


def delist(product="P007", first=1, until=None, stores=None):
    change = {"kind": "DELIST", "productId": product, "fromWeek": week(first).isoformat()}
    if until is not None:
        change["untilWeek"] = week(until).isoformat()
    return change | ({} if stores is None else {"storeIds": stores})


def promote(product="P007", first=0, until=2, **shares):
    window = {"fromWeek": week(first).isoformat(), "untilWeek": week(until).isoformat()}
    return {"kind": "PLAN_PROMOTION", "productId": product, **window, **(shares or {"display": 0.5})}


def price(value, product="P007", first=0, until=2, stores=None):
    window = {"fromWeek": week(first).isoformat(), "untilWeek": week(until).isoformat()}
    change = {"kind": "PLAN_PRICE", "productId": product, "price": value, **window}
    return change | ({} if stores is None else {"storeIds": stores})


@pytest.fixture
def clock():
    return MovedClock()


@pytest.fixture
def parts(tmp_path, clock):
    return planning(tmp_path, clock)


@pytest.fixture
def shop(open_shop, parts, clock):
    replaced = {"forecaster": SupposingForecaster(), "delistings": KnownDelistings(), "clock": clock}
    return open_shop(planning=parts, replaced=replaced)


def create(shop, name="summer", changes=None, key=None, **more):
    answer = shop.ask(CREATE, name=name, changes=changes or [delist()], key=key or name, **more)
    return answer["data"]["scenarioCreate"]


def compare(shop, *ids, product="P007", **more):
    answer = shop.ask(COMPARE, product=product, scenarios=[{"id": one} for one in ids], **more)
    return answer["data"]["scenarioComparison"]


def test_a_scenario_is_kept_as_it_was_made(shop):
    made = create(shop)
    assert made["userErrors"] == []
    assert made["scenario"] == {
        "id": made["scenario"]["id"], "name": "summer", "revision": 1, "archived": False, "author": "development",
        "releaseId": "rel_1", "graphVersion": shop.graph.version.id, "asOf": "2017-12-31",
        "changes": [{"kind": "delist", "productId": "P007", "mechanic": None, "fromWeek": "2018-01-08", "untilWeek": None}],
    }  # fmt: skip
    listed = shop.ask("{ scenarios(first: 5) { edges { node { id name revision } } pageInfo { hasNextPage } } }")
    node = {"id": made["scenario"]["id"], "name": "summer", "revision": 1}
    assert listed["data"]["scenarios"] == {"edges": [{"node": node}], "pageInfo": {"hasNextPage": False}}


def test_base_and_scenarios_stand_side_by_side(shop):
    gone = create(shop, "gone")["scenario"]["id"]
    loud = create(shop, "loud", [promote("P007", 0, 2, display=0.5)])["scenario"]["id"]
    answer = compare(shop, gone, loud)
    assert [(c["name"], c["scenarioId"], c["units"], c["difference"]) for c in answer["columns"]] == [
        ("base", None, 40.0, 0.0), ("gone", gone, 10.0, -30.0), ("loud", loud, 60.0, 20.0),
    ]  # fmt: skip
    assert [w["units"] for w in answer["columns"][1]["weeks"]] == [10.0, 0.0, 0.0, 0.0]
    assert answer["columns"][1]["delist"] == {
        "lostUnits": 10.0, "keptUnits": 9.0, "low": 8.0, "high": 10.0,
        "takers": [{"productId": "P008", "units": 9.0, "low": 8.0, "high": 10.0}],
    }  # fmt: skip
    assert answer["columns"][2]["delist"] is None
    assert answer["decision"]["kind"] == "scenario_comparison"


def test_a_delisting_is_asked_for_the_weeks_that_are_shown(shop, monkeypatch):
    asked = []
    before = KnownDelistings.outcome
    monkeypatch.setattr(KnownDelistings, "outcome", lambda self, question: (asked.append(question), before(self, question))[1])
    some = create(shop, "some", [delist(first=1, stores=["st1"])])["scenario"]["id"]
    late = create(shop, "late", [delist(first=5)])["scenario"]["id"]
    columns = compare(shop, some, late, store="st1", weeks=3)["columns"]
    assert [column["delist"] is not None for column in columns] == [False, True, False]
    assert [column["note"] for column in columns] == [None, None, None]
    assert [(one.store_ids, one.from_week, one.until_week) for one in asked] == [(("st1",), week(1), week(3))]


def test_all_combined_is_a_column_of_its_own(shop):
    other = create(shop, "other goes", [delist("P008")])["scenario"]["id"]
    loud = create(shop, "loud", [promote("P007", 0, 2, display=0.5)])["scenario"]["id"]
    columns = compare(shop, other, loud, combined=True)["columns"]
    assert [(c["name"], c["units"]) for c in columns] == [
        ("base", 40.0),
        ("other goes", 46.0),
        ("loud", 60.0),
        ("combined", 66.0),
    ]


@pytest.mark.requirement("R-AUD-07")
def test_a_comparison_replays_to_the_same_bytes_also_when_the_scenario_has_moved_on(shop):
    made = create(shop)["scenario"]["id"]
    answer = compare(shop, made, combined=True)
    shop.ask(REVISE, id=made, version=1, key="r", changes=[price(3.0)])
    report = replay(answer["decision"]["id"], shop.log, lambda _: shop.services)
    assert report.identical
    assert report.kind == "scenario_comparison"


def test_base_answers_are_the_same_bytes_before_during_and_after(shop):
    def base():
        return shop.client.post("/graphql", json={"query": BASE}).content

    def logged():
        return {(entry.kind, entry.request): entry.answer for entry in shop.log.entries()}

    before, kept = base(), logged()
    made = create(shop)["scenario"]["id"]
    assert base() == before
    compare(shop, made, combined=True)
    compare(shop, made, store="st1")
    assert base() == before
    shop.ask(ARCHIVE, id=made, version=1, key="a")
    assert base() == before
    after = logged()
    assert {question: after[question] for question in kept} == kept


def test_a_revision_is_added_and_the_old_one_stays(shop):
    made = create(shop)["scenario"]["id"]
    revised = shop.ask(REVISE, id=made, version=1, key="r", name="winter")["data"]["scenarioRevise"]
    assert (revised["scenario"]["revision"], revised["scenario"]["name"]) == (2, "winter")
    assert revised["scenario"]["changes"] == [{"kind": "delist"}]
    first = shop.ask("query($id: ID!) { scenario(id: $id, revision: 1) { ... on Scenario { name revision } } }", id=made)
    assert first["data"]["scenario"] == {"name": "summer", "revision": 1}
    missing = shop.ask("query($id: ID!) { scenario(id: $id, revision: 9) { __typename } }", id=made)
    assert missing["data"]["scenario"] == {"__typename": "UnknownScenario"}


def test_somebody_who_was_slower_changes_nothing(shop):
    made = create(shop)["scenario"]["id"]
    shop.ask(REVISE, id=made, version=1, key="r1", name="winter")
    late = shop.ask(REVISE, id=made, version=1, key="r2", name="spring")["data"]["scenarioRevise"]
    assert late["userErrors"] == [{"__typename": "VersionConflict", "expected": 1, "found": 2}]
    assert create(shop, "new", version=3)["userErrors"][0]["__typename"] == "VersionConflict"
    listed = shop.ask("{ scenarios(first: 5) { edges { node { name revision } } } }")["data"]["scenarios"]["edges"]
    assert listed == [{"node": {"name": "winter", "revision": 2}}]


def test_an_archived_scenario_is_kept_takes_no_changes_and_frees_its_name(shop):
    made = create(shop)["scenario"]["id"]
    assert create(shop, key="again")["userErrors"][0]["__typename"] == "ScenarioNameTaken"
    archived = shop.ask(ARCHIVE, id=made, version=1, key="a")["data"]["scenarioArchive"]
    assert archived["scenario"] == {"revision": 2, "archived": True}
    refused = shop.ask(REVISE, id=made, version=2, key="r", name="x")["data"]["scenarioRevise"]
    assert refused["userErrors"] == [{"__typename": "ScenarioArchived"}]
    assert shop.ask("{ scenarios(first: 5) { edges { node { id } } } }")["data"]["scenarios"]["edges"] == []
    shown = shop.ask("{ scenarios(first: 5, archived: true) { edges { node { id } } } }")["data"]["scenarios"]["edges"]
    assert shown == [{"node": {"id": made}}]
    assert compare(shop, made)["columns"][1]["units"] == 10.0
    assert create(shop, key="a new one")["userErrors"] == []


def test_a_dry_run_checks_all_and_writes_nothing(shop):
    tried = create(shop, dry=True)
    assert tried == {
        "scenario": None, "changes": [{"kind": "delist"}], "dryRun": True, "repeated": False, "userErrors": [],
    }  # fmt: skip
    assert create(shop, changes=[delist("P999")], dry=True)["userErrors"][0]["__typename"] == "UnknownProduct"
    assert shop.ask("{ scenarios(first: 5) { edges { node { id } } } }")["data"]["scenarios"]["edges"] == []
    assert not create(shop)["repeated"]
    assert create(shop, key="other", dry=True)["userErrors"][0]["__typename"] == "ScenarioNameTaken"


@pytest.mark.requirement("R-API-14")
def test_one_key_asked_for_by_many_at_once_makes_one_scenario(shop, open_shop, parts, clock):
    answers = []
    shops = [open_shop(planning=parts, replaced={"clock": clock}) for _ in range(4)]

    def ask(one):
        for number in range(25):
            answers.append(create(one, f"s{number}", key=f"k{number}"))

    threads = [threading.Thread(target=ask, args=(one,)) for one in shops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 100
    assert all(one["userErrors"] == [] for one in answers)
    assert len({one["scenario"]["id"] for one in answers}) == 25
    assert sum(not one["repeated"] for one in answers) == 25
    reused = create(shop, "another", key="k0")
    assert reused["userErrors"][0]["__typename"] == "IdempotencyKeyReused"
    assert len(parts.books.scenarios.latest(limit=100)) == 25


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ([delist("P999")], "UnknownProduct"),
        ([delist(stores=["st9"])], "UnknownStore"),
        ([delist(stores=[])], "EmptyStoreSet"),
        ([delist(first=8)], "WeeksOutsideHorizon"),
        ([delist(first=-1)], "WeeksOutsideHorizon"),
        ([promote(until=9)], "WeeksOutsideHorizon"),
        ([{"kind": "SWITCH_OFF_PROMOTION", "promotionId": "none"}], "UnknownPromotion"),
        ([{"kind": "SWITCH_OFF_PROMOTION", "promotionId": "P007:mailer:2017-01-02"}], "WeeksOutsideHorizon"),
        ([{"kind": "IGNORE_NEIGHBOUR", "sourceId": "P007", "targetId": "P030"}], "UnknownNeighbour"),
        ([{"kind": "IGNORE_NEIGHBOUR", "sourceId": "P999", "targetId": "P007"}], "UnknownProduct"),
        ([{"kind": "DELIST", "productId": "P007"}], "InvalidRequest"),
        ([{"kind": "DELIST", "productId": "P007", "fromWeek": "2018-01-02"}], "InvalidRequest"),
        ([{**delist(), "price": 2.0}], "InvalidRequest"),
        ([promote(display=1.5)], "InvalidRequest"),
        ([promote(first=2, until=2)], "InvalidRequest"),
        ([{**promote(), "display": None}], "InvalidRequest"),
        ([price(0.0)], "InvalidRequest"),
        ([], "InvalidRequest"),
        ([delist()] * 51, "InvalidRequest"),
        ([delist(), price(2.0)], "OverlappingChanges"),
        ([delist(), promote()], "OverlappingChanges"),
        ([price(2.0), price(3.0, first=1, until=3)], "OverlappingChanges"),
        ([promote(display=0.5), promote(display=0.6)], "OverlappingChanges"),
        ([delist(stores=["st1"]), price(2.0, stores=["st1"])], "OverlappingChanges"),
    ],
)
def test_what_cannot_be_is_refused_with_a_type_and_nothing_is_kept(shop, changes, problem):
    answer = shop.ask(CREATE, name="x", changes=changes, key="k")["data"]["scenarioCreate"]
    assert [one["__typename"] for one in answer["userErrors"]] == [problem]
    assert answer["scenario"] is None
    assert shop.ask("{ scenarios(first: 5, archived: true) { edges { node { id } } } }")["data"]["scenarios"]["edges"] == []


@pytest.mark.parametrize(
    "changes",
    [
        [price(2.0), price(2.0)],
        [price(2.0, until=2), price(3.0, first=2, until=4)],
        [price(2.0), price(3.0, product="P008")],
        [promote(display=0.5), promote(mailer=0.6)],
        [delist(stores=["st1"]), promote()],
        [delist(), {"kind": "IGNORE_NEIGHBOUR", "sourceId": "P008", "targetId": "P007"}],
        [delist(first=2), price(2.0, until=2)],
    ],
)
def test_what_does_not_contradict_is_kept(shop, changes):
    assert create(shop, changes=changes)["userErrors"] == []


def test_an_overlap_says_who_and_where(shop):
    refused = create(shop, changes=[price(2.0, until=1), delist(), promote(first=1, until=3)])["userErrors"][0]
    assert refused["total"] == 1
    assert refused["overlaps"] == [
        {"first": "Change 2", "second": "Change 3", "productId": "P007", "storeId": None, "weekStart": "2018-01-08"}
    ]


def test_scenarios_that_contradict_stand_side_by_side_but_are_not_combined(shop):
    gone = create(shop, "gone")["scenario"]["id"]
    dear = create(shop, "dear", [price(3.0, until=4)])["scenario"]["id"]
    assert [c["units"] for c in compare(shop, gone, dear)["columns"]] == [40.0, 10.0, 20.0]
    refused = compare(shop, gone, dear, combined=True)
    assert refused["__typename"] == "OverlappingChanges"
    assert refused["overlaps"] == [{"first": "Change 1 of scenario 'gone'", "second": "Change 1 of scenario 'dear'"}]


def test_a_change_of_some_stores_is_asked_store_by_store(shop):
    made = create(shop, changes=[delist(stores=["st1"])])["scenario"]["id"]
    assert compare(shop, made)["__typename"] == "StoreByStoreOnly"
    answer = compare(shop, made, store="st1")
    assert [c["units"] for c in answer["columns"]] == [40.0, 10.0]
    assert answer["store"]["displayName"] == "Store st1"


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"product": "P999"}, "UnknownProduct"),
        ({"store": "st9"}, "UnknownStore"),
        ({"weeks": 9}, "InvalidRequest"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused_with_a_type(open_shop, parts, asked, problem):
    """Against the forecast's own checks, whichever forecaster is served."""
    from decisions.forecast.errors import HorizonOutOfRange, UnknownProduct, UnknownStore

    class Checking(SupposingForecaster):
        def forecast(self, request, *, overlay=NO_OVERLAY):
            if request.product_id == "P999":
                raise UnknownProduct("P999")
            if request.store_id == "st9":
                raise UnknownStore("st9")
            raise HorizonOutOfRange(request.horizon_weeks, 8)

    shop = open_shop(planning=parts, replaced={"forecaster": Checking()})
    assert compare(shop, **asked)["__typename"] == problem


def test_without_history_the_refusal_is_an_answer_that_is_logged(shop):
    made = create(shop)["scenario"]["id"]
    answer = compare(shop, made, product=small_shop.NO_HISTORY)
    assert answer["__typename"] == "InsufficientEvidence"
    assert shop.log.get(answer["decision"]["id"]).kind == "scenario_comparison"


def test_what_is_not_there_is_not_compared(shop):
    assert compare(shop, "scn_none")["__typename"] == "UnknownScenario"
    made = create(shop)["scenario"]["id"]
    assert compare(shop, made, made)["__typename"] == "InvalidRequest"
    assert compare(shop, *[create(shop, f"s{n}")["scenario"]["id"] for n in range(6)])["__typename"] == "InvalidRequest"


def test_without_scenarios_the_base_stands_alone(shop):
    assert [c["name"] for c in compare(shop)["columns"]] == ["base"]


def test_without_a_service_for_delistings_the_column_says_so(open_shop, parts):
    shop = open_shop(planning=parts, replaced={"forecaster": SupposingForecaster()})
    column = compare(shop, create(shop)["scenario"]["id"])["columns"][1]
    assert column["delist"] is None
    assert "no service" in column["note"]


def test_a_promotion_that_is_switched_off_is_pinned_with_its_product_and_weeks(open_shop, parts, shop, monkeypatch):
    from decisions.scenarios import Horizon, PlanningWorld

    horizon = Horizon(week(-1), 8)
    monkeypatch.setattr(PlanningWorld, "of", classmethod(lambda cls, graph: cls(graph, horizon)))
    made = create(shop, changes=[{"kind": "SWITCH_OFF_PROMOTION", "promotionId": "P007:display:2017-12-25"}])
    assert made["scenario"]["changes"] == [
        {"kind": "switch_off_promotion", "productId": "P007", "mechanic": "display", "fromWeek": "2017-12-25",
         "untilWeek": "2018-01-01"}
    ]  # fmt: skip
    compare(shop, made["scenario"]["id"])
    overlay = shop.services.forecaster.asked[-1][1]
    assert [(one.product_id, one.mechanic.value) for one in overlay.promotions_off] == [("P007", "display")]


def test_a_scenario_whose_weeks_are_over_says_so(shop, monkeypatch):
    from decisions.scenarios import Horizon, PlanningWorld

    made = create(shop, changes=[price(2.0, until=1)])["scenario"]["id"]
    later = Horizon(week(3), 8)
    monkeypatch.setattr(PlanningWorld, "of", classmethod(lambda cls, graph: cls(graph, later)))
    assert compare(shop, made)["__typename"] == "WeeksOutsideHorizon"


@pytest.mark.requirement("R-SEC-03")
@pytest.mark.parametrize("role", list(Role))
def test_roles_are_asked_for_at_every_act(open_shop, parts, role):
    shop = open_shop(planning=parts, principal_of=lambda _: Principal("somebody", frozenset({role})))
    made = create(shop)
    allowed = role in (Role.PLANNER, Role.MERCHANDISER, Role.OWNER)
    assert [one["__typename"] for one in made["userErrors"]] == ([] if allowed else ["NotAuthorised"])
    assert len(parts.books.scenarios.latest(limit=9)) == int(allowed)


def test_pages_follow_each_other(shop, clock):
    for number in range(3):
        create(shop, f"s{number}")
        clock.at += timedelta(seconds=1)
    shown = "edges { node { name } } pageInfo { hasNextPage endCursor }"
    query = f"query($after: String) {{ scenarios(first: 2, after: $after) {{ {shown} }} }}"
    first = shop.ask(query)["data"]["scenarios"]
    assert [edge["node"]["name"] for edge in first["edges"]] == ["s2", "s1"]
    second = shop.ask(query, after=first["pageInfo"]["endCursor"])["data"]["scenarios"]
    assert [edge["node"]["name"] for edge in second["edges"]] == ["s0"]
    assert not second["pageInfo"]["hasNextPage"]
    foreign = "query($after: String) { overrides(first: 2, after: $after) { edges { cursor } } }"
    assert shop.ask(foreign, after=first["pageInfo"]["endCursor"])["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"


@pytest.mark.parametrize("key", ["", "  ", "x" * 201, "a\nb"])
def test_a_key_that_is_none_is_refused(shop, key):
    answer = shop.ask(CREATE, name="x", changes=[delist()], key=key)["data"]["scenarioCreate"]
    assert [one["__typename"] for one in answer["userErrors"]] == ["InvalidRequest"]


def test_a_server_without_books_says_so(open_shop):
    shop = open_shop()
    answer = shop.ask("{ scenarios(first: 1) { edges { cursor } } }")
    assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert json.dumps(answer).count("Traceback") == 0
