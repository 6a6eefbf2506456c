"""Events from Kafka, by the client's own mock cluster: at least once on the way, once in the book, poison in the quarantine."""

import json
from datetime import UTC, datetime

import confluent_kafka
import pytest

from api.events import kafka_settings
from api.settings import Settings, SettingsInvalid
from governance.records import SqliteEventBook
from governance.records.errors import BookUnavailable
from ingest import stream as streams
from ingest.errors import KafkaMissing, StreamUnavailable
from ingest.online_events import EventIntake
from ingest.stream import KafkaEvents, KafkaSettings, events_of
from kit.clock import FixedClock
from pipeline.event_stream import consume_events

NOW = datetime(2024, 5, 2, 9, tzinfo=UTC)
KNOWN = {"products.product_id": frozenset({"milk"}), "stores.store_id": frozenset({"st1"})}
TOPIC = "events"


def view(name, **more):
    return {"event_id": name, "kind": "view", "household_id": "777001", "session_id": "s1", "store_id": "st1",
            "product_id": "milk", "happened_at": "2024-05-01T12:00:00Z", **more}  # fmt: skip


class Cluster:
    """A mock cluster of one broker, in this process, and a producer for it."""

    def __init__(self):
        self.producer = confluent_kafka.Producer({"test.mock.num.brokers": 1})
        (broker,) = self.producer.list_topics(timeout=10).brokers.values()
        self.servers = f"{broker.host}:{broker.port}"

    def put(self, *payloads):
        for payload in payloads:
            self.producer.produce(TOPIC, payload if isinstance(payload, bytes) else json.dumps(payload).encode(), partition=0)
        assert self.producer.flush(10) == 0

    def open(self):
        return KafkaEvents(KafkaSettings(self.servers, TOPIC, "shelfgraph", {"session.timeout.ms": "6000"}))


@pytest.fixture(scope="module")
def cluster():
    return Cluster()


@pytest.fixture
def book(tmp_path):
    with SqliteEventBook(tmp_path / "events.sqlite", clock=FixedClock(NOW)) as opened:
        yield opened


def intake():
    return EventIntake(KNOWN, "UTC", b"key", keep_days=90, clock=FixedClock(NOW))


class EnoughError(Exception):
    """As many events came as were waited for."""


def consume(cluster, book, *, enough, **options):
    """Take events in a group that has to form first, which takes seconds, until so many came."""
    stream, seen = cluster.open(), []

    def watch(consumed):
        seen.append(consumed)
        if consumed.received >= enough:
            raise EnoughError

    try:
        with pytest.raises(EnoughError):
            consume_events(stream, intake(), book, idle_seconds=30.0, watch=watch, **options)
    finally:
        stream.close()
    return seen[-1]


def test_events_from_kafka_are_kept_once_poison_is_quarantined_and_nothing_comes_again(cluster, book):
    cluster.put(view("e1"), [view("e2"), view("e1")], b"\xff no json", view("e3", product_id="unheard"), 5, b"")
    consumed = consume(cluster, book, enough=7)
    assert (consumed.received, consumed.accepted, consumed.duplicate, consumed.rejected) == (7, 2, 1, 4)
    assert [event.event_id for event in book.after(0, limit=10)] == ["e1", "e2"]
    refused = [(line.event_id, line.rule_id, line.message) for _, line in book.refused_after(0, limit=10)]
    assert refused == [
        (f"{TOPIC}/0/2", "event.shape", "the message is no JSON"),
        ("e3", "product_id.reference", "product_id is not in products.product_id"),
        ("", "event.shape", "an event is a JSON object"),
        (f"{TOPIC}/0/5", "event.shape", "the message is no JSON"),
    ]
    assert "no json" not in "".join(line.row for _, line in book.refused_after(0, limit=10))
    cluster.put(view("e4"))
    again = consume(cluster, book, enough=1)
    assert (again.received, again.accepted) == (1, 1)


def test_what_the_book_could_not_take_is_not_committed_and_comes_again(cluster, book, monkeypatch):
    cluster.put(view("late"))
    refuse = BookUnavailable("events.sqlite", "written", "the disk is full")
    with monkeypatch.context() as patched:
        patched.setattr(SqliteEventBook, "take", lambda *_: (_ for _ in ()).throw(refuse))
        failing = cluster.open()
        with pytest.raises(BookUnavailable):
            consume_events(failing, intake(), book, idle_seconds=30.0, patience_seconds=0.5)
        failing.close()
    assert book.newest() == 0
    assert consume(cluster, book, enough=1).accepted == 1
    assert [event.event_id for event in book.after(0, limit=10)] == ["late"]


class Listed:
    """A stream that gives its batches and then nothing; counts its commits."""

    def __init__(self, *batches):
        self.batches, self.commits = list(batches), 0

    def batch(self, wait_seconds=0.0):
        return self.batches.pop(0) if self.batches else ()

    def commit(self):
        self.commits += 1


def test_a_book_that_recovers_in_time_costs_nothing(book, monkeypatch):
    whole, failures = SqliteEventBook.take, [1, 2]

    def take(self, batch):
        if failures:
            failures.pop()
            raise BookUnavailable("events.sqlite", "written", "the disk is full")
        return whole(self, batch)

    monkeypatch.setattr(SqliteEventBook, "take", take)
    stream = Listed((view("e1"),), (view("e1"), view("e2")))
    consumed = consume_events(stream, intake(), book, idle_seconds=0.1)
    assert (consumed.accepted, consumed.duplicate, stream.commits) == (2, 1, 2)


def test_a_message_of_too_many_events_is_one_refusal(book):
    (refused,) = events_of(json.dumps([view("e")] * 1001).encode(), "t/0/1")
    assert refused.problem == "a message has at most 1000 events"
    assert events_of(b"[]", "t/0/1") == []


def test_without_the_client_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(streams, "CLIENT", "no_such_client")
    with pytest.raises(KafkaMissing, match=r"shelfgraph\[kafka\]"):
        KafkaEvents(KafkaSettings("localhost:1", TOPIC, "g"))


def test_settings_of_the_client_that_it_does_not_know_are_refused():
    with pytest.raises(StreamUnavailable, match="SHELFGRAPH_KAFKA_CONFIG"):
        KafkaEvents(KafkaSettings("localhost:1", TOPIC, "g", {"no.such.setting": "1"}))


def test_brokers_that_are_away_are_waited_for():
    stream = KafkaEvents(KafkaSettings("127.0.0.1:1", TOPIC, "g"))
    assert [stream.batch(0.2) for _ in range(3)] == [(), (), ()]
    stream.commit()
    stream.close()


def test_kafka_is_named_by_the_settings(tmp_path):
    file = tmp_path / "client.properties"
    file.write_text("# of the cluster\nsecurity.protocol = SSL\nssl.ca.location=/etc/ca=1.pem\n")
    found = kafka_settings(Settings(kafka_servers="k1:9092", kafka_topic="t", kafka_config=file))
    assert found == KafkaSettings("k1:9092", "t", "shelfgraph", {"security.protocol": "SSL", "ssl.ca.location": "/etc/ca=1.pem"})
    with pytest.raises(SettingsInvalid, match="SHELFGRAPH_KAFKA_SERVERS"):
        kafka_settings(Settings())
    with pytest.raises(SettingsInvalid, match="SHELFGRAPH_KAFKA_CONFIG"):
        kafka_settings(Settings(kafka_servers="k", kafka_config=tmp_path / "missing"))
