"""The model of choice, on choices that were drawn by known weights."""

from dataclasses import replace

import numpy as np
import pytest

from decisions.relations.choice import FEATURES, OF_PAIR, SAME_TYPE, ChoiceFit, fit_on_rows, prior_model, trees_that_pay
from features.choice_features import household_features, loyalty, loyalty_features, pair_features
from features.choice_occasions import ChoiceRows, joined_rows
from features.choice_state import shelf_state
from tests.choice_worlds import lines_of

PLANTED = {
    "taste": 1.2,
    "never_taken": -0.7,
    "availability": 0.8,
    "same_type": 0.9,
    "price_gap_size": -0.5,
    "loyal_same_type": 0.6,
}
SAME_PLACE = FEATURES.index("same_type")
LINEAR = ChoiceFit(trees=0, drawn=1e-3)


def drawn_rows(utility, *, choices=4000, candidates=8, seed=1, names=tuple(PLANTED)):
    """Draw standard normal features under some names, and choices with the odds that a utility gives them."""
    random = np.random.default_rng(seed)
    features = np.zeros((choices * candidates, len(FEATURES)), dtype=np.float32)
    for name in names:
        features[:, FEATURES.index(name)] = random.normal(size=choices * candidates)
    noise = random.gumbel(size=(choices, candidates))
    best = (utility(features).reshape(choices, candidates) + noise).argmax(axis=1)
    taken = np.zeros((choices, candidates), dtype=np.float32)
    taken[np.arange(choices), best] = 1.0
    ones = np.ones(choices, dtype=np.float32)
    return ChoiceRows(features, taken.reshape(-1), np.full(choices, candidates), ones, np.arange(choices) % 4)


def linear(features):
    return features @ np.array([PLANTED.get(name, 0.0) for name in FEATURES])


def test_planted_weights_are_recovered():
    found = dict(zip(FEATURES, fit_on_rows(drawn_rows(linear), seed=1, fit=LINEAR).weights, strict=True))
    for name, weight in PLANTED.items():
        assert found[name] == pytest.approx(weight, abs=0.08), name
    # what never varied keeps what was thought of it before
    prior = dict(zip(FEATURES, prior_model().weights, strict=True))
    assert {name: found[name] for name in found if name not in PLANTED} == {n: prior[n] for n in prior if n not in PLANTED}


def test_few_choices_stay_near_the_prior():
    rows = drawn_rows(linear, choices=5)
    prior = prior_model().weights
    held = fit_on_rows(rows, seed=1, fit=replace(LINEAR, drawn=100.0)).weights
    free = fit_on_rows(rows, seed=1, fit=replace(LINEAR, drawn=0.1)).weights
    assert np.abs(held - prior).max() < 0.1 < np.abs(free - prior).max()


def test_a_choice_counts_as_much_as_its_weight():
    first, second = drawn_rows(linear, choices=300, seed=3), drawn_rows(lambda features: -linear(features), choices=300, seed=4)
    twice = fit_on_rows(joined_rows([first, first, second]), seed=1, fit=LINEAR).weights
    weighed = fit_on_rows(joined_rows([replace(first, weight=first.weight * 2), second]), seed=1, fit=LINEAR).weights
    np.testing.assert_allclose(weighed, twice, atol=2e-3)


def steps(features):
    kind, gap = features[:, FEATURES.index("same_type")], features[:, FEATURES.index("price_gap")]
    return 2.0 * ((kind > 0) & (np.abs(gap) < 0.7))


def test_trees_learn_what_no_weight_can_say_and_are_the_same_for_a_seed():
    names = ("same_type", "price_gap", "apart")
    rows, unseen = (drawn_rows(steps, seed=seed, choices=1500, names=names) for seed in (5, 6))
    fit = ChoiceFit(trees=60)
    model = fit_on_rows(rows, seed=3, fit=fit)
    again, other = fit_on_rows(rows, seed=3, fit=fit), fit_on_rows(rows, seed=4, fit=fit)
    assert model.trees.model_to_string() == again.trees.model_to_string() != other.trees.model_to_string()
    assert model.weights.tobytes() == again.weights.tobytes()
    assert model.losses_by_trees(unseen, (60,))[0].mean() < model.losses_by_trees(unseen, (0,))[0].mean() - 0.1
    plain = fit_on_rows(rows, seed=3, fit=LINEAR)
    assert model.losses_by_trees(unseen, (0,))[0].mean() == pytest.approx(plain.losses_by_trees(unseen, (0,))[0].mean(), abs=0.02)


