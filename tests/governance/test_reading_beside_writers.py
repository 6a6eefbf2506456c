"""Reading a book waits for nobody who writes into it, in this process or another."""

import sqlite3
import threading
import time
from contextlib import contextmanager

import pytest

from governance.records import Act, JobDraft, SqliteJobBook
from governance.records.errors import BookUnavailable
from governance.records.sqlite_book import BUSY_SECONDS

DRAFT = JobDraft("scenario_comparison", b"{}", "rel_1", "ann", 3)
AT_ONCE = BUSY_SECONDS / 5


@pytest.fixture
def book(tmp_path):
    opened = SqliteJobBook(tmp_path / "jobs.sqlite")
    yield opened
    opened.close()


@contextmanager
def writing(path):
    """Somebody else's transaction, open as long as this is."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


def test_a_read_answers_at_once_while_others_write_and_wait_to_write(book, tmp_path):
    job = book.submit(DRAFT, Act("ann", "k", "f"), limit=9).value
    told = []
    waiting = threading.Thread(target=lambda: told.append(book.submit(DRAFT, Act("ann", "k2", "f"), limit=9)))
    with writing(tmp_path / "jobs.sqlite"):
        waiting.start()
        time.sleep(0.2)
        started = time.monotonic()
        assert book.get(job.id) == job
        assert book.latest(principal="ann", limit=9) == (job,)
        assert book.done(Act("ann", "k", "f")).value == job
        assert time.monotonic() - started < AT_ONCE
        assert told == []
    waiting.join(BUSY_SECONDS)
    assert book.get(told[0].value.id) == told[0].value


def test_what_reads_cannot_write(book):
    with pytest.raises(BookUnavailable, match="readonly"):
        book._all("DELETE FROM job_event")
