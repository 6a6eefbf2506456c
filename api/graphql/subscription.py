"""What can be followed: the progress of a job. It is looked up, not pushed, so it comes from whichever process works."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar, cast

import strawberry

from api.graphql import planning_problems as plan
from api.graphql.job_types import job_of
from api.graphql.node_types import Ask
from api.graphql.planning_questions import JobAnswer
from api.graphql.problems import NotAuthorised, problem_for
from api.graphql.questions import OPERATION
from api.planning.jobs import find_job
from governance.policy import Operation
from kit.errors import ShelfgraphError

__all__ = ["Subscription"]

LOOK_SECONDS = 0.25
Resolver = TypeVar("Resolver", bound=Callable[..., object])
OUTCOMES = (plan.UnknownJob, NotAuthorised)


def followed(description: str, operation: Operation) -> Callable[[Resolver], Resolver]:
    """Return a decorator that makes a generator a field of the root, with the operation that it requires."""
    field = strawberry.subscription(description=description, metadata={OPERATION: operation})
    return cast("Callable[[Resolver], Resolver]", field)


@strawberry.type(description="All that can be followed, over graphql-transport-ws.")
class Subscription:
    """The root of what is followed."""

    @followed("A job as it stands, and again whenever it has moved; ends when the job does.", Operation.RUN_JOBS)
    async def job_progress(self, info: Ask, id: strawberry.ID) -> AsyncGenerator[JobAnswer, None]:
        seen: tuple[Any, ...] | None = None
        over = False
        while not over:
            try:
                info.context.require(Operation.RUN_JOBS)
                job = find_job(info.context.planner(), str(id))
            except ShelfgraphError as error:
                yield cast("JobAnswer", problem_for(error, OUTCOMES))
                return
            stands = (job.status, job.version, job.steps_done)
            over = job.status.over
            if stands != seen:
                seen = stands
                yield job_of(job)
            if not over:
                await asyncio.sleep(LOOK_SECONDS)
