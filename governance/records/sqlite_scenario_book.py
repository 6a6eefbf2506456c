"""The book of scenarios on SQLite: revisions are only ever added."""

import json
import sqlite3
from datetime import date, datetime
from pathlib import Path
from typing import Any

from governance.records.errors import ScenarioArchived, ScenarioNameTaken, ScenarioUnknown, VersionConflict
from governance.records.planning_ports import Recorded, ScenarioDraft, ScenarioRevision
from governance.records.ports import Act
from governance.records.sqlite_book import CREATE_ACTS, SqliteBook
from kit.clock import Clock, SystemClock
from kit.ids import ordered_id

__all__ = ["SqliteScenarioBook"]

CREATE = (
    CREATE_ACTS
    + """
CREATE TABLE IF NOT EXISTS scenario_revision (
    scenario_id TEXT NOT NULL, revision INTEGER NOT NULL CHECK (revision >= 1), archived INTEGER NOT NULL,
    recorded_at TEXT NOT NULL, name TEXT NOT NULL, release_id TEXT NOT NULL, graph_version TEXT NOT NULL,
    as_of TEXT NOT NULL, author TEXT NOT NULL,
    changes BLOB NOT NULL, PRIMARY KEY (scenario_id, revision)
) STRICT;
CREATE TRIGGER IF NOT EXISTS scenario_revision_never_updated BEFORE UPDATE ON scenario_revision
    BEGIN SELECT RAISE(ABORT, 'revisions are never changed'); END;
CREATE TRIGGER IF NOT EXISTS scenario_revision_never_deleted BEFORE DELETE ON scenario_revision
    BEGIN SELECT RAISE(ABORT, 'revisions are never deleted'); END;
"""
)
ADD = "INSERT INTO scenario_revision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
BY_REVISION = "SELECT * FROM scenario_revision WHERE scenario_id = ? AND revision = ?"
LAST = "SELECT * FROM scenario_revision WHERE scenario_id = ? ORDER BY revision DESC LIMIT 1"
NAMED = """
SELECT scenario_id FROM scenario_revision AS one WHERE name = ? AND archived = 0 AND scenario_id <> ?
AND revision = (SELECT max(revision) FROM scenario_revision AS other WHERE other.scenario_id = one.scenario_id) LIMIT 1
"""
LATEST = """
SELECT * FROM scenario_revision AS one WHERE (?1 IS NULL OR scenario_id < ?1) AND archived <= ?2
AND revision = (SELECT max(revision) FROM scenario_revision AS other WHERE other.scenario_id = one.scenario_id)
ORDER BY scenario_id DESC LIMIT ?3
"""


class SqliteScenarioBook(SqliteBook):
    """Implements `governance.records.planning_ports.ScenarioBook`."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        super().__init__(path, CREATE)
        self._clock = clock or SystemClock()

    def done(self, act: Act) -> Recorded[ScenarioRevision] | None:
        return self._recorded(self._done(act))

    def create(self, draft: ScenarioDraft, act: Act, *, dry_run: bool = False) -> Recorded[ScenarioRevision] | None:
        now = self._clock.now()

        def effect(connection: sqlite3.Connection) -> str:
            _check_new(connection, draft)
            return _add(connection, ordered_id("scn"), 1, draft, now, archived=False)

        return self._recorded(self._once(act, now, effect, dry_run=dry_run))

    def revise(
        self, scenario_id: str, draft: ScenarioDraft, act: Act, *, expected: int, archived: bool = False, dry_run: bool = False
    ) -> Recorded[ScenarioRevision] | None:
        now = self._clock.now()

        def effect(connection: sqlite3.Connection) -> str:
            _check_next(connection, scenario_id, draft, expected)
            return _add(connection, scenario_id, expected + 1, draft, now, archived=archived)

        return self._recorded(self._once(act, now, effect, dry_run=dry_run))

    def get(self, scenario_id: str, revision: int | None = None) -> ScenarioRevision:
        found = self._all(LAST, scenario_id) if revision is None else self._all(BY_REVISION, scenario_id, revision)
        if not found:
            raise ScenarioUnknown(scenario_id, revision)
        return _revision_of(found[0])

    def latest(self, *, limit: int, after: str | None = None, archived: bool = False) -> tuple[ScenarioRevision, ...]:
        return tuple(_revision_of(row) for row in self._all(LATEST, after, int(archived), limit))

    def _recorded(self, done: tuple[str, bool] | None) -> Recorded[ScenarioRevision] | None:
        if done is None:
            return None
        scenario_id, revision = json.loads(done[0])
        return Recorded(self.get(scenario_id, revision), done[1])


def _check_new(connection: sqlite3.Connection, draft: ScenarioDraft) -> None:
    if connection.execute(NAMED, (draft.name, "")).fetchone():
        raise ScenarioNameTaken(draft.name)


def _check_next(connection: sqlite3.Connection, scenario_id: str, draft: ScenarioDraft, expected: int) -> None:
    found = connection.execute(LAST, (scenario_id,)).fetchone()
    if found is None:
        raise ScenarioUnknown(scenario_id)
    last = _revision_of(found)
    if last.revision != expected:
        raise VersionConflict(f"Scenario '{scenario_id}'", expected, last.revision)
    if last.archived:
        raise ScenarioArchived(scenario_id)
    if connection.execute(NAMED, (draft.name, scenario_id)).fetchone():
        raise ScenarioNameTaken(draft.name)


def _add(
    connection: sqlite3.Connection, scenario_id: str, revision: int, draft: ScenarioDraft, now: datetime, *, archived: bool
) -> str:
    connection.execute(
        ADD,
        (
            scenario_id, revision, int(archived), now.isoformat(), draft.name, draft.release_id, draft.graph_version,
            draft.as_of.isoformat(), draft.author, draft.changes,
        ),
    )  # fmt: skip
    return json.dumps([scenario_id, revision])


def _revision_of(row: tuple[Any, ...]) -> ScenarioRevision:
    scenario_id, revision, archived, recorded_at, name, release_id, graph_version, as_of, author, changes = row
    draft = ScenarioDraft(name, release_id, graph_version, date.fromisoformat(as_of), author, changes)
    return ScenarioRevision(scenario_id, revision, bool(archived), datetime.fromisoformat(recorded_at), draft)
