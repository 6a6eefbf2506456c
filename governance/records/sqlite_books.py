"""The register of runs and the book of releases on SQLite."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from governance.records.errors import NothingReleased, ReleaseConflict, ReleaseUnknown, RunFinished, RunUnknown
from governance.records.ports import Release, Run
from governance.records.sqlite_book import SqliteBook
from kit.canonical import canonical_bytes, canonical_value
from kit.clock import Clock, SystemClock
from kit.ids import ordered_id

__all__ = ["SqliteReleaseBook", "SqliteRunBook"]

CREATE_RUNS = """
CREATE TABLE IF NOT EXISTS run (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT,
    code_version TEXT NOT NULL, parameters TEXT NOT NULL, inputs TEXT NOT NULL, figures TEXT NOT NULL, outputs TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'failed'))
) STRICT;
CREATE TRIGGER IF NOT EXISTS run_never_changed_when_finished BEFORE UPDATE ON run WHEN OLD.status <> 'running'
    BEGIN SELECT RAISE(ABORT, 'a finished run is never changed'); END;
CREATE TRIGGER IF NOT EXISTS run_never_deleted BEFORE DELETE ON run
    BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END;
"""
START_RUN = "INSERT INTO run VALUES (NULL, ?, ?, ?, NULL, ?, ?, ?, '{}', '{}', 'running')"
FINISH_RUN = "UPDATE run SET finished_at = ?, figures = ?, outputs = ?, status = ? WHERE id = ? AND status = 'running'"
RUN_COLUMNS = "SELECT id, kind, started_at, finished_at, code_version, parameters, inputs, figures, outputs, status FROM run"
RUN_BY_ID = f"{RUN_COLUMNS} WHERE id = ?"
LATEST_RUNS = f"{RUN_COLUMNS} WHERE ?1 IS NULL OR kind = ?1 ORDER BY position DESC LIMIT ?2"

CREATE_RELEASES = """
CREATE TABLE IF NOT EXISTS release (id TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS publication (position INTEGER PRIMARY KEY, release_id TEXT NOT NULL REFERENCES release (id)) STRICT;
CREATE TRIGGER IF NOT EXISTS release_never_updated BEFORE UPDATE ON release
    BEGIN SELECT RAISE(ABORT, 'releases are never changed'); END;
CREATE TRIGGER IF NOT EXISTS release_never_deleted BEFORE DELETE ON release
    BEGIN SELECT RAISE(ABORT, 'releases are never deleted'); END;
"""
ADD_RELEASE = "INSERT INTO release VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
MAKE_CURRENT = "INSERT INTO publication VALUES (NULL, ?)"
RELEASE_BY_ID = "SELECT content FROM release WHERE id = ?"
CURRENT_RELEASE = """
SELECT content FROM release JOIN publication ON release.id = publication.release_id ORDER BY publication.position DESC LIMIT 1
"""

LATEST_RELEASES = """
SELECT content FROM release JOIN publication ON release.id = publication.release_id
GROUP BY release.id ORDER BY max(publication.position) DESC LIMIT ?
"""


class SqliteRunBook(SqliteBook):
    """Implements `governance.records.ports.RunBook`. `code_version` is written into every run that is started."""

    def __init__(self, path: Path, *, code_version: str, clock: Clock | None = None) -> None:
        super().__init__(path, CREATE_RUNS)
        self._code_version = code_version
        self._clock = clock or SystemClock()

    def start(self, kind: str, *, parameters: Mapping[str, Any], inputs: Mapping[str, str]) -> Run:
        given = canonical_value(dict(parameters))
        run = Run(ordered_id("run"), kind, self._clock.now(), None, self._code_version, given, dict(inputs), {}, {}, "running")
        started = run.started_at.isoformat()
        self._run(START_RUN, run.id, kind, started, run.code_version, _text(run.parameters), _text(run.inputs))
        return run

    def finish(self, run_id: str, *, figures: Mapping[str, float], outputs: Mapping[str, str], status: str = "succeeded") -> Run:
        if status not in ("succeeded", "failed"):
            raise ValueError(f"a run ends 'succeeded' or 'failed', not '{status}'")
        finished = self._clock.now()
        if not self._run(FINISH_RUN, finished.isoformat(), _text(figures), _text(outputs), status, run_id):
            raise RunFinished(run_id, self.get(run_id).status)
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        found = self._all(RUN_BY_ID, run_id)
        if not found:
            raise RunUnknown(run_id)
        return _run_of(found[0])

    def latest(self, kind: str | None = None, *, limit: int = 20) -> tuple[Run, ...]:
        return tuple(_run_of(row) for row in self._all(LATEST_RUNS, kind, limit))


class SqliteReleaseBook(SqliteBook):
    """Implements `governance.records.ports.ReleaseBook`. Publishing an older release again makes it current again."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, CREATE_RELEASES)

    def publish(self, release: Release) -> None:
        content = _text(release)
        with self._transaction() as connection:
            connection.execute(ADD_RELEASE, (release.id, content))
            if connection.execute(RELEASE_BY_ID, (release.id,)).fetchone()[0] != content:
                raise ReleaseConflict(release.id)
            connection.execute(MAKE_CURRENT, (release.id,))

    def current(self) -> Release:
        found = self._all(CURRENT_RELEASE)
        if not found:
            raise NothingReleased
        return _release_of(found[0][0])

    def get(self, release_id: str) -> Release:
        found = self._all(RELEASE_BY_ID, release_id)
        if not found:
            raise ReleaseUnknown(release_id)
        return _release_of(found[0][0])

    def latest(self, *, limit: int = 20) -> tuple[Release, ...]:
        return tuple(_release_of(row[0]) for row in self._all(LATEST_RELEASES, limit))


def _text(value: object) -> str:
    plain = dict(value) if isinstance(value, Mapping) else value
    return canonical_bytes(plain).decode()


def _run_of(row: tuple[Any, ...]) -> Run:
    run_id, kind, started, finished, code_version, parameters, inputs, figures, outputs, status = row
    ended = datetime.fromisoformat(finished) if finished else None
    given, taken, measured, made = (json.loads(text) for text in (parameters, inputs, figures, outputs))
    return Run(run_id, kind, datetime.fromisoformat(started), ended, code_version, given, taken, measured, made, status)


def _release_of(content: str) -> Release:
    plain = Release(**json.loads(content))
    return replace(plain, created_at=datetime.fromisoformat(str(plain.created_at)))
