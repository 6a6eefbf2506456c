"""Off-policy evaluation against worlds whose answers are known: by hand, by summing over every draw, and refusals."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from decisions.recommend.errors import SupportLacking, TooFewOutcomes
from decisions.recommend.exploration import NO_EXPLORATION, ExplorationSettings, chances_along
from decisions.recommend.logged_places import Alternatives, LoggedPlaces
from decisions.recommend.off_policy import METHODS, evaluate, list_weights
from decisions.recommend.reward_model import told_rewards

SERVED = ExplorationSettings(1.0, 0.2)
OTHER = ExplorationSettings(0.3, 0.05)
SCORES = np.array([0.5, 2.0, 1.0, -1.0])
CLICKED = np.array([[0.1, 0.6, 0.4, 0.2], [0.05, 0.3, 0.5, 0.1], [0.3, 0.2, 0.1, 0.4]])
"""By place and candidate."""


def lists(orders, served=SERVED, target=OTHER, rewards=None, scores=SCORES, known=True) -> LoggedPlaces:
    """Lists that show `orders` (lists, places), with what the target would have shown."""
    orders = np.asarray(orders)
    every = np.broadcast_to(scores, (len(orders), len(scores)))
    own, other = chances_along(every, orders, served), chances_along(every, orders, target)
    decision, place = (one.ravel() for one in np.indices(orders.shape))
    shown = orders.ravel()
    row, candidate = np.nonzero(other.reshape(len(shown), -1))
    may = (decision[row], place[row], candidate)
    return LoggedPlaces(
        decision,
        place,
        own[decision, place, shown],
        other[decision, place, shown],
        np.zeros(len(shown)) if rewards is None else np.asarray(rewards, dtype=np.float64).ravel(),
        np.c_[scores[shown], place].astype(float),
        Alternatives(row, other[may], own[may] if known else np.full(len(row), np.nan), np.c_[scores[candidate], place[row]]),
        np.arange(len(orders)),
    )


def drawn(count: int, seed: int, settings=SERVED) -> np.ndarray:
    """Orders of three places as the settings draw them."""
    every = np.array(list(permutations(range(4), 3)))
    chances = chances_along(np.broadcast_to(SCORES, (len(every), 4)), every, settings)
    chance = np.take_along_axis(chances, every[:, :, None], axis=2)[:, :, 0].prod(axis=1)
    return every[np.random.default_rng(seed).choice(len(every), count, p=chance)]


def clicks(orders: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(orders.shape) < CLICKED[np.arange(3), orders]


def expected(settings: ExplorationSettings) -> float:
    """What a policy earns per list, summed over every order."""
    every = np.array(list(permutations(range(4), 3)))
    chances = chances_along(np.broadcast_to(SCORES, (len(every), 4)), every, settings)
    chance = np.take_along_axis(chances, every[:, :, None], axis=2)[:, :, 0].prod(axis=1)
    return float(chance @ CLICKED[np.arange(3), every].sum(axis=1))


def test_weights_are_right_on_average_over_every_draw() -> None:
    every = np.array(list(permutations(range(4), 3)))
    places = lists(every)
    weight, before = list_weights(places)
    chance = places.propensity.reshape(every.shape).prod(axis=1)
    earned = (weight.reshape(every.shape) * CLICKED[np.arange(3), every]).sum(axis=1)
    assert chance @ earned == pytest.approx(expected(OTHER))
    assert chance @ weight.reshape(every.shape) == pytest.approx(np.ones(3))
    assert before.reshape(every.shape)[:, 0].tolist() == [1.0] * len(every)


def test_three_lists_by_hand() -> None:
    propensity, target = np.array([0.5, 0.4] * 50), np.array([1.0, 0.2] * 50)
    reward = np.array([1.0, 0.0, 0.0, 1.0] * 25)
    rows = np.arange(100)
    nothing = Alternatives(rows, target, propensity, np.zeros((100, 1)))
    places = LoggedPlaces(
        np.repeat(np.arange(50), 2), np.tile([0, 1], 50), propensity, target, reward, np.zeros((100, 1)), nothing, np.arange(50)
    )
    told = evaluate(replace(places, alternatives=replace(nothing, target=np.ones(100))))
    # weights are 2 and 2 x 0.5 = 1; half of the lists earn in the first place, the other half in the second
    assert told.by("ips").value == pytest.approx((2 + 1) / 2)
    assert told.by("clipped_ips").value == pytest.approx((2 + 1) / 2)
    assert told.by("snips").value == pytest.approx(0.5 + 0.5)
    assert (told.lists, told.effective_lists, told.mean_weight, told.largest_weight) == (50, 50, 1, 1)


def test_what_was_served_is_worth_what_it_earned() -> None:
    orders = drawn(300, 1)
    earned = clicks(orders, 2)
    told = evaluate(lists(orders, target=SERVED, rewards=earned))
    for method in ("ips", "clipped_ips", "snips"):
        assert told.by(method).value == pytest.approx(earned.sum(axis=1).mean())
    assert told.by("dr").value == pytest.approx(earned.sum(axis=1).mean(), abs=0.05)
    assert told.effective_lists == pytest.approx(300)


@pytest.mark.parametrize("settings", [OTHER, NO_EXPLORATION])
def test_every_method_comes_near_the_truth(settings) -> None:
    orders = drawn(4000, 3)
    told = evaluate(lists(orders, target=settings, rewards=clicks(orders, 4)))
    truth = expected(settings)
    for method in METHODS:
        one = told.by(method)
        assert one.value == pytest.approx(truth, rel=0.08)
        assert one.low < one.value < one.high


def test_large_weights_are_cut_and_the_model_speaks_there() -> None:
    orders = drawn(4000, 3)
    places = lists(orders, target=NO_EXPLORATION, rewards=np.ones((4000, 3)))
    rare = replace(places, target=places.target.copy(), propensity=places.propensity.copy())
    first = np.flatnonzero((rare.place == 0) & (rare.target > 0))[0]
    rare.propensity[first] = 1e-4
    told = evaluate(rare)
    assert told.by("clipped_ips").value < told.by("ips").value - 1
    # all rewards are 1 and the model knows it: nothing is left for the weights to correct
    assert told.by("switch_dr").value == pytest.approx(told.by("dr").value)


def test_equal_logs_give_equal_answers() -> None:
    orders = drawn(200, 5)
    places = lists(orders, rewards=clicks(orders, 6))
    assert evaluate(places, seed=3) == evaluate(places, seed=3)


def test_lists_of_one_household_count_together() -> None:
    orders = drawn(400, 7)
    places = lists(orders, rewards=clicks(orders, 8))
    apart, alike = evaluate(places), evaluate(replace(places, cluster=np.arange(400) // 40))
    assert apart.by("ips").value == pytest.approx(alike.by("ips").value)
    assert apart.by("ips").low != alike.by("ips").low


def test_no_row_is_judged_by_a_model_that_saw_its_household() -> None:
    cluster = np.repeat(np.arange(40), 5)
    reward = (cluster < 20).astype(float)
    features = np.eye(40)[cluster]
    alternatives = Alternatives(np.arange(200), np.ones(200), np.ones(200), features)
    shown, expected_reward = told_rewards(features, reward, cluster, alternatives, seed=1)
    # a model that saw the household would know all: its column is 1 in its own rows alone
    assert ((shown > 0.3) & (shown < 0.7)).all()
    np.testing.assert_allclose(shown, expected_reward)


def test_values_other_than_clicks_are_told_too() -> None:
    random = np.random.default_rng(9)
    features = random.normal(size=(2000, 2))
    reward = 3 * (features[:, 0] > 0) + random.normal(size=2000) * 0.1
    alternatives = Alternatives(np.arange(2000), np.full(2000, 0.5), np.ones(2000), features)
    shown, expected_reward = told_rewards(features, reward, np.arange(2000), alternatives, seed=1)
    assert np.abs(shown - reward).mean() < 0.2
    np.testing.assert_allclose(expected_reward, 0.5 * shown)


def test_few_lists_are_refused() -> None:
    with pytest.raises(TooFewOutcomes, match="worth 49 lists for the policy 'p', 50"):
        evaluate(lists(drawn(49, 1)), policy="p")


def test_few_lists_that_the_policy_would_have_shown_are_refused() -> None:
    orders = np.tile([[0, 1, 2]], (60, 1))
    orders[:20] = [1, 2, 0]
    with pytest.raises(TooFewOutcomes, match="worth 20 lists"):
        evaluate(lists(orders, target=NO_EXPLORATION))


@pytest.mark.parametrize("known", [True, False])
def test_what_the_log_could_never_show_is_refused(known) -> None:
    served = NO_EXPLORATION
    orders = np.tile([[1, 2, 0]], (100, 1))
    with pytest.raises(SupportLacking, match="'bold' shows what the log never could") as refused:
        evaluate(lists(orders, served=served, known=known), policy="bold")
    assert refused.value.missing > 0.05
    assert refused.value.place == (None if known else 1)


def test_what_the_log_shows_seldom_is_not_taken_for_never() -> None:
    orders = drawn(400, 11)
    assert evaluate(lists(orders, target=NO_EXPLORATION, rewards=clicks(orders, 12), known=False)).mean_weight < 1.5
