"""Bounds of planning's lists, and what its decisions cost."""

from collections.abc import Mapping

__all__ = ["PLANNING_BOUNDS", "PLANNING_DECISIONS"]

PLANNING_BOUNDS: Mapping[str, int] = {
    "Scenario.changes": 50,
    "ScenarioPayload.changes": 50,
    "ScenarioPayload.userErrors": 5,
    "ScenarioComparison.columns": 7,
    "ScenarioColumn.weeks": 8,
    "DelistOutcome.takers": 10,
    "OverlappingChanges.overlaps": 20,
    "Job.events": 30,
    "JobPayload.userErrors": 5,
    "ForecastOverride.weeks": 8,
    "OverridePayload.weeks": 8,
    "OverridePayload.userErrors": 5,
    "OverriddenForecast.weeks": 8,
    "OutcomePayload.userErrors": 5,
    "ForecastValueAdded.byAuthor": 100,
    "ForecastValueAdded.overrides": 1000,
}
PLANNING_DECISIONS: Mapping[str, int] = {
    "Query.scenarioComparison": 7,
    "Forecast.overridden": 1,
    "Mutation.overrideSet": 1,
}
"""Forecasts that a field may ask for: a comparison one for the base, five scenarios and all of them combined."""
