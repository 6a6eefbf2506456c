"""OverrideError
├── OverrideInvalid    units, reason or expiry are outside of what is allowed
└── WeeksNotForecast   a week is named that the release does not forecast for this product
"""

from datetime import date

from kit.errors import ShelfgraphError

__all__ = ["OverrideError", "OverrideInvalid", "WeeksNotForecast"]


class OverrideError(ShelfgraphError):
    """A forecast cannot be set by hand this way."""


class OverrideInvalid(OverrideError):
    """Units, reason or expiry are outside of what is allowed."""

    def __init__(self, what: str, allowed: str) -> None:
        self.what = what
        self.allowed = allowed
        super().__init__(f"{what} is not {allowed}.", "Change it and try again.")


class WeeksNotForecast(OverrideError):
    """A week is named that the release does not forecast for this product."""

    def __init__(self, week_start: date, first_week: date, until_week: date) -> None:
        self.week_start = week_start
        self.first_week = first_week
        self.until_week = until_week
        super().__init__(
            f"The week of {week_start.isoformat()} is not forecast.",
            f"Choose Mondays from {first_week.isoformat()} up to before {until_week.isoformat()}.",
        )
