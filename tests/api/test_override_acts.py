"""Forecasts set by hand: both figures are shown, who and why; expired ones do nothing; and what they were worth is measured."""

import json
import threading
from concurrent.futures import Future
from dataclasses import replace
from datetime import date, timedelta

import pytest

from api.replay import replay
from decisions.overlay import NO_OVERLAY
from governance.policy import Principal, Role
from governance.records.errors import DecisionLogUnavailable
from tests.api import small_shop
from tests.api.planning_shop import KnownSales, planning, week
from tests.moved_clock import MovedClock

SET = """mutation($product: ID!, $store: ID, $weeks: [OverrideWeekInput!]!, $reason: String!, $expires: DateTime!, $key: String!,
    $version: Int, $dry: Boolean = false) {
  overrideSet(productId: $product, storeId: $store, weeks: $weeks, reason: $reason, expiresAt: $expires, idempotencyKey: $key,
      expectedVersion: $version, dryRun: $dry) {
    override { id productId storeId author reason inForce system decisionId asOf weeks { weekStart systemUnits units } }
    weeks { weekStart systemUnits units } dryRun repeated
    userErrors { __typename message ... on VersionConflict { expected found } } } }"""
WITHDRAW = """mutation($id: ID!, $key: String!, $reason: String = "a slip", $dry: Boolean = false) {
  overrideWithdraw(id: $id, reason: $reason, idempotencyKey: $key, dryRun: $dry) {
    override { inForce withdrawal { author reason asOf } } repeated userErrors { __typename } } }"""
FORECAST = """query($product: ID = "P007", $store: ID, $weeks: Int = 4) {
  forecast(productId: $product, storeId: $store, horizonWeeks: $weeks) {
    ... on Forecast { points { weekStart units } overridden { system systemUnits units decision { id kind }
      weeks { weekStart systemUnits units override { author reason } } } } } }"""


@pytest.fixture
def clock():
    return MovedClock()


@pytest.fixture
def sales():
    return KnownSales()


@pytest.fixture
def parts(tmp_path, clock, sales):
    return planning(tmp_path, clock, sales)


@pytest.fixture
def shop(open_shop, parts, clock):
    return open_shop(planning=parts, replaced={"clock": clock, "forecaster": WeeklyForecaster()})


class WeeklyForecaster(small_shop.FixedForecaster):
    """The shop's forecaster, each week with its own Monday."""

    def forecast(self, request, *, overlay=NO_OVERLAY):
        answer = super().forecast(request, overlay=overlay)
        return replace(answer, points=tuple(replace(point, week_start=week(n)) for n, point in enumerate(answer.points)))


def put(shop, units=25.0, first=0, weeks=1, key=None, **more):
    wanted = [{"weekStart": week(first + n).isoformat(), "units": units} for n in range(weeks)]
    asked = {"product": "P007", "reason": "a street fair", "expires": "2018-02-01T00:00:00+00:00", **more}
    return shop.ask(SET, weeks=asked.pop("chosen", wanted), key=key or f"{units}-{first}-{weeks}", **asked)["data"]["overrideSet"]


def forecast(shop, **asked):
    return shop.ask(FORECAST, **asked)["data"]["forecast"]


def test_both_figures_are_shown_with_who_and_why(shop):
    made = put(shop, 25.0, first=1)
    override = made["override"]
    entry = shop.log.get(override.pop("decisionId"))
    assert entry.kind == "forecast"
    assert override == {
        "id": override["id"], "productId": "P007", "storeId": None, "author": "development", "reason": "a street fair",
        "inForce": True, "system": "shelfgraph", "asOf": "2017-12-31",
        "weeks": [{"weekStart": "2018-01-08", "systemUnits": 10.0, "units": 25.0}],
    }  # fmt: skip
    answer = forecast(shop)
    assert [point["units"] for point in answer["points"]] == [10.0] * 4
    both = answer["overridden"]
    assert (both["system"], both["systemUnits"], both["units"], both["decision"]["kind"]) == (
        "shelfgraph", 40.0, 55.0, "overridden_forecast",
    )  # fmt: skip
    assert [(w["systemUnits"], w["units"]) for w in both["weeks"]] == [(10.0, 10.0), (10.0, 25.0), (10.0, 10.0), (10.0, 10.0)]
    who = {"author": "development", "reason": "a street fair"}
    assert [w["override"] for w in both["weeks"]] == [None, who, None, None]


