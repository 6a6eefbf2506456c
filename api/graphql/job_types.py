"""Jobs as GraphQL types."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import cast

import strawberry
from strawberry.scalars import JSON

from api.asked import Asked
from api.errors import ArgumentInvalid
from api.graphql.described import described
from api.graphql.envelope_types import PageInfo
from api.graphql.node_types import Ask
from api.graphql.problems import Problem
from api.graphql.scenario_types import ScenarioRefInput
from api.identifiers import plain_id
from api.planning.job_kinds import ComparisonSheet, DelistSheet
from api.planning.jobs import KeptJob, products_of
from api.planning.scenarios import pinned
from governance import records

__all__ = [
    "ComparisonJobInput",
    "DelistJobInput",
    "Job",
    "JobConnection",
    "JobEdge",
    "JobEvent",
    "JobInput",
    "JobPage",
    "JobPayload",
    "JobResult",
    "job_asked",
    "job_of",
    "job_payload",
]

MAXIMUM_EVENTS = 30


@strawberry.type(description="One change of a job's status.")
class JobEvent:
    """One change of a job's status."""

    at: datetime
    status: str
    note: str


class JobPage:
    """Jobs that were listed together. What happened to all of them is read at once, when it is first asked of one."""

    def __init__(self, ids: tuple[str, ...]) -> None:
        self._ids = ids
        self._events: Mapping[str, Sequence[records.JobEvent]] | None = None

    def events(self, book: records.JobBook, job_id: str) -> list[records.JobEvent]:
        """Return the last changes of one of the jobs, in order."""
        if self._events is None:
            self._events = book.latest_events(self._ids, limit=MAXIMUM_EVENTS)
        return list(self._events[job_id])


@strawberry.type(
    description="Long work: queued, running, succeeded, failed or cancelled. It answers from the release that it began on."
)
class Job:
    """A job as it stands."""

    id: strawberry.ID
    kind: str
    status: str
    version: int
    principal: str
    release_id: str
    created_at: datetime
    updated_at: datetime
    steps_done: int
    steps_total: int
    cancel_requested: bool
    problem: str | None
    remedy: str | None
    result_digest: str | None = strawberry.field(
        description="SHA-256 of the result; the same for the same question on one release."
    )

    page: strawberry.Private["JobPage"]

    @described("What happened to it, the last 30 changes.")
    def events(self, info: Ask) -> list[JobEvent]:
        return cast("list[JobEvent]", self.page.events(info.context.planner().planning.books.jobs, str(self.id)))


@strawberry.type
class JobEdge:
    """One job of a list."""

    cursor: str
    node: Job


@strawberry.type(description="Jobs, the newest first: one's own, or all for those who may see them.")
class JobConnection:
    """A page of jobs."""

    edges: list[JobEdge]
    page_info: PageInfo


@strawberry.type(description="What an act on a job came to.")
class JobPayload:
    """What an act came to."""

    job: Job | None
    steps_total: int | None
    dry_run: bool
    repeated: bool
    user_errors: list[Problem]


@strawberry.type(description="What a job found: totals, and its rows page by page.")
class JobResult:
    """What a job found, page by page."""

    job: Job
    summary: JSON = strawberry.field(description="All but the rows: counts and totals.")
    rows: list[JSON] = strawberry.field(description="At most `first` rows, in the order of the products that were asked about.")
    page_info: PageInfo


@strawberry.input(description="Compare scenarios over the products named, or over all of a category.")
class ComparisonJobInput:
    """Parameters of a comparison over many products."""

    scenarios: list[ScenarioRefInput] = strawberry.field(default_factory=list)
    product_ids: list[strawberry.ID] | None = None
    category_id: strawberry.ID | None = None
    store_id: strawberry.ID | None = None
    horizon_weeks: int = 4
    combined: bool = False


@strawberry.input(description="Ask of each product named, or of all of a category, what becomes of its demand when it goes.")
class DelistJobInput:
    """Parameters of a delist what-if over many products."""

    from_week: date
    until_week: date | None = None
    product_ids: list[strawberry.ID] | None = None
    category_id: strawberry.ID | None = None
    store_ids: list[strawberry.ID] | None = None


@strawberry.input(description="What the job is to do: exactly one of these.")
class JobInput:
    """What a job is to do."""

    scenario_comparison: ComparisonJobInput | None = None
    delist_what_if: DelistJobInput | None = None


def job_asked(asked: Asked, given: JobInput) -> tuple[str, Callable[[], ComparisonSheet | DelistSheet]]:
    """Return the kind of a job and what completes its parameters, which raises ArgumentInvalid and ScenarioUnknown.

    Raises: ArgumentInvalid.
    """
    if given.scenario_comparison is not None and given.delist_what_if is None:
        return "scenario_comparison", partial(_comparison, asked, given.scenario_comparison)
    if given.delist_what_if is not None and given.scenario_comparison is None:
        return "delist_what_if", partial(_delisting, asked, given.delist_what_if)
    raise ArgumentInvalid("input", "exactly one kind of job")


def job_of(job: records.Job, page: JobPage | None = None) -> Job:
    """Return a job as it is answered, with the page that it was listed on, if any."""
    draft = job.draft
    return Job(
        id=strawberry.ID(job.id), kind=draft.kind, status=job.status.value, version=job.version, principal=draft.principal,
        release_id=draft.release_id, created_at=job.created_at, updated_at=job.updated_at, steps_done=job.steps_done,
        steps_total=draft.steps_total, cancel_requested=job.cancel_requested, problem=job.problem, remedy=job.remedy,
        result_digest=job.result_digest, page=page or JobPage((job.id,)),
    )  # fmt: skip


def job_payload(kept: KeptJob) -> JobPayload:
    """Return what an act came to."""
    recorded = kept.recorded
    return JobPayload(
        job=None if recorded is None else job_of(recorded.value), steps_total=kept.draft.steps_total, dry_run=recorded is None,
        repeated=recorded is not None and recorded.repeated, user_errors=[],
    )  # fmt: skip


def _comparison(asked: Asked, given: ComparisonJobInput) -> ComparisonSheet:
    book = asked.planner().planning.books.scenarios
    return ComparisonSheet(
        _products(asked, given.product_ids, given.category_id),
        tuple(pinned(book.get(str(one.id), one.revision)) for one in given.scenarios),
        plain_id("Store", str(given.store_id)) if given.store_id else None,
        given.horizon_weeks,
        given.combined,
    )


def _delisting(asked: Asked, given: DelistJobInput) -> DelistSheet:
    stores = None if given.store_ids is None else tuple(plain_id("Store", str(one)) for one in given.store_ids)
    return DelistSheet(_products(asked, given.product_ids, given.category_id), given.from_week, given.until_week, stores)


def _products(asked: Asked, ids: list[strawberry.ID] | None, category_id: strawberry.ID | None) -> tuple[str, ...]:
    if (ids is None) == (category_id is None):
        raise ArgumentInvalid("input", "a list of products or a category, one of the two")
    if category_id is not None:
        return products_of(asked.planner(), plain_id("ProductCategory", str(category_id)))
    return tuple(dict.fromkeys(plain_id("Product", str(one)) for one in ids or ()))
