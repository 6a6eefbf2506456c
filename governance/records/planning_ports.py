"""The planners' books: scenarios by revision, forecasts set by hand, and jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from governance.records.ports import Act

__all__ = [
    "Job",
    "JobBook",
    "JobDraft",
    "JobEvent",
    "JobStatus",
    "Lease",
    "Override",
    "OverrideBook",
    "OverrideDraft",
    "OverrideWeek",
    "Recorded",
    "ScenarioBook",
    "ScenarioDraft",
    "ScenarioRevision",
    "Withdrawal",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recorded(Generic[T]):
    """What an act left in the book; `repeated` says that its key had done so before."""

    value: T
    repeated: bool


@dataclass(frozen=True, slots=True)
class ScenarioDraft:
    """What a new revision says. `changes` are canonical JSON bytes."""

    name: str
    release_id: str
    graph_version: str
    as_of: date
    author: str
    changes: bytes


@dataclass(frozen=True, slots=True)
class ScenarioRevision:
    """One revision of a scenario: never changed. An archived scenario has a last revision that says so."""

    scenario_id: str
    revision: int
    archived: bool
    recorded_at: datetime
    draft: ScenarioDraft


class ScenarioBook(Protocol):
    """Scenarios are only ever added to. A name is free again once the scenario that had it is archived.

    Here as in the other books an act with `dry_run` raises what the act would, writes nothing, and returns None.
    """

    def done(self, act: Act) -> Recorded[ScenarioRevision] | None:
        """Return what an act did before under its key, or None. Raises: IdempotencyKeyReused."""
        ...

    def create(self, draft: ScenarioDraft, act: Act, *, dry_run: bool = False) -> Recorded[ScenarioRevision] | None:
        """Add a scenario with its first revision. Raises: ScenarioNameTaken, IdempotencyKeyReused."""
        ...

    def revise(
        self, scenario_id: str, draft: ScenarioDraft, act: Act, *, expected: int, archived: bool = False, dry_run: bool = False
    ) -> Recorded[ScenarioRevision] | None:
        """Add a revision behind `expected`.

        Raises: ScenarioUnknown, VersionConflict, ScenarioArchived, ScenarioNameTaken, IdempotencyKeyReused.
        """
        ...

    def get(self, scenario_id: str, revision: int | None = None) -> ScenarioRevision:
        """Return a revision, the last one unless named. Raises: ScenarioUnknown."""
        ...

    def latest(self, *, limit: int, after: str | None = None, archived: bool = False) -> tuple[ScenarioRevision, ...]:
        """Return the last revisions, the newest scenarios first, behind the scenario `after`; archived ones where asked."""
        ...


@dataclass(frozen=True, slots=True)
class OverrideWeek:
    """Units of the week that begins on `week_start`: those of the system when it was set, and those set by hand."""

    week_start: date
    system_units: float
    units: float


@dataclass(frozen=True, slots=True)
class OverrideDraft:
    """A forecast set by hand. `as_of` is the business day of the release that answered; `decision_id` its logged answer, None
    on the command line, which logs none.
    """

    product_id: str
    store_id: str | None
    weeks: tuple[OverrideWeek, ...]
    reason: str
    author: str
    expires_at: datetime
    as_of: date
    release_id: str
    system: str
    decision_id: str | None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An override taken back, as a record of its own."""

    override_id: str
    author: str
    reason: str
    withdrawn_at: datetime
    as_of: date


@dataclass(frozen=True, slots=True)
class Override:
    """An override as it stands."""

    id: str
    set_at: datetime
    draft: OverrideDraft
    withdrawal: Withdrawal | None = None

    def in_force(self, now: datetime) -> bool:
        """Return whether it still changes the forecast: not withdrawn, not expired."""
        return self.withdrawal is None and now < self.draft.expires_at


