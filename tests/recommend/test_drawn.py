"""Drawn places of discovery: the chances are those that draws follow, within the bounds of variety, and only where one asks."""

from collections import Counter
from dataclasses import replace
from datetime import date
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.recommend.bounds import UNKNOWN, Bounds, BoundSettings, Levels
from decisions.recommend.contract import RecommendationRequest, Surface
from decisions.recommend.drawn import draw_varied
from decisions.recommend.errors import DetailOutOfRange
from decisions.recommend.exploration import NO_EXPLORATION, DrawKey, ExplorationSettings
from tests.tiny_retailer import HOUSEHOLDS, household

KEY = DrawKey("g1", "hh_a", date(2017, 12, 31), 1)
DRAWS = 4_000
FREELY = ExplorationSettings(1.0, 0.3, 30)


def bounds_of(types, **settings):
    unknown = np.full(len(types), UNKNOWN)
    return Bounds(Levels(np.array(types), unknown, unknown), np.zeros(len(types)), BoundSettings(**settings))


def drawn(bounds, scores, settings, number):
    return draw_varied(np.arange(len(scores)), np.array(scores), bounds, settings, replace(KEY, number=number))


def test_lists_are_as_frequent_as_their_chances_say_within_bounds_and_over_blocks():
    # blocks of two places with one of each type: who was kept out of the first block is drawn anew in the second
    bounds = bounds_of([7, 7, 8, 9], of_type=1, places=2)
    scores, settings = [2.0, 1.5, 1.0, 0.0], ExplorationSettings(1.0, 0.2, 4)
    seen, told = Counter[tuple[int, ...]](), dict[tuple[int, ...], float]()
    for number in range(1, DRAWS + 1):
        one = drawn(bounds, scores, settings, number)
        order = tuple(one.order.tolist())
        seen[order] += 1
        told[order] = prod(one.chances.tolist())
    assert sum(told.values()) == pytest.approx(1)
    error = {order: abs(seen[order] / DRAWS - chance) / np.sqrt(chance * (1 - chance) / DRAWS) for order, chance in told.items()}
    # the draws are fixed by their keys, so this holds always or never
    assert max(error.values()) < 4
    assert all(not {0, 1} <= set(order[:2]) for order in told)


@given(st.lists(st.integers(-1, 5), min_size=2, max_size=60), st.integers(1, 40), st.integers(1, 10**6))
def test_a_draw_loses_nothing_and_keeps_bounds_where_it_can(types, candidates, number):
    bounds, count = bounds_of(types), len(types)
    plain = bounds.apply(np.arange(count), -(-count // 10) * 10)
    scores = np.linspace(1, 0, count)
    one = draw_varied(plain, scores, bounds, ExplorationSettings(1.0, 0.3, candidates), replace(KEY, number=number))
    assert sorted(one.order.tolist()) == list(range(count))
    assert one.order[candidates:].tolist() == plain[candidates:].tolist()
    assert ((one.chances > 0) & (one.chances <= 1)).all()
    first = Counter(types[place] for place, chance in zip(one.order[:10], one.chances[:10], strict=True) if chance < 1)
    assert all(times <= 3 for kind, times in first.items() if kind != UNKNOWN)


def test_number_zero_no_temperature_and_one_candidate_are_the_plain_order():
    bounds = bounds_of([1, 2, 3])
    for settings, number in ((FREELY, 0), (NO_EXPLORATION, 5), (ExplorationSettings(1.0, 0.1, 1), 5)):
        one = drawn(bounds, [3.0, 2.0, 1.0], settings, number)
        assert (one.order.tolist(), one.chances.tolist()) == ([0, 1, 2], [1.0, 1.0, 1.0])


def ask(shop, **fields):
    return shop.service.recommend(RecommendationRequest(exploration_settings=FREELY, **fields))


def test_discoveries_are_drawn_where_one_asks_and_habit_never_is(recommend_shop):
    orders, chances = set(), set()
    for number in range(6):
        for who in range(HOUSEHOLDS):
            answer = ask(recommend_shop, household_id=household(who), discovery_share=0.5, exploration=number)
            assert all(0 < item.propensity <= 1 for item in answer.items)
            assert all(item.propensity == 1 for item in answer.items if item.kind != "discovery" or not number)
            chances |= {item.propensity for item in answer.items}
            orders.add((who, tuple(item.product_id for item in answer.items)))
    assert min(chances) < 0.5
    assert len(orders) > HOUSEHOLDS


def test_the_same_draw_is_the_same_answer_and_never_a_product_that_was_bought(recommend_shop):
    own = recommend_shop.service._shelf.features.knowledge
    for who in range(HOUSEHOLDS):
        fields = {"household_id": household(who), "surface": Surface.DISCOVER, "exploration": 3}
        answer = ask(recommend_shop, **fields)
        bought = own.between(who, who + 1).own.key
        positions = {recommend_shop.service._shelf.product[item.product_id] for item in answer.items}
        assert not positions & set((bought % own.own.items).tolist())
        assert ask(recommend_shop, **fields) == answer
        assert len({item.product_id for item in answer.items}) == len(answer.items)


@pytest.mark.parametrize("number", [-1, 2**31])
def test_a_draw_has_a_number_that_fits(recommend_shop, number):
    with pytest.raises(DetailOutOfRange):
        ask(recommend_shop, household_id=household(1), exploration=number)
