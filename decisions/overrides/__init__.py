"""Forecasts set by hand: laid over the system's, and measured against it once the sales are known."""

from decisions.overrides.contract import (
    OverriddenAnswer,
    OverriddenRequest,
    OverriddenWeek,
    PinnedOverride,
    PinnedWeek,
    SystemForecast,
    SystemWeek,
)
from decisions.overrides.errors import OverrideError, OverrideInvalid, WeeksNotForecast
from decisions.overrides.laying import check_override, check_reason, lay_over
from decisions.overrides.value_added import (
    FEWEST_HOUSEHOLDS,
    Actuals,
    Judged,
    OverrideValue,
    ValueAdded,
    ValueReport,
    value_added,
)

__all__ = [
    "FEWEST_HOUSEHOLDS",
    "Actuals",
    "Judged",
    "OverriddenAnswer",
    "OverriddenRequest",
    "OverriddenWeek",
    "OverrideError",
    "OverrideInvalid",
    "OverrideValue",
    "PinnedOverride",
    "PinnedWeek",
    "SystemForecast",
    "SystemWeek",
    "ValueAdded",
    "ValueReport",
    "WeeksNotForecast",
    "check_override",
    "check_reason",
    "lay_over",
    "value_added",
]
