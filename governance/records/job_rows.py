"""How jobs lie in SQLite: the tables, their guards, and the statements. The database itself refuses an unlawful step."""

from datetime import datetime
from typing import Any

from governance.records.planning_ports import Job, JobDraft, JobEvent, JobStatus
from governance.records.sqlite_book import CREATE_ACTS

__all__ = [
    "ADD_JOB", "ADD_RESULT", "ADD_STEP", "ADVANCE", "ASK_TO_CANCEL", "CHANGE", "CLAIMABLE", "CREATE", "EVENTS", "JOB_BY_ID",
    "JOB_OF_LEASE", "LAPSE", "LATEST", "LATEST_EVENTS", "NOTE", "OPEN", "PROLONG", "RESULT", "STEPS", "TAKE", "event_of",
    "job_of",
]  # fmt: skip

CREATE = (
    CREATE_ACTS
    + """
CREATE TABLE IF NOT EXISTS job (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, parameters BLOB NOT NULL, release_id TEXT NOT NULL,
    principal TEXT NOT NULL, steps_total INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')), version INTEGER NOT NULL,
    steps_done INTEGER NOT NULL, cancel_requested INTEGER NOT NULL, problem TEXT, remedy TEXT, result_digest TEXT,
    lease_owner TEXT, lease_until TEXT, attempts INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS job_event (
    position INTEGER PRIMARY KEY, job_id TEXT NOT NULL REFERENCES job (id), at TEXT NOT NULL, status TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS job_by_status ON job (status, position);
CREATE INDEX IF NOT EXISTS job_event_of_job ON job_event (job_id, position);
CREATE TABLE IF NOT EXISTS job_result (digest TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS job_step (
    job_id TEXT NOT NULL REFERENCES job (id), step INTEGER NOT NULL, digest TEXT NOT NULL REFERENCES job_result (digest),
    kept_at TEXT NOT NULL, PRIMARY KEY (job_id, step)
) STRICT;
CREATE TRIGGER IF NOT EXISTS job_moves_lawfully BEFORE UPDATE OF status ON job WHEN OLD.status <> NEW.status AND
    OLD.status || '>' || NEW.status NOT IN ('queued>running', 'queued>cancelled', 'running>succeeded', 'running>failed',
    'running>cancelled', 'running>queued', 'failed>queued', 'cancelled>queued')
    BEGIN SELECT RAISE(ABORT, 'a job does not move that way'); END;
CREATE TRIGGER IF NOT EXISTS job_stays_done BEFORE UPDATE ON job WHEN OLD.status = 'succeeded'
    BEGIN SELECT RAISE(ABORT, 'a job that succeeded is never changed'); END;
CREATE TRIGGER IF NOT EXISTS job_keeps_its_question BEFORE UPDATE OF kind, parameters, release_id, principal, steps_total ON job
    BEGIN SELECT RAISE(ABORT, 'what a job is asked is never changed'); END;
CREATE TRIGGER IF NOT EXISTS job_never_deleted BEFORE DELETE ON job BEGIN SELECT RAISE(ABORT, 'jobs are never deleted'); END;
CREATE TRIGGER IF NOT EXISTS job_event_never_updated BEFORE UPDATE ON job_event
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER IF NOT EXISTS job_event_never_deleted BEFORE DELETE ON job_event
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER IF NOT EXISTS job_step_never_updated BEFORE UPDATE ON job_step
    BEGIN SELECT RAISE(ABORT, 'steps are never changed'); END;
CREATE TRIGGER IF NOT EXISTS job_step_never_deleted BEFORE DELETE ON job_step
    BEGIN SELECT RAISE(ABORT, 'steps are never deleted'); END;
"""
)
JOBS = """
SELECT id, kind, parameters, release_id, principal, steps_total, created_at, updated_at, status, version, steps_done,
cancel_requested, problem, remedy, result_digest FROM job
"""
ADD_JOB = """INSERT INTO job VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', 1, 0, 0, NULL, NULL, NULL, NULL, NULL, 0)"""
JOB_BY_ID = f"{JOBS} WHERE id = ?"
JOB_OF_LEASE = f"{JOBS} WHERE id = ? AND lease_owner = ? AND status = 'running'"
BEFORE = "position < (SELECT position FROM job WHERE id = ?2)"
LATEST = f"{JOBS} WHERE (?1 IS NULL OR principal = ?1) AND (?2 IS NULL OR {BEFORE}) ORDER BY position DESC LIMIT ?3"
OPEN = "SELECT count(*) FROM job WHERE status IN ('queued', 'running')"
CLAIMABLE = """
SELECT id, status, attempts, cancel_requested FROM job
WHERE status = 'queued' OR (status = 'running' AND lease_until <= ?) ORDER BY position LIMIT 1
"""
TAKE = """
UPDATE job SET status = 'running', lease_owner = ?, lease_until = ?, attempts = attempts + 1,
version = version + 1, updated_at = ? WHERE id = ?
"""
CHANGE = """
UPDATE job SET status = ?, problem = ?, remedy = ?, result_digest = ?, cancel_requested = 0, lease_owner = NULL,
lease_until = NULL, attempts = 0, version = version + 1, updated_at = ? WHERE id = ?
"""
ASK_TO_CANCEL = "UPDATE job SET cancel_requested = 1, version = version + 1, updated_at = ? WHERE id = ?"
PROLONG = "UPDATE job SET lease_until = ? WHERE id = ?"
LAPSE = "UPDATE job SET lease_until = ? WHERE status = 'running' AND lease_owner LIKE ? ESCAPE '!'"
ADVANCE = "UPDATE job SET steps_done = ?, attempts = 0, updated_at = ? WHERE id = ?"
ADD_RESULT = "INSERT INTO job_result VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
ADD_STEP = "INSERT INTO job_step VALUES (?, ?, ?, ?)"
NOTE = "INSERT INTO job_event VALUES (NULL, ?, ?, ?, ?)"
EVENTS = "SELECT at, status, note FROM job_event WHERE job_id = ? ORDER BY position"
LATEST_EVENTS = """
SELECT job_id, at, status, note FROM (
    SELECT *, row_number() OVER (PARTITION BY job_id ORDER BY position DESC) AS behind FROM job_event
    WHERE job_id IN (SELECT value FROM json_each(?))
) WHERE behind <= ? ORDER BY position
"""
STEPS = """
SELECT job_step.digest, content FROM job_step JOIN job_result ON job_result.digest = job_step.digest
WHERE job_id = ? ORDER BY step
"""
RESULT = "SELECT content FROM job_result WHERE digest = ?"


def job_of(row: tuple[Any, ...]) -> Job:
    """Return the job of a row of `JOBS`."""
    (
        job_id, kind, parameters, release_id, principal, steps_total, created_at, updated_at, status, version, steps_done,
        cancel_requested, problem, remedy, result_digest,
    ) = row  # fmt: skip
    draft = JobDraft(kind, parameters, release_id, principal, steps_total)
    created, updated = datetime.fromisoformat(created_at), datetime.fromisoformat(updated_at)
    return Job(
        job_id, draft, created, updated, JobStatus(status), version, steps_done, bool(cancel_requested), problem, remedy,
        result_digest,
    )  # fmt: skip


def event_of(row: tuple[Any, ...]) -> JobEvent:
    """Return the event of a row."""
    return JobEvent(datetime.fromisoformat(row[0]), JobStatus(row[1]), row[2])