def test_where_nobody_set_anything_the_forecast_is_the_systems_alone(shop):
    put(shop, store="st1")
    assert forecast(shop)["overridden"] is None
    assert forecast(shop, product="P008")["overridden"] is None
    assert forecast(shop, store="st1")["overridden"]["units"] == 55.0


def test_the_systems_forecast_is_the_same_bytes_whatever_is_set_by_hand(shop):
    plain = (
        '{ forecast(productId: "P007") { ... on Forecast { points { weekStart units low high } system explanation { text } } } }'
    )

    def ask():
        return shop.client.post("/graphql", json={"query": plain}).content

    before = ask()
    made = put(shop)
    assert ask() == before
    shop.ask(WITHDRAW, id=made["override"]["id"], key="w")
    assert ask() == before
    assert len({entry.answer for entry in shop.log.entries() if b'"horizon_weeks":4' in entry.request}) == 1


@pytest.mark.requirement("R-AUD-07")
def test_an_overridden_forecast_replays_also_after_the_override_has_gone(shop, clock):
    made = put(shop)
    decision = forecast(shop)["overridden"]["decision"]["id"]
    shop.ask(WITHDRAW, id=made["override"]["id"], key="w")
    clock.at += timedelta(days=400)
    assert replay(decision, shop.log, lambda _: shop.services).identical
    logged = json.loads(shop.log.get(decision).request)
    assert logged["overrides"][0]["author"] == "development"


def test_an_expired_override_does_nothing(shop, clock):
    put(shop, expires="2018-01-01T12:00:01+00:00")
    assert forecast(shop)["overridden"]["units"] == 55.0
    clock.at += timedelta(seconds=1)
    assert forecast(shop)["overridden"] is None
    listed = shop.ask("{ overrides(first: 5) { edges { node { inForce } } } }")["data"]["overrides"]["edges"]
    assert listed == [{"node": {"inForce": False}}]


def test_withdrawing_is_a_record_of_its_own(shop, parts):
    made = put(shop)["override"]["id"]
    withdrawn = shop.ask(WITHDRAW, id=made, key="w")["data"]["overrideWithdraw"]
    assert withdrawn["override"] == {
        "inForce": False, "withdrawal": {"author": "development", "reason": "a slip", "asOf": "2017-12-31"},
    }  # fmt: skip
    assert forecast(shop)["overridden"] is None
    assert parts.books.overrides.get(made).draft.weeks[0].units == 25.0
    assert shop.ask(WITHDRAW, id=made, key="w")["data"]["overrideWithdraw"]["repeated"]
    again = shop.ask(WITHDRAW, id=made, key="w2")["data"]["overrideWithdraw"]
    assert again["userErrors"] == [{"__typename": "OverrideWithdrawn"}]
    assert shop.ask(WITHDRAW, id="ovr_none", key="w3")["data"]["overrideWithdraw"]["userErrors"] == [
        {"__typename": "UnknownOverride"}
    ]
    assert shop.ask(WITHDRAW, id=made, key="w4", reason=" ")["data"]["overrideWithdraw"]["userErrors"] == [
        {"__typename": "InvalidRequest"}
    ]


