"""The event book: every event once, in dense numbers, whoever hands it in."""

import sqlite3
import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from governance.records import EventBatch, EventDraft, EventKey, EventOutcome, Landing, RefusedLine, SqliteEventBook
from governance.records.errors import BookUnavailable
from kit.clock import FixedClock

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def draft(name, *, household="hh_1", session=None, store="st1", kind="view", content=b"{}", day=date(2024, 5, 1)):
    return EventDraft(name, kind, household, session, store, NOON, day, content, (f'{{"event_id":"{name}"}}',))


def open_book(path):
    return SqliteEventBook(path, clock=FixedClock(NOON))


def test_every_event_gets_the_next_number_and_counts_once(tmp_path):
    with open_book(tmp_path / "events.sqlite") as book:
        first = book.take(EventBatch((draft("a"), draft("b"))))
        again = book.take(EventBatch((draft("b"), draft("c"), draft("c"))))
        assert [(one.outcome, one.number) for one in first] == [(EventOutcome.ACCEPTED, 1), (EventOutcome.ACCEPTED, 2)]
        assert [(one.outcome, one.number) for one in again] == [
            (EventOutcome.DUPLICATE, 2),
            (EventOutcome.ACCEPTED, 3),
            (EventOutcome.DUPLICATE, 3),
        ]
        assert [event.event_id for event in book.after(0, limit=10)] == ["a", "b", "c"]
        assert [event.event_id for event in book.after(1, limit=1)] == ["b"]
        assert book.newest() == 3
        assert book.after(0, limit=1)[0].recorded_at == NOON


def test_another_event_of_the_same_id_is_a_conflict_and_waits_with_the_refused(tmp_path):
    with open_book(tmp_path / "events.sqlite") as book:
        book.take(EventBatch((draft("a", content=b"1"),)))
        for _ in range(2):
            (receipt,) = book.take(EventBatch((draft("a", content=b"2"),)))
            assert (receipt.outcome, receipt.number) == (EventOutcome.CONFLICT, 1)
        ((number, refused),) = book.refused_after(0, limit=10)
        assert (number, refused.rule_id, refused.row) == (1, "key.taken", '{"event_id":"a"}')
        assert book.after(0, limit=10)[0].content == b"1"
        assert book.counts().refused == 1


def test_events_are_found_by_household_session_and_the_stores_stock(tmp_path):
    with open_book(tmp_path / "events.sqlite") as book:
        drafts = (draft("a", session="s1"), draft("b", household=None, session="s1"), draft("c", kind="stock", household=None))
        book.take(EventBatch((*drafts, draft("d", household="hh_2"))))

        def found(key, value, until=9):
            return [event.event_id for event in book.about(key, value, until)]

        assert found(EventKey.HOUSEHOLD, "hh_1") == ["a"]
        assert found(EventKey.SESSION, "s1") == ["a", "b"]
        assert found(EventKey.SESSION, "s1", until=1) == ["a"]
        assert found(EventKey.STORE, "st1") == ["c"]


def test_an_event_is_kept_until_it_has_landed(tmp_path):
    path = tmp_path / "events.sqlite"
    old, new = date(2024, 1, 1), date(2024, 5, 1)
    with open_book(path) as book:
        book.take(EventBatch((draft("a", day=old), draft("b", day=old), draft("c", day=new), draft("d", day=new))))
        assert book.forget(new) == 0
        book.note_landing(Landing(NOON, old, 1, 0))
        with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError, match="until it has landed"):
            other.execute("DELETE FROM event WHERE event_id = 'b'")
        assert book.forget(new) == 1
        assert [event.number for event in book.after(0, limit=10)] == [2, 3, 4]
        book.note_landing(Landing(NOON, new + timedelta(days=1), 4, 0))
        assert book.forget(new + timedelta(days=9)) == 2
        (receipt,) = book.take(EventBatch((draft("e"),)))
        assert receipt.number == 5
        assert book.landings() == (Landing(NOON, old, 1, 0), Landing(NOON, new + timedelta(days=1), 4, 0))


def test_nothing_in_the_book_is_changed(tmp_path):
    path = tmp_path / "events.sqlite"
    with open_book(path) as book:
        book.take(EventBatch((draft("a"),)))
        with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError, match="never changed"):
            other.execute("UPDATE event SET content = x'00'")


def test_two_processes_hand_in_at_once_and_numbers_stay_dense(tmp_path):
    path = tmp_path / "events.sqlite"
    books = [open_book(path), open_book(path)]

    def hand_in(name, book):
        for n in range(60):
            book.take(EventBatch((draft(f"{name}-{n}"), draft(f"shared-{n}"))))

    threads = [threading.Thread(target=hand_in, args=item) for item in enumerate(books)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = books[0].after(0, limit=1000)
    assert [event.number for event in events] == list(range(1, 181))
    assert len({event.event_id for event in events}) == 180
    for book in books:
        book.close()


def test_refused_lines_are_kept_once_and_a_batch_is_kept_whole_or_not_at_all(tmp_path):
    line = RefusedLine("x", '{"kind":"?"}', "kind.allowed", ("kind.allowed",), "kind must be one of …")
    with open_book(tmp_path / "events.sqlite") as book:
        for _ in range(3):
            book.take(EventBatch((), (line,)))
        assert book.refused_after(0, limit=10) == ((1, line),)
        faulty = EventDraft("bad", None, None, None, None, NOON, date(2024, 5, 1), b"{}")  # type: ignore[arg-type]
        with pytest.raises(BookUnavailable, match="cannot be written"):
            book.take(EventBatch((draft("good"), faulty)))
        assert book.newest() == 0
        assert book.take(EventBatch((draft("good"),)))[0].number == 1


def test_a_faulty_batch_costs_those_in_its_group_nothing(tmp_path):
    with open_book(tmp_path / "events.sqlite") as book:
        faulty = EventDraft("bad", None, None, None, None, NOON, date(2024, 5, 1), b"{}")  # type: ignore[arg-type]
        futures = [book.submit(EventBatch((one,))) for one in (draft("a"), faulty, draft("b"))]
        assert isinstance(futures[1].exception(10), BookUnavailable)
        assert [futures[place].result(10)[0].outcome for place in (0, 2)] == [EventOutcome.ACCEPTED] * 2


def test_a_closed_book_refuses_and_says_so(tmp_path):
    book = open_book(tmp_path / "events.sqlite")
    book.close()
    book.close()
    with pytest.raises(BookUnavailable, match="it was closed"):
        book.take(EventBatch((draft("a"),)))
