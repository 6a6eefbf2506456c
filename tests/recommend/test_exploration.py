"""Draws with known chances: the chances are a distribution, the draws follow them, and equal keys give equal draws."""

from dataclasses import replace
from datetime import date
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from decisions.recommend.exploration import (
    NO_EXPLORATION,
    DrawKey,
    ExplorationSettings,
    chances_along,
    draw_order,
)

DRAWS = 12_000
KEY = DrawKey("rel_1", "HH_a", date(2017, 12, 4), 1)
SCORES = st.lists(st.floats(-50, 50, allow_nan=False), min_size=1, max_size=25).map(np.array)
SETTINGS = st.builds(ExplorationSettings, st.floats(0.02, 5), st.floats(0, 1), st.integers(1, 12))


def place_chances(scores, before, settings):
    """The chance of every candidate to get the place after those `before`, worked out for that place alone."""
    best = np.argsort(-scores, kind="stable")[: settings.candidates]
    still = best[~np.isin(best, before)]
    chances = np.zeros(len(scores))
    if not settings.temperature:
        chances[still[0]] = 1.0
        return chances
    spread = scores[best].std() * settings.temperature or 1.0
    weight = np.exp((scores[still] - scores[still].max()) / spread)
    chances[still] = (1 - settings.floor) * weight / weight.sum() + settings.floor / len(still)
    return chances


def chances_of(scores, order, settings):
    return [place_chances(scores, order[:at], settings)[one] for at, one in enumerate(order.tolist())]


@given(SCORES, st.integers(1, 10), SETTINGS, st.integers(1, 10**9))
def test_a_draw_is_without_repeats_and_tells_its_chances(scores, places, settings, number) -> None:
    draw = draw_order(scores, places, settings, replace(KEY, number=number))
    assert len(draw.positions) == min(places, settings.candidates, len(scores))
    assert len(set(draw.positions.tolist())) == len(draw.positions)
    assert set(draw.positions.tolist()) <= set(np.argsort(-scores, kind="stable")[: settings.candidates].tolist())
    np.testing.assert_allclose(draw.chances, chances_of(scores, draw.positions, settings), rtol=1e-9)


@given(SCORES, SETTINGS, st.data())
def test_the_chances_of_a_place_sum_to_one_and_none_is_below_the_floor(scores, settings, data) -> None:
    best = np.argsort(-scores, kind="stable")[: settings.candidates]
    before = best[: data.draw(st.integers(0, len(best) - 1))]
    chances = place_chances(scores, before, settings)
    assert chances.sum() == pytest.approx(1)
    assert not chances[before].any()
    still_open = np.setdiff1d(best, before)
    assert (chances[still_open] >= settings.floor / settings.candidates - 1e-12).all()


@given(SCORES, st.integers(1, 10), SETTINGS, st.integers(1, 10**9))
def test_equal_keys_give_equal_draws(scores, places, settings, number) -> None:
    key = replace(KEY, number=number)
    one, other = draw_order(scores, places, settings, key), draw_order(scores.copy(), places, settings, key)
    assert one.positions.tolist() == other.positions.tolist()
    assert one.chances.tobytes() == other.chances.tobytes()


@given(SCORES, st.integers(2, 10), SETTINGS)
def test_a_longer_draw_begins_with_the_shorter_one(scores, places, settings) -> None:
    longer, shorter = draw_order(scores, places, settings, KEY), draw_order(scores, places - 1, settings, KEY)
    assert longer.positions[: len(shorter.positions)].tolist() == shorter.positions.tolist()


@pytest.mark.parametrize(
    "settings", [ExplorationSettings(1.0, 0.0), ExplorationSettings(0.5, 0.2), ExplorationSettings(2.0, 1.0)]
)
def test_draws_are_as_frequent_as_they_say(settings) -> None:
    scores = np.array([1.0, 0.4, 2.0, -1.0])
    orders = list(permutations(range(4), 3))
    told = np.array([np.prod(chances_of(scores, np.array(order), settings)) for order in orders])
    assert told.sum() == pytest.approx(1)
    seen = dict.fromkeys(orders, 0)
    for number in range(1, DRAWS + 1):
        seen[tuple(draw_order(scores, 3, settings, replace(KEY, number=number)).positions.tolist())] += 1
    # the draws are fixed by their keys, so this holds always or never
    assert chisquare(list(seen.values()), told * DRAWS).pvalue > 0.001


def test_without_temperature_or_with_number_zero_the_order_is_the_plain_one() -> None:
    scores = np.array([0.1, 3.0, 2.0, 3.0])
    for settings, number in ((NO_EXPLORATION, 7), (ExplorationSettings(), 0)):
        draw = draw_order(scores, 3, settings, replace(KEY, number=number))
        assert draw.positions.tolist() == [1, 3, 2]
        assert draw.chances.tolist() == [1, 1, 1]


@pytest.mark.parametrize("changed", [{"model": "rel_2"}, {"subject": "HH_b"}, {"as_of": date(2017, 12, 5)}, {"number": 2}])
def test_every_part_of_the_key_changes_draws(changed) -> None:
    scores, settings = np.linspace(0, 1, 30), ExplorationSettings(2.0, 0.5)
    first, other = (draw_order(scores, 10, settings, key).positions.tolist() for key in (KEY, replace(KEY, **changed)))
    assert first != other


def test_a_draw_is_the_same_on_every_machine() -> None:
    draw = draw_order(np.linspace(0, 1, 12), 5, ExplorationSettings(1.0, 0.2, 12), KEY)
    assert draw.positions.tolist() == [9, 11, 7, 8, 10]


@given(st.integers(1, 4), st.integers(2, 8), SETTINGS, st.booleans(), st.integers(0, 10**6))
def test_many_lists_at_once_give_what_each_gives_alone(lists, candidates, settings, plain, seed) -> None:
    random = np.random.default_rng(seed)
    settings = replace(settings, candidates=candidates, temperature=0.0 if plain else settings.temperature)
    scores = random.normal(size=(lists, candidates))
    orders = np.stack([random.permutation(candidates)[: candidates - 1] for _ in range(lists)])
    along = chances_along(scores, orders, settings)
    for at, order in enumerate(orders):
        for place in range(orders.shape[1]):
            np.testing.assert_allclose(along[at, place], place_chances(scores[at], order[:place], settings), atol=1e-12)
