"""A decision log whose disk, writer or closing goes wrong: nobody waits for ever, and nothing stays open or locked."""

import errno
import os
import random
import threading
import time
from concurrent.futures import Future

import pytest

from governance.records import SqliteDecisionLog
from governance.records.chain_head import ChainHead, ChainHeadFile, HeadState, read_head_state
from governance.records.errors import DecisionLogUnavailable

from .test_decision_log import entry

SECONDS = 20
"""Bound of every wait: a test that would hang fails instead."""


class FailingHead:
    """The head file of a log, failing where it is told to."""

    def __init__(self, log, failure, fails):
        self._within, self._failure, self._fails = log._head_file, failure, fails
        self.calls = 0

    def write(self, state, *, durable):
        self.calls += 1
        if self._fails(state, durable):
            raise self._failure
        self._within.write(state, durable=durable)


def full_disk():
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def outcome(future: "Future[str]"):
    return future.exception(timeout=SECONDS)


def settled(log):
    """Wait until the log has given its reservation back."""
    deadline = time.monotonic() + SECONDS
    while log._limit:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def open_again_and_append(path, number):
    with SqliteDecisionLog(path) as log:
        log.append(entry(number))
        assert log.verify().broken is None
        return log.verify().entries


@pytest.mark.requirement("R-AUD-01")
def test_tickets_handed_in_while_the_log_closes_are_all_answered(tmp_path):
    rng, answered = random.Random(3), {"kept": 0, "refused": 0}
    for round_number in range(12):
        path = tmp_path / f"{round_number}.db"
        log, futures, started = SqliteDecisionLog(path), [], threading.Barrier(5)

        def hand_in(name, log=log, futures=futures, started=started):
            started.wait(SECONDS)
            for n in range(100_000):
                open_before = log.writable
                futures.append(log.submit(entry(name * 100_000 + n)))
                if not open_before:
                    return

        threads = [threading.Thread(target=hand_in, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        started.wait(SECONDS)
        time.sleep(rng.uniform(0.0, 0.004))
        log.close()
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
        outcomes = [outcome(future) for future in futures]
        assert all(error is None or isinstance(error, DecisionLogUnavailable) for error in outcomes)
        kept = sum(error is None for error in outcomes)
        assert SqliteDecisionLog(path, read_only=True).verify().entries == kept
        answered["kept"] += kept
        answered["refused"] += len(outcomes) - kept
    # the last ticket of each of four threads came too late
    assert answered["refused"] >= 12 * 4
    assert answered["kept"] > 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_refuses_its_group_and_all_that_follows(tmp_path):
    path = tmp_path / "log.db"
    log = SqliteDecisionLog(path)
    log.append(entry(1))
    assert log.writable
    settled(log)
    log._head_file = FailingHead(log, RuntimeError("unforeseen"), lambda state, durable: state.limit > 0)
    futures = [log.submit(entry(n)) for n in range(2, 150)]
    assert {type(outcome(future)) for future in futures} == {DecisionLogUnavailable}
    log._writer.join(SECONDS)
    assert not log.writable
    with pytest.raises(DecisionLogUnavailable, match="writer ended"):
        log.append(entry(500))
    assert log.get("dec_000001") == entry(1)
    log.close()
    assert open_again_and_append(path, 2) == 2


@pytest.mark.requirement("R-AUD-02")
def test_a_head_file_on_a_full_disk_refuses_entries_and_the_log_recovers(tmp_path):
    path = tmp_path / "log.db"
    with SqliteDecisionLog(path) as log:
        log.append(entry(0))
        settled(log)
        whole, full = log._head_file, FailingHead(log, full_disk(), lambda state, durable: True)
        log._head_file = full
        for number in (1, 2):
            with pytest.raises(DecisionLogUnavailable, match="No space left"):
                log.append(entry(number))
        assert not log.writable
        assert log.verify().entries == 1
        log._head_file = whole
        log.append(entry(3))
        assert log.writable
        report = log.verify()
        assert (report.entries, report.broken) == (2, None)


def test_a_head_that_cannot_be_settled_after_a_commit_costs_nothing(tmp_path):
    path = tmp_path / "log.db"
    log = SqliteDecisionLog(path)
    unsettled = FailingHead(log, full_disk(), lambda state, durable: not durable)
    whole, log._head_file = log._head_file, unsettled
    for number in range(3):
        log.append(entry(number))
    assert (log.writable, log.verify().broken) == (True, None)
    assert unsettled.calls >= 4
    log._head_file = whole
    log.close()
    assert open_again_and_append(path, 3) == 4


def test_closing_on_a_full_disk_says_so_and_still_closes_everything(tmp_path):
    path = tmp_path / "log.db"
    log = SqliteDecisionLog(path)
    log.append(entry(0))
    log._head_file = FailingHead(log, full_disk(), lambda state, durable: not state.limit)
    with pytest.raises(DecisionLogUnavailable, match="without its last state"):
        log.close()
    log.close()
    assert not log.writable
    with pytest.raises(DecisionLogUnavailable):
        log.append(entry(1))
    # the lock was given back, and the head still allows the log's end
    assert open_again_and_append(path, 1) == 2


def test_a_log_says_whether_it_takes_entries(tmp_path):
    path = tmp_path / "log.db"
    log = SqliteDecisionLog(path)
    reader = SqliteDecisionLog(path, read_only=True)
    assert (log.writable, reader.writable) == (True, False)
    log.close()
    reader.close()
    assert (log.writable, reader.writable) == (False, False)


def test_a_log_that_cannot_be_opened_leaves_no_lock_behind(tmp_path):
    path = tmp_path / "log.db"
    path.write_bytes(b"no database at all" * 100)
    for _ in range(2):
        with pytest.raises(DecisionLogUnavailable, match="not a database"):
            SqliteDecisionLog(path)
    path.unlink()
    assert open_again_and_append(path, 0) == 1


def test_a_failed_write_of_the_head_leaves_the_state_before_it(tmp_path, monkeypatch):
    path = tmp_path / "log.head"
    states = [HeadState(ChainHead(n, f"{n:064x}")) for n in range(4)]
    file = ChainHeadFile(path)
    file.write(states[0], durable=True)
    file.write(states[1], durable=True)
    whole = os.pwrite
    monkeypatch.setattr("governance.records.chain_head.os.pwrite", lambda fd, data, at: whole(fd, data[:60], at))
    for _ in range(3):
        with pytest.raises(OSError, match="in part"):
            file.write(states[2], durable=True)
        assert read_head_state(path) == states[1]
    monkeypatch.undo()
    file.write(states[3], durable=True)
    assert read_head_state(path) == states[3]
    file.close()
