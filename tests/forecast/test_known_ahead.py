"""A shop whose demand follows promotions, planned prices and events: each moves the weeks ahead that it was announced for."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from decisions.forecast import ForecastRequest, ForecastService, fit
from decisions.overlay import ForecastOverlay, GoneProduct, PlannedPrice
from features import publish_features
from features.demand_ahead import AHEAD_FEATURES, with_known_ahead
from features.demand_panel import chain_panel, store_panel
from kit.progress import SilentProgress
from tests.forecast.conftest import (
    FIRST_MONDAY,
    PLAN_DAY,
    PRODUCTS,
    SHOPS,
    STAMP,
    WEEKS,
    known_lake,
    known_promotions,
    line_table,
    promoted,
    rate,
)

pytestmark = pytest.mark.training

AHEAD = 8
NORMAL, CUT = 2.0, 1.2
PULLS = {"price": 2.5, "event": 2.0}
FAIR_SHOP = "st1"


def cheap(product: int, week: int) -> bool:
    return (week + 3 * product) % 7 == 2


def fair(week: int) -> bool:
    """A local event near one of the two shops, every fifth week."""
    return week % 5 == 3


def wanted(product: int, week: int, shop: str) -> float:
    pull = PULLS["price"] if cheap(product, week) else 1.0
    return rate(product, week) * pull * (PULLS["event"] if fair(week) and shop == FAIR_SHOP else 1.0)


def monday(week: int) -> date:
    return FIRST_MONDAY + timedelta(days=7 * week)


def price_rows(weeks, announced) -> pa.Table:
    rows = [
        {"product_id": PRODUCTS[product], "store_id": None, "week_start": monday(week), "planned_price": price,
         "announced_on": announced(week), **STAMP}
        for product in range(len(PRODUCTS)) for week in weeks
        for price in [CUT if cheap(product, week) else NORMAL]
    ]  # fmt: skip
    types = {"store_id": pa.string(), "week_start": pa.date32(), "announced_on": pa.date32()}
    return pa.Table.from_pylist(rows, pa.schema([(k, types.get(k) or pa.scalar(v).type) for k, v in rows[0].items()]))


def event_rows(weeks, announced) -> pa.Table:
    rows = [
        {"event_id": f"fair-{week}", "name": "Fair", "kind": "local_event", "first_day": monday(week),
         "last_day": monday(week) + timedelta(days=6), "store_id": FAIR_SHOP, "announced_on": announced(week), **STAMP}
        for week in weeks if fair(week)
    ]  # fmt: skip
    types = dict.fromkeys(("first_day", "last_day", "announced_on"), pa.date32())
    return pa.Table.from_pylist(rows, pa.schema([(k, types.get(k) or pa.scalar(v).type) for k, v in rows[0].items()]))


def early(week: int) -> date:
    return monday(week) - timedelta(days=80)


@pytest.fixture(scope="module")
def planning_lake(tmp_path_factory):
    lake, random = known_lake(tmp_path_factory.mktemp("planning")), np.random.default_rng(11)
    keys = [(week, product, shop) for week in range(WEEKS) for product in range(len(PRODUCTS)) for shop in SHOPS]
    lines = line_table(keys, random.poisson([wanted(product, week, shop) for week, product, shop in keys]).astype(float))
    at = pa.array([CUT if cheap(product, week) else NORMAL for week, product, _ in keys])
    net = pa.array(np.asarray(lines["quantity"]) * np.asarray(at))
    lake.replace("sales_lines", lines.set_column(lines.column_names.index("net_sales"), "net_sales", net))
    lake.replace("promotion_weeks", known_promotions(planned=AHEAD))
    lake.replace("planned_prices", price_rows(range(WEEKS + AHEAD), early))
    lake.replace("calendar_events", event_rows(range(WEEKS + AHEAD), early))
    return lake


def service_of(lake, graph, folder, country="US"):
    artefact, tables, _ = fit(
        lake, as_of=PLAN_DAY, edges_as_of=lambda day: {}, seed=7, progress=SilentProgress(), country=country
    )
    return ForecastService(graph, publish_features(folder, PLAN_DAY, tables), artefact)


@pytest.fixture(scope="module")
def planner(planning_lake, forecast_graph, tmp_path_factory):
    return service_of(planning_lake, forecast_graph, tmp_path_factory.mktemp("planning-features"))


def units_of(service, product, store=None, **supposed):
    answer = service.forecast(ForecastRequest(PRODUCTS[product], store, AHEAD), **supposed)
    return np.asarray([point.units for point in answer.points])


def lift(service, marked, store=None) -> np.ndarray:
    """Return, for each week ahead, forecasts of marked over those of unmarked products, each over its usual rate."""
    usual = np.asarray([rate(product, 1 - 5 * product) for product in range(len(PRODUCTS))])
    told = np.asarray([units_of(service, product, store) for product in range(len(PRODUCTS))]) / usual[:, None]
    mask, one, other = (
        np.asarray([[kind(product, WEEKS + step) for step in range(AHEAD)] for product in range(len(PRODUCTS))])
        for kind in (marked, promoted, cheap)
    )
    plain = ~one & ~other
    return np.asarray([told[mask[:, step], step].mean() / told[plain[:, step], step].mean() for step in range(AHEAD)])


def test_promotions_and_planned_prices_move_every_week_ahead(planner):
    assert lift(planner, promoted).min() > 1.6
    assert lift(planner, cheap).min() > 1.4


def test_an_event_near_a_shop_moves_every_such_week_there_and_nowhere_else(planner):
    fairs = np.asarray([fair(WEEKS + step) for step in range(AHEAD)])
    assert 0 < fairs.sum() < AHEAD
    there, elsewhere = (sum(units_of(planner, product, shop) for product in range(len(PRODUCTS))) for shop in (FAIR_SHOP, "st0"))
    ratio = there / elsewhere
    assert ratio[fairs].min() > 1.3 * ratio[~fairs].max()


def test_what_is_announced_after_the_day_changes_no_byte(planning_lake, planner, forecast_graph, tmp_path):
    lake = known_lake(tmp_path / "lake")
    for name in ("sales_lines", "promotion_weeks", "planned_prices", "calendar_events"):
        lake.replace(name, planning_lake.arrow(name))
    late = PLAN_DAY + timedelta(days=1)
    prices = price_rows(range(WEEKS + AHEAD), lambda week: late)
    lake.append("planned_prices", prices.set_column(3, "planned_price", pa.array([0.01] * prices.num_rows)))
    lake.append("calendar_events", event_rows(range(WEEKS + AHEAD), lambda week: late))
    again = service_of(lake, forecast_graph, tmp_path / "features")
    for product in (0, 5, 11):
        assert (units_of(again, product) == units_of(planner, product)).all()
        assert (units_of(again, product, FAIR_SHOP) == units_of(planner, product, FAIR_SHOP)).all()


def test_an_origin_sees_of_a_later_week_what_was_announced_by_then(planning_lake, tmp_path):
    """A plan that is announced three weeks ahead is known to horizons 1 to 3, and to none beyond."""
    lake = known_lake(tmp_path / "lake")
    for name in ("sales_lines", "promotion_weeks"):
        lake.replace(name, planning_lake.arrow(name))
    weeks = range(WEEKS)
    lake.replace("planned_prices", price_rows(weeks, lambda week: monday(week) - timedelta(days=15)))
    lake.replace("calendar_events", event_rows(weeks, lambda week: monday(week) - timedelta(days=15)))
    chain = chain_panel(lake, as_of=PLAN_DAY)
    for panel in (chain, store_panel(lake, chain)):
        ahead = with_known_ahead(lake, panel, None).ahead
        known = ~np.isnan(ahead.prices[:, :, :WEEKS])
        assert known[:3].all()
        assert not known[3:].any()
        flags = ahead.calendar[:, ahead.names.index("event_local_event"), :, :WEEKS]
        assert flags[:3].any()
        assert not flags[3:].any()


def test_tables_without_rows_are_feeds_that_never_came(tmp_path):
    lake = known_lake(tmp_path)
    lake.replace("planned_prices", price_rows(range(WEEKS), early).slice(0, 0))
    lake.replace("calendar_events", event_rows(range(WEEKS), early).slice(0, 0))
    assert {"planned_prices", "calendar_events"} <= set(lake.names())
    assert with_known_ahead(lake, chain_panel(lake, as_of=PLAN_DAY), None).ahead is None


def test_a_neighbour_that_is_gone_has_no_price(planner):
    gone = GoneProduct(PRODUCTS[1], monday(WEEKS + 2))
    overlay = ForecastOverlay.of(products_gone=[gone], prices=[PlannedPrice(PRODUCTS[1], monday(WEEKS + 2), CUT)])
    # of the same category
    asked = ForecastRequest(PRODUCTS[5], None, 8)
    supposed = planner._supposer.supposed(asked, overlay).chain
    row, steps = planner._supposer.row_of(PRODUCTS[1]), np.arange(8)
    known = ~np.isnan(supposed.ahead.prices[steps, row, WEEKS + steps])
    before = ~np.isnan(planner._supposer.chain.ahead.prices[steps, row, WEEKS + steps])
    assert before[2]
    assert known.tolist() == (before & (steps != 2)).tolist()


def test_a_supposed_price_moves_its_week_and_the_planned_one_moves_nothing(planner):
    for step in range(AHEAD):
        product = next(one for one in range(len(PRODUCTS)) if not cheap(one, WEEKS + step) and not promoted(one, WEEKS + step))
        before = units_of(planner, product)
        at = {
            price: ForecastOverlay.of(prices=[PlannedPrice(PRODUCTS[product], monday(WEEKS + step), price)])
            for price in (CUT, NORMAL)
        }
        cut, same = (units_of(planner, product, overlay=at[price]) for price in (CUT, NORMAL))
        assert same == pytest.approx(before, rel=1e-6)
        assert cut[step] > 1.3 * before[step]
        others = np.arange(AHEAD) != step
        assert cut[others] == pytest.approx(before[others], rel=1e-6)


def test_drivers_tell_price_and_calendar_and_sum_exactly(planner):
    for product in range(len(PRODUCTS)):
        answer = planner.forecast(ForecastRequest(PRODUCTS[product], FAIR_SHOP, AHEAD))
        assert {"price", "calendar"} <= {driver.name for driver in answer.drivers}
        brought = sum(point.units - point.baseline_units for point in answer.points)
        assert sum(driver.units for driver in answer.drivers) == pytest.approx(brought, abs=1e-9)


def test_a_shop_without_such_feeds_and_without_a_country_has_no_such_column(forecast_lake):
    chain = chain_panel(forecast_lake, as_of=PLAN_DAY)
    assert with_known_ahead(forecast_lake, chain, None) is chain
    holidays = with_known_ahead(forecast_lake, chain, "US").ahead
    assert set(holidays.features) < AHEAD_FEATURES.keys()
    assert holidays.prices is None
    column = holidays.calendar[:, holidays.names.index("public_holidays"), 0]
    assert (column[:, 26] == 1).all()  # the week of 1 July 2024
    assert (column == column[0]).all()
