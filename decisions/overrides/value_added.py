"""Forecast value added: by how much the error fell because somebody set the forecast by hand.

The system's figure is the one it gave when the override was set, not what a later release would say. The measure is the
stairstep comparison of Gilliland ("The Business Forecasting Deal", 2010): WAPE of the step before less WAPE of the step.
A week counts once its sales are known and unless the override was taken back before that week began in business time, so
nobody betters a record by withdrawing what turned out wrong. Expiry does not matter: what was judged is measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from decisions.overrides.contract import PinnedWeek

__all__ = ["FEWEST_HOUSEHOLDS", "Actuals", "Judged", "OverrideValue", "ValueAdded", "ValueReport", "value_added"]

FEWEST_HOUSEHOLDS = 10
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Judged:
    """An override to be measured. `withdrawn_as_of` is the business day known when it was taken back, None: it was not."""

    id: str
    author: str
    product_id: str
    store_id: str | None
    weeks: tuple[PinnedWeek, ...]
    withdrawn_as_of: date | None = None

    def counted(self, known_until: date) -> tuple[PinnedWeek, ...]:
        """Return the weeks that are over on the business day `known_until` and had begun before a withdrawal."""
        return tuple(
            week
            for week in self.weeks
            if week.week_start + WEEK - timedelta(days=1) <= known_until
            and (self.withdrawn_as_of is None or week.week_start <= self.withdrawn_as_of)
        )


@dataclass(frozen=True, slots=True)
class Actuals:
    """What was sold. `units` by (override, week), absent is none; `households` that bought in an override's counted weeks."""

    known_until: date
    units: Mapping[tuple[str, date], float]
    households: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ValueAdded:
    """Errors are sums of absolute differences in units; the rates are shares of the actual units, None where none were sold.

    `value_added` is `system_wape` less `override_wape`: above 0 the hand did better than the system.
    """

    overrides: int
    weeks: int
    actual_units: float
    system_error: float
    override_error: float
    system_wape: float | None
    override_wape: float | None
    value_added: float | None


@dataclass(frozen=True, slots=True)
class OverrideValue:
    """One override. `value` is None as long as no week of it is known, and where it is withheld."""

    id: str
    author: str
    product_id: str
    store_id: str | None
    withheld: bool
    value: ValueAdded | None


@dataclass(frozen=True, slots=True)
class ValueReport:
    """Per override, per author and over all. Overrides that are withheld count in no total; `withheld` says how many."""

    known_until: date
    total: ValueAdded | None
    by_author: tuple[tuple[str, ValueAdded], ...]
    overrides: tuple[OverrideValue, ...]
    withheld: int
    waiting: int
    """Overrides of which no week is known yet."""


def value_added(judged: Sequence[Judged], actuals: Actuals) -> ValueReport:
    """Measure overrides against actual sales.

    Sales that fewer than 10 households are behind are withheld: the figures would tell what a few people bought. Sales of
    nobody are nobody's, and are told.
    """
    values = [_value_of(one, actuals) for one in judged]
    told = [one for one in values if one.value is not None]
    authors = sorted({one.author for one in told})
    return ValueReport(
        actuals.known_until,
        _together(told),
        tuple((author, total) for author in authors if (total := _together(one for one in told if one.author == author))),
        tuple(values),
        sum(one.withheld for one in values),
        sum(one.value is None and not one.withheld for one in values),
    )


def _value_of(judged: Judged, actuals: Actuals) -> OverrideValue:
    weeks = judged.counted(actuals.known_until)
    withheld = 0 < actuals.households.get(judged.id, 0) < FEWEST_HOUSEHOLDS
    value = None if withheld or not weeks else _measured(judged.id, weeks, actuals.units)
    return OverrideValue(judged.id, judged.author, judged.product_id, judged.store_id, withheld and bool(weeks), value)


def _measured(override_id: str, weeks: Sequence[PinnedWeek], units: Mapping[tuple[str, date], float]) -> ValueAdded:
    pairs = [(week, units.get((override_id, week.week_start), 0.0)) for week in weeks]
    return _rated(
        1,
        len(weeks),
        sum(actual for _, actual in pairs),
        sum(abs(week.system_units - actual) for week, actual in pairs),
        sum(abs(week.units - actual) for week, actual in pairs),
    )


def _together(parts: Iterable[OverrideValue]) -> ValueAdded | None:
    values = [part.value for part in parts if part.value is not None]
    if not values:
        return None
    return _rated(
        sum(one.overrides for one in values),
        sum(one.weeks for one in values),
        sum(one.actual_units for one in values),
        sum(one.system_error for one in values),
        sum(one.override_error for one in values),
    )


def _rated(overrides: int, weeks: int, actual: float, system_error: float, override_error: float) -> ValueAdded:
    if actual <= 0:
        return ValueAdded(overrides, weeks, actual, system_error, override_error, None, None, None)
    system_wape, override_wape = system_error / actual, override_error / actual
    return ValueAdded(
        overrides, weeks, actual, system_error, override_error, system_wape, override_wape, system_wape - override_wape
    )
