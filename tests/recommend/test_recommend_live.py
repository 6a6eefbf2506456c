"""Live figures of one household are those of a release that knew of its new baskets."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.recommend_live import LiveBasket, live_basket, read_household_baskets, with_live
from features.recommend_population import PopulationBefore, read_promotions
from features.recommend_tables import read_serving_features, serving_tables
from features.recommend_transform import household_knowledge, recent_items
from features.repertoire import Origins, day_number, read_purchases
from lake.delta_lake import DeltaLake
from tests.tiny_retailer import AS_OF, CATALOGUE, PRICES, _line, append_lines, build_tiny_lake, household

MERCHANDISE = tuple(row[0] for row in CATALOGUE if row[0] != "fuel")


KNOWN_DAY = np.array([day_number(AS_OF + timedelta(days=1))])


class InMemory:
    def __init__(self, tables):
        self.table = tables.__getitem__


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    lake = build_tiny_lake(tmp_path_factory.mktemp("live") / "lake")
    purchases = read_purchases(lake, AS_OF)
    tables = serving_tables(purchases, PopulationBefore(purchases, read_promotions(lake, purchases, 0)))
    features = read_serving_features(InMemory(tables))
    known = read_household_baskets(InMemory(tables), len(features.household_ids), features.levels)
    return lake, features, known


ONE_BASKET = st.tuples(st.integers(1, 40), st.lists(st.sampled_from(MERCHANDISE), min_size=1, max_size=6, unique=True))
BASKETS = st.lists(ONE_BASKET, min_size=1, max_size=8)


def places(features):
    return {product: place for place, product in enumerate(features.product_ids.to_pylist())}


def told(features, days, products):
    items = live_basket(places(features), dict.fromkeys(products, 1.0), day=0, store=0).items
    names = features.product_ids.take(items).to_pylist()
    sums = np.array([[1.0] * len(names), [0.0] * len(names), [round(PRICES[name], 2) for name in names]])
    return LiveBasket(day_number(AS_OF + timedelta(days=days)), 1, items, sums)


def live_knowledge(features, known, name, baskets, day):
    place = features.household_ids.index(name) if name in features.household_ids else None
    live = [told(features, days, products) for days, products in sorted(baskets, key=lambda one: one[0])]
    return with_live(features.knowledge, known, place, live, day=day, store=1)


def oracle(folder, lake, name, baskets, day):
    """Read everything anew from a lake that holds the new baskets as sales."""
    other = DeltaLake(folder, threads=1)
    for table in ("sales_lines", "products"):
        other.replace(table, lake.arrow(table))
    for number, (days, products) in enumerate(sorted(baskets, key=lambda one: one[0])):
        append_lines(other, [_line(f"live-{number:02d}", p, name, "st1", AS_OF + timedelta(days=days), 1.0) for p in products])
    purchases = read_purchases(other, AS_OF + timedelta(days=60))
    one = purchases.household_ids.to_pylist().index(name)
    until = purchases.household_start[one + 1]
    return household_knowledge(purchases, Origins(np.array([one]), np.array([until]), np.array([day]), np.array([1]), KNOWN_DAY))


@pytest.mark.parametrize("name", [household(3), household(40), "hh_" + "f" * 20])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(baskets=BASKETS, later=st.integers(0, 30))
def test_live_figures_are_those_of_a_release_that_knew(world, tmp_path_factory, name, baskets, later):
    lake, features, known = world
    day = day_number(AS_OF + timedelta(days=max(days for days, _ in baskets) + later))
    mine = live_knowledge(features, known, name, baskets, day)
    expected = oracle(tmp_path_factory.mktemp("oracle"), lake, name, baskets, day)
    for level in ("own", "types", "categories", "in_stores"):
        found, wanted = getattr(mine, level), getattr(expected, level)
        np.testing.assert_array_equal(found.key, wanted.key, level)
        np.testing.assert_allclose(found.values, wanted.values, rtol=1e-6, err_msg=level)
    np.testing.assert_allclose(mine.household, expected.household, rtol=1e-6)
    assert (mine.day.tolist(), mine.store.tolist()) == (KNOWN_DAY.tolist(), [1])
    np.testing.assert_array_equal(recent_items(mine).product, recent_items(expected).product)


def test_without_a_live_basket_the_figures_are_the_stored_ones(world):
    _, features, known = world
    for place in (0, 7, len(features.household_ids) - 1):
        mine = with_live(features.knowledge, known, place, (), day=int(features.knowledge.day[place]), store=2)
        stored = features.knowledge.of(place, 2)
        for level in ("own", "types", "categories"):
            np.testing.assert_array_equal(getattr(mine, level).key, getattr(stored, level).key)
            np.testing.assert_array_equal(getattr(mine, level).values, getattr(stored, level).values)
        np.testing.assert_array_equal(mine.household, stored.household)
        np.testing.assert_array_equal(mine.last_basket, stored.last_basket)


def test_a_product_bought_live_alone_points_at_no_basket_of_the_release(world):
    _, features, known = world
    products = range(len(features.product_ids))
    held = [set(features.knowledge.of(place, 0).own.key.tolist()) for place in range(len(features.household_ids))]
    place, bought = next((place, bought) for place, bought in enumerate(held) if len(bought) < len(products))
    new = next(item for item in products if item not in bought)
    day = int(features.knowledge.day[place])
    mine = with_live(features.knowledge, known, place, [LiveBasket(day, 0, np.array([new]))], day=day + 1, store=0)
    at = mine.own.rows(0, np.array([new]))[0]
    assert mine.last_basket[at] == -1
    assert (mine.last_basket >= 0).sum() == len(bought)
    assert mine.own.values[at][0] == 1.0


def test_a_basket_that_was_told_late_takes_its_place_by_its_day(world):
    _, features, known = world
    place = features.household_ids.index(household(3))
    earlier = known.of(place)[0].day - 3
    day = int(features.knowledge.day[place])
    mine = with_live(features.knowledge, known, place, [LiveBasket(earlier, 0, known.of(place)[0].items)], day=day, store=0)
    at = mine.own.rows(0, known.of(place)[0].items)
    stored = features.knowledge.own.gather(place, known.of(place)[0].items)
    assert (mine.own.values[at][:, 0] == stored[:, 0] + 1).all()
    np.testing.assert_array_equal(mine.own.values[at][:, 2], stored[:, 2])


def test_what_the_release_does_not_know_is_left_out_and_nobody_without_a_basket_is_somebody(world):
    _, features, known = world
    milk = places(features)["milk"]
    told_basket = live_basket(places(features), {"milk": 2.0, "unheard": 1.0}, day=20_000, store=0)
    assert told_basket.items.tolist() == [milk]
    np.testing.assert_array_equal(told_basket.sums, [[2.0], [np.nan], [np.nan]])
    nothing = live_basket(places(features), {"unheard": 1.0}, day=20_000, store=0)
    mine = with_live(features.knowledge, known, None, [nothing], day=20_001, store=0)
    assert (len(mine.own.key), len(mine.types.key), mine.household[0][0]) == (0, 0, 0.0)
    assert mine.own.gather(0, np.array([milk])).tolist()[0][:1] == [0.0]
