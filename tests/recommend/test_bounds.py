"""Bounds of lists: few alike together, none lost, and what is shown too often before fewer households."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.recommend.bounds import UNKNOWN, Bounds, BoundSettings, Levels, exposure_shares, levels_of
from decisions.recommend.graph_places import product_places
from decisions.recommend.list_measures import exposure_measures, novelty, variety

APART = np.arange(100, 700)
NOT_SHOWN = np.zeros(600)


def bounds_of(types, categories=None, suppliers=None, exposure=NOT_SHOWN, **settings):
    unknown = np.full(len(types), UNKNOWN)
    levels = Levels(
        np.array(types),
        unknown if categories is None else np.array(categories),
        unknown if suppliers is None else np.array(suppliers),
    )
    return Bounds(levels, exposure, BoundSettings(**settings))


def test_a_fourth_of_a_type_gives_way_to_the_next_of_another_and_comes_in_the_next_ten():
    types = [7] * 5 + list(range(20, 35))
    order = np.arange(20)
    assert bounds_of(types).apply(order, 10).tolist()[:10] == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]
    assert bounds_of(types).apply(order, 20).tolist()[10:14] == [3, 4, 12, 13]


def test_short_lists_get_their_share_and_at_least_one():
    types = [7] * 5 + list(range(20, 35))
    assert bounds_of(types).apply(np.arange(20), 5).tolist()[:5] == [0, 1, 5, 6, 7]
    assert bounds_of(types).apply(np.arange(20), 1).tolist()[:2] == [0, 1]


def test_where_nothing_else_is_there_what_is_alike_stays():
    assert bounds_of([7] * 12).apply(np.arange(12), 10).tolist() == list(range(12))
    assert bounds_of([7] * 4 + [8]).apply(np.arange(5), 10).tolist() == [0, 1, 2, 4, 3]


def test_categories_and_suppliers_are_bounded_beside_types():
    each = list(range(20))
    of_category = bounds_of(each, categories=[3] * 6 + [9] * 14)
    assert of_category.apply(np.arange(20), 10).tolist()[:8] == [0, 1, 2, 3, 6, 7, 8, 9]
    of_supplier = bounds_of(each, suppliers=[3] * 6 + each[:14])
    assert of_supplier.apply(np.arange(20), 10).tolist()[:6] == [0, 1, 2, 3, 4, 6]


def test_products_of_unknown_type_are_not_alike():
    assert bounds_of([UNKNOWN] * 12).apply(np.arange(12)[::-1], 10).tolist() == list(range(12))[::-1]


@given(
    st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 3), st.integers(-1, 2)), min_size=1, max_size=60),
    st.integers(1, 40),
    st.randoms(use_true_random=False),
)
def test_no_product_is_lost_and_no_ten_holds_too_many_that_could_have_given_way(rows, limit, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    types, categories, suppliers = (np.array(column) for column in zip(*rows, strict=True))
    varied = bounds_of(types, categories, suppliers).apply(np.array(order), limit).tolist()
    assert sorted(varied) == sorted(order)
    for first in range(0, min(limit, len(order)), 10):
        places = min(10, limit - first)
        block, after = varied[first : first + places], varied[first + places :]
        most = [max(1, int(np.ceil(bound * places / 10))) for bound in (3, 4, 5)]
        counts = [[row[level] for row in (rows[place] for place in block)] for level in range(3)]
        over = any(counts[level].count(code) > most[level] for level in range(3) for code in set(counts[level]) - {UNKNOWN})
        # too many alike only where nothing that came later would have fitted beside those that fit
        kept = fitting(rows, block, most)
        if over:
            assert all(not fits(rows, kept, place, most) for place in after)


def fitting(rows, block, most):
    kept = []
    for place in block:
        if fits(rows, kept, place, most):
            kept.append(place)
    return kept


def fits(rows, kept, place, most):
    told = [level for level in range(3) if rows[place][level] != UNKNOWN]
    return all(sum(rows[other][level] == rows[place][level] for other in kept) < most[level] for level in told)


def test_what_is_shown_too_often_is_kept_before_its_share_of_households():
    exposure = NOT_SHOWN.copy()
    exposure[:3] = (0.8, 0.4, 0.2)
    bounds = bounds_of(APART, exposure=exposure)
    seen = np.zeros(600)
    for number in range(4_000):
        spread = bounds.spread(np.arange(10), f"hh_{number}")
        assert sorted(spread.tolist()) == list(range(10))
        seen[spread[: spread.tolist().index(9) + 1]] += 1
    share = seen[:4] / 4_000
    assert share[0] * 0.8 == pytest.approx(0.2, abs=0.02)
    assert share[1] * 0.4 == pytest.approx(0.2, abs=0.02)
    assert share[2:].tolist() == [1.0, 1.0]


def test_the_same_household_is_shown_the_same_whatever_else_is_in_the_order():
    exposure = np.full(600, 0.5)
    exposure[599] = 0.0
    bounds = bounds_of(APART, exposure=exposure)
    order = np.r_[np.arange(100), 599]
    seen = {name: bounds.spread(order, name).tolist() for name in ("hh_1", "hh_2")}
    assert bounds.spread(order, "hh_1").tolist() == seen["hh_1"] != seen["hh_2"]
    kept = seen["hh_1"][: seen["hh_1"].index(599)]
    alone = [place for place in range(100) if bounds.spread(np.array([place, 599]), "hh_1")[0] == place]
    assert kept == alone
    assert 20 < len(kept) < 60


def test_exposure_counts_lists():
    assert exposure_shares(np.array([0, 2, 2, 2]), 4, 4).tolist() == [0.25, 0.0, 0.75, 0.0]
    assert exposure_shares(np.array([], dtype=np.int64), 2, 0).tolist() == [0.0, 0.0]


def test_levels_are_those_of_the_graph(recommend_shop):
    ids = recommend_shop.tables["recommend_products"]["product_id"].to_pylist()
    levels = levels_of(recommend_shop.graph, product_places(recommend_shop.graph, [*ids, "nowhere"]))
    code = {name: place for place, name in enumerate([*ids, "nowhere"])}
    of_type, of_category, of_supplier = ({name: int(column[place]) for name, place in code.items()} for column in (
        levels.product_type, levels.category, levels.supplier,
    ))  # fmt: skip
    assert of_type["cola_a"] == of_type["cola_b"] != of_type["lemonade"]
    assert of_category["cola_a"] == of_category["lemonade"] != of_category["pasta"]
    assert of_category["rolls"] == of_category["bread"] != UNKNOWN
    assert [of_type[name] for name in ("rolls", "mystery", "nowhere")] == [UNKNOWN] * 3
    assert [of_category[name] for name in ("mystery", "nowhere")] == [UNKNOWN] * 2
    assert of_supplier["cola_a"] == of_supplier["lemonade"] != of_supplier["cola_b"]
    assert of_supplier["nowhere"] == UNKNOWN


def test_measures_of_known_lists():
    types = np.array([1, 1, 2, UNKNOWN, UNKNOWN])
    assert variety(np.array([0, 1, 2, 3]), types) == 0.75
    assert variety(np.array([3, 4]), types) == 1.0
    assert novelty(np.array([0, 1]), np.array([7.0, 0.0]), 15) == pytest.approx((1 + 4) / 2)
    even, one = exposure_measures(np.full(4, 0.5)), exposure_measures(np.array([0.0, 0.0, 0.0, 1.0]))
    assert (even.coverage, even.largest_share, one.coverage, one.largest_share) == (1.0, 0.5, 0.25, 1.0)
    assert even.gini == pytest.approx(0.0)
    assert one.gini == pytest.approx(0.75)
    assert (variety(np.array([], int), types), novelty(np.array([], int), np.array([]), 0)) == (0.0, 0.0)
    assert exposure_measures(np.zeros(3)).gini == 0.0
