"""The book of jobs on SQLite: who works on what, how far it is, and the results by the digest of their content."""

import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from governance.records import job_rows as rows
from governance.records.errors import (
    JobNotResumable,
    JobOver,
    JobQueueFull,
    JobResultDamaged,
    JobUnfinished,
    JobUnknown,
    LeaseLost,
    VersionConflict,
)
from governance.records.planning_ports import Job, JobDraft, JobEvent, JobStatus, Lease, Recorded
from governance.records.ports import Act
from governance.records.sqlite_book import SqliteBook
from kit.canonical import digest_of_bytes
from kit.clock import Clock, SystemClock
from kit.ids import ordered_id

__all__ = ["ATTEMPTS", "SqliteJobBook"]

ATTEMPTS = 3
"""A job whose worker dies so many times without ending a step is failed: it would only kill the next one."""


class SqliteJobBook(SqliteBook):
    """Implements `governance.records.planning_ports.JobBook`."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        super().__init__(path, rows.CREATE)
        self._clock = clock or SystemClock()

    def done(self, act: Act) -> Recorded[Job] | None:
        return self._recorded(self._done(act))

    def submit(self, draft: JobDraft, act: Act, *, limit: int, dry_run: bool = False) -> Recorded[Job] | None:
        now = self._clock.now()

        def effect(connection: sqlite3.Connection) -> str:
            _check_room(connection, limit)
            job_id, at = ordered_id("job"), now.isoformat()
            connection.execute(
                rows.ADD_JOB,
                (job_id, draft.kind, draft.parameters, draft.release_id, draft.principal, draft.steps_total, at, at),
            )
            connection.execute(rows.NOTE, (job_id, at, JobStatus.QUEUED, ""))
            return job_id

        return self._recorded(self._once(act, now, effect, dry_run=dry_run))

    def get(self, job_id: str) -> Job:
        found = self._all(rows.JOB_BY_ID, job_id)
        if not found:
            raise JobUnknown(job_id)
        return rows.job_of(found[0])

    def latest(self, *, principal: str | None, limit: int, after: str | None = None) -> tuple[Job, ...]:
        return tuple(rows.job_of(row) for row in self._all(rows.LATEST, principal, after, limit))

    def open_jobs(self) -> int:
        return int(self._all(rows.OPEN)[0][0])

    def events(self, job_id: str) -> tuple[JobEvent, ...]:
        return tuple(rows.event_of(row) for row in self._all(rows.EVENTS, job_id))

    def latest_events(self, job_ids: Sequence[str], *, limit: int) -> Mapping[str, tuple[JobEvent, ...]]:
        found: dict[str, list[JobEvent]] = {job_id: [] for job_id in job_ids}
        for job_id, *row in self._all(rows.LATEST_EVENTS, json.dumps(list(job_ids)), limit):
            found[job_id].append(rows.event_of(tuple(row)))
        return {job_id: tuple(events) for job_id, events in found.items()}

    def claim(self, worker: str, *, lease_seconds: float) -> Lease | None:
        with self._transaction() as connection:
            while True:
                found = connection.execute(rows.CLAIMABLE, (self._now(),)).fetchone()
                if found is None:
                    return None
                job_id, status, attempts, cancel_requested = found
                if status == JobStatus.RUNNING and cancel_requested:
                    self._end(connection, job_id, JobStatus.CANCELLED, note="its worker had died")
                elif attempts >= ATTEMPTS:
                    problem = f"Its worker died {ATTEMPTS} times at the same step."
                    self._end(connection, job_id, JobStatus.FAILED, problem, "Look at its parameters; resume it to try again.")
                else:
                    return self._take(connection, job_id, worker, lease_seconds)

    def heartbeat(self, lease: Lease, *, lease_seconds: float) -> Job:
        with self._transaction() as connection:
            job = _held(connection, lease)
            connection.execute(rows.PROLONG, (self._now(lease_seconds), job.id))
            return job

    def keep_step(self, lease: Lease, step: int, content: bytes) -> None:
        with self._transaction() as connection:
            job = _held(connection, lease)
            if step != job.steps_done:
                raise ValueError(f"step {step} does not follow the {job.steps_done} that are done")
            digest = _keep(connection, content)
            connection.execute(rows.ADD_STEP, (job.id, step, digest, self._now()))
            connection.execute(rows.ADVANCE, (step + 1, self._now(), job.id))

    def step_results(self, job_id: str) -> tuple[bytes, ...]:
        found = self._all(rows.STEPS, job_id)
        return tuple(_whole(content, digest) for digest, content in found)

    def succeed(self, lease: Lease, content: bytes) -> Job:
        return self._leave(lease, lambda c, job: self._end(c, job.id, JobStatus.SUCCEEDED, digest=_keep(c, content)))

    def fail(self, lease: Lease, problem: str, remedy: str) -> Job:
        return self._leave(lease, lambda c, job: self._end(c, job.id, JobStatus.FAILED, problem, remedy))

    def confirm_cancel(self, lease: Lease) -> Job:
        return self._leave(lease, lambda c, job: self._end(c, job.id, JobStatus.CANCELLED))

    def hand_back(self, lease: Lease) -> Job:
        return self._leave(lease, lambda c, job: self._end(c, job.id, JobStatus.QUEUED, note="its worker had to stop"))

    def lapse(self, worker: str) -> int:
        pattern = worker.replace("!", "!!").replace("%", "!%").replace("_", "!_") + ":%"
        return self._run(rows.LAPSE, self._now(), pattern)

    def cancel(self, job_id: str, act: Act, *, expected: int | None = None, dry_run: bool = False) -> Recorded[Job] | None:
        def effect(connection: sqlite3.Connection) -> str:
            job = _found(connection, job_id, expected)
            if job.status.over:
                raise JobOver(job_id, job.status)
            if job.status is JobStatus.QUEUED:
                self._end(connection, job_id, JobStatus.CANCELLED)
            elif not job.cancel_requested:
                connection.execute(rows.ASK_TO_CANCEL, (self._now(), job_id))
                connection.execute(rows.NOTE, (job_id, self._now(), JobStatus.RUNNING, "cancelling was requested"))
            return job_id

        return self._recorded(self._once(act, self._clock.now(), effect, dry_run=dry_run))

    def resume(
        self, job_id: str, act: Act, *, limit: int, expected: int | None = None, dry_run: bool = False
    ) -> Recorded[Job] | None:
        def effect(connection: sqlite3.Connection) -> str:
            job = _found(connection, job_id, expected)
            if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
                raise JobNotResumable(job_id, job.status)
            _check_room(connection, limit)
            self._end(connection, job_id, JobStatus.QUEUED, note="resumed")
            return job_id

        return self._recorded(self._once(act, self._clock.now(), effect, dry_run=dry_run))

    def result(self, job_id: str) -> bytes:
        job = self.get(job_id)
        if job.result_digest is None:
            raise JobUnfinished(job_id, job.status)
        found = self._all(rows.RESULT, job.result_digest)
        return _whole(found[0][0] if found else b"", job.result_digest)

    def _take(self, connection: sqlite3.Connection, job_id: str, worker: str, lease_seconds: float) -> Lease:
        owner = f"{worker}:{secrets.token_hex(8)}"
        connection.execute(rows.TAKE, (owner, self._now(lease_seconds), self._now(), job_id))
        connection.execute(rows.NOTE, (job_id, self._now(), JobStatus.RUNNING, f"taken by {worker}"))
        return Lease(rows.job_of(connection.execute(rows.JOB_BY_ID, (job_id,)).fetchone()), owner)

    def _leave(self, lease: Lease, act: Callable[[sqlite3.Connection, Job], None]) -> Job:
        with self._transaction() as connection:
            job = _held(connection, lease)
            act(connection, job)
        return self.get(job.id)

    def _end(
        self,
        connection: sqlite3.Connection,
        job_id: str,
        status: JobStatus,
        problem: str | None = None,
        remedy: str | None = None,
        *,
        digest: str | None = None,
        note: str = "",
    ) -> None:
        connection.execute(rows.CHANGE, (status, problem, remedy, digest, self._now(), job_id))
        connection.execute(rows.NOTE, (job_id, self._now(), status, problem or note))

    def _now(self, later_seconds: float = 0.0) -> str:
        # of one width, so that the database compares times as texts
        return (self._clock.now() + timedelta(seconds=later_seconds)).isoformat(timespec="microseconds")

    def _recorded(self, done: tuple[str, bool] | None) -> Recorded[Job] | None:
        return None if done is None else Recorded(self.get(done[0]), done[1])


def _check_room(connection: sqlite3.Connection, limit: int) -> None:
    if connection.execute(rows.OPEN).fetchone()[0] >= limit:
        raise JobQueueFull(limit)


def _found(connection: sqlite3.Connection, job_id: str, expected: int | None) -> Job:
    found = connection.execute(rows.JOB_BY_ID, (job_id,)).fetchone()
    if found is None:
        raise JobUnknown(job_id)
    job = rows.job_of(found)
    if expected is not None and job.version != expected:
        raise VersionConflict(f"Job '{job_id}'", expected, job.version)
    return job


def _held(connection: sqlite3.Connection, lease: Lease) -> Job:
    found = connection.execute(rows.JOB_OF_LEASE, (lease.job.id, lease.owner)).fetchone()
    if found is None:
        raise LeaseLost(lease.job.id)
    return rows.job_of(found)


def _keep(connection: sqlite3.Connection, content: bytes) -> str:
    digest = digest_of_bytes(content)
    connection.execute(rows.ADD_RESULT, (digest, content))
    return digest


def _whole(content: bytes, digest: str) -> bytes:
    if digest_of_bytes(content) != digest:
        raise JobResultDamaged(digest)
    return content
