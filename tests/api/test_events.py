"""POST /v1/events: each event's outcome is told, what is accepted is durable and part of the facts, a full book refuses."""

from datetime import UTC, date, datetime

import pytest

from api.events import EventDesk
from decisions.recommend.online import Overlay, Since
from governance.policy import Principal, Role
from governance.records import SqliteEventBook
from ingest.online_events import EventIntake
from kit.clock import FixedClock
from kit.ids import pseudonym

NOW = datetime(2018, 1, 2, 9, tzinfo=UTC)
KEY = b"a key for tests"
HOUSEHOLD = pseudonym(KEY, "hh_", "777001")


def view(name, product="P001", **more):
    event = {"event_id": name, "kind": "view", "household_id": "777001", "session_id": "s1", "store_id": "st1"}
    return {**event, "product_id": product, "happened_at": "2018-01-01T12:00:00Z", **more}


@pytest.fixture
def desk(tmp_path):
    known = {"products.product_id": frozenset(f"P{n:03d}" for n in range(60)), "stores.store_id": frozenset({"st1"})}
    book = SqliteEventBook(tmp_path / "events.sqlite", clock=FixedClock(NOW))
    overlay = Overlay(book, Since(date(2017, 12, 31))).follow()
    opened = EventDesk(EventIntake(known, "UTC", KEY, keep_days=90, clock=FixedClock(NOW)), book, overlay)
    yield opened
    overlay.close()
    book.close()


def send(shop, events, status=200):
    response = shop.client.post("/v1/events", json=events)
    assert response.status_code == status, response.text
    return response


def test_the_outcome_of_every_event_is_told_and_nothing_is_lost(open_shop, desk):
    shop = open_shop(events=desk)
    events = [view("e1"), view("e2", "P999"), view("e1"), view("e1", "P002"), {"kind": "party"}, 5]
    answer = send(shop, events).json()
    assert {name: answer[name] for name in ("received", "accepted", "duplicate", "rejected")} == {
        "received": 6, "accepted": 1, "duplicate": 1, "rejected": 4,
    }  # fmt: skip
    assert [event["outcome"] for event in answer["events"]] == ["accepted", "rejected", "duplicate"] + ["rejected"] * 3
    assert [event.get("rule") for event in answer["events"]] == [
        None, "product_id.reference", None, "key.taken", "event_id.required", "event.shape",
    ]  # fmt: skip
    assert all(event["reason"] for event in answer["events"] if event["outcome"] == "rejected")
    assert [event.get("number") for event in answer["events"]] == [1, None, 1, None, None, None]
    assert len(desk.book.refused_after(0, limit=10)) == 4


def test_what_is_accepted_is_part_of_the_facts_when_the_answer_is_there(open_shop, desk):
    shop = open_shop(events=desk)
    for number in range(1, 6):
        send(shop, [view(f"e{number}", f"P{number:03d}", happened_at=f"2018-01-01T12:0{number}:00Z")])
        assert desk.overlay.newest(HOUSEHOLD, None, None) == number
        assert desk.overlay.facts(HOUSEHOLD, "s1", None, number).viewed[0] == f"P{number:03d}"
    metrics = shop.client.get("/metrics").text
    assert 'shelfgraph_events_total{kind="view",outcome="accepted"} 5.0' in metrics
    assert "shelfgraph_event_lag_seconds_count 5.0" in metrics


@pytest.mark.parametrize("body", [[], {}, "text", 5, [{}] * 1001])
def test_a_body_that_is_no_list_of_events_is_refused(open_shop, desk, body):
    shop = open_shop(events=desk)
    assert send(shop, body, 400).json()["errors"][0]["extensions"]["code"] == "BODY_UNREADABLE"
    assert desk.book.counts().refused == desk.book.newest() == 0


def test_a_thousand_events_fit_in_one_request_and_a_larger_body_does_not(open_shop, desk):
    shop = open_shop(events=desk)
    answer = send(shop, [view(f"e{number}") for number in range(1000)]).json()
    assert (answer["accepted"], len(answer["events"])) == (1000, 1000)
    assert send(shop, [view("x" * 3_000_000)], 413).json()["errors"][0]["extensions"]["code"] == "BODY_TOO_LARGE"


@pytest.mark.parametrize("role", [Role.MERCHANDISER, Role.PLANNER, Role.AUDITOR])
def test_roles_that_may_not_see_households_may_not_send_events(open_shop, desk, role):
    shop = open_shop(events=desk, principal_of=lambda _: Principal("somebody", frozenset({role})))
    assert send(shop, [view("e1")], 403).json()["errors"][0]["extensions"]["code"] == "NOT_AUTHORISED"
    assert desk.book.newest() == 0


def test_a_server_without_the_book_says_so(shop):
    response = send(shop, [view("e1")], 503)
    assert response.headers["retry-after"] == "5"


def test_a_book_that_cannot_be_written_refuses_with_a_retry_and_recovers(open_shop, desk):
    shop = open_shop(events=desk)
    send(shop, [view("e1")])
    pages = desk.book._connection.execute("PRAGMA page_count").fetchone()[0]
    desk.book._connection.execute(f"PRAGMA max_page_count={pages}")
    many = [view(f"big{number}", session_id="s" * 70) for number in range(900)]
    response = send(shop, many, 503)
    assert (response.headers["retry-after"], response.json()["errors"][0]["extensions"]["code"]) == ("5", "UNAVAILABLE")
    assert desk.book.newest() == 1
    assert desk.overlay.facts(HOUSEHOLD, None, None, 1).viewed == ("P001",)
    desk.book._connection.execute("PRAGMA max_page_count=1000000")
    assert send(shop, many).json()["accepted"] == 900
