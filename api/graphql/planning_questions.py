"""The questions about plans: scenarios and their comparison, jobs and their results, overrides and what they were worth."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, TypeAlias, TypeVar, cast

import strawberry

from api.asked import Asked
from api.decisions_made import Made, Refused
from api.graphql import planning_problems as plan
from api.graphql import problems
from api.graphql.envelope_types import PageInfo
from api.graphql.job_types import Job, JobConnection, JobEdge, JobPage, JobResult, job_of
from api.graphql.node_types import Ask, node_of
from api.graphql.override_types import (
    ForecastValueAdded,
    OverrideConnection,
    OverrideEdge,
    override_of,
    value_added_of,
)
from api.graphql.product_types import check_first, load_product
from api.graphql.questions import question
from api.graphql.scenario_types import (
    Scenario,
    ScenarioComparison,
    ScenarioConnection,
    ScenarioEdge,
    ScenarioRefInput,
    comparison_of,
    scenario_of,
)
from api.identifiers import plain_id
from api.loaders import Page
from api.planning.jobs import find_job, job_result, jobs_of
from api.planning.overrides import value_report
from api.planning.parts import Decided
from api.planning.scenarios import compare_scenarios
from decisions.scenarios import ComparisonAnswer
from governance.policy import Operation

__all__ = ["PlanningQuestions"]

_P = problems
T = TypeVar("T")
ScenarioResult: TypeAlias = Annotated[
    Scenario | plan.UnknownScenario | _P.NotAuthorised, strawberry.union("ScenarioResult", description="A scenario, or why not.")
]
ScenarioComparisonResult: TypeAlias = Annotated[
    ScenarioComparison | _P.InsufficientEvidence | plan.OverlappingChanges | plan.WeeksOutsideHorizon | plan.StoreByStoreOnly
    | plan.EvaluationUnavailable | plan.UnknownScenario | plan.UnknownPromotion | plan.UnknownNeighbour | _P.UnknownProduct
    | _P.UnknownStore | _P.InvalidRequest | _P.NotAuthorised,
    strawberry.union("ScenarioComparisonResult", description="Base and scenarios side by side, or why not."),
]  # fmt: skip
JobAnswer: TypeAlias = Annotated[
    Job | plan.UnknownJob | _P.NotAuthorised, strawberry.union("JobAnswer", description="A job, or why not.")
]
JobResultAnswer: TypeAlias = Annotated[
    JobResult | plan.JobUnfinished | plan.UnknownJob | _P.NotAuthorised,
    strawberry.union("JobResultAnswer", description="What a job found, or why there is nothing."),
]
COMPARISON_OUTCOMES = (
    plan.OverlappingChanges, plan.WeeksOutsideHorizon, plan.StoreByStoreOnly, plan.EvaluationUnavailable, plan.UnknownScenario,
    plan.UnknownPromotion, plan.UnknownNeighbour, _P.UnknownProduct, _P.UnknownStore, _P.InvalidRequest, _P.NotAuthorised,
)  # fmt: skip


@strawberry.type
class PlanningQuestions:
    """A part of the root."""

    @question("Scenarios in their last revisions, the newest first; archived ones where asked.", Operation.READ_PLANS)
    def scenarios(self, info: Ask, first: int, after: str | None = None, archived: bool = False) -> ScenarioConnection:
        book = info.context.planner().planning.books.scenarios
        found, info_of = _page(
            info.context,
            f"scenarios:{archived}",
            first,
            after,
            lambda n, last: book.latest(limit=n, after=last, archived=archived),
        )
        edges = [ScenarioEdge(cursor=info_of(one.scenario_id), node=scenario_of(one)) for one in found[:first]]
        return ScenarioConnection(edges=edges, page_info=PageInfo.of(edges, seen=int(after is not None), more=len(found) > first))

    @question(
        "A scenario, in its last revision unless one is named.", Operation.READ_PLANS, plan.UnknownScenario, _P.NotAuthorised
    )
    def scenario(self, info: Ask, id: strawberry.ID, revision: int | None = None) -> ScenarioResult:
        return scenario_of(info.context.planner().planning.books.scenarios.get(str(id), revision))

    @question(
        "One product in the base and under at most five scenarios, side by side; `combined` adds all laid over each other.",
        Operation.READ_PLANS,
        *COMPARISON_OUTCOMES,
    )
    def scenario_comparison(
        self, info: Ask, *, product_id: strawberry.ID, scenarios: list[ScenarioRefInput], store_id: strawberry.ID | None = None,
        horizon_weeks: int = 4, as_of: date | None = None, combined: bool = False,
    ) -> ScenarioComparisonResult:  # fmt: skip
        decided = compare_scenarios(
            info.context.planner(), plain_id("Product", str(product_id)), [(str(one.id), one.revision) for one in scenarios],
            store_id=plain_id("Store", str(store_id)) if store_id else None, horizon_weeks=horizon_weeks, as_of=as_of,
            combined=combined,
        )  # fmt: skip
        return cast("ScenarioComparisonResult", _comparison(info.context, decided))

    @question("Jobs, the newest first: one's own, or all for those who may see them.", Operation.RUN_JOBS)
    def jobs(self, info: Ask, first: int, after: str | None = None) -> JobConnection:
        planner = info.context.planner()
        found, cursor_of = _page(
            info.context, f"jobs:{planner.name}", first, after, lambda n, last: jobs_of(planner, limit=n, after=last)
        )
        page = JobPage(tuple(one.id for one in found[:first]))
        edges = [JobEdge(cursor=cursor_of(one.id), node=job_of(one, page)) for one in found[:first]]
        return JobConnection(edges=edges, page_info=PageInfo.of(edges, seen=int(after is not None), more=len(found) > first))

    @question("A job as it stands.", Operation.RUN_JOBS, plan.UnknownJob, _P.NotAuthorised)
    def job(self, info: Ask, id: strawberry.ID) -> JobAnswer:
        return job_of(find_job(info.context.planner(), str(id)))

    @question(
        "What a job found: totals, and its rows page by page.",
        Operation.RUN_JOBS,
        plan.JobUnfinished,
        plan.UnknownJob,
        _P.NotAuthorised,
    )
    def job_result(self, info: Ask, id: strawberry.ID, first: int, after: str | None = None) -> JobResultAnswer:
        return cast("JobResultAnswer", _result(info.context, str(id), first, after))

    @question("Forecasts set by hand, the newest first.", Operation.READ_PLANS)
    def overrides(self, info: Ask, first: int, after: str | None = None) -> OverrideConnection:
        book, now = info.context.planner().planning.books.overrides, info.context.services.clock.now()
        found, cursor_of = _page(info.context, "overrides", first, after, lambda n, last: book.latest(limit=n, after=last))
        edges = [OverrideEdge(cursor=cursor_of(one.id), node=override_of(one, now)) for one in found[:first]]
        return OverrideConnection(edges=edges, page_info=PageInfo.of(edges, seen=int(after is not None), more=len(found) > first))

    @question(
        "What setting forecasts by hand was worth, of one author or of all: error of the hand against the system's.",
        Operation.READ_PLANS,
    )
    def forecast_value_added(self, info: Ask, author: str | None = None) -> ForecastValueAdded:
        return value_added_of(value_report(info.context.planner(), author=author))


def _page(
    asked: Asked, scope: str, first: int, after: str | None, read: Callable[[int, str | None], Sequence[T]]
) -> tuple[Sequence[T], Callable[[str], str]]:
    """Return a page and one item more, and what gives an item its cursor. Raises: ArgumentInvalid, CursorInvalid and its kin."""
    check_first(first)
    cursors = asked.front.cursors
    last = None if after is None else str(cursors.read(scope, after))
    return read(first + 1, last), lambda item: cursors.give(scope, item)


def _result(asked: Asked, job_id: str, first: int, after: str | None) -> JobResult:
    check_first(first)
    planner, scope, cursors = asked.planner(), f"job-rows:{job_id}", asked.front.cursors
    seen = 0 if after is None else int(cursors.read(scope, after))
    job, found = job_result(planner, job_id)
    rows = found.pop("rows")
    shown = rows[seen : seen + first]
    ends = (cursors.give(scope, seen + 1), cursors.give(scope, seen + len(shown))) if shown else (None, None)
    page = PageInfo(
        has_next_page=seen + len(shown) < len(rows), has_previous_page=seen > 0, start_cursor=ends[0], end_cursor=ends[1]
    )
    return JobResult(job=job_of(job), summary=found, rows=shown, page_info=page)


def _comparison(asked: Asked, decided: Decided) -> Any:
    made = cast("Made", decided.made)  # a planner of the front logs every decision
    answer: ComparisonAnswer | Refused = made.answer
    if isinstance(answer, Refused):
        return problems.refused_answer(made)
    product = load_product(asked, answer.product_id)
    store = None
    if answer.store_id is not None:
        found = asked.loaders.nodes_by_id.load(Page("Store", (answer.store_id,)))
        store = node_of(found[0]) if found else None
    if product is None:
        return problems.UnknownProduct(message="The product is gone.", remedy="Search for it.")
    return comparison_of(made, product, store)
