"""What a scenario changes, and what is asked of it and answered."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from decisions.overlay import ForecastOverlay, Mechanic

__all__ = [
    "Change",
    "ChangeKind",
    "Column",
    "ComparisonAnswer",
    "ComparisonRequest",
    "DelistOutcome",
    "DelistOutcomes",
    "DelistQuestion",
    "Horizon",
    "Outlook",
    "PinnedScenario",
    "Question",
    "ScenarioEvaluator",
    "Taker",
    "WeekOutlook",
]

WEEK = timedelta(days=7)


class ChangeKind(StrEnum):
    """What kind of change."""

    DELIST = "delist"
    PLAN_PROMOTION = "plan_promotion"
    SWITCH_OFF_PROMOTION = "switch_off_promotion"
    PLAN_PRICE = "plan_price"
    IGNORE_NEIGHBOUR = "ignore_neighbour"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a scenario. Which fields a kind has is in `decisions.scenarios.checking`; the others are None.

    Weeks are `[from_week, until_week)`, both Mondays; `until_week` None: to the end of the horizon. `store_ids` None: all stores.
    `display` and `mailer` are shares of the stores; `price` is in units of currency per unit after discounts. A promotion that is
    switched off is pinned with its product, mechanic and weeks when the change is checked.
    """

    kind: ChangeKind
    product_id: str | None = None
    store_ids: tuple[str, ...] | None = None
    from_week: date | None = None
    until_week: date | None = None
    display: float | None = None
    mailer: float | None = None
    price: float | None = None
    promotion_id: str | None = None
    mechanic: Mechanic | None = None
    source_id: str | None = None
    target_id: str | None = None


@dataclass(frozen=True, slots=True)
class Horizon:
    """The weeks that a release can forecast: `weeks` of them from `first_week` on."""

    first_week: date
    weeks: int

    @property
    def end(self) -> date:
        """Return the Monday behind the last week."""
        return self.first_week + self.weeks * WEEK

    def mondays(self, from_week: date | None, until_week: date | None) -> tuple[date, ...]:
        """Return the Mondays of `[from_week, until_week)` that lie within; None is the horizon's own bound."""
        every = (self.first_week + step * WEEK for step in range(self.weeks))
        return tuple(
            monday for monday in every if (from_week or self.first_week) <= monday and (until_week is None or monday < until_week)
        )


@dataclass(frozen=True, slots=True)
class PinnedScenario:
    """One revision of a scenario with its content, so that an answer can be computed again from the request alone."""

    id: str
    revision: int
    name: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What the forecast is asked, for the base and for every scenario alike."""

    product_id: str
    store_id: str | None = None
    horizon_weeks: int = 4
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """One product in the base and under several scenarios; `combined` adds all of them laid over each other."""

    product_id: str
    store_id: str | None = None
    horizon_weeks: int = 4
    as_of: date | None = None
    scenarios: tuple[PinnedScenario, ...] = ()
    combined: bool = False


@dataclass(frozen=True, slots=True)
class WeekOutlook:
    """Units in the week that begins on `week_start`, with an 80 % interval."""

    week_start: date
    units: float
    low: float
    high: float
    promoted: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the forecast says, by which system."""

    as_of: date
    system: str
    weeks: tuple[WeekOutlook, ...]


@dataclass(frozen=True, slots=True)
class DelistQuestion:
    """What happens when a product goes: in these stores (None: all), in `[from_week, until_week)`, all of it forecast weeks."""

    product_id: str
    store_ids: tuple[str, ...] | None
    from_week: date
    until_week: date
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Taker:
    """A product that takes over units of one that goes, with an interval."""

    product_id: str
    units: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DelistOutcome:
    """Units that are lost with a product, and how many of them others keep, with an interval."""

    lost_units: float
    kept_units: float
    low: float
    high: float
    takers: tuple[Taker, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """The base (no scenario), one scenario, or all combined, side by side. `difference` is units less those of the base."""

    name: str
    scenario_id: str | None
    revision: int | None
    outlook: Outlook
    units: float
    difference: float
    delist: DelistOutcome | None = None
    note: str | None = None
    """What could not be said, and why."""


@dataclass(frozen=True, slots=True)
class ComparisonAnswer:
    """The base first, then the scenarios as asked, then all combined where that was asked."""

    product_id: str
    store_id: str | None
    as_of: date
    columns: tuple[Column, ...]


class ScenarioEvaluator(Protocol):
    """Forecasts with and without suppositions. An empty overlay is the base."""

    def outlook(self, question: Question, overlay: ForecastOverlay) -> Outlook:
        """Return weekly units. Raises: the forecast's errors."""
        ...


class DelistOutcomes(Protocol):
    """Says what happens to the demand for a product that goes."""

    def outcome(self, question: DelistQuestion) -> DelistOutcome:
        """Return lost and kept units. Raises: DelistUntold where too little is known, and the errors of the room that answers."""
        ...
