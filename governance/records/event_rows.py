"""The tables of the event book and what lies in their rows."""

import hashlib
import json
from datetime import date, datetime
from typing import Any

from governance.records.event_ports import Event, EventDraft, EventKey, Landing, RefusedLine

__all__ = [
    "ABOUT", "ADD_EVENT", "ADD_LANDING", "ADD_REFUSED", "AFTER", "COUNTS", "CREATE", "FORGET", "KINDS", "KNOWN", "LANDINGS",
    "NEWEST", "REFUSED_AFTER", "event_of", "event_row", "landing_of", "refused_of", "refused_row",
]  # fmt: skip

CREATE = """
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL, kind TEXT NOT NULL, household_id TEXT,
    session_id TEXT, store_id TEXT, happened_at TEXT NOT NULL, business_date TEXT NOT NULL, recorded_at TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS event_of_household ON event (household_id, number) WHERE household_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS event_of_session ON event (session_id, number) WHERE session_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS event_of_stock ON event (store_id, number) WHERE kind = 'stock';
CREATE INDEX IF NOT EXISTS event_of_day ON event (business_date);
CREATE TABLE IF NOT EXISTS refused (
    number INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, event_id TEXT NOT NULL, row TEXT NOT NULL,
    rule_id TEXT NOT NULL, violations TEXT NOT NULL, message TEXT NOT NULL, recorded_at TEXT NOT NULL, times INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS landing (
    position INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL, through TEXT NOT NULL, until INTEGER NOT NULL,
    refused_until INTEGER NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS event_never_updated BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER IF NOT EXISTS event_kept_until_landed BEFORE DELETE ON event
    WHEN NOT EXISTS (SELECT 1 FROM landing WHERE through >= OLD.business_date AND until >= OLD.number)
    BEGIN SELECT RAISE(ABORT, 'an event is kept until it has landed'); END;
"""
NEWEST = "SELECT coalesce(max(number), 0) FROM event"
KNOWN = "SELECT fingerprint, number FROM event WHERE event_id = ?"
ADD_EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
ADD_REFUSED = """
INSERT INTO refused VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (fingerprint) DO UPDATE SET times = times + 1
"""
_COLUMNS = """
SELECT number, event_id, kind, household_id, session_id, store_id, happened_at, business_date, recorded_at, content FROM event
"""
AFTER = f"{_COLUMNS} WHERE number > ? ORDER BY number LIMIT ?"
ABOUT = {
    EventKey.HOUSEHOLD: f"{_COLUMNS} WHERE household_id = ? AND number <= ? ORDER BY number",
    EventKey.SESSION: f"{_COLUMNS} WHERE session_id = ? AND number <= ? ORDER BY number",
    EventKey.STORE: f"{_COLUMNS} WHERE kind = 'stock' AND store_id = ? AND number <= ? ORDER BY number",
}
REFUSED_AFTER = "SELECT number, event_id, row, rule_id, violations, message FROM refused WHERE number > ? ORDER BY number LIMIT ?"
ADD_LANDING = "INSERT INTO landing VALUES (NULL, ?, ?, ?, ?)"
LANDINGS = "SELECT recorded_at, through, until, refused_until FROM landing ORDER BY position"
FORGET = """
DELETE FROM event WHERE business_date < ?1 AND number < (SELECT max(number) FROM event) AND EXISTS (
    SELECT 1 FROM landing WHERE through >= event.business_date AND until >= event.number
)
"""
"""The last event stays, so that no number is ever given twice."""
COUNTS = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM refused), (SELECT max(recorded_at) FROM event)"
KINDS = "SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind"


def event_row(number: int, draft: EventDraft, recorded_at: datetime) -> tuple[Any, ...]:
    """Return an event as a row."""
    return (
        number, draft.event_id, hashlib.sha256(draft.content).hexdigest(), draft.kind, draft.household_id, draft.session_id,
        draft.store_id, draft.happened_at.isoformat(), draft.business_date.isoformat(), recorded_at.isoformat(), draft.content,
    )  # fmt: skip


def event_of(row: tuple[Any, ...]) -> Event:
    """Return the event of a row."""
    number, event_id, kind, household, session, store, happened_at, business_date, recorded_at, content = row
    return Event(
        number, event_id, kind, household, session, store, datetime.fromisoformat(happened_at),
        date.fromisoformat(business_date), datetime.fromisoformat(recorded_at), bytes(content),
    )  # fmt: skip


def refused_row(line: RefusedLine, recorded_at: datetime) -> tuple[Any, ...]:
    """Return a refused line as a row; the same line refused for the same reason has the same fingerprint."""
    fingerprint = hashlib.sha256(f"{line.event_id}\x1f{line.row}\x1f{line.rule_id}".encode()).hexdigest()
    violations = json.dumps(line.violations)
    return (fingerprint, line.event_id, line.row, line.rule_id, violations, line.message, recorded_at.isoformat())


def refused_of(row: tuple[Any, ...]) -> tuple[int, RefusedLine]:
    """Return the number and the refused line of a row."""
    number, event_id, text, rule_id, violations, message = row
    return number, RefusedLine(event_id, text, rule_id, tuple(json.loads(violations)), message)


def landing_of(row: tuple[Any, ...]) -> Landing:
    """Return the landing of a row."""
    recorded_at, through, until, refused_until = row
    return Landing(datetime.fromisoformat(recorded_at), date.fromisoformat(through), until, refused_until)
