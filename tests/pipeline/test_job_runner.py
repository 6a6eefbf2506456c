"""Workers of jobs: what a killed one left is ended by the next, with the same bytes as if nothing had happened."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from governance.records import Act, JobDraft, JobStatus, SqliteJobBook, sqlite_book
from kit.errors import ShelfgraphError
from kit.progress import SilentProgress
from pipeline.job_runner import run_next_job
from tests.pipeline.job_worker_process import Hashing, work

STEPS = 12


def submit(book, seed=7, key="k", steps=STEPS):
    draft = JobDraft("hashing", b'{"seed":%d}' % seed, "rel_1", "ann", steps)
    return book.submit(draft, Act("ann", key, "f"), limit=9).value


def run(book, work_of, **more):
    return run_next_job(book, "w", work_of, progress=SilentProgress(), **more)


@pytest.fixture
def book(tmp_path):
    opened = SqliteJobBook(tmp_path / "jobs.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def undisturbed(tmp_path):
    other = SqliteJobBook(tmp_path / "undisturbed.sqlite")
    job = submit(other)
    work(other, "w", 0.0)
    yield other.result(job.id), other.step_results(job.id)
    other.close()


@contextmanager
def worker(book_path, name, seconds, root):
    command = [sys.executable, "-m", "tests.pipeline.job_worker_process", str(book_path), name, str(seconds)]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


@pytest.mark.parametrize("kills", [1, 3])
def test_a_job_whose_worker_is_killed_ends_with_the_same_bytes(book, undisturbed, tmp_path, project_root, kills):
    job = submit(book)
    for number in range(kills):
        with worker(tmp_path / "jobs.sqlite", f"w{number}", 0.2, project_root) as process:
            before = book.get(job.id).steps_done
            wait_until(lambda before=before: book.get(job.id).steps_done >= before + 2)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        left = book.get(job.id)
        assert left.status is JobStatus.RUNNING
        assert 0 < left.steps_done < STEPS
        if number < kills - 1:
            assert book.lapse(f"w{number}") == 1
    # nobody says of the last one that it is dead: its lease has to run out
    wait_until(lambda: book.claim("looks", lease_seconds=0.0) is not None)
    work(book, "last", 0.0)
    assert book.get(job.id).status is JobStatus.SUCCEEDED
    assert (book.result(job.id), book.step_results(job.id)) == undisturbed
    taken = [event for event in book.events(job.id) if event.note.startswith("taken by w")]
    assert len(taken) == kills


def test_two_workers_at_once_do_every_step_once(book, undisturbed, tmp_path, project_root):
    job = submit(book)
    with worker(tmp_path / "jobs.sqlite", "a", 0.05, project_root), worker(tmp_path / "jobs.sqlite", "b", 0.05, project_root):
        wait_until(lambda: book.get(job.id).status is JobStatus.SUCCEEDED)
    assert (book.result(job.id), book.step_results(job.id)) == undisturbed


def test_a_worker_that_has_to_stop_hands_its_job_back_behind_a_step(book, undisturbed):
    job = submit(book)
    looks = iter([False, False, True])
    left = run(book, lambda draft: Hashing(draft, 0.0), stop=lambda: next(looks))
    assert (left.status, left.steps_done) == (JobStatus.QUEUED, 2)
    assert run(book, lambda draft: Hashing(draft, 0.0)).status is JobStatus.SUCCEEDED
    assert book.result(job.id) == undisturbed[0]


def test_a_cancelled_job_stops_behind_its_step_and_a_resumed_one_ends_the_same(book, undisturbed):
    job = submit(book)

    class Cancelling(Hashing):
        def step(self, number):
            if number == 4:
                book.cancel(job.id, Act("ann", "c", "f"))
            return super().step(number)

    left = run(book, lambda draft: Cancelling(draft, 0.0))
    assert (left.status, left.steps_done) == (JobStatus.CANCELLED, 5)
    assert run(book, lambda draft: Hashing(draft, 0.0)) is None
    book.resume(job.id, Act("ann", "r", "f"), limit=9)
    assert run(book, lambda draft: Hashing(draft, 0.0)).status is JobStatus.SUCCEEDED
    assert (book.result(job.id), book.step_results(job.id)) == undisturbed


def test_an_error_of_a_room_ends_the_job_with_its_words(book):
    job = submit(book)

    class Failing(Hashing):
        def step(self, number):
            raise ShelfgraphError("The shelf is empty.", "Fill it.")

    left = run(book, lambda draft: Failing(draft, 0.0))
    assert (left.id, left.status, left.problem, left.remedy) == (job.id, JobStatus.FAILED, "The shelf is empty.", "Fill it.")


def test_a_fault_of_ours_goes_up_and_the_job_waits_for_the_next_worker(book):
    job = submit(book)

    class Broken(Hashing):
        def step(self, number):
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            run(book, lambda draft: Broken(draft, 0.0), lease_seconds=0.0001)
    assert run(book, lambda draft: Hashing(draft, 0.0)) is None
    assert book.get(job.id).status is JobStatus.FAILED


def test_a_long_step_keeps_its_lease(book):
    job = submit(book, steps=1)

    class Looking(Hashing):
        def step(self, number):
            time.sleep(1.0)
            assert book.claim("another", lease_seconds=1.0) is None
            return super().step(number)

    assert run(book, lambda draft: Looking(draft, 0.0), lease_seconds=0.4).status is JobStatus.SUCCEEDED
    assert book.get(job.id).steps_done == 1


def test_a_lease_outlasts_a_book_that_is_busy_for_a_while(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(sqlite_book, "BUSY_SECONDS", 0.05)
    book = SqliteJobBook(tmp_path / "busy.sqlite")
    job = submit(book, steps=1)

    class Disturbed(Hashing):
        def step(self, number):
            other = sqlite3.connect(tmp_path / "busy.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            wait_until(lambda: "was not prolonged" in caplog.text, 1.6)
            other.rollback()
            other.close()
            # longer than what was left of the lease
            time.sleep(2.2)
            assert book.claim("another", lease_seconds=2.0) is None
            return super().step(number)

    assert run(book, lambda draft: Disturbed(draft, 0.0), lease_seconds=2.0).status is JobStatus.SUCCEEDED
    assert book.get(job.id).steps_done == 1
    book.close()


def test_a_worker_that_lost_its_job_writes_nothing_more(book):
    job = submit(book, steps=2)

    class Slow(Hashing):
        def step(self, number):
            book.lapse("w")
            assert book.claim("another", lease_seconds=60.0) is not None
            return super().step(number)

    left = run(book, lambda draft: Slow(draft, 0.0), lease_seconds=60.0)
    assert (left.id, left.status, left.steps_done) == (job.id, JobStatus.RUNNING, 0)
