"""What jobs can do, in one table. Adding a kind: its parameters as a frozen value, a check at the door, and its work.

A kind's parameters are complete when a job is queued: products are listed, scenarios hold their changes. So a step is a
pure function of the release, the parameters and its number, and it does not matter who does it, when, or how often.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from api.decisions_made import Refused
from api.error_map import answer_for
from api.errors import ArgumentInvalid, JobKindUnknown
from api.planning.evaluating import ForecastEvaluator
from api.services import Services
from decisions.scenarios import (
    Change,
    ChangeKind,
    ComparisonAnswer,
    ComparisonRequest,
    DelistQuestion,
    EvaluationUnavailable,
    PinnedScenario,
    PlanningWorld,
    UnknownProduct,
    UnknownStore,
    check_changes,
    horizon_of,
    side_by_side,
    suppositions,
)
from governance.records import JobDraft
from kit.canonical import canonical_bytes
from kit.errors import ShelfgraphError
from kit.restored import restored
from pipeline.job_runner import JobWork

__all__ = ["JOB_KINDS", "MAXIMUM_PRODUCTS", "ComparisonSheet", "DelistSheet", "JobKind", "kind_of", "open_work"]

MAXIMUM_PRODUCTS = 20_000
PRODUCTS_PER_STEP = 20
"""A killed worker loses at most so many answers; each step costs one commit to disk."""


@dataclass(frozen=True, slots=True)
class ComparisonSheet:
    """Scenarios compared over many products: parameters of `scenario_comparison`."""

    products: tuple[str, ...]
    scenarios: tuple[PinnedScenario, ...]
    store_id: str | None = None
    horizon_weeks: int = 4
    combined: bool = False


@dataclass(frozen=True, slots=True)
class DelistSheet:
    """Products asked one by one what becomes of their demand when they go: parameters of `delist_what_if`."""

    products: tuple[str, ...]
    from_week: date
    until_week: date | None = None
    store_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job: its parameters' type, what refuses them at the door, how many steps they are, and the work."""

    parameters: type
    check: Callable[[Services, Any], None]
    steps: Callable[[Any], int]
    open: Callable[[Services, Any], JobWork]


class _ProductByProduct(ABC):
    """Asks the same of every product. One that is refused is a row, and no failure of the whole job."""

    def __init__(self, services: Services, products: Sequence[str]) -> None:
        self._services = services
        self._products = products

    def step(self, number: int) -> bytes:
        block = self._products[number * PRODUCTS_PER_STEP : (number + 1) * PRODUCTS_PER_STEP]
        return canonical_bytes([self._row(product_id) for product_id in block])

    @abstractmethod
    def _row(self, product_id: str) -> dict[str, Any]: ...


class _Comparing(_ProductByProduct):
    def __init__(self, services: Services, sheet: ComparisonSheet) -> None:
        super().__init__(services, sheet.products)
        self._sheet = sheet
        self._evaluator = ForecastEvaluator(services.forecaster)
        world = PlanningWorld.of(services.graph)
        self._horizon = world.horizon
        self._supposed = suppositions(_asked(sheet, sheet.products[0]), world)

    def whole(self, results: Sequence[bytes]) -> bytes:
        rows = _rows(results)
        named = [row["columns"] for row in rows if row["columns"]]
        totals = [
            {"name": column["name"], **{what: sum(one[at][what] for one in named) for what in ("units", "difference")}}
            for at, column in enumerate(named[0] if named else ())
        ]
        refused = sum(row["refused"] is not None for row in rows)
        return canonical_bytes({"products": len(rows), "refused": refused, "totals": totals, "rows": rows})

    def _row(self, product_id: str) -> dict[str, Any]:
        asked = _asked(self._sheet, product_id)
        answer: ComparisonAnswer | Refused = _or_refused(
            lambda: side_by_side(asked, self._supposed, self._horizon, self._evaluator, self._services.delistings)
        )
        if isinstance(answer, Refused):
            return {"product_id": product_id, "refused": answer, "columns": []}
        columns = [
            {
                "name": column.name, "scenario_id": column.scenario_id, "revision": column.revision,
                "system": column.outlook.system, "units": column.units, "difference": column.difference,
            }
            for column in answer.columns
        ]  # fmt: skip
        return {"product_id": product_id, "refused": None, "columns": columns}


