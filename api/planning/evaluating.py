"""The forecast as planning asks it: with suppositions where the served forecaster takes them, refused where it does not."""

import inspect
from dataclasses import dataclass
from typing import Any, Protocol

from api.services import Forecaster, Services
from decisions.forecast.contract import ForecastAnswer, ForecastRequest
from decisions.overlay import ForecastOverlay
from decisions.overrides import OverriddenAnswer, OverriddenRequest, SystemForecast, SystemWeek, lay_over
from decisions.scenarios import (
    ComparisonAnswer,
    ComparisonRequest,
    EvaluationUnavailable,
    Outlook,
    PlanningWorld,
    Question,
    WeekOutlook,
    compare,
)

__all__ = ["ForecastEvaluator", "OverlayForecaster", "compared", "overridden", "system_forecast", "takes_overlay"]


class OverlayForecaster(Protocol):
    """A forecaster that takes suppositions; `decisions.overlay.ForecastOverlay` says what each of them means."""

    def forecast(self, request: ForecastRequest, *, overlay: ForecastOverlay) -> ForecastAnswer:
        """Return weekly units under the overlay. Raises: the errors of `decisions.forecast`."""
        ...


def takes_overlay(forecaster: Any) -> bool:
    """Return whether a forecaster takes suppositions: its method says so, whoever made the release."""
    return "overlay" in inspect.signature(forecaster.forecast).parameters


@dataclass(frozen=True, slots=True)
class ForecastEvaluator:
    """Implements `decisions.scenarios.ScenarioEvaluator` on the served forecaster."""

    forecaster: Forecaster

    def outlook(self, question: Question, overlay: ForecastOverlay) -> Outlook:
        request = ForecastRequest(question.product_id, question.store_id, question.horizon_weeks, question.as_of)
        return _outlook(self._answer(request, overlay))

    def _answer(self, request: ForecastRequest, overlay: ForecastOverlay) -> ForecastAnswer:
        if overlay.is_empty:
            return self.forecaster.forecast(request)
        if not takes_overlay(self.forecaster):
            raise EvaluationUnavailable("what a forecast would be under planned changes")
        supposing: Any = self.forecaster
        answer: ForecastAnswer = supposing.forecast(request, overlay=overlay)
        return answer


def compared(services: Services, request: ComparisonRequest) -> ComparisonAnswer:
    """Return the base and the scenarios of a request side by side. Raises: as `decisions.scenarios.compare`."""
    return compare(request, PlanningWorld.of(services.graph), ForecastEvaluator(services.forecaster), services.delistings)


def overridden(services: Services, request: OverriddenRequest) -> OverriddenAnswer:
    """Return the system's forecast and what was set by hand. Raises: the errors of `decisions.forecast`."""
    asked = ForecastRequest(request.product_id, request.store_id, request.horizon_weeks, request.as_of)
    return lay_over(request, system_forecast(services.forecaster.forecast(asked)))


def system_forecast(answer: ForecastAnswer) -> SystemForecast:
    """Return a forecast as overrides are laid over it."""
    return SystemForecast(
        answer.as_of, answer.system, tuple(SystemWeek(point.week_start, point.units) for point in answer.points)
    )


def _outlook(answer: ForecastAnswer) -> Outlook:
    weeks = (WeekOutlook(one.week_start, one.units, one.low, one.high, one.promoted) for one in answer.points)
    return Outlook(answer.as_of, answer.system, tuple(weeks))
