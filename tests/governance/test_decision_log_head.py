"""The head beside the decision log: what a crash may leave is opened again, what was cut or added is not."""

import shutil
import time

import pytest

from governance.records import SqliteDecisionLog, sqlite_decision_log
from governance.records import decision_rows as table
from governance.records.chain_head import GENESIS, ChainHead, ChainHeadFile, HeadState, head_path, read_head_state
from governance.records.errors import DecisionLogUnavailable

from .test_decision_log import entry


@pytest.fixture
def never_idle(monkeypatch):
    """A log that keeps its reservation."""
    monkeypatch.setattr(sqlite_decision_log, "IDLE_SECONDS", 3600.0)


def crashed(path, folder, head=None):
    """Return a copy of a log that is being written, as a crash at this moment leaves it, perhaps with an older head."""
    folder.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        shutil.copy(path.with_name(name), folder / name)
    (folder / head_path(path).name).write_bytes(head if head is not None else head_path(path).read_bytes())
    return folder / path.name


def append_row(path, number):
    """Put a row behind the last one, as somebody would who knows how a chain is made."""
    connection = table.connect(path, read_only=False)
    connection.execute(table.INSERT_ROW + table.PLACEHOLDERS, table.row_of(entry(number), table.read_tail(connection)))
    connection.close()


def opened(path):
    with SqliteDecisionLog(path) as log:
        log.append(entry(90_000))
        report = log.verify()
        assert report.broken is None, report
        return report.entries


def test_the_head_is_waited_for_once_in_many_groups_and_exact_once_nothing_comes(tmp_path, monkeypatch):
    waited, write = [], ChainHeadFile.write

    def counted(self, state, *, durable):
        if durable:
            waited.append(state.limit)
        write(self, state, durable=durable)

    monkeypatch.setattr(ChainHeadFile, "write", counted)
    path = tmp_path / "log.db"
    with SqliteDecisionLog(path) as log:
        for number in range(40):
            log.append(entry(number))
        deadline = time.monotonic() + 20
        while (state := read_head_state(head_path(path))) != HeadState(ChainHead(40, log._head.hash)):
            assert time.monotonic() < deadline, state
        # opened; at least one reservation; given back: a slow machine may have been idle between two of the forty
        assert waited[0] == 0
        assert waited[1] == 1 + sqlite_decision_log.RESERVED
        assert waited[-1] == 0
        assert len(waited) < 20
        append_row(path, 41)
        assert "added behind the head" in log.verify().broken.problem


@pytest.mark.requirement("R-AUD-02")
def test_a_crash_between_reservation_and_head_is_opened_again(tmp_path, never_idle):
    path = tmp_path / "log.db"
    with SqliteDecisionLog(path) as log:
        log.append(entry(0))
        first = head_path(path).read_bytes()
        for number in range(1, 300):
            log.append(entry(number))
        for name, head in (("killed", None), ("power lost", first)):
            copy = crashed(path, tmp_path / name, head)
            assert SqliteDecisionLog(copy, read_only=True).verify().broken is None
            assert opened(copy) == 301
    assert opened(path) == 301


def test_what_follows_the_head_must_continue_its_chain_and_stay_within_the_reservation(tmp_path, never_idle, monkeypatch):
    monkeypatch.setattr(sqlite_decision_log, "RESERVED", 20)
    path = tmp_path / "log.db"
    with SqliteDecisionLog(path) as log:
        for number in range(10):
            log.append(entry(number))
        within, beyond, broken, cut = (crashed(path, tmp_path / name) for name in ("within", "beyond", "broken", "cut"))
    for number in range(20, 25):
        append_row(within, number)
    assert opened(within) == 16
    for number in range(20, 60):
        append_row(beyond, number)
    connection = table.connect(broken, read_only=False)
    row = table.row_of(entry(70), ChainHead(10, GENESIS))
    connection.execute(table.INSERT_ROW + table.PLACEHOLDERS, row)
    connection.close()
    connection = table.connect(cut, read_only=False)
    connection.executescript("DROP TRIGGER decision_never_deleted; DELETE FROM decision WHERE position > 7;")
    connection.close()
    for refused in (beyond, broken, cut):
        with pytest.raises(DecisionLogUnavailable, match="not at the head"):
            SqliteDecisionLog(refused)
        assert SqliteDecisionLog(refused, read_only=True).verify().broken is not None


def test_a_head_of_an_older_version_that_names_a_group_under_way_is_read(tmp_path):
    path = tmp_path / "log.db"
    with SqliteDecisionLog(path) as log:
        before = log._head
        log.append(entry(0))
        after = log._head
    for settled, pending in ((before, after), (after, None)):
        file = ChainHeadFile(head_path(path))
        file.write(HeadState(settled, pending), durable=True)
        file.close()
        assert read_head_state(head_path(path)) == HeadState(settled, pending)
        with SqliteDecisionLog(path) as log:
            assert log.verify().broken is None
    file = ChainHeadFile(head_path(path))
    file.write(HeadState(before, ChainHead(1, "ab" * 32)), durable=True)
    file.close()
    with pytest.raises(DecisionLogUnavailable, match="not at the head"):
        SqliteDecisionLog(path)
