"""Subscriptions over graphql-transport-ws: bounded, by that protocol alone, and nobody unknown."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest
from starlette.websockets import WebSocketDisconnect

from api.graphql import transport_ws
from api.graphql.subscription import LOOK_SECONDS
from governance.policy import Principal, Role
from governance.records import Act, JobDraft, SqliteJobBook
from governance.records.sqlite_book import BUSY_SECONDS
from tests.api.planning_shop import planning
from tests.moved_clock import MovedClock

PROTOCOLS = ["graphql-transport-ws"]
FOLLOW = "subscription($id: ID!) { jobProgress(id: $id) { __typename ... on Job { status stepsDone stepsTotal } } }"
DRAFT = JobDraft("scenario_comparison", b"{}", "rel_1", "development", 2)


@pytest.fixture
def parts(tmp_path):
    return planning(tmp_path, MovedClock())


@pytest.fixture
def shop(open_shop, parts):
    return open_shop(planning=parts)


def submit(parts, key="k", draft=DRAFT):
    return parts.books.jobs.submit(draft, Act("a", key, "f"), limit=99).value.id


def connect(shop, protocols=PROTOCOLS, **headers):
    return shop.client.websocket_connect("/graphql", subprotocols=protocols, headers={"host": "localhost:8080"} | headers)


def greet(socket):
    socket.send_json({"type": "connection_init"})
    assert socket.receive_json() == {"type": "connection_ack"}


def follow(socket, job_id, name="1", query=FOLLOW):
    socket.send_json({"type": "subscribe", "id": name, "payload": {"query": query, "variables": {"id": job_id}}})


def closed_with(socket):
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    return closed.value.code


def test_a_job_is_followed_until_it_ends(shop, parts):
    job_id = submit(parts)
    with connect(shop) as socket:
        greet(socket)
        follow(socket, job_id)
        seen = [socket.receive_json()]
        lease = parts.books.jobs.claim("w", lease_seconds=60)
        seen.append(socket.receive_json())
        parts.books.jobs.keep_step(lease, 0, b"one")
        seen.append(socket.receive_json())
        parts.books.jobs.succeed(lease, b"whole")
        seen.append(socket.receive_json())
        assert socket.receive_json() == {"type": "complete", "id": "1"}
    told = [message["payload"]["data"]["jobProgress"] for message in seen]
    assert [(one["status"], one["stepsDone"]) for one in told] == [
        ("queued", 0), ("running", 0), ("running", 1), ("succeeded", 1),
    ]  # fmt: skip


def test_following_holds_up_no_answer_while_somebody_writes(shop, parts, tmp_path):
    job_id = submit(parts)
    queued = threading.Thread(target=submit, args=(parts, "waits to be written"))
    with connect(shop) as socket, closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as writer:
        greet(socket)
        for number in range(10):
            follow(socket, job_id, str(number))
            socket.receive_json()
        writer.execute("BEGIN IMMEDIATE")
        queued.start()
        time.sleep(2 * LOOK_SECONDS)
        started = time.monotonic()
        socket.send_json({"type": "ping"})
        assert socket.receive_json() == {"type": "pong"}
        assert shop.ask("{ health { status } }")["data"]["health"]["status"] == "ok"
        assert time.monotonic() - started < BUSY_SECONDS / 5
        assert queued.is_alive()
        writer.rollback()
        queued.join(BUSY_SECONDS)
    assert parts.books.jobs.open_jobs() == 2


@pytest.mark.requirement("R-API-12")
@pytest.mark.parametrize("protocols", [[], ["graphql-ws"], ["graphql-ws", "soap"]])
def test_no_other_protocol_is_spoken(shop, protocols):
    with connect(shop, protocols) as socket:
        assert closed_with(socket) == 4406


@pytest.mark.requirement("R-API-12")
def test_of_several_protocols_the_one_is_chosen(shop):
    with connect(shop, ["graphql-ws", "graphql-transport-ws"]) as socket:
        assert socket.accepted_subprotocol == "graphql-transport-ws"
        greet(socket)


@pytest.mark.requirement("R-API-12")
def test_a_connection_that_does_not_greet_is_closed(shop):
    assert transport_ws.INIT_SECONDS <= 5.0
    with connect(shop) as socket:
        started = time.monotonic()
        socket.send_json({"type": "ping"})
        assert socket.receive_json() == {"type": "pong"}
        assert closed_with(socket) == 4408
        assert 4.5 < time.monotonic() - started < 10


@pytest.mark.requirement("R-API-12")
def test_before_the_greeting_nothing_is_answered(shop, parts):
    with connect(shop) as socket:
        follow(socket, submit(parts))
        assert closed_with(socket) == 4401


@pytest.mark.requirement("R-API-12")
def test_a_connection_follows_at_most_ten(shop, parts):
    job_id = submit(parts)
    with connect(shop) as socket:
        greet(socket)
        for number in range(10):
            follow(socket, job_id, str(number))
            assert socket.receive_json()["type"] == "next"
        follow(socket, job_id, "eleventh")
        refused = socket.receive_json()
        assert (refused["type"], refused["id"]) == ("error", "eleventh")
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        socket.send_json({"type": "complete", "id": "3"})
        follow(socket, job_id, "eleventh")
        assert socket.receive_json()["type"] == "next"


@pytest.mark.requirement("R-API-12")
def test_tasks_end_with_their_connection(shop, parts, monkeypatch):
    job_id, calls, before = submit(parts), [], SqliteJobBook.get
    monkeypatch.setattr(SqliteJobBook, "get", lambda self, one: (calls.append(one), before(self, one))[1])
    for _ in range(5):
        with connect(shop) as socket:
            greet(socket)
            for number in range(10):
                follow(socket, job_id, str(number))
                socket.receive_json()
            calls.clear()
            time.sleep(2 * LOOK_SECONDS)
            assert calls
    calls.clear()
    time.sleep(4 * LOOK_SECONDS)
    assert calls == []


@pytest.mark.requirement("R-API-12")
def test_connections_are_bounded(shop, monkeypatch):
    monkeypatch.setattr(transport_ws, "MAXIMUM_CONNECTIONS", 2)
    with connect(shop) as first, connect(shop) as second:
        greet(first)
        greet(second)
        with connect(shop) as third:
            assert closed_with(third) == 1013
    with connect(shop) as again:
        greet(again)


@pytest.mark.requirement("R-API-12")
def test_a_principal_without_the_role_follows_nothing(open_shop, parts):
    nobody = open_shop(planning=parts, principal_of=lambda _: Principal("nobody", frozenset()))
    job_id = submit(parts)
    with connect(nobody) as socket:
        greet(socket)
        follow(socket, job_id)
        assert socket.receive_json()["payload"]["data"]["jobProgress"] == {"__typename": "NotAuthorised"}
        assert socket.receive_json()["type"] == "complete"


@pytest.mark.requirement("R-API-12")
def test_somebody_elses_job_is_not_followed(open_shop, parts):
    bob = open_shop(planning=parts, principal_of=lambda _: Principal("bob", frozenset({Role.PLANNER})))
    with connect(bob) as socket:
        greet(socket)
        follow(socket, submit(parts))
        assert socket.receive_json()["payload"]["data"]["jobProgress"] == {"__typename": "UnknownJob"}


@pytest.mark.requirement("R-API-12")
@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"origin": "null"}])
def test_a_page_of_another_site_does_not_connect(shop, headers):
    with pytest.raises(WebSocketDisconnect) as refused, connect(shop, **headers):
        pass
    assert refused.value.code == 4403


def test_our_own_page_connects(shop):
    with connect(shop, origin="http://localhost:8080") as socket:
        greet(socket)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", 4400), ("[]", 4400), ('{"type": 7}', 4400), ('{"type": "dance"}', 4400),
        ('{"type": "connection_init"}', 4429),
        ('{"type": "subscribe"}', 4400), ('{"type": "subscribe", "id": "1"}', 4400), ('{"type": "complete", "id": 7}', 4400),
        ('"' + "x" * 300_000 + '"', 4400),
    ],
)  # fmt: skip
def test_what_is_no_message_closes_the_connection(shop, message, code):
    with connect(shop) as socket:
        greet(socket)
        socket.send_text(message)
        assert closed_with(socket) == code


def test_bytes_are_no_message(shop):
    with connect(shop) as socket:
        greet(socket)
        socket.send_bytes(b'{"type": "ping"}')
        assert closed_with(socket) == 4400


def test_a_name_in_use_closes_the_connection(shop, parts):
    job_id = submit(parts)
    with connect(shop) as socket:
        greet(socket)
        follow(socket, job_id)
        socket.receive_json()
        follow(socket, job_id)
        assert closed_with(socket) == 4409


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ health { status } }", "OPERATION_UNKNOWN"),
        ("subscription { nothing }", "INVALID_DOCUMENT"),
        ("subscription {", "SYNTAX_ERROR"),
        ("subscription { jobProgress(id: 1) { ... on Job { " + "events { at } " * 400 + "} } }", "SYNTAX_ERROR"),
        ("subscription($id: Int!) { jobProgress(id: $id) { __typename } }", "INVALID_DOCUMENT"),
    ],
)
def test_documents_are_held_against_the_limits(shop, parts, query, code):
    with connect(shop) as socket:
        greet(socket)
        follow(socket, "x", query=query)
        answer = socket.receive_json()
        assert answer["type"] == "error"
        assert answer["payload"][0]["extensions"]["code"] == code


def test_a_subscription_is_not_answered_by_post(shop):
    refused = shop.ask(FOLLOW, 400, id="x")
    assert refused["errors"][0]["extensions"]["code"] == "OPERATION_UNKNOWN"


def test_many_connections_at_once_follow_the_same_job(shop, parts):
    job_id = submit(parts)
    told = []

    def one():
        with connect(shop) as socket:
            greet(socket)
            follow(socket, job_id)
            told.append(socket.receive_json()["payload"]["data"]["jobProgress"]["status"])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert told == ["queued"] * 8
