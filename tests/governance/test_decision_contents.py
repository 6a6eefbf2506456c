"""Long answers are stored once, read back whole, and found out when they are changed, removed or never came."""

import hashlib
import sqlite3
from dataclasses import replace

import pytest

from governance.records import SqliteDecisionLog
from governance.records.chain_head import GENESIS, ChainHead, ChainHeadFile, HeadState, head_path
from governance.records.decision_rows import INSERT_ROW, PLACEHOLDERS, connect, row_hash
from governance.records.errors import DecisionDamaged, DecisionLogUnavailable
from kit.hashed import HashedBytes, sha256_of
from tests.governance.test_decision_log import entry

LONG = b'{"items":["' + b"y" * 50_000 + b'"]}'


def long_entry(number, content=LONG):
    return replace(entry(number), answer=content)


def tamper(path, statement, parameters=()):
    connection = sqlite3.connect(path)
    connection.executescript("DROP TRIGGER content_never_updated; DROP TRIGGER content_never_deleted;")
    assert connection.execute(statement, parameters).rowcount == 1
    connection.commit()
    connection.close()


@pytest.mark.requirement("R-AUD-01")
def test_one_answer_given_two_hundred_times_is_stored_once(tmp_path):
    path = tmp_path / "log.db"
    other = LONG.replace(b"y", b"z")
    given = [long_entry(n, other if n % 50 == 49 else LONG) for n in range(200)]
    with SqliteDecisionLog(path) as log:
        for future in [log.submit(one) for one in given]:
            future.result()
        assert list(log.entries()) == given
        assert log.get("dec_000049") == given[49]
        assert log.verify().entries == 200
    assert sqlite3.connect(path).execute("SELECT count(*) FROM content").fetchone() == (2,)
    assert path.stat().st_size < 10 * len(LONG)
    with SqliteDecisionLog(path) as again:  # a writer that knows nothing of what is there
        again.append(long_entry(500))
        assert again.get("dec_000500").answer == LONG
        assert again.verify().entries == 201
    assert sqlite3.connect(path).execute("SELECT count(*) FROM content").fetchone() == (2,)


@pytest.mark.requirement("R-AUD-03")
@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("UPDATE content SET bytes = ? WHERE digest = ?", (LONG + b" ",)),
        ("DELETE FROM content WHERE digest = ?", ()),
        ("UPDATE content SET digest = zeroblob(32) WHERE digest = ?", ()),
    ],
)
def test_a_content_that_was_changed_or_removed_is_found_at_the_first_entry_that_names_it(tmp_path, statement, parameters):
    path = tmp_path / "log.db"
    with SqliteDecisionLog(path) as log:
        for n in range(3):
            log.append(entry(n))
        for n in range(3, 6):
            log.append(long_entry(n))
    tamper(path, statement, (*parameters, hashlib.sha256(LONG).digest()))
    log = SqliteDecisionLog(path, read_only=True)
    broken = log.verify().broken
    assert broken is not None
    assert (broken.position, broken.decision_id) == (4, "dec_000003")
    assert "content" in broken.problem
    assert log.get("dec_000001") == entry(1)
    with pytest.raises(DecisionDamaged):
        log.get("dec_000004")
    with pytest.raises(DecisionDamaged):
        list(log.entries())


def test_the_table_of_contents_refuses_updates_and_deletes(tmp_path):
    with SqliteDecisionLog(tmp_path / "log.db") as log:
        log.append(long_entry(1))
    connection = sqlite3.connect(tmp_path / "log.db")
    for statement in ("UPDATE content SET bytes = zeroblob(1)", "DELETE FROM content"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)


def test_a_log_whose_long_answers_lie_in_their_rows_is_read_verified_and_continued(tmp_path):
    path, head = tmp_path / "log.db", ChainHead(0, GENESIS)
    connection = connect(path, read_only=False)
    connection.executescript("DROP TABLE content")
    for n in range(3):
        one = long_entry(n)
        content = (one.id, one.kind, one.recorded_at.isoformat(), one.principal, one.release_id, one.header, one.request, LONG)
        row = (head.entries + 1, *content, head.hash, row_hash(head.entries + 1, content, head.hash))
        connection.execute(INSERT_ROW + PLACEHOLDERS, row)
        head = ChainHead(row[0], row[-1])
    connection.close()
    kept = ChainHeadFile(head_path(path))
    kept.write(HeadState(head), durable=True)
    kept.close()
    with SqliteDecisionLog(path, read_only=True) as old:
        assert old.get("dec_000001") == long_entry(1)
        assert old.verify().broken is None
    with SqliteDecisionLog(path) as log:
        log.append(long_entry(3))
        assert list(log.entries()) == [long_entry(n) for n in range(4)]
        assert (log.verify().entries, log.verify().broken) == (4, None)


@pytest.mark.parametrize("answer", [b"", b"{}", b"x" * 1023, b"x" * 1024, b"sha256:" + bytes(32), b"sha256:"])
def test_answers_of_every_length_come_back_whatever_they_look_like(tmp_path, answer):
    with SqliteDecisionLog(tmp_path / "log.db") as log:
        log.append(long_entry(1, answer))
        assert log.get("dec_000001").answer == answer
        assert log.verify().broken is None


@pytest.mark.requirement("R-AUD-02")
def test_a_full_disk_leaves_neither_an_entry_nor_half_a_content(tmp_path):
    with SqliteDecisionLog(tmp_path / "log.db") as log:
        log.append(entry(0))
        pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
        log._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(DecisionLogUnavailable, match="full"):
            log.append(long_entry(1))
        log._connection.execute("PRAGMA max_page_count = 100000")
        log.append(long_entry(2))
        assert [one.id for one in log.entries()] == ["dec_000000", "dec_000002"]
        assert log.get("dec_000002").answer == LONG
        assert log.verify().broken is None


def test_bytes_that_remember_their_digest_are_stored_as_any_other(tmp_path):
    remembered = HashedBytes(LONG)
    with SqliteDecisionLog(tmp_path / "decisions.sqlite") as log:
        for number, content in enumerate((remembered, LONG, remembered)):
            log.append(long_entry(number, content))
        assert [one.answer for one in log.entries()] == [LONG] * 3
        assert log.verify().broken is None
    assert remembered.sha256 == hashlib.sha256(LONG).digest() == sha256_of(remembered) == sha256_of(LONG)
    assert sqlite3.connect(tmp_path / "decisions.sqlite").execute("SELECT count(*) FROM content").fetchone() == (1,)
