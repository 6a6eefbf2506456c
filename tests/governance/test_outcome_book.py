"""The book of outcomes: added once per key, never changed, several in one commit."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from governance.records import Act, OutcomeDraft, OutcomeKind, SqliteOutcomeBook
from governance.records.errors import BookUnavailable, IdempotencyKeyReused, OutcomeUnknown
from kit.clock import FixedClock

NOW = datetime(2018, 1, 2, 12, tzinfo=UTC)
DRAFT = OutcomeDraft(
    "dec_1", "P007", 3, 0.25, "discover", "home_top", "rel_1", OutcomeKind.PURCHASED, datetime(2018, 1, 1, 9, tzinfo=UTC),
    3.98, "shop",
)  # fmt: skip


@pytest.fixture
def book(tmp_path):
    return SqliteOutcomeBook(tmp_path / "outcomes.sqlite", clock=FixedClock(NOW))


def act(key: str = "k", fingerprint: str = "f") -> Act:
    return Act("shop", key, fingerprint)


def test_an_outcome_is_kept_as_it_was_reported(book) -> None:
    done = book.record(DRAFT, act())
    assert (done.repeated, done.value.recorded_at, done.value.draft) == (False, NOW, DRAFT)
    assert book.get(done.value.id) == done.value


def test_recording_twice_changes_nothing(book) -> None:
    first, again = book.record(DRAFT, act()), book.record(DRAFT, act())
    assert again.repeated
    assert again.value == first.value
    assert len(book.latest(limit=10)) == 1


def test_a_key_stands_for_one_report(book) -> None:
    book.record(DRAFT, act())
    with pytest.raises(IdempotencyKeyReused):
        book.record(replace(DRAFT, value=4.0), act(fingerprint="other"))
    assert len(book.latest(limit=10)) == 1


def test_a_refused_report_keeps_no_other_from_being_recorded(book) -> None:
    book.record(DRAFT, act("b"))
    clicked = replace(DRAFT, kind=OutcomeKind.CLICKED, value=None)
    told = book.record_all([(clicked, act("a")), (clicked, act("b", "other")), (clicked, act("a")), (clicked, act("c"))])
    assert [type(one).__name__ for one in told] == ["Recorded", "IdempotencyKeyReused", "Recorded", "Recorded"]
    assert [told[0].repeated, told[2].repeated, told[3].repeated] == [False, True, False]
    assert len(book.latest(limit=10)) == 3


def test_a_dry_run_writes_nothing_and_uses_no_key_up(book) -> None:
    assert book.record(DRAFT, act(), dry_run=True) is None
    assert book.latest(limit=10) == ()
    assert not book.record(DRAFT, act()).repeated


def test_lists_go_from_the_last_recorded(book) -> None:
    ids = [book.record(replace(DRAFT, decision_id=f"dec_{n % 2}"), act(str(n))).value.id for n in range(5)]
    assert [one.id for one in book.latest(limit=2)] == ids[:2:-1]
    assert [one.id for one in book.latest(limit=9, after=ids[2])] == [ids[1], ids[0]]
    assert book.decisions() == ("dec_0", "dec_1")
    assert [one.id for one in book.of_decisions(["dec_1"])] == [ids[1], ids[3]]


def test_an_unknown_outcome_is_told(book) -> None:
    with pytest.raises(OutcomeUnknown, match="out_none"):
        book.get("out_none")


@pytest.mark.parametrize("statement", ["UPDATE outcome SET value = 0", "DELETE FROM outcome"])
def test_nothing_is_changed_or_deleted(tmp_path, book, statement) -> None:
    kept = book.record(DRAFT, act()).value
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        sqlite3.connect(tmp_path / "outcomes.sqlite").execute(statement)
    assert book.get(kept.id) == kept


@pytest.mark.parametrize("draft", [replace(DRAFT, propensity=0.0), replace(DRAFT, propensity=1.5), replace(DRAFT, rank=0)])
def test_what_no_draw_could_have_shown_is_refused_whole(book, draft) -> None:
    with pytest.raises(BookUnavailable):
        book.record_all([(DRAFT, act("a")), (draft, act("b"))])
    assert book.latest(limit=10) == ()
