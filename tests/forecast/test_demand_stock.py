"""Where a shelf was empty, demand is told and not the sales that were possible."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.forecast import ForecastRequest, ForecastService
from features.demand_panel import chain_panel, store_panel
from features.demand_stock import demand_of, with_demand
from tests.forecast.conftest import (
    FIRST_MONDAY,
    PLAN_DAY,
    PLANNED,
    PRODUCTS,
    SHOPS,
    STAMP,
    WEEKS,
    fitted_on,
    known_lake,
    line_table,
    promoted,
    rate,
)

pytestmark = pytest.mark.training

DAYS_OUT = 4


def empty(product: int, week: int) -> bool:
    """A third of the weeks of every other product."""
    return product % 2 == 0 and (week + product) % 3 == 0


def stock_rows(*, simulated: bool = False, later: int = 0) -> pa.Table:
    rows = [
        {"product_id": PRODUCTS[product], "store_id": shop, "week_start": FIRST_MONDAY + timedelta(days=7 * week),
         "stock_on_hand_units": 5.0, "stock_out_days": DAYS_OUT if empty(product, week) else 0, **STAMP, "simulated": simulated}
        for product in range(len(PRODUCTS)) for shop in SHOPS for week in range(WEEKS + later)
    ]  # fmt: skip
    types = {"week_start": pa.date32()}
    return pa.Table.from_pylist(rows, pa.schema([(k, types.get(k) or pa.scalar(v).type) for k, v in rows[0].items()]))


@pytest.fixture(scope="module")
def limited_lake(tmp_path_factory):
    lake, random = known_lake(tmp_path_factory.mktemp("limited")), np.random.default_rng(17)
    keys = [(week, product, shop) for week in range(WEEKS) for product in range(len(PRODUCTS)) for shop in SHOPS]
    kept = [1 - DAYS_OUT / 7 if empty(product, week) else 1.0 for week, product, _ in keys]
    rates = [rate(product, week) * part for (week, product, _), part in zip(keys, kept, strict=True)]
    lake.replace("sales_lines", line_table(keys, random.poisson(rates).astype(float)))
    lake.replace("stock_levels", stock_rows())
    return lake


def panels(lake):
    chain = chain_panel(lake, as_of=PLAN_DAY)
    return chain, store_panel(lake, chain)


def test_demand_is_near_its_true_rate_where_sales_are_far_below(limited_lake):
    chain, stores = panels(limited_lake)
    wanted_chain, wanted = with_demand(limited_lake, chain, stores)
    cells = [(p, week) for p in range(len(PRODUCTS)) for week in range(8, WEEKS) if empty(p, week)]
    truth = sum(rate(product, week) for product, week in cells) * len(SHOPS)
    product = np.asarray([PRODUCTS.index(name) for name in stores.product_ids])
    mask = np.asarray([[week >= 8 and empty(one, week) for week in range(WEEKS)] for one in product])
    assert stores.units[mask].sum() / truth < 0.5
    assert wanted.units[mask].sum() / truth == pytest.approx(1.0, abs=0.06)
    assert (wanted.units[~mask & (np.arange(WEEKS) >= 8)] == stores.units[~mask & (np.arange(WEEKS) >= 8)]).all()
    assert wanted_chain.units.sum() == pytest.approx(wanted.units.sum(), rel=1e-5)
    assert wanted_chain.sold == pytest.approx(chain.units, abs=1e-3)
    assert wanted.sold == pytest.approx(stores.units, abs=1e-3)


def test_simulated_stock_limits_no_real_sale_and_later_weeks_are_not_read(limited_lake, tmp_path):
    lake = known_lake(tmp_path / "lake")
    lake.replace("sales_lines", limited_lake.arrow("sales_lines"))
    lake.replace("stock_levels", stock_rows(simulated=True))
    before = panels(lake)
    assert with_demand(lake, *before) == before
    lake.replace("stock_levels", stock_rows(later=6))
    found = with_demand(lake, *before)
    for mine, other in zip(found, with_demand(limited_lake, *panels(limited_lake)), strict=True):
        assert (mine.units == other.units).all()


def test_promoted_weeks_are_filled_from_promoted_weeks(limited_lake):
    _, stores = panels(limited_lake)
    _, wanted = with_demand(limited_lake, *panels(limited_lake))
    product = np.asarray([PRODUCTS.index(name) for name in stores.product_ids])
    late = range(20, WEEKS)
    both = np.asarray([[week in late and empty(one, week) and promoted(one, week) for week in range(WEEKS)] for one in product])
    truth = sum(rate(int(product[row]), int(week)) for row, week in zip(*np.nonzero(both), strict=True))
    assert wanted.units[both].sum() / truth == pytest.approx(1.0, abs=0.15)


@given(st.integers(0, 2**32 - 1))
def test_demand_is_never_below_sales_and_sees_no_later_week(seed):
    random = np.random.default_rng(seed)
    series, weeks = 5, 12
    units = random.poisson(3.0, (series, weeks)).astype(np.float32)
    out = np.where(random.random((series, weeks)) < 0.4, random.random((series, weeks)), 0.0)
    promotions = [random.random((series, weeks)).astype(np.float32) for _ in range(2)]
    whole = demand_of(units, out, *promotions)
    assert (whole >= units).all()
    assert (whole[out == 0] == units[out == 0]).all()
    cut = int(random.integers(1, weeks))
    early = demand_of(units[:, :cut], out[:, :cut], *(one[:, :cut] for one in promotions))
    assert (early == whole[:, :cut]).all()


def test_forecasts_are_of_demand_and_show_what_was_sold(limited_lake, forecast_graph, tmp_path):
    blind = known_lake(tmp_path / "blind")
    blind.replace("sales_lines", limited_lake.arrow("sales_lines"))
    told = {}
    for name, lake in (("knowing", limited_lake), ("blind", blind)):
        found = fitted_on(lake, {}, tmp_path / name, PLAN_DAY)
        service = ForecastService(forecast_graph, found.features, found.artefact)
        answers = {product: service.forecast(ForecastRequest(PRODUCTS[product], None, PLANNED)) for product in range(0, 24, 2)}
        told[name] = sum(point.units for answer in answers.values() for point in answer.points)
        last = {product: answer.history[-1][1] for product, answer in answers.items()}
        sold = chain_panel(lake, as_of=PLAN_DAY).units[:, -1]
        assert all(units == pytest.approx(sold[product]) for product, units in last.items())
    truth = len(SHOPS) * sum(rate(product, WEEKS + step) for product in range(0, 24, 2) for step in range(PLANNED))
    assert told["knowing"] / truth == pytest.approx(1.0, abs=0.1)
    assert told["blind"] / truth < 0.9