class _Delisting(_ProductByProduct):
    def __init__(self, services: Services, sheet: DelistSheet) -> None:
        super().__init__(services, sheet.products)
        self._sheet = sheet

    def whole(self, results: Sequence[bytes]) -> bytes:
        rows = _rows(results)
        told = [row["outcome"] for row in rows if row["outcome"] is not None]
        totals = {what: sum(one[what] for one in told) for what in ("lost_units", "kept_units")}
        return canonical_bytes({"products": len(rows), "refused": len(rows) - len(told), "totals": totals, "rows": rows})

    def _row(self, product_id: str) -> dict[str, Any]:
        sheet, delistings = self._sheet, self._services.delistings
        if delistings is None:
            raise EvaluationUnavailable("what a delisting does to other products")
        until = sheet.until_week or horizon_of(self._services.graph.version.as_of).end
        asked = DelistQuestion(product_id, sheet.store_ids, sheet.from_week, until)
        answer = _or_refused(lambda: delistings.outcome(asked))
        if isinstance(answer, Refused):
            return {"product_id": product_id, "refused": answer, "outcome": None}
        return {"product_id": product_id, "refused": None, "outcome": answer}


def _asked(sheet: ComparisonSheet, product_id: str) -> ComparisonRequest:
    return ComparisonRequest(product_id, sheet.store_id, sheet.horizon_weeks, None, sheet.scenarios, sheet.combined)


def _check_comparison(services: Services, sheet: ComparisonSheet) -> None:
    _check_products(services, sheet.products)
    _check_stores(services, () if sheet.store_id is None else (sheet.store_id,))
    world = PlanningWorld.of(services.graph)
    if not 1 <= sheet.horizon_weeks <= world.horizon.weeks:
        raise ArgumentInvalid("horizonWeeks", f"1 to {world.horizon.weeks}")
    suppositions(_asked(sheet, sheet.products[0]), world)


def _check_delisting(services: Services, sheet: DelistSheet) -> None:
    if services.delistings is None:
        raise EvaluationUnavailable("what a delisting does to other products")
    _check_products(services, sheet.products)
    # every product is delisted alike, so one change stands for all of them
    change = Change(ChangeKind.DELIST, sheet.products[0], sheet.store_ids, sheet.from_week, sheet.until_week)
    check_changes((change,), PlanningWorld.of(services.graph))


def _check_products(services: Services, products: Sequence[str]) -> None:
    if not 1 <= len(products) <= MAXIMUM_PRODUCTS:
        raise ArgumentInvalid("products", f"a list of 1 to {MAXIMUM_PRODUCTS:,} products")
    for product_id in products:
        if services.graph.position("Product", product_id) is None:
            raise UnknownProduct(product_id)


def _check_stores(services: Services, stores: Sequence[str]) -> None:
    for store_id in stores:
        if services.graph.position("Store", store_id) is None:
            raise UnknownStore(store_id)


def _steps(sheet: ComparisonSheet | DelistSheet) -> int:
    return -(-len(sheet.products) // PRODUCTS_PER_STEP)


JOB_KINDS: Mapping[str, JobKind] = {
    "scenario_comparison": JobKind(ComparisonSheet, _check_comparison, _steps, _Comparing),
    "delist_what_if": JobKind(DelistSheet, _check_delisting, _steps, _Delisting),
}


def kind_of(name: str) -> JobKind:
    """Return a kind of job. Raises: JobKindUnknown."""
    found = JOB_KINDS.get(name)
    if found is None:
        raise JobKindUnknown(name, sorted(JOB_KINDS))
    return found


def open_work(draft: JobDraft, services: Services) -> JobWork:
    """Return the work of a queued job on its release. Raises: JobKindUnknown for a kind of another version of the program."""
    kind = kind_of(draft.kind)
    return kind.open(services, restored(kind.parameters, json.loads(draft.parameters)))


def _rows(results: Sequence[bytes]) -> list[Any]:
    return [row for result in results for row in json.loads(result)]


def _or_refused(ask: Callable[[], Any]) -> Any:
    """Return an answer, or the business outcome that stands in its way: one product's is no failure of the whole job."""
    try:
        return ask()
    except ShelfgraphError as error:
        if answer_for(error).outcome is None:
            raise
        return Refused(type(error).__name__, error.problem, error.remedy)
