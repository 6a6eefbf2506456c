"""The base and several scenarios side by side, for one product."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain

from decisions.overlay import NO_OVERLAY, ForecastOverlay
from decisions.scenarios.checking import PlanningWorld, check_changes
from decisions.scenarios.contract import (
    Change,
    ChangeKind,
    Column,
    ComparisonAnswer,
    ComparisonRequest,
    DelistOutcome,
    DelistOutcomes,
    DelistQuestion,
    Horizon,
    Outlook,
    PinnedScenario,
    Question,
    ScenarioEvaluator,
)
from decisions.scenarios.errors import DelistUntold, OverlappingChanges, ScenarioInvalid
from decisions.scenarios.overlaps import overlaps_between, placed
from decisions.scenarios.overlaying import overlay_of

__all__ = ["MAXIMUM_SCENARIOS", "Supposition", "compare", "side_by_side", "suppositions"]

MAXIMUM_SCENARIOS = 5
BASE = "base"
COMBINED = "combined"
WEEK = timedelta(days=7)
NO_DELIST_SERVICE = "This release has no service that says what a delisting does to other products."


@dataclass(frozen=True, slots=True)
class Supposition:
    """One column to be asked for: whose it is, its changes, and what they ask the forecast to suppose."""

    name: str
    scenario_id: str | None
    revision: int | None
    changes: tuple[Change, ...]
    overlay: ForecastOverlay


def suppositions(request: ComparisonRequest, world: PlanningWorld) -> tuple[Supposition, ...]:
    """Return what the columns behind the base suppose, held against the release that answers: a scenario made on an earlier one
    may name weeks that are over.

    Raises:
        ScenarioInvalid: too many scenarios, or one of them twice.
        OverlappingChanges: `combined` was asked, and scenarios contradict each other.
        StoreByStoreOnly, and the errors of `check_changes`.
    """
    _check(request)
    scenarios = [replace(scenario, changes=check_changes(scenario.changes, world)) for scenario in request.scenarios]
    wanted: list[tuple[str, str | None, int | None, tuple[Change, ...]]] = [
        (one.name, one.id, one.revision, one.changes) for one in scenarios
    ]
    if request.combined:
        wanted.append((COMBINED, None, None, _combined(scenarios, world)))
    return tuple(Supposition(*one, overlay_of(one[3], store_id=request.store_id, horizon=world.horizon)) for one in wanted)


def compare(
    request: ComparisonRequest, world: PlanningWorld, evaluator: ScenarioEvaluator, delistings: DelistOutcomes | None
) -> ComparisonAnswer:
    """Return the base and each scenario, every one asked of the same forecast in the same way.

    Raises: the errors of `suppositions` and of the forecast.
    """
    return side_by_side(request, suppositions(request, world), world.horizon, evaluator, delistings)


def side_by_side(
    request: ComparisonRequest,
    supposed: Sequence[Supposition],
    horizon: Horizon,
    evaluator: ScenarioEvaluator,
    delistings: DelistOutcomes | None,
) -> ComparisonAnswer:
    """Return what `compare` does of scenarios that are checked: they hold for every product that is asked about.

    Raises: the errors of the forecast.
    """
    question = Question(request.product_id, request.store_id, request.horizon_weeks, request.as_of)
    base = evaluator.outlook(question, NO_OVERLAY)
    comparison = _Comparison(request, question, base, horizon, evaluator, delistings)
    columns = (Column(BASE, None, None, base, _units(base), 0.0), *(comparison.column(one) for one in supposed))
    return ComparisonAnswer(request.product_id, request.store_id, base.as_of, columns)


def _check(request: ComparisonRequest) -> None:
    if len(request.scenarios) > MAXIMUM_SCENARIOS:
        raise ScenarioInvalid("The number of scenarios", f"at most {MAXIMUM_SCENARIOS}")
    if len({scenario.id for scenario in request.scenarios}) < len(request.scenarios):
        raise ScenarioInvalid("The list of scenarios", "free of repetitions")


def _combined(scenarios: Sequence[PinnedScenario], world: PlanningWorld) -> tuple[Change, ...]:
    together = list(chain.from_iterable(placed(scenario, scenario.changes) for scenario in scenarios))
    overlaps = overlaps_between(together, world.horizon)
    if overlaps:
        raise OverlappingChanges(overlaps)
    return tuple(one.change for one in together)


class _Comparison:
    def __init__(
        self,
        request: ComparisonRequest,
        question: Question,
        base: Outlook,
        horizon: Horizon,
        evaluator: ScenarioEvaluator,
        delistings: DelistOutcomes | None,
    ) -> None:
        self._request = request
        self._question = question
        self._base = base
        self._horizon = horizon
        self._evaluator = evaluator
        self._delistings = delistings

    def column(self, supposed: Supposition) -> Column:
        outlook = self._evaluator.outlook(self._question, supposed.overlay)
        units = _units(outlook)
        delist, note = self._delist(supposed.changes)
        difference = units - _units(self._base)
        return Column(supposed.name, supposed.scenario_id, supposed.revision, outlook, units, difference, delist, note)

    def _delist(self, changes: Sequence[Change]) -> tuple[DelistOutcome | None, str | None]:
        """What the delisting of the asked product itself does, where a scenario has one for the asked store and weeks."""
        store_id = self._request.store_id
        gone = next(
            (
                change
                for change in changes
                if change.kind is ChangeKind.DELIST
                and change.product_id == self._request.product_id
                and (store_id is None or change.store_ids is None or store_id in change.store_ids)
            ),
            None,
        )
        asked_weeks = Horizon(self._horizon.first_week, self._request.horizon_weeks)
        weeks = () if gone is None else asked_weeks.mondays(gone.from_week, gone.until_week)
        if gone is None or not weeks:
            return None, None
        if self._delistings is None:
            return None, NO_DELIST_SERVICE
        stores = gone.store_ids if store_id is None else (store_id,)
        asked = DelistQuestion(self._request.product_id, stores, weeks[0], weeks[-1] + WEEK, self._request.as_of)
        try:
            return self._delistings.outcome(asked), None
        except DelistUntold as error:
            # the forecast of the scenario is told all the same
            return None, error.problem


def _units(outlook: Outlook) -> float:
    return sum(week.units for week in outlook.weeks)
