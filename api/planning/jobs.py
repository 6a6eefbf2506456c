"""Jobs as their principals see them: queued, looked at, cancelled, resumed. What is somebody else's is not there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from api.catalogue import Catalogue, CatalogueFilter
from api.errors import ArgumentInvalid
from api.planning.job_kinds import MAXIMUM_PRODUCTS, kind_of
from api.planning.parts import Planner, act_of
from governance.policy import Operation, authorise
from governance.records import Job, JobDraft, Recorded
from governance.records.errors import JobUnknown
from kit.canonical import canonical_bytes

__all__ = ["KeptJob", "cancel_job", "find_job", "job_result", "jobs_of", "products_of", "resume_job", "start_job"]


@dataclass(frozen=True, slots=True)
class KeptJob:
    """What an act came to: what is (or would be) done, and the record, None after a dry run."""

    draft: JobDraft
    recorded: Recorded[Job] | None


def start_job(
    planner: Planner, kind: str, asked: Any, complete: Callable[[], Any], *, key: str, dry_run: bool = False
) -> KeptJob:
    """Queue a job on the served release.

    `asked` is what was asked for, in whatever form: the same again under the same key is the same act, also when a category or a
    scenario has other content by then. `complete` returns the parameters, of the kind's type, with all of that pinned.

    Raises: JobKindUnknown, JobQueueFull, IdempotencyKeyReused, EvaluationUnavailable, and what the kind's check says.
    """
    found = kind_of(kind)
    act = act_of(planner, "job_start", key, kind=kind, asked=asked)
    done = None if dry_run else planner.planning.books.jobs.done(act)
    if done is not None:
        return KeptJob(done.value.draft, done)
    parameters = complete()
    found.check(planner.services, parameters)
    draft = JobDraft(kind, canonical_bytes(parameters), planner.services.release.id, planner.name, found.steps(parameters))
    limit = planner.planning.queue_limit
    return _queued(planner, draft, planner.planning.books.jobs.submit(draft, act, limit=limit, dry_run=dry_run))


def cancel_job(planner: Planner, job_id: str, *, key: str, expected: int | None = None, dry_run: bool = False) -> KeptJob:
    """Cancel a job. Raises: JobUnknown, JobOver, VersionConflict, IdempotencyKeyReused."""
    job = find_job(planner, job_id)
    act = act_of(planner, "job_cancel", key, job_id=job_id, expected=expected)
    return KeptJob(job.draft, planner.planning.books.jobs.cancel(job_id, act, expected=expected, dry_run=dry_run))


def resume_job(planner: Planner, job_id: str, *, key: str, expected: int | None = None, dry_run: bool = False) -> KeptJob:
    """Queue a failed or cancelled job again. Raises: JobUnknown, JobNotResumable, JobQueueFull, VersionConflict."""
    job = find_job(planner, job_id)
    act = act_of(planner, "job_resume", key, job_id=job_id, expected=expected)
    limit = planner.planning.queue_limit
    resumed = planner.planning.books.jobs.resume(job_id, act, limit=limit, expected=expected, dry_run=dry_run)
    return _queued(planner, job.draft, resumed)


def find_job(planner: Planner, job_id: str) -> Job:
    """Return a job of the principal's own, or any for those who may see all. Raises: JobUnknown."""
    job = planner.planning.books.jobs.get(job_id)
    if job.draft.principal != planner.name and not _sees_all(planner):
        raise JobUnknown(job_id)
    return job


def jobs_of(planner: Planner, *, limit: int, after: str | None = None) -> tuple[Job, ...]:
    """Return the jobs that the principal may see, the newest first."""
    principal = None if _sees_all(planner) else planner.name
    return planner.planning.books.jobs.latest(principal=principal, limit=limit, after=after)


def job_result(planner: Planner, job_id: str) -> tuple[Job, Any]:
    """Return a job and its result as plain values. Raises: JobUnknown, JobUnfinished, JobResultDamaged."""
    job = find_job(planner, job_id)
    return job, orjson.loads(planner.planning.books.jobs.result(job_id))


def products_of(planner: Planner, category_id: str) -> tuple[str, ...]:
    """Return the merchandise of a category and of those below it, by their ids. Raises: ArgumentInvalid."""
    catalogue = Catalogue(planner.services.graph)
    page = catalogue.page(CatalogueFilter(category_id=category_id), first=MAXIMUM_PRODUCTS, after_id=None)
    if not page.ids or page.has_next:
        raise ArgumentInvalid("category", f"one with 1 to {MAXIMUM_PRODUCTS:,} products")
    return page.ids


def _queued(planner: Planner, draft: JobDraft, recorded: Recorded[Job] | None) -> KeptJob:
    if recorded is not None:
        planner.planning.wake()
    return KeptJob(draft, recorded)


def _sees_all(planner: Planner) -> bool:
    return authorise(planner.principal, Operation.SEE_ALL_JOBS).allowed
