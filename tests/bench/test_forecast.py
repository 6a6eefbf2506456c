"""The forecast benchmark: its slices by hand, its bootstrap, and a whole quick run in a shop whose demand is known."""

import numpy as np
import pytest

from bench.forecast import OTHER_SEED, _add_other_seed, _figures, run
from bench.forecast_scores import bootstrap, series_errors, value_of, wape
from bench.forecast_slices import chosen_products, slices_of
from bench.forecast_systems import Asked, permuted_system, simple_systems
from bench.frame import BenchContext
from decisions.forecast.backtest import TWIN_SYSTEM
from features.demand import DemandTransform
from features.demand_neighbours import NeighbourVintages, neighbours
from features.demand_panel import chain_panel
from kit.progress import SilentProgress
from tests.forecast.conftest import (
    PLAN_DAY,
    PRODUCTS,
    RELATIONS,
    SHOPS,
    WEEKS,
    known_edges,
    known_lake,
    line_table,
    promoted,
)

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return known_lake(tmp_path_factory.mktemp("forecast-bench"))


@pytest.fixture(scope="module")
def transform(shop):
    chain = chain_panel(shop, as_of=PLAN_DAY)
    return DemandTransform(chain, chain, NeighbourVintages.always(neighbours(chain, known_edges())))


def test_products_are_chosen_from_the_weeks_known_alone():
    units = np.zeros((4, 26))
    units[0, :10] = 5.0  # often and enough
    units[1, :9] = 5.0  # in too few weeks
    units[2, ::2] = 1.0  # often, not enough
    units[3, 13:] = 9.0  # too late
    assert chosen_products(units).tolist() == [0]


def test_slices_by_hand(transform):
    found = slices_of(transform, np.arange(len(PRODUCTS)), 2)
    own = [any(promoted(number, WEEKS + step) for step in range(2)) for number in range(len(PRODUCTS))]
    assert found["own_promoted"].tolist() == own
    assert found["not_promoted"].tolist() == [not one for one in own]
    # shares of a tenth or more of a product's substitutes: all of the few edges of this shop
    both = {
        target
        for source, target, _ in RELATIONS["isSubstituteFor"]
        if own[PRODUCTS.index(source)] and own[PRODUCTS.index(target)]
    }
    assert {PRODUCTS[row] for row in np.flatnonzero(found["own_and_substitutes_promoted"])} == both
    assert not found["substitute_stopped"].any()
    assert not found["intermittent"].any()


def test_a_type_that_is_all_of_the_error_makes_a_wide_interval_however_many_series_it_has():
    actual = np.full((2, 400), 10.0)
    forecast = actual + np.where(np.arange(400) < 200, 0.0, 4.0)
    history = np.tile([9.0, 11.0], (400, 5))
    one_type_each = series_errors(np.arange(400), 0, history, actual, forecast)
    two_types = series_errors(np.arange(400) // 200, 0, history, actual, forecast)
    narrow, wide = (bootstrap(wape, errors, seed=0) for errors in (one_type_each, two_types))
    assert narrow.value == wide.value == pytest.approx(0.2)
    assert narrow.high - narrow.low < 0.05
    assert (wide.low, wide.high) == (0.0, pytest.approx(0.4))


def test_simple_systems_read_no_later_week():
    random = np.random.default_rng(0)
    units = random.poisson(3, (12, 40)).astype(np.float32)
    changed = units.copy()
    changed[:, 30:] = 99.0
    names = ("croston", "tsb", "auto_ets")
    before, after = simple_systems(units, 30, 4, names), simple_systems(changed, 30, 4, names)
    assert set(before) == {"last_week", "mean_4", "mean_8", "seasonal_naive", *names}
    for name, forecast in before.items():
        assert forecast.shape == (4, 12)
        np.testing.assert_array_equal(forecast, after[name])


def test_the_placebo_has_other_neighbours(transform):
    asked = Asked(np.arange(len(PRODUCTS)), 2)
    how = {"maximum_rows": 5000, "members": 1}
    first, again, other = (permuted_system(transform, asked, seed=seed, **how) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_quick_run_measures_what_is_served_and_is_blind_to_later_sales(tmp_path, shop):
    def measured(lake, name):
        context = BenchContext(lake=lake, home=tmp_path / name, quick=True, progress=SilentProgress(), as_of=PLAN_DAY)
        return run(context)

    rows, notes = measured(shop, "one")
    figures = {(row.system, row.metric, row.slice): row.value for row in rows}
    for system in ("shelfgraph", "shelfgraph-with-neighbours", "shelfgraph-without-neighbours", "mean_8", "croston", "tsb"):
        assert 0 < figures[system, "wape", "sku"] < 2
    # sales that are drawn from the forecast are the better foreseen the more is sold
    assert figures["noise_ceiling", "wape", "total"] < figures["noise_ceiling", "wape", "sku"] < figures["mean_8", "wape", "sku"]
    # promotions triple what is sold, and means do not know when
    assert figures["shelfgraph", "wape_ratio_to_mean_8", "sku"] < 0.7
    assert {row.slice for row in rows} >= {"sku", "category", "total", "own_promoted", "not_promoted"}
    assert 0.5 < figures["shelfgraph", "coverage_80", "sku"] <= figures["shelfgraph", "coverage_95", "sku"] <= 1
    assert any("Served at" in note for note in notes)
    lake = known_lake(tmp_path / "lake")
    keys = [(WEEKS + step, product, shop) for step in range(3) for product in range(len(PRODUCTS)) for shop in SHOPS]
    lake.append("sales_lines", line_table(keys, [500.0] * len(keys)))
    again, _ = measured(lake, "two")
    assert [row.value for row in again] == [row.value for row in rows]


def test_another_seed_is_the_second_against_the_first_and_not_all_against_all():
    random = np.random.default_rng(0)
    systems = {TWIN_SYSTEM: [random.gamma(5, 1, (2, 50)) for _ in range(3)]}
    _add_other_seed(systems)
    history, actual = random.poisson(5, (50, 9)).astype(float), np.full((2, 50), 5.0)
    errors = {
        name: [series_errors(np.arange(50), 0, history, actual, one) for one in by_seed] for name, by_seed in systems.items()
    }
    asked = OTHER_SEED, f"wape_ratio_to_{TWIN_SYSTEM}"
    (told,) = [row.value for row in _figures("sku", errors) if (row.system, row.metric) == asked]
    first, second = (value_of(wape, one) for one in errors[TWIN_SYSTEM][:2])
    assert told == pytest.approx(second / first)
    assert abs(told - 1) > 0.001
