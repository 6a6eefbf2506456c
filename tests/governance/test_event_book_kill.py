"""A process that takes events and is killed at random loses none that it acknowledged, and keeps none twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from governance.records import SqliteEventBook

ROOT = Path(__file__).parents[2]
WRITER = """
import sys, threading, itertools
from datetime import UTC, date, datetime
from pathlib import Path
from governance.records import EventBatch, EventDraft, SqliteEventBook
book = SqliteEventBook(Path(sys.argv[1]))
lock = threading.Lock()
def write(name):
    for n in itertools.count():
        id = f"{sys.argv[2]}_{name}_{n}"
        draft = EventDraft(id, "view", "hh", "s", "st", datetime.now(UTC), date(2024, 1, 1), b"x" * 300)
        book.take(EventBatch((draft, draft)))
        with lock:
            sys.stdout.write(id + "\\n"); sys.stdout.flush()
for name in range(4):
    threading.Thread(target=write, args=(name,)).start()
"""
KILLS = 8


def test_no_acknowledged_event_is_lost_to_kill_9(tmp_path):
    path, rng, acknowledged = tmp_path / "events.sqlite", random.Random(11), set()
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
    with SqliteEventBook(path) as book:
        events = book.after(0, limit=1_000_000)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert len({event.event_id for event in events}) == len(events)
    assert acknowledged <= {event.event_id for event in events}
    assert len(acknowledged) >= KILLS
