"""What can be changed: scenarios, forecasts set by hand, jobs, outcomes. Each act says who may do it, and happens once per key.

Every act takes `idempotencyKey` (asked again with the same key it is not done again), `dryRun` (everything is checked and
nothing is written) and, where there is something to be changed, `expectedVersion`. What stands in the way is in `userErrors`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

import strawberry

from api.errors import ArgumentInvalid
from api.graphql import planning_problems as plan
from api.graphql.job_types import JobInput, JobPayload, job_asked, job_payload
from api.graphql.node_types import Ask
from api.graphql.outcome_types import OUTCOME_OUTCOMES, OutcomeInput, OutcomePayload, outcome_payload, report_of
from api.graphql.override_types import OverridePayload, OverrideWeekInput, override_payload
from api.graphql.problems import Problem, problem_for, refused_answer
from api.graphql.questions import OPERATION
from api.graphql.scenario_types import ScenarioChangeInput, ScenarioPayload, change_asked, scenario_payload
from api.identifiers import plain_id
from api.planning.jobs import cancel_job, resume_job, start_job
from api.planning.overrides import set_override, withdraw_override
from api.planning.scenarios import archive_scenario, create_scenario, revise_scenario
from governance.policy import Operation
from kit.errors import ShelfgraphError

__all__ = ["Mutation"]

Resolver = TypeVar("Resolver", bound=Callable[..., object])


def act(
    description: str, operation: Operation, refused: Callable[[list[Problem], bool], Any], *outcomes: type[Problem]
) -> Callable[[Resolver], Resolver]:
    """Return a decorator that makes a resolver a field of the root: what stands in the way becomes its `userErrors`.

    Args:
        description: what is done, for the schema.
        operation: what the policy must allow before anything is looked at.
        refused: makes the payload of errors and whether it was a dry run.
        outcomes: the errors that are a user's; any other is raised.
    """

    def decorate(resolver: Resolver) -> Resolver:
        @wraps(resolver)
        def do(self: Any, info: Ask, **arguments: Any) -> Any:
            try:
                info.context.require(operation)
                return resolver(self, info, **arguments)
            except ShelfgraphError as error:
                return refused([problem_for(error, outcomes)], bool(arguments.get("dry_run")))

        return cast("Resolver", strawberry.field(do, description=description, metadata={OPERATION: operation}))

    return decorate


def _no_scenario(errors: list[Problem], dry_run: bool) -> ScenarioPayload:
    return ScenarioPayload(scenario=None, changes=[], dry_run=dry_run, repeated=False, user_errors=errors)


def _no_job(errors: list[Problem], dry_run: bool) -> JobPayload:
    return JobPayload(job=None, steps_total=None, dry_run=dry_run, repeated=False, user_errors=errors)


def _no_override(errors: list[Problem], dry_run: bool) -> OverridePayload:
    return OverridePayload(override=None, weeks=[], dry_run=dry_run, repeated=False, user_errors=errors)


def _no_outcome(errors: list[Problem], dry_run: bool) -> OutcomePayload:
    return OutcomePayload(outcome=None, dry_run=dry_run, repeated=False, user_errors=errors)


@strawberry.type(
    description="All acts. Asked again with the same `idempotencyKey` an act is answered as before and not done again."
)
class Mutation:
    """The root of acts."""

    @act("Keep a new scenario.", Operation.PLAN, _no_scenario, *plan.SCENARIO_OUTCOMES)
    def scenario_create(
        self, info: Ask, *, name: str, changes: list[ScenarioChangeInput], idempotency_key: str, expected_version: int = 0,
        dry_run: bool = False,
    ) -> ScenarioPayload:  # fmt: skip
        wanted = [change_asked(one) for one in changes]
        planner = info.context.planner()
        return scenario_payload(
            create_scenario(planner, name, wanted, key=idempotency_key, expected=expected_version, dry_run=dry_run)
        )

    @act(
        "Add a revision to a scenario: another name, other changes, or both.",
        Operation.PLAN,
        _no_scenario,
        *plan.SCENARIO_OUTCOMES,
    )
    def scenario_revise(
        self, info: Ask, *, id: strawberry.ID, expected_version: int, idempotency_key: str, name: str | None = None,
        changes: list[ScenarioChangeInput] | None = None, dry_run: bool = False,
    ) -> ScenarioPayload:  # fmt: skip
        wanted = None if changes is None else [change_asked(one) for one in changes]
        kept = revise_scenario(
            info.context.planner(), str(id), key=idempotency_key, expected=expected_version, name=name, changes=wanted,
            dry_run=dry_run,
        )  # fmt: skip
        return scenario_payload(kept)

    @act("Archive a scenario: it is kept, and takes no more changes.", Operation.PLAN, _no_scenario, *plan.SCENARIO_OUTCOMES)
    def scenario_archive(
        self, info: Ask, *, id: strawberry.ID, expected_version: int, idempotency_key: str, dry_run: bool = False
    ) -> ScenarioPayload:
        planner = info.context.planner()
        return scenario_payload(
            archive_scenario(planner, str(id), key=idempotency_key, expected=expected_version, dry_run=dry_run)
        )

    @act(
        "Set the forecast of a product by hand, with a reason and an expiry.",
        Operation.OVERRIDE_FORECAST,
        _no_override,
        *plan.OVERRIDE_OUTCOMES,
    )
    def override_set(
        self, info: Ask, *, product_id: strawberry.ID, weeks: list[OverrideWeekInput], reason: str, expires_at: datetime,
        idempotency_key: str, store_id: strawberry.ID | None = None, expected_version: int | None = None, dry_run: bool = False,
    ) -> OverridePayload:  # fmt: skip
        by_week = {one.week_start: one.units for one in weeks}
        if len(by_week) < len(weeks):
            raise ArgumentInvalid("weeks", "free of repetitions")
        kept = set_override(
            info.context.planner(), plain_id("Product", str(product_id)), plain_id("Store", str(store_id)) if store_id else None,
            by_week, reason=reason, expires_at=expires_at, key=idempotency_key, expected=expected_version, dry_run=dry_run,
        )  # fmt: skip
        if kept.refused is not None and kept.refused.made is not None:
            return _no_override([refused_answer(kept.refused.made)], dry_run)
        return override_payload(kept, info.context.services.clock.now(), dry_run=dry_run)

    @act("Take an override back, with a reason.", Operation.OVERRIDE_FORECAST, _no_override, *plan.OVERRIDE_OUTCOMES)
    def override_withdraw(
        self, info: Ask, *, id: strawberry.ID, reason: str, idempotency_key: str, dry_run: bool = False
    ) -> OverridePayload:
        kept = withdraw_override(info.context.planner(), str(id), reason=reason, key=idempotency_key, dry_run=dry_run)
        return override_payload(kept, info.context.services.clock.now(), dry_run=dry_run)

    @act("Queue long work on the release that is served.", Operation.RUN_JOBS, _no_job, *plan.JOB_OUTCOMES)
    def job_start(self, info: Ask, *, input: JobInput, idempotency_key: str, dry_run: bool = False) -> JobPayload:
        kind, complete = job_asked(info.context, input)
        return job_payload(start_job(info.context.planner(), kind, input, complete, key=idempotency_key, dry_run=dry_run))

    @act(
        "Cancel a job: at once where it waits, behind its present step where it runs.",
        Operation.RUN_JOBS,
        _no_job,
        *plan.JOB_OUTCOMES,
    )
    def job_cancel(
        self, info: Ask, *, id: strawberry.ID, idempotency_key: str, expected_version: int | None = None, dry_run: bool = False
    ) -> JobPayload:
        planner = info.context.planner()
        return job_payload(cancel_job(planner, str(id), key=idempotency_key, expected=expected_version, dry_run=dry_run))

    @act(
        "Queue a failed or cancelled job again; it goes on behind its last step.", Operation.RUN_JOBS, _no_job, *plan.JOB_OUTCOMES
    )
    def job_resume(
        self, info: Ask, *, id: strawberry.ID, idempotency_key: str, expected_version: int | None = None, dry_run: bool = False
    ) -> JobPayload:
        planner = info.context.planner()
        return job_payload(resume_job(planner, str(id), key=idempotency_key, expected=expected_version, dry_run=dry_run))

    @act("Report what a customer did with a product that was shown.", Operation.RECORD_OUTCOME, _no_outcome, *OUTCOME_OUTCOMES)
    def record_outcome(self, info: Ask, *, input: OutcomeInput, idempotency_key: str, dry_run: bool = False) -> OutcomePayload:
        asked = info.context
        report = report_of(input, idempotency_key)
        return outcome_payload(asked.outcomes().record(asked.front.log, asked.principal, report, dry_run=dry_run))