class OverrideBook(Protocol):
    """Overrides are only ever added, and so are their withdrawals."""

    def done(self, act: Act) -> Recorded[Override] | None:
        """Return what an act did before under its key, or None. Raises: IdempotencyKeyReused."""
        ...

    def set(
        self, draft: OverrideDraft, act: Act, *, expected: int | None = None, dry_run: bool = False
    ) -> Recorded[Override] | None:
        """Add an override; `expected` is how many records its product and store have so far, None: any.

        Raises: VersionConflict, IdempotencyKeyReused.
        """
        ...

    def withdraw(
        self, override_id: str, *, author: str, reason: str, as_of: date, act: Act, dry_run: bool = False
    ) -> Recorded[Override] | None:
        """Add a withdrawal. Raises: OverrideUnknown, OverrideWithdrawn, IdempotencyKeyReused."""
        ...

    def get(self, override_id: str) -> Override:
        """Return an override. Raises: OverrideUnknown."""
        ...

    def of_series(self, product_id: str, store_id: str | None) -> tuple[Override, ...]:
        """Return the overrides of a product in a store (None: in the chain), in the order they were set."""
        ...

    def version(self, product_id: str, store_id: str | None) -> int:
        """Return how many records, withdrawals among them, a product and store have."""
        ...

    def latest(self, *, limit: int, after: str | None = None) -> tuple[Override, ...]:
        """Return overrides, the newest first, behind the override `after`."""
        ...


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nobody works on it any more; a failed or cancelled one can be resumed."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class JobDraft:
    """What is to be done. `parameters` are canonical JSON bytes, complete: the steps read nothing but them and the release."""

    kind: str
    parameters: bytes
    release_id: str
    principal: str
    steps_total: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. `version` grows with every change of its status, and with a request to cancel."""

    id: str
    draft: JobDraft
    created_at: datetime
    updated_at: datetime
    status: JobStatus
    version: int
    steps_done: int
    cancel_requested: bool
    problem: str | None
    remedy: str | None
    result_digest: str | None


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One change of a job's status, never changed."""

    at: datetime
    status: JobStatus
    note: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one worker to work on a job, until it lapses."""

    job: Job
    owner: str


class JobBook(Protocol):
    """Jobs, their steps and results. What a worker writes needs its lease; a lapsed lease is anyone's."""

    def done(self, act: Act) -> Recorded[Job] | None:
        """Return what an act did before under its key, or None. Raises: IdempotencyKeyReused."""
        ...

    def submit(self, draft: JobDraft, act: Act, *, limit: int, dry_run: bool = False) -> Recorded[Job] | None:
        """Queue a job. Raises: JobQueueFull when `limit` jobs are queued or running; IdempotencyKeyReused."""
        ...

    def get(self, job_id: str) -> Job:
        """Return a job. Raises: JobUnknown."""
        ...

    def latest(self, *, principal: str | None, limit: int, after: str | None = None) -> tuple[Job, ...]:
        """Return jobs, the newest first, of one principal or (None) of all, behind the job `after`."""
        ...

    def open_jobs(self) -> int:
        """Return how many jobs are queued or running."""
        ...

    def events(self, job_id: str) -> tuple[JobEvent, ...]:
        """Return what happened to a job, in order."""
        ...

    def latest_events(self, job_ids: Sequence[str], *, limit: int) -> Mapping[str, tuple[JobEvent, ...]]:
        """Return the last things that happened to each of several jobs, in order; all of them in one read."""
        ...

    def claim(self, worker: str, *, lease_seconds: float) -> Lease | None:
        """Take the oldest queued job, or one whose worker has died, or None. One that killed three workers at a step fails."""
        ...

    def heartbeat(self, lease: Lease, *, lease_seconds: float) -> Job:
        """Prolong a lease and return the job as it stands. Raises: LeaseLost."""
        ...

    def keep_step(self, lease: Lease, step: int, content: bytes) -> None:
        """Keep the result of a step, durably. Raises: LeaseLost."""
        ...

    def step_results(self, job_id: str) -> tuple[bytes, ...]:
        """Return the results of the steps that are done, in their order. Raises: JobResultDamaged."""
        ...

    def succeed(self, lease: Lease, content: bytes) -> Job:
        """Keep the whole result and end the job. Raises: LeaseLost."""
        ...

    def fail(self, lease: Lease, problem: str, remedy: str) -> Job:
        """End the job with what went wrong. Raises: LeaseLost."""
        ...

    def confirm_cancel(self, lease: Lease) -> Job:
        """End a job whose cancelling was requested. Raises: LeaseLost."""
        ...

    def hand_back(self, lease: Lease) -> Job:
        """Queue a job again that its worker has to leave. Raises: LeaseLost."""
        ...

    def lapse(self, worker: str) -> int:
        """End the leases of a worker that is known to be dead; return how many."""
        ...

    def cancel(self, job_id: str, act: Act, *, expected: int | None = None, dry_run: bool = False) -> Recorded[Job] | None:
        """Cancel a queued job, or ask the worker of a running one to stop behind its step.

        Raises: JobUnknown, JobOver, VersionConflict, IdempotencyKeyReused.
        """
        ...

    def resume(
        self, job_id: str, act: Act, *, limit: int, expected: int | None = None, dry_run: bool = False
    ) -> Recorded[Job] | None:
        """Queue a failed or cancelled job again; it goes on behind its last step.

        Raises: JobUnknown, JobNotResumable, JobQueueFull, VersionConflict, IdempotencyKeyReused.
        """
        ...

    def result(self, job_id: str) -> bytes:
        """Return the whole result of a job that succeeded. Raises: JobUnknown, JobUnfinished, JobResultDamaged."""
        ...
