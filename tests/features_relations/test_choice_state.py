"""What is known of a category at the end of a day, against the same counted trip by trip in plain Python."""

from collections import defaultdict
from dataclasses import fields

import numpy as np
import pytest
from scipy import sparse

from features.choice_features import (
    HOUSEHOLD_FEATURES,
    LOYALTY_FEATURES,
    PAIR_FEATURES,
    household_features,
    household_utility,
    loyalty,
    loyalty_features,
    pair_features,
)
from features.choice_state import ShelfState, shelf_state
from tests.choice_worlds import lines_of

DAY = 200
PRODUCTS = tuple("abcdef")
ATTRIBUTES = {
    "a": (0, 0, 0, 0),
    "b": (0, 1, 0, -1),
    "c": (1, 1, 0, 0),
    "d": (1, -1, 1, 0),
    "e": (-1, 0, 0, 1),
    "f": (-1, 2, 1, 1),
}


def random_trips(seed, count=500, last=230):
    random = np.random.default_rng(seed)
    weights = np.arange(1, len(PRODUCTS) + 1) / np.arange(1, len(PRODUCTS) + 1).sum()
    return [
        (
            int(random.integers(last + 1)),
            f"h{random.integers(25)}",
            ("one", "two", "sale")[random.integers(3)],
            tuple(random.choice(PRODUCTS, random.integers(1, 4), replace=False, p=weights).tolist()),
        )
        for _ in range(count)
    ]


TRIPS = random_trips(1)


@pytest.fixture(scope="module")
def lines():
    return lines_of({"x": TRIPS}, 230, ATTRIBUTES)


@pytest.fixture(scope="module")
def state(lines):
    return shelf_state(lines.shelf(0), DAY)


def ages_by_product(least=0, most=10**6):
    found = defaultdict(list)
    for day, _, _, products in TRIPS:
        for product in products:
            if day <= DAY and least <= DAY - day < most:
                found[product].append(DAY - day)
    return found


def test_counts_of_windows_end_with_the_day(state):
    for name, days in (("baskets", 10**6), ("sold_long", 91), ("sold_month", 28), ("sold_short", 14), ("sold_week", 7)):
        counted = ages_by_product(most=days)
        assert getattr(state, name).tolist() == [len(counted[product]) for product in PRODUCTS], name
    ages = ages_by_product()
    assert state.since_sale.tolist() == [min(ages[product]) for product in PRODUCTS]
    assert state.age.tolist() == [max(ages[product]) for product in PRODUCTS]
    buyers = [{h for day, h, _, held in TRIPS if product in held and 0 <= DAY - day < 91} for product in PRODUCTS]
    assert state.buyers_long.tolist() == [len(found) for found in buyers]


def test_windows_are_half_open():
    trips = [(DAY - age, "h", "one", ("a",)) for age in (0, 6, 7, 13, 14, 27, 28, 90, 91)] + [(DAY + 1, "h", "one", ("a",))]
    found = shelf_state(lines_of({"x": trips}, DAY + 5).shelf(0), DAY)
    counts = {name: getattr(found, name).tolist() for name in ("sold_week", "sold_short", "sold_month", "sold_long", "baskets")}
    assert counts == {"sold_week": [2], "sold_short": [4], "sold_month": [6], "sold_long": [8], "baskets": [9]}


def test_prices_and_discounts_are_those_of_the_lines(state):
    for place, product in enumerate(PRODUCTS):
        long = [store for day, _, store, held in TRIPS if product in held and 0 <= DAY - day < 91]
        off = 0.5 * long.count("sale")
        assert state.price[place] == pytest.approx((2.0 * len(long) - off) / len(long))
        assert state.discount_long[place] == pytest.approx(off / (2.0 * len(long)))