def test_the_one_that_was_set_last_holds(shop):
    put(shop, 25.0, weeks=2)
    put(shop, 5.0, first=1)
    assert [w["units"] for w in forecast(shop)["overridden"]["weeks"]] == [25.0, 5.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"product": "X"}, "UnknownProduct"),
        ({"product": small_shop.NO_HISTORY}, "InsufficientEvidence"),
        ({"first": 8}, "WeeksOutsideHorizon"),
        ({"chosen": [{"weekStart": "2018-01-02", "units": 1.0}]}, "WeeksOutsideHorizon"),
        ({"chosen": []}, "InvalidRequest"),
        ({"chosen": [{"weekStart": "2018-01-01", "units": 1.0}] * 2}, "InvalidRequest"),
        ({"units": -1.0}, "InvalidRequest"),
        ({"units": 1e9}, "InvalidRequest"),
        ({"reason": "  "}, "InvalidRequest"),
        ({"reason": "x" * 501}, "InvalidRequest"),
        ({"expires": "2018-01-01T12:00:00+00:00"}, "InvalidRequest"),
        ({"expires": "2019-01-01T12:00:00"}, "InvalidRequest"),
        ({"version": 3}, "VersionConflict"),
    ],
)
def test_what_cannot_be_set_is_refused_with_a_type_and_nothing_is_kept(shop, parts, asked, problem):
    made = put(shop, **asked)
    assert [one["__typename"] for one in made["userErrors"]] == [problem]
    assert made["override"] is None
    assert parts.books.overrides.latest(limit=9) == ()


def test_a_dry_run_says_what_the_system_says_and_keeps_nothing(shop, parts):
    tried = put(shop, dry=True)
    assert tried["dryRun"]
    assert tried["override"] is None
    assert tried["weeks"] == [{"weekStart": "2018-01-01", "systemUnits": 10.0, "units": 25.0}]
    assert parts.books.overrides.latest(limit=9) == ()
    late = put(shop, dry=True, version=3)["userErrors"]
    assert [(one["__typename"], one["expected"], one["found"]) for one in late] == [("VersionConflict", 3, 0)]
    made = put(shop)
    assert not made["repeated"]
    before = parts.books.overrides.latest(limit=9)
    asked = {"id": made["override"]["id"], "dry": True}
    assert shop.ask(WITHDRAW, **asked, key="w", reason=" ")["data"]["overrideWithdraw"]["userErrors"] == [
        {"__typename": "InvalidRequest"}
    ]
    tried = shop.ask(WITHDRAW, **asked, key="w")["data"]["overrideWithdraw"]
    assert tried == {"override": None, "repeated": False, "userErrors": []}
    assert parts.books.overrides.latest(limit=9) == before
    shop.ask(WITHDRAW, id=asked["id"], key="w")
    again = shop.ask(WITHDRAW, **asked, key="w2")["data"]["overrideWithdraw"]
    assert again["userErrors"] == [{"__typename": "OverrideWithdrawn"}]


def test_two_who_look_at_the_same_state_do_not_both_set(shop):
    assert put(shop, 1.0, version=0)["userErrors"] == []
    late = put(shop, 2.0, version=0)["userErrors"]
    assert [(one["__typename"], one["expected"], one["found"]) for one in late] == [("VersionConflict", 0, 1)]
    assert put(shop, 2.0, version=1, key="again")["userErrors"] == []


class BrokenLog:
    """Refuses every entry, and does not know it yet."""

    writable = True

    def submit(self, entry):
        done: Future[str] = Future()
        done.set_exception(DecisionLogUnavailable("its disk is full"))
        return done

    def close(self):
        return


@pytest.mark.requirement("R-AUD-02")
def test_nothing_is_set_by_hand_whose_decision_is_not_on_disk(open_shop, parts, clock):
    shop = open_shop(planning=parts, log=BrokenLog(), replaced={"clock": clock, "forecaster": WeeklyForecaster()})
    wanted = [{"weekStart": "2018-01-01", "units": 1.0}]
    asked = {"product": "P007", "weeks": wanted, "reason": "r", "expires": "2018-02-01T00:00:00+00:00", "key": "k"}
    answer = shop.ask(SET, **asked)
    assert answer["errors"][0]["extensions"]["code"] == "DECISION_LOG_UNAVAILABLE"
    assert parts.books.overrides.latest(limit=9) == ()


