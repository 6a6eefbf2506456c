"""The book of forecasts set by hand on SQLite: overrides and their withdrawals are only ever added."""

import json
import sqlite3
from datetime import date, datetime
from pathlib import Path
from typing import Any

from governance.records.errors import OverrideUnknown, OverrideWithdrawn, VersionConflict
from governance.records.planning_ports import Override, OverrideDraft, Recorded, Withdrawal
from governance.records.ports import Act
from governance.records.sqlite_book import CREATE_ACTS, SqliteBook
from kit.canonical import canonical_bytes
from kit.clock import Clock, SystemClock
from kit.ids import ordered_id
from kit.restored import restored

__all__ = ["SqliteOverrideBook"]

CREATE = (
    CREATE_ACTS
    + """
CREATE TABLE IF NOT EXISTS forecast_override (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, product_id TEXT NOT NULL, store_id TEXT, set_at TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS forecast_override_series ON forecast_override (product_id, store_id);
CREATE TABLE IF NOT EXISTS withdrawal (
    override_id TEXT PRIMARY KEY REFERENCES forecast_override (id), author TEXT NOT NULL, reason TEXT NOT NULL,
    withdrawn_at TEXT NOT NULL, as_of TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS override_never_updated BEFORE UPDATE ON forecast_override
    BEGIN SELECT RAISE(ABORT, 'overrides are never changed'); END;
CREATE TRIGGER IF NOT EXISTS override_never_deleted BEFORE DELETE ON forecast_override
    BEGIN SELECT RAISE(ABORT, 'overrides are never deleted'); END;
CREATE TRIGGER IF NOT EXISTS withdrawal_never_updated BEFORE UPDATE ON withdrawal
    BEGIN SELECT RAISE(ABORT, 'withdrawals are never changed'); END;
CREATE TRIGGER IF NOT EXISTS withdrawal_never_deleted BEFORE DELETE ON withdrawal
    BEGIN SELECT RAISE(ABORT, 'withdrawals are never deleted'); END;
"""
)
ADD = "INSERT INTO forecast_override VALUES (NULL, ?, ?, ?, ?, ?)"
WITHDRAW = "INSERT INTO withdrawal VALUES (?, ?, ?, ?, ?)"
JOINED = """
SELECT id, set_at, content, withdrawal.author, reason, withdrawn_at, withdrawal.as_of
FROM forecast_override LEFT JOIN withdrawal ON withdrawal.override_id = forecast_override.id
"""
BY_ID = f"{JOINED} WHERE id = ?"
OF_SERIES = f"{JOINED} WHERE product_id = ? AND store_id IS ? ORDER BY position"
BEFORE = "position < (SELECT position FROM forecast_override WHERE id = ?1)"
LATEST = f"{JOINED} WHERE ?1 IS NULL OR {BEFORE} ORDER BY position DESC LIMIT ?2"
VERSION = """
SELECT count(*) + count(withdrawal.override_id)
FROM forecast_override LEFT JOIN withdrawal ON withdrawal.override_id = forecast_override.id
WHERE product_id = ? AND store_id IS ?
"""


class SqliteOverrideBook(SqliteBook):
    """Implements `governance.records.planning_ports.OverrideBook`."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        super().__init__(path, CREATE)
        self._clock = clock or SystemClock()

    def done(self, act: Act) -> Recorded[Override] | None:
        return self._recorded(self._done(act))

    def set(
        self, draft: OverrideDraft, act: Act, *, expected: int | None = None, dry_run: bool = False
    ) -> Recorded[Override] | None:
        now = self._clock.now()

        def effect(connection: sqlite3.Connection) -> str:
            found = int(connection.execute(VERSION, (draft.product_id, draft.store_id)).fetchone()[0])
            if expected is not None and found != expected:
                raise VersionConflict(f"The overrides of product '{draft.product_id}'", expected, found)
            override_id = ordered_id("ovr")
            content = canonical_bytes(draft)
            connection.execute(ADD, (override_id, draft.product_id, draft.store_id, now.isoformat(), content))
            return override_id

        return self._recorded(self._once(act, now, effect, dry_run=dry_run))

    def withdraw(
        self, override_id: str, *, author: str, reason: str, as_of: date, act: Act, dry_run: bool = False
    ) -> Recorded[Override] | None:
        now = self._clock.now()

        def effect(connection: sqlite3.Connection) -> str:
            found = connection.execute(BY_ID, (override_id,)).fetchone()
            if found is None:
                raise OverrideUnknown(override_id)
            if found[3] is not None:
                raise OverrideWithdrawn(override_id)
            connection.execute(WITHDRAW, (override_id, author, reason, now.isoformat(), as_of.isoformat()))
            return override_id

        return self._recorded(self._once(act, now, effect, dry_run=dry_run))

    def get(self, override_id: str) -> Override:
        found = self._all(BY_ID, override_id)
        if not found:
            raise OverrideUnknown(override_id)
        return _override_of(found[0])

    def of_series(self, product_id: str, store_id: str | None) -> tuple[Override, ...]:
        return tuple(_override_of(row) for row in self._all(OF_SERIES, product_id, store_id))

    def version(self, product_id: str, store_id: str | None) -> int:
        return int(self._all(VERSION, product_id, store_id)[0][0])

    def latest(self, *, limit: int, after: str | None = None) -> tuple[Override, ...]:
        return tuple(_override_of(row) for row in self._all(LATEST, after, limit))

    def _recorded(self, done: tuple[str, bool] | None) -> Recorded[Override] | None:
        return None if done is None else Recorded(self.get(done[0]), done[1])


def _override_of(row: tuple[Any, ...]) -> Override:
    override_id, set_at, content, author, reason, withdrawn_at, as_of = row
    withdrawal = None
    if author is not None:
        withdrawal = Withdrawal(override_id, author, reason, datetime.fromisoformat(withdrawn_at), date.fromisoformat(as_of))
    return Override(override_id, datetime.fromisoformat(set_at), restored(OverrideDraft, json.loads(content)), withdrawal)