def test_trees_that_learned_chance_alone_do_not_pay():
    names = ("same_type", "price_gap", "apart")
    noise, unseen = (
        drawn_rows(lambda features: np.zeros(features.shape[0]), choices=400, seed=seed, names=names) for seed in (1, 9)
    )
    model = fit_on_rows(noise, seed=3, fit=ChoiceFit(trees=40))
    assert trees_that_pay([(model, unseen)]) == 0
    bare = model.with_trees(0)
    assert (model.tree_count, model.with_trees(20).tree_count, bare.trees, trees_that_pay([])) == (40, 20, None, 0)


def test_trees_pay_where_utility_bends_and_no_more_than_needed():
    rows, unseen = (drawn_rows(lambda features: 2.0 * (features[:, SAME_PLACE] > 0.5), seed=seed) for seed in (1, 9))
    model = fit_on_rows(rows, seed=3, fit=ChoiceFit(trees=60))
    count = trees_that_pay([(model, unseen)])
    losses = [model.losses_by_trees(unseen, (one,))[0].mean() for one in range(0, 61, 10)]
    assert 0 < count <= 10 * int(np.argmin(losses))
    kept = model.with_trees(count)
    np.testing.assert_allclose(
        kept.losses_by_trees(unseen, (kept.tree_count,))[0], model.losses_by_trees(unseen, (count,))[0], rtol=1e-6
    )


def test_without_choices_or_without_leaves_there_are_no_trees():
    assert fit_on_rows(joined_rows([]), seed=1, fit=ChoiceFit()).choices == 0
    few = fit_on_rows(drawn_rows(linear, choices=10), seed=1, fit=ChoiceFit())
    alike = fit_on_rows(drawn_rows(linear, choices=100, names=("taste",)), seed=1, fit=ChoiceFit())
    assert (few.trees, few.choices, alike.trees, alike.choices) == (None, 10, None, 100)


@pytest.fixture(scope="module")
def state():
    random = np.random.default_rng(8)
    trips = [
        (
            int(random.integers(150)),
            f"h{random.integers(20)}",
            "one",
            tuple(random.choice(list("abcde"), 2, replace=False).tolist()),
        )
        for _ in range(300)
    ]
    attributes = {"a": (0, 0, 0, 0), "b": (0, 1, 0, 0), "c": (1, 1, 0, 0), "d": (1, 0, 1, 0), "e": (2, 0, 0, 1)}
    return shelf_state(lines_of({"x": trips}, 149, attributes).shelf(0), 149)


def test_probabilities_are_the_softmax_of_all_features(state):
    random = np.random.default_rng(2)
    model = replace(prior_model(), weights=random.normal(size=len(FEATURES)) * 0.3)
    buyers, missing = np.array([0, 3, 4, 11]), 2
    pairs = pair_features(state, np.array([missing]))[0]
    of_household = household_features(state, buyers)
    never = (state.taken[buyers].toarray() == 0).astype(float)
    loyal = loyalty_features(loyalty(state, buyers, missing), never, pairs[:, SAME_TYPE])
    features = np.concatenate([of_household, loyal, np.broadcast_to(pairs, (buyers.size, *pairs.shape))], axis=2)
    odds = np.exp(features @ model.weights)
    odds[:, missing] = 0.0
    found = model.predict(state, missing, buyers)
    np.testing.assert_allclose(found, odds / odds.sum(axis=1, keepdims=True), rtol=2e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)
    assert (found[:, missing] == 0).all()


def test_trees_are_asked_about_the_pairs_that_are_worth_it(state):
    rows = drawn_rows(steps, choices=300, names=("same_type", "price_gap"))
    model = fit_on_rows(rows, seed=3, fit=ChoiceFit(trees=20))
    pairs = pair_features(state, np.arange(state.products.size))
    worth = np.zeros(pairs.shape[:2], dtype=bool)
    worth[1, 3] = True
    whole, some, none = model.of_pairs(pairs), model.of_pairs(pairs, worth), model.linear_of_pairs(pairs)
    assert (some != none).nonzero() == (np.array([1]), np.array([3]))
    assert some[1, 3] == whole[1, 3]
    np.testing.assert_allclose(none, pairs @ model.weights[OF_PAIR], rtol=1e-4, atol=1e-4)
