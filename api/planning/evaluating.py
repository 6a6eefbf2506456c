"""The forecast as planning asks it: under suppositions, and with what was set by hand."""

from dataclasses import dataclass

from api.services import Forecaster, Services
from decisions.forecast.contract import ForecastAnswer, ForecastRequest
from decisions.overlay import ForecastOverlay
from decisions.overrides import OverriddenAnswer, OverriddenRequest, SystemForecast, SystemWeek, lay_over
from decisions.scenarios import (
    ComparisonAnswer,
    ComparisonRequest,
    Outlook,
    PlanningWorld,
    Question,
    WeekOutlook,
    compare,
)

__all__ = ["ForecastEvaluator", "compared", "overridden", "system_forecast"]


@dataclass(frozen=True, slots=True)
class ForecastEvaluator:
    """Implements `decisions.scenarios.ScenarioEvaluator` on the served forecaster."""

    forecaster: Forecaster

    def outlook(self, question: Question, overlay: ForecastOverlay) -> Outlook:
        request = ForecastRequest(question.product_id, question.store_id, question.horizon_weeks, question.as_of)
        return _outlook(self.forecaster.forecast(request, overlay=overlay))


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