@pytest.mark.requirement("R-API-14")
def test_a_hundred_keys_asked_by_several_at_once_set_exactly_a_hundred(shop, open_shop, parts, clock):
    answers = []
    shops = [open_shop(planning=parts, replaced={"clock": clock, "forecaster": WeeklyForecaster()}) for _ in range(3)]

    def ask(one):
        for number in range(100):
            answers.append(put(one, float(number), key=f"k{number}"))

    threads = [threading.Thread(target=ask, args=(one,)) for one in shops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 300
    assert sum(not one["repeated"] for one in answers) == 100
    assert len(parts.books.overrides.latest(limit=999)) == 100
    assert put(shop, 7.5, key="k7")["userErrors"][0]["__typename"] == "IdempotencyKeyReused"


@pytest.mark.requirement("R-SEC-03")
@pytest.mark.parametrize("role", list(Role))
def test_only_planners_set_forecasts_by_hand(open_shop, parts, role):
    shop = open_shop(
        planning=parts, principal_of=lambda _: Principal("eve", frozenset({role})), replaced={"forecaster": WeeklyForecaster()}
    )
    made = put(shop, expires="2099-01-01T00:00:00+00:00")
    allowed = role in (Role.PLANNER, Role.OWNER)
    assert [one["__typename"] for one in made["userErrors"]] == ([] if allowed else ["NotAuthorised"])
    assert [one.draft.author for one in parts.books.overrides.latest(limit=9)] == (["eve"] if allowed else [])


def test_measuring_against_the_lake_holds_up_no_other_answer(open_shop, tmp_path, clock):
    asked, answered = threading.Event(), threading.Event()

    class SlowSales(KnownSales):
        def __call__(self, judged):
            asked.set()
            assert answered.wait(30)
            return super().__call__(judged)

    shop = open_shop(planning=planning(tmp_path, clock, SlowSales()))
    told = []
    asking = threading.Thread(target=lambda: told.append(shop.ask("{ a: forecastValueAdded { waiting } }")))
    asking.start()
    assert asked.wait(30)
    assert shop.ask("{ health { status } }")["data"]["health"]["status"] == "ok"
    answered.set()
    asking.join(30)
    assert told[0]["data"]["a"] == {"waiting": 0}


def test_value_added_is_told_in_total_by_author_and_one_by_one(shop, sales):
    first, second = put(shop, 14.0, weeks=2)["override"]["id"], put(shop, 5.0, first=2)["override"]["id"]
    put(shop, 9.0, first=7)
    sales.known_until = week(3) - timedelta(days=1)
    sales.units = {(first, week(0)): 15.0, (first, week(1)): 13.0, (second, week(2)): 12.0}
    sales.households = {first: 20, second: 12}
    told = shop.ask("""{ forecastValueAdded { knownUntil withheld waiting
        total { overrides weeks actualUnits systemError overrideError systemWape overrideWape valueAdded }
        byAuthor { author value { valueAdded } } overrides { id withheld value { valueAdded } } } }""")
    report = told["data"]["forecastValueAdded"]
    # by hand: system errors 5 + 3 + 2 = 10, those of the hand 1 + 1 + 7 = 9, of 40 units
    assert report["total"] == {
        "overrides": 2, "weeks": 3, "actualUnits": 40.0, "systemError": 10.0, "overrideError": 9.0, "systemWape": 0.25,
        "overrideWape": 0.225, "valueAdded": pytest.approx(0.025),
    }  # fmt: skip
    assert report["byAuthor"] == [{"author": "development", "value": {"valueAdded": pytest.approx(0.025)}}]
    assert (report["withheld"], report["waiting"]) == (0, 1)
    values = {one["id"]: one["value"] for one in report["overrides"]}
    assert values[first] == {"valueAdded": pytest.approx((8 - 2) / 28)}
    assert values[second] == {"valueAdded": pytest.approx((2 - 7) / 12)}
    nobody = shop.ask('{ forecastValueAdded(author: "eve") { total { weeks } overrides { id } } }')["data"]["forecastValueAdded"]
    assert nobody == {"total": None, "overrides": []}
    assert date.fromisoformat(report["knownUntil"]) == sales.known_until