def test_what_each_household_took_and_when(lines, state):
    taken = defaultdict(list)
    for day, household, _, held in TRIPS:
        for product in held:
            if day <= DAY:
                taken[household, product].append(DAY - day)
    names = [lines.household_ids[int(number)].as_py() for number in state.households]
    shape = (len(names), len(PRODUCTS))
    cells = [[taken[name, product] for product in PRODUCTS] for name in names]
    expected = {
        "taken": [[len(ages) for ages in row] for row in cells],
        "taste": [[sum(0.5 ** (age / 90) for age in ages) for ages in row] for row in cells],
        "taste_recent": [[sum(0.5 ** (age / 30) for age in ages) for ages in row] for row in cells],
        "last": [[min(ages) + 1 if ages else 0 for ages in row] for row in cells],
        "first": [[max(ages) + 1 if ages else 0 for ages in row] for row in cells],
    }
    for name, values in expected.items():
        found = getattr(state, name).toarray()
        assert found.shape == shape
        np.testing.assert_allclose(found, values, err_msg=name)
    assert (state.taken_by_product.toarray() == state.taken.toarray()).all()
    # a line of a basket more than once is one product in one basket
    assert state.in_basket.shape == (sum(day <= DAY for day, *_ in TRIPS), len(PRODUCTS))
    assert sorted(state.in_basket.sum(axis=1).tolist()) == sorted(len(held) for day, _, _, held in TRIPS if day <= DAY)


def test_households_shop_where_they_shopped_in_half_a_year(lines, state):
    visits = defaultdict(lambda: defaultdict(int))
    for day, household, store, held in TRIPS:
        if 0 <= DAY - day < 182:
            visits[household][store] += len(held)
    stores = sorted({store for day, _, store, _ in TRIPS if day <= DAY})
    for row, number in enumerate(state.households):
        mine = visits[lines.household_ids[int(number)].as_py()]
        share = [mine[store] / max(sum(mine.values()), 1) for store in stores]
        np.testing.assert_allclose(state.store_share[[row]].toarray()[0], share)


def test_a_product_takes_part_when_it_sold_lately_or_often():
    rare = [(DAY - 91, "h", "one", ("gone_rare",)), (DAY - 90, "h", "one", ("late_rare",))]
    often = [(DAY - 150 + n, "h", "one", ("gone_often",)) for n in range(8)]
    lines = lines_of({"x": rare + often + [(DAY + 1, "h", "one", ("later",))]}, DAY + 9)
    state = shelf_state(lines.shelf(0), DAY)
    assert [lines.product_ids[int(number)].as_py() for number in state.products] == ["gone_often", "late_rare"]
    assert state.places(np.array([0, 1, 2, 3])).tolist() == [0, -1, 1, -1]


def test_what_is_bought_later_changes_nothing(lines, state):
    cut = shelf_state(lines_of({"x": [trip for trip in TRIPS if trip[0] <= DAY]}, DAY, ATTRIBUTES).shelf(0), DAY)
    for field in fields(ShelfState):
        now, then = getattr(cut, field.name), getattr(state, field.name)
        if sparse.issparse(now):
            assert (now != then).nnz == 0, field.name
        elif isinstance(now, np.ndarray):
            np.testing.assert_array_equal(now, then, err_msg=field.name)


def test_at_usual_rates_what_sells_at_all_is_as_available_as_ever():
    trips = [(DAY - 7 * week, "h", "one", ("a",)) for week in range(3, 13)] + [(DAY - 40, "h", "one", ("b",))] * 8
    state = shelf_state(lines_of({"x": [(DAY - 100, "h", "one", ("a",)), *trips]}, DAY).shelf(0), DAY)
    usual = state.as_usual()
    assert (state.sold_month.tolist(), state.sold_short.tolist()) == ([1, 0], [0, 0])
    assert usual.sold_month.tolist() == pytest.approx([10 * 28 / 91, 0])
    assert usual.sold_short.tolist() == pytest.approx([10 * 14 / 91, 0])
    assert (usual.since_sale.tolist(), usual.sold_long.tolist()) == ([0, 40], [10, 8])


