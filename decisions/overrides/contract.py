"""A forecast with what was set by hand beside what the system says."""

from dataclasses import dataclass
from datetime import date, datetime

__all__ = [
    "OverriddenAnswer",
    "OverriddenRequest",
    "OverriddenWeek",
    "PinnedOverride",
    "PinnedWeek",
    "SystemForecast",
    "SystemWeek",
]


@dataclass(frozen=True, slots=True)
class PinnedWeek:
    """Units set by hand for the week that begins on `week_start`, and what the system said when they were set."""

    week_start: date
    units: float
    system_units: float


@dataclass(frozen=True, slots=True)
class PinnedOverride:
    """An override as it was in force when the question was asked, so that its answer can be computed again."""

    id: str
    author: str
    reason: str
    set_at: datetime
    expires_at: datetime
    weeks: tuple[PinnedWeek, ...]


@dataclass(frozen=True, slots=True)
class OverriddenRequest:
    """A question for a forecast, with the overrides in force, in the order they were set."""

    product_id: str
    store_id: str | None = None
    horizon_weeks: int = 4
    as_of: date | None = None
    overrides: tuple[PinnedOverride, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemWeek:
    """What the system says of one week, in units."""

    week_start: date
    units: float


@dataclass(frozen=True, slots=True)
class SystemForecast:
    """What the system says, by which of its systems."""

    as_of: date
    system: str
    weeks: tuple[SystemWeek, ...]


@dataclass(frozen=True, slots=True)
class OverriddenWeek:
    """One week with both figures. `override` is the one in force: None where the week is the system's alone."""

    week_start: date
    system_units: float
    units: float
    override: PinnedOverride | None


@dataclass(frozen=True, slots=True)
class OverriddenAnswer:
    """Both figures week by week, and in total. Where several overrides name a week, the one that was set last holds."""

    product_id: str
    store_id: str | None
    as_of: date
    system: str
    system_units: float
    units: float
    weeks: tuple[OverriddenWeek, ...]
