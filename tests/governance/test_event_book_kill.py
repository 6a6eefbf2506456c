"""A process that takes events and is killed at random loses none that it acknowledged, and keeps none twice."""

from governance.records import SqliteEventBook
from tests.killed_writers import acknowledged_until_killed

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
    path = tmp_path / "events.sqlite"
    acknowledged = acknowledged_until_killed(WRITER, path, kills=KILLS, seed=11)
    with SqliteEventBook(path) as book:
        events = book.after(0, limit=1_000_000)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert len({event.event_id for event in events}) == len(events)
    assert acknowledged <= {event.event_id for event in events}
    assert len(acknowledged) >= KILLS
