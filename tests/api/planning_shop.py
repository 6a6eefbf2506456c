"""The small shop with planners in it: books on disk, a forecaster that takes suppositions, and a service for delistings."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from api.planning.parts import Planning
from decisions.forecast.contract import ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.errors import NoHistory
from decisions.overlay import NO_OVERLAY, ForecastOverlay, Mechanic
from decisions.overrides import Actuals, Judged, ValueReport, value_added
from decisions.scenarios import DelistOutcome, DelistQuestion, Taker
from governance.records import SqliteJobBook, SqliteOverrideBook, SqliteScenarioBook
from kit.clock import Clock
from pipeline.books import PlanningBooks
from tests.api import small_shop

FIRST_WEEK = date(2018, 1, 1)
"""The week after the shop's last complete one."""
BASE_UNITS = 10.0


def week(number: int) -> date:
    """The Monday of a forecast week, counted from 0."""
    return FIRST_WEEK + timedelta(days=7 * number)


@dataclass
class SupposingForecaster:
    """Ten units a week; a display doubles them, a price above 2 halves them, each ignored neighbour of the product adds one.

    A product that is gone sells nothing; every other one sells 2 more for each that is gone.
    """

    asked: list[tuple[ForecastRequest, ForecastOverlay]] = field(default_factory=list)

    def forecast(self, request: ForecastRequest, *, overlay: ForecastOverlay = NO_OVERLAY) -> ForecastAnswer:
        self.asked.append((request, overlay))
        answer = small_shop.FixedForecaster().forecast(request)
        points = enumerate(answer.points)
        return replace(answer, points=tuple(self._point(request.product_id, week(step), overlay, one) for step, one in points))

    def _point(self, product_id: str, monday: date, overlay: ForecastOverlay, plain: ForecastPoint) -> ForecastPoint:
        gone = {one.product_id for one in overlay.products_gone if one.week_start == monday}
        on = {one.mechanic for one in overlay.promotions_on if (one.product_id, one.week_start) == (product_id, monday)}
        price = next((one.price for one in overlay.prices if (one.product_id, one.week_start) == (product_id, monday)), 2.0)
        units = BASE_UNITS * (2 if Mechanic.DISPLAY in on else 1) * (0.5 if price > 2 else 1)
        units += 2 * len(gone - {product_id}) + sum(one.source_id == product_id for one in overlay.neighbours_ignored)
        units = 0.0 if product_id in gone else units
        return replace(plain, week_start=monday, units=units, low=units * 0.8, high=units * 1.2, promoted=bool(on))


class KnownDelistings:
    """A tenth is lost for good; the next product takes the rest."""

    def outcome(self, question: DelistQuestion) -> DelistOutcome:
        number = int(question.product_id[1:])
        if question.product_id == small_shop.NO_HISTORY:
            raise NoHistory(question.product_id, None, 26)
        return DelistOutcome(10.0, 9.0, 8.0, 10.0, (Taker(small_shop.name(number + 1), 9.0, 8.0, 10.0),))


@dataclass
class KnownSales:
    """Measures overrides by sales that the test knows."""

    units: dict[tuple[str, date], float] = field(default_factory=dict)
    households: dict[str, int] = field(default_factory=dict)
    known_until: date = small_shop.AS_OF

    def __call__(self, judged: tuple[Judged, ...]) -> ValueReport:
        return value_added(judged, Actuals(self.known_until, self.units, self.households))


def books(folder: Path, clock: Clock) -> PlanningBooks:
    return PlanningBooks(
        SqliteScenarioBook(folder / "scenarios.sqlite", clock=clock),
        SqliteOverrideBook(folder / "overrides.sqlite", clock=clock),
        SqliteJobBook(folder / "jobs.sqlite", clock=clock),
    )


def planning(folder: Path, clock: Clock, sales: KnownSales | None = None, queue_limit: int = 20) -> Planning:
    return Planning(books(folder, clock), sales or KnownSales(), queue_limit)