def test_a_new_product_sells_at_the_rate_of_the_days_it_was_there():
    trips = [(DAY - day, "h", "one", ("new",)) for day in range(0, 28, 2)] + [(DAY - 100, "h", "one", ("old",))]
    trips += [(DAY - day, "h", "one", ("old",)) for day in range(0, 91, 2)]
    state = shelf_state(lines_of({"x": trips}, DAY).shelf(0), DAY).as_usual()
    new, old = state.sold_week
    assert new == pytest.approx(14 * 7 / 27)
    assert old == pytest.approx(46 * 7 / 91)


def test_utility_of_households_is_that_of_their_features(state):
    random = np.random.default_rng(3)
    households = np.arange(state.households.size)
    features = household_features(state, households)
    assert features.shape == (households.size, len(PRODUCTS), len(HOUSEHOLD_FEATURES))
    for _ in range(5):
        weights = random.normal(size=len(HOUSEHOLD_FEATURES))
        gap = household_utility(state, households, weights) - features @ weights
        np.testing.assert_allclose(gap, np.broadcast_to(gap[:, :1], gap.shape), atol=2e-4)


def test_each_weight_alone_reaches_the_utility(state):
    households = np.arange(state.households.size)
    features = household_features(state, households)
    for place, name in enumerate(HOUSEHOLD_FEATURES):
        weights = np.eye(len(HOUSEHOLD_FEATURES))[place]
        gap = household_utility(state, households, weights) - features[:, :, place]
        np.testing.assert_allclose(gap, np.broadcast_to(gap[:, :1], gap.shape), atol=1e-4, err_msg=name)


def test_what_joins_two_products(state):
    pairs = pair_features(state, np.arange(len(PRODUCTS)))
    column = {name: pairs[:, :, place] for place, name in enumerate(PAIR_FEATURES)}
    known = [trip for trip in TRIPS if trip[0] <= DAY]
    buyers = {p: {h for _, h, _, held in known if p in held} for p in PRODUCTS}
    times = {(p, h): sum(p in held for _, who, _, held in known if who == h) for p in PRODUCTS for h in buyers[p]}
    for first, p in enumerate(PRODUCTS):
        often = {h for h in buyers[p] if times[p, h] >= 2}
        for second, q in enumerate(PRODUCTS):
            both = len(buyers[p] & buyers[q])
            assert column["buyers_cosine"][first, second] == pytest.approx(
                both / (len(buyers[p]) * len(buyers[q])) ** 0.5, rel=1e-5
            )
            together = sum(p in held and q in held for _, _, _, held in known)
            sold = [sum(x in held for _, _, _, held in known) for x in (p, q)]
            chance = sold[0] * sold[1] / len(known)
            assert column["together_lift"][first, second] == pytest.approx(np.log((together + 1) / (chance + 1)), abs=1e-5)
            theirs = [held for _, h, _, held in known if h in often and q in held]
            apart = (sum(p not in held for held in theirs) + 1) / (len(theirs) + 1)
            assert column["apart"][first, second] == pytest.approx(apart, rel=1e-5)
            same = ATTRIBUTES[p][0] == ATTRIBUTES[q][0] >= 0
            assert column["same_type"][first, second] == same
            gap = np.log(state.price[second]) - np.log(state.price[first])
            assert column["price_gap"][first, second] == pytest.approx(gap, abs=1e-6)


def test_loyalty_is_the_share_of_what_a_household_took(state):
    taste = state.taste.toarray()
    loyal = loyalty(state, np.array([0, 2]), 1)
    np.testing.assert_allclose(loyal, taste[[0, 2], 1] / (taste[[0, 2]].sum(axis=1) + 0.3), rtol=1e-5)
    never, kind = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), np.array([0.0, 1.0, 0.5])
    found = loyalty_features(np.array([0.5, 0.2]), never, kind)
    assert found.shape == (2, 3, len(LOYALTY_FEATURES))
    np.testing.assert_allclose(found[0], [[0.0, 0.5], [0.5, 0.0], [0.25, 0.5]])
