"""What may be known ahead of a week beside its promotions, and how it is kept."""

from dataclasses import dataclass

import numpy as np

from features.known_future import EVENT_KINDS

__all__ = ["CALENDAR_AHEAD", "EVENTS_AHEAD", "PRICES_AHEAD", "KnownAhead"]

PRICES_AHEAD = ("planned_price_to_usual", "planned_price_to_last")
"""Ratios of the planned price to the mean price of 26 weeks, and to the last one."""
CALENDAR_AHEAD = ("public_holidays", "days_to_holiday", "holiday_week_before", "holiday_week_after", "week_of_month")
"""The place in the year is left out: over one year it names each week, and trees would learn the week by heart."""
EVENTS_AHEAD = tuple(f"event_{kind}" for kind in EVENT_KINDS)


@dataclass(frozen=True, slots=True, eq=False)
class KnownAhead:
    """What was known of each week so many weeks ahead.

    `calendar` is 8 x C x R x (T + 8) by weeks ahead, column of `names` and place: a place is the chain, or a store. `place`
    (int64, N) is that of each series. `prices` is 8 x N x (T + 8), in currency, NaN where none was planned; None without a feed
    of them.
    """

    names: tuple[str, ...]
    calendar: np.ndarray
    place: np.ndarray
    prices: np.ndarray | None

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the feature columns, in order."""
        return (*(PRICES_AHEAD if self.prices is not None else ()), *self.names)
