"""A writer that is killed at random loses nothing that it acknowledged."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from governance.records import SqliteDecisionLog

ROOT = Path(__file__).parents[2]
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
    path, rng, acknowledged = tmp_path / "log.db", random.Random(7), set()
    for round_number in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), f"r{round_number}"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.15))
        child.send_signal(signal.SIGKILL)
        output = first + child.stdout.read()
        child.wait()
        acknowledged |= {line for line in output.split("\n")[:-1] if line}
    with SqliteDecisionLog(path) as log:
        report = log.verify()
        stored = [e.id for e in log.entries(limit=1_000_000)]
    assert report.broken is None
    assert len(stored) == len(set(stored)) == report.entries
    assert acknowledged <= set(stored)
    assert len(acknowledged) >= KILLS
