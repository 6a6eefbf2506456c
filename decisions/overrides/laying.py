"""Laying overrides over the system's forecast, and what an override must be to be kept."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from decisions.overrides.contract import OverriddenAnswer, OverriddenRequest, OverriddenWeek, PinnedOverride, SystemForecast
from decisions.overrides.errors import OverrideInvalid, WeeksNotForecast

__all__ = ["check_override", "check_reason", "lay_over"]

MAXIMUM_REASON = 500
MAXIMUM_UNITS = 1e7
WEEK = timedelta(days=7)


def check_override(
    units_by_week: Mapping[date, float], system: SystemForecast, *, reason: str, expires_at: datetime, now: datetime
) -> str:
    """Return the reason without white space around it.

    Raises:
        OverrideInvalid, WeeksNotForecast.
    """
    plain = check_reason(reason)
    if not units_by_week:
        raise OverrideInvalid("The list of weeks", "at least one week")
    if not all(0.0 <= units <= MAXIMUM_UNITS for units in units_by_week.values()):
        raise OverrideInvalid("A number of units", f"0 to {MAXIMUM_UNITS:,.0f}")
    if expires_at.tzinfo is None or expires_at <= now:
        raise OverrideInvalid("The expiry", "a time to come, with its offset from UTC")
    forecast = [week.week_start for week in system.weeks]
    for week_start in sorted(units_by_week):
        if week_start not in forecast:
            raise WeeksNotForecast(week_start, forecast[0], forecast[-1] + WEEK)
    return plain


def check_reason(reason: str) -> str:
    """Return a reason without white space around it. Raises: OverrideInvalid."""
    plain = reason.strip()
    if not plain or len(plain) > MAXIMUM_REASON:
        raise OverrideInvalid("The reason", f"1 to {MAXIMUM_REASON} characters")
    return plain


def lay_over(request: OverriddenRequest, system: SystemForecast) -> OverriddenAnswer:
    """Return both figures of every week; the request's overrides are those in force."""
    by_week = {week.week_start: (override, week.units) for override in request.overrides for week in override.weeks}
    weeks = tuple(_week(week.week_start, week.units, by_week.get(week.week_start)) for week in system.weeks)
    return OverriddenAnswer(
        request.product_id,
        request.store_id,
        system.as_of,
        system.system,
        sum(week.system_units for week in weeks),
        sum(week.units for week in weeks),
        weeks,
    )


def _week(week_start: date, system_units: float, found: tuple[PinnedOverride, float] | None) -> OverriddenWeek:
    if found is None:
        return OverriddenWeek(week_start, system_units, system_units, None)
    override, units = found
    return OverriddenWeek(week_start, system_units, units, override)
