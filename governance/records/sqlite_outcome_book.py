"""The book of outcomes on SQLite: rows are only ever added."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from governance.records.errors import IdempotencyKeyReused, OutcomeUnknown
from governance.records.outcome_ports import Outcome, OutcomeDraft, OutcomeKind
from governance.records.planning_ports import Recorded
from governance.records.ports import Act
from governance.records.sqlite_book import CREATE_ACTS, SqliteBook
from kit.clock import Clock, SystemClock
from kit.ids import ordered_id

__all__ = ["SqliteOutcomeBook"]

CREATE = (
    CREATE_ACTS
    + """
CREATE TABLE IF NOT EXISTS outcome (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, recorded_at TEXT NOT NULL, decision_id TEXT NOT NULL,
    product_id TEXT NOT NULL, rank INTEGER NOT NULL CHECK (rank >= 1),
    propensity REAL NOT NULL CHECK (propensity > 0 AND propensity <= 1), surface TEXT NOT NULL, placement TEXT NOT NULL,
    release_id TEXT NOT NULL, kind TEXT NOT NULL, happened_at TEXT NOT NULL, value REAL, reporter TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS outcome_decision ON outcome (decision_id);
CREATE TRIGGER IF NOT EXISTS outcome_never_updated BEFORE UPDATE ON outcome
    BEGIN SELECT RAISE(ABORT, 'outcomes are never changed'); END;
CREATE TRIGGER IF NOT EXISTS outcome_never_deleted BEFORE DELETE ON outcome
    BEGIN SELECT RAISE(ABORT, 'outcomes are never deleted'); END;
"""
)
ADD = "INSERT INTO outcome VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
EVERY = "SELECT * FROM outcome"
BY_ID = f"{EVERY} WHERE id = ?"
BEFORE = "position < (SELECT position FROM outcome WHERE id = ?1)"
LATEST = f"{EVERY} WHERE ?1 IS NULL OR {BEFORE} ORDER BY position DESC LIMIT ?2"
OF_DECISION = f"{EVERY} WHERE decision_id = ? ORDER BY position"
DECISIONS = "SELECT decision_id FROM outcome GROUP BY decision_id ORDER BY min(position)"


class SqliteOutcomeBook(SqliteBook):
    """Implements `governance.records.outcome_ports.OutcomeBook`."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        super().__init__(path, CREATE)
        self._clock = clock or SystemClock()

    def record(self, draft: OutcomeDraft, act: Act, *, dry_run: bool = False) -> Recorded[Outcome] | None:
        (done,) = self.record_all([(draft, act)], dry_run=dry_run)
        if isinstance(done, IdempotencyKeyReused):
            raise done
        return done

    def record_all(
        self, reports: Sequence[tuple[OutcomeDraft, Act]], *, dry_run: bool = False
    ) -> tuple[Recorded[Outcome] | IdempotencyKeyReused | None, ...]:
        now = self._clock.now()
        with self._transaction() as connection:
            done = [self._one(connection, draft, act, now, dry_run=dry_run) for draft, act in reports]
        return tuple(self._recorded(one) for one in done)

    def get(self, outcome_id: str) -> Outcome:
        found = self._all(BY_ID, outcome_id)
        if not found:
            raise OutcomeUnknown(outcome_id)
        return _outcome_of(found[0])

    def latest(self, *, limit: int, after: str | None = None) -> tuple[Outcome, ...]:
        return tuple(_outcome_of(row) for row in self._all(LATEST, after, limit))

    def of_decisions(self, decision_ids: Sequence[str]) -> Iterator[Outcome]:
        for decision_id in decision_ids:
            yield from (_outcome_of(row) for row in self._all(OF_DECISION, decision_id))

    def decisions(self) -> tuple[str, ...]:
        return tuple(row[0] for row in self._all(DECISIONS))

    def _one(
        self, connection: sqlite3.Connection, draft: OutcomeDraft, act: Act, now: datetime, *, dry_run: bool
    ) -> tuple[str, bool] | IdempotencyKeyReused | None:
        def effect(connection: sqlite3.Connection) -> str:
            outcome_id = ordered_id("out")
            connection.execute(ADD, (outcome_id, now.isoformat(), *_row_of(draft)))
            return outcome_id

        try:
            return self._act(connection, act, now, effect, dry_run=dry_run)
        except IdempotencyKeyReused as error:
            return error

    def _recorded(self, done: tuple[str, bool] | IdempotencyKeyReused | None) -> Recorded[Outcome] | IdempotencyKeyReused | None:
        return Recorded(self.get(done[0]), done[1]) if isinstance(done, tuple) else done


def _row_of(draft: OutcomeDraft) -> tuple[object, ...]:
    return (
        draft.decision_id, draft.product_id, draft.rank, draft.propensity, draft.surface, draft.placement, draft.release_id,
        draft.kind.value, draft.happened_at.isoformat(), draft.value, draft.reporter,
    )  # fmt: skip


def _outcome_of(row: tuple[Any, ...]) -> Outcome:
    _, outcome_id, recorded_at, decision_id, product_id, rank, propensity, surface, placement, *rest = row
    release_id, kind, happened_at, value, reporter = rest
    draft = OutcomeDraft(
        decision_id, product_id, rank, propensity, surface, placement, release_id, OutcomeKind(kind),
        datetime.fromisoformat(happened_at), value, reporter,
    )  # fmt: skip
    return Outcome(outcome_id, datetime.fromisoformat(recorded_at), draft)
