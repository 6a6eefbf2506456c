"""A writer that is killed at random loses nothing that it acknowledged."""

import pytest

from governance.records import SqliteDecisionLog
from tests.killed_writers import acknowledged_until_killed

WRITER = """
import sys, threading, itertools
from datetime import UTC, datetime
from pathlib import Path
from governance.records import DecisionEntry, SqliteDecisionLog
log = SqliteDecisionLog(Path(sys.argv[1]))
lock = threading.Lock()
def write(name):
    for n in itertools.count():
        id = f"{sys.argv[2]}_{name}_{n}"
        answer = (b"x" * 500, b"y" * 5000, id.encode() * 500)[n % 3]  # in its row, named and the same, named and new
        log.append(DecisionEntry(id, "k", datetime.now(UTC), "p", "r", b"{}", b"{}", answer))
        with lock:
            sys.stdout.write(id + "\\n"); sys.stdout.flush()
for name in range(4):
    threading.Thread(target=write, args=(name,)).start()
"""
KILLS = 12


@pytest.mark.requirement("R-AUD-01")
def test_no_acknowledged_entry_is_lost_to_kill_9(tmp_path):
    path = tmp_path / "log.db"
    acknowledged = acknowledged_until_killed(WRITER, path, kills=KILLS, seed=7)
    with SqliteDecisionLog(path) as log:
        report = log.verify()
        stored = [e.id for e in log.entries(limit=1_000_000)]
    assert report.broken is None
    assert len(stored) == len(set(stored)) == report.entries
    assert acknowledged <= set(stored)
    assert len(acknowledged) >= KILLS
