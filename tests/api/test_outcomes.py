"""Reports of outcomes over GraphQL and in bulk: what is taken, what is refused and why, and that repeating changes nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from api.errors import ExposureTokenInvalid
from api.exposure import Exposure, ExposureMint
from api.outcomes import OutcomeDesk
from api.settings import SettingsInvalid
from api.wiring import Installation
from governance.policy import Principal, Role
from governance.records import OutcomeKind, SqliteOutcomeBook
from kit.clock import FixedClock

NOW = datetime(2018, 1, 3, 12, tzinfo=UTC)
MINT = ExposureMint(b"k" * 64)
EXPOSED = Exposure("dec_1", "household", "", "P001", 2, 0.25, "rel_1", date(2018, 1, 1), "development")
RECORD = """mutation($token: String!, $kind: ExposureOutcomeKind = CLICKED, $at: DateTime = "2018-01-02T09:00:00+01:00",
    $key: String!, $value: Float, $dry: Boolean = false) {
  recordOutcome(input: {token: $token, kind: $kind, happenedAt: $at, value: $value}, idempotencyKey: $key, dryRun: $dry) {
    outcome { id decisionId productId rank propensity surface placement releaseId kind happenedAt value recordedAt }
    dryRun repeated userErrors { __typename message remedy } } }"""
OFFERS = """{ recommendations(first: 3) { ... on RecommendationConnection { decision { id } } } }"""


@pytest.fixture
def book(tmp_path):
    return SqliteOutcomeBook(tmp_path / "outcomes.sqlite", clock=FixedClock(NOW))


@pytest.fixture
def desk(book):
    return OutcomeDesk(book, MINT, 30, FixedClock(NOW))


@pytest.fixture
def shop(open_shop, desk):
    return open_shop(outcomes=desk)


@pytest.fixture
def exposure(shop):
    decision = shop.ask(OFFERS)["data"]["recommendations"]["decision"]["id"]
    return Exposure(decision, "household", "", "P001", 2, 0.25, "rel_1", date(2018, 1, 1), "development")


def record(shop, token, key="k", **more):
    return shop.ask(RECORD, token=token, key=key, **more)["data"]["recordOutcome"]


def bulk(shop, reports, status=200, query=""):
    answer = shop.client.post(f"/v1/outcomes{query}", json=reports)
    assert answer.status_code == status, answer.text
    return answer.json()


def report(exposure, key="k", **more):
    return {"token": MINT.give(exposure), "kind": "clicked", "idempotencyKey": key, "happenedAt": "2018-01-02T08:00:00Z", **more}


def test_a_report_is_recorded_with_what_the_token_says(shop, exposure, book) -> None:
    told = record(shop, MINT.give(exposure))
    outcome = told.pop("outcome")
    assert told == {"dryRun": False, "repeated": False, "userErrors": []}
    assert outcome == {
        "id": outcome["id"], "decisionId": exposure.decision_id, "productId": "P001", "rank": 2, "propensity": 0.25,
        "surface": "household", "placement": None, "releaseId": "rel_1", "kind": "CLICKED",
        "happenedAt": "2018-01-02T08:00:00+00:00", "value": None, "recordedAt": NOW.isoformat(),
    }  # fmt: skip
    assert book.get(outcome["id"]).draft.reporter == "development"


def test_repeating_a_report_changes_nothing(shop, exposure, book) -> None:
    first = record(shop, MINT.give(exposure), kind="PURCHASED", value=3.5)
    again = record(shop, MINT.give(exposure), kind="PURCHASED", value=3.5)
    assert again == {**first, "repeated": True}
    other = record(shop, MINT.give(exposure), kind="PURCHASED", value=3.6)
    assert [one["__typename"] for one in other["userErrors"]] == ["IdempotencyKeyReused"]
    assert len(book.latest(limit=9)) == 1


def test_a_dry_run_checks_and_writes_nothing(shop, exposure, book) -> None:
    assert record(shop, MINT.give(exposure), dry=True) == {"outcome": None, "dryRun": True, "repeated": False, "userErrors": []}
    assert record(shop, "x", dry=True)["userErrors"][0]["__typename"] == "ExposureTokenInvalid"
    assert book.latest(limit=9) == ()


@pytest.mark.parametrize(
    ("changed", "more", "outcome"),
    [
        ({"decision_id": "dec_none"}, {}, "UnknownDecision"),
        ({"principal": "somebody"}, {}, "ExposureTokenInvalid"),
        ({"issued_on": date(2017, 12, 3)}, {}, "ExposureTokenExpired"),
        ({}, {"at": "2018-01-03T12:06:00+00:00"}, "InvalidRequest"),
        ({}, {"at": "2017-12-30T12:00:00+00:00"}, "InvalidRequest"),
        ({}, {"at": "2018-01-02T12:00:00"}, "InvalidRequest"),
        ({}, {"value": 1.0}, "InvalidRequest"),
        ({}, {"kind": "PURCHASED", "value": -1.0}, "InvalidRequest"),
        ({}, {"key": " "}, "InvalidRequest"),
        ({}, {"key": "k" * 201}, "InvalidRequest"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_kept(shop, exposure, book, changed, more, outcome) -> None:
    told = record(shop, MINT.give(replace(exposure, **changed)), **more)
    assert [one["__typename"] for one in told["userErrors"]] == [outcome]
    assert told["outcome"] is None
    assert book.latest(limit=9) == ()


def test_the_last_day_of_a_token_still_counts(shop, exposure) -> None:
    on_time = replace(exposure, issued_on=NOW.date() - timedelta(days=30))
    assert record(shop, MINT.give(on_time))["userErrors"] == []


def test_whoever_may_not_report_is_refused(open_shop, desk) -> None:
    shop = open_shop(outcomes=desk, principal_of=lambda _: Principal("m", frozenset({Role.MERCHANDISER})))
    assert record(shop, "x")["userErrors"][0]["__typename"] == "NotAuthorised"
    assert bulk(shop, [], 403)["errors"][0]["extensions"]["code"] == "NOT_AUTHORISED"


def test_a_server_without_a_book_says_so(open_shop) -> None:
    shop = open_shop()
    assert bulk(shop, [{}], 503)["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert shop.ask(RECORD, token="x", key="k")["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


def test_reports_in_bulk_are_recorded_each_by_itself(shop, exposure, book) -> None:
    sent = [
        report(exposure, "a"),
        report(exposure, "a", kind="purchased"),
        report(exposure, "b", kind="purchased", value=3),
        report(exposure, "a"),
        report(exposure, "c", kind="eaten"),
        report(exposure, "d", happenedAt="soon"),
        report(exposure, "e", value="3"),
        {**report(exposure, "f"), "household": "hh_a"},
        {**report(exposure, "g"), "token": "x"},
        report(replace(exposure, decision_id="dec_none"), "h"),
        7,
    ]
    told = bulk(shop, sent)["outcomes"]
    assert [one["repeated"] for one in told if "id" in one] == [False, False, True]
    assert told[3]["id"] == told[0]["id"]
    assert [one["error"]["code"] for one in told if "error" in one] == [
        "IDEMPOTENCY_KEY_REUSED", *["INVALID_REQUEST"] * 4, "EXPOSURE_TOKEN_INVALID", "UNKNOWN_DECISION", "INVALID_REQUEST",
    ]  # fmt: skip
    assert {one.draft.kind for one in book.latest(limit=9)} == {OutcomeKind.CLICKED, OutcomeKind.PURCHASED}


def test_a_bulk_dry_run_writes_nothing(shop, exposure, book) -> None:
    assert bulk(shop, [report(exposure)], query="?dry_run=true") == {"outcomes": [{"dryRun": True}]}
    assert book.latest(limit=9) == ()
    assert bulk(shop, [report(exposure)], 400, "?dry_run=perhaps")["errors"][0]["extensions"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize("sent", [[], {}, [7] * 101, "x"])
def test_what_is_no_list_of_reports_is_refused_whole(shop, sent) -> None:
    assert bulk(shop, sent, 400)["errors"][0]["extensions"]["code"] == "BODY_UNREADABLE"


def test_a_hundred_reports_are_one_commit(shop, exposure, book) -> None:
    told = bulk(shop, [report(exposure, str(n)) for n in range(100)])["outcomes"]
    assert len({one["id"] for one in told}) == 100
    assert len(book.latest(limit=1000)) == 100


def test_a_home_has_one_key_for_its_tokens(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SHELFGRAPH_HOME", str(tmp_path))
    token = Installation.open().outcome_desk().mint.give(EXPOSED)
    assert Installation.open().outcome_desk().mint.read(token) == EXPOSED
    key = tmp_path / "vault" / "exposure.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes() != Installation.open().cursor_key()
    monkeypatch.setenv("SHELFGRAPH_EXPOSURE_KEY", "s" * 32)
    with pytest.raises(ExposureTokenInvalid):
        Installation.open().outcome_desk().mint.read(token)


def test_a_short_key_is_refused_and_not_shown(monkeypatch) -> None:
    monkeypatch.setenv("SHELFGRAPH_EXPOSURE_KEY", "too-short-a-secret")
    with pytest.raises(SettingsInvalid, match="EXPOSURE_KEY") as refused:
        Installation.open()
    assert "too-short-a-secret" not in str(refused.value)
