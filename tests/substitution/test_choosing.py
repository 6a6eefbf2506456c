"""What to drop: greedy and exact against every choice there is."""

from itertools import combinations

import numpy as np
import pytest

from decisions.substitution import choosing
from decisions.substitution.choosing import Chain, Choice, choose, greedy, least_by_exchange, least_by_stopping, loss_of


def drawn(size: int, *, groups: int = 1, margins: bool = False, seed: int = 0) -> Choice:
    random = np.random.default_rng(seed)
    value = random.uniform(0.5, 3.0, size) if margins else np.ones(size)
    chains = []
    for _ in range(groups):
        passes = random.gamma(0.3, 1.0, (size, size))
        np.fill_diagonal(passes, 0.0)
        passes *= random.uniform(0.2, 0.7, (size, 1)) / passes.sum(axis=1, keepdims=True)
        chains.append(Chain(random.gamma(1.0, 10.0, size), passes, random.uniform(0, 0.1, size) * value.mean()))
    return Choice(chains, value, equal=not margins)


def by_steps(choice: Choice, dropped: tuple[int, ...]) -> float:
    """The loss, walked step by step."""
    lost = 0.0
    for chain in choice.chains:
        coming = np.where(np.isin(np.arange(choice.size), dropped), chain.units, 0.0)
        lost += float(coming @ choice.value)
        for _ in range(70):
            onward = coming @ chain.passes
            lost -= float(coming @ chain.kept_anyway)
            gone = np.isin(np.arange(choice.size), dropped)
            lost -= float(onward[~gone] @ choice.value[~gone])
            coming = np.where(gone, onward, 0.0)
    return lost


CASES = [(6, 2, 1, False), (8, 4, 1, True), (9, 4, 2, True), (9, 3, 2, False), (10, 5, 1, False)]


@pytest.mark.parametrize(("size", "count", "groups", "margins"), CASES)
def test_exact_is_the_best_of_all_choices(size: int, count: int, groups: int, margins: bool) -> None:
    for seed in range(2):
        choice = drawn(size, groups=groups, margins=margins, seed=seed)
        best = min(by_steps(choice, one) for one in combinations(range(size), count))
        chosen = choose(choice, count)
        assert chosen.loss == pytest.approx(best, abs=1e-6)
        assert (chosen.optimal, chosen.method, chosen.least) == (True, "exact", chosen.loss)
        assert by_steps(choice, tuple(chosen.order.tolist())) == pytest.approx(chosen.loss, abs=1e-9)
        assert chosen.costs.sum() == pytest.approx(chosen.loss, abs=1e-9)


@pytest.mark.parametrize(("size", "count", "groups", "margins"), CASES)
def test_no_choice_beats_the_bounds_and_greedy_is_not_far(size: int, count: int, groups: int, margins: bool) -> None:
    for seed in range(2):
        choice = drawn(size, groups=groups, margins=margins, seed=seed)
        best = min(by_steps(choice, one) for one in combinations(range(size), count))
        order, costs = greedy(choice, count)
        loss = loss_of(choice, order)
        assert costs.sum() == pytest.approx(loss, abs=1e-9)
        assert least_by_stopping(choice, count) <= best + 1e-9
        if not margins:
            assert least_by_exchange(choice, order) <= best + 1e-9
        assert best - 1e-9 <= loss <= best + 0.1 * abs(best) + 1e-9


def test_greedy_can_be_beaten_and_the_exact_way_beats_it() -> None:
    # the cheapest alone, 0, saves 1 and 2: once it is gone, both are dear
    passes = np.zeros((3, 3))
    passes[0, 1] = 0.5
    passes[1, 0] = passes[2, 0] = 0.9
    choice = Choice([Chain(np.array([1.0, 10.0, 10.0]), passes, np.zeros(3))], np.ones(3), equal=True)
    order, _ = greedy(choice, 2)
    assert order.tolist() == [0, 2]
    chosen = choose(choice, 2)
    assert sorted(chosen.order.tolist()) == [1, 2]
    assert chosen.loss == pytest.approx(2.0)
    assert loss_of(choice, order) > 5.0


def test_many_are_chosen_greedily_with_a_bound() -> None:
    steps = []
    chosen = choose(drawn(120), 40, lambda: steps.append(1))
    assert (chosen.method, len(steps)) == ("greedy", 40)
    assert 0 < chosen.least <= chosen.loss <= 1.2 * chosen.least
    assert len(set(chosen.order.tolist())) == 40


TREES = [
    ((10, 5, 1, False, 1), (16, [2, 3, 4, 7, 8], 4.4519279784934485)),
    ((12, 5, 2, True, 2), (26, [0, 3, 6, 7, 11], -1.9403735184219997)),
    ((20, 8, 2, False, 0), (88, [3, 5, 7, 10, 11, 14, 15, 19], 36.0857118786662)),
    ((20, 8, 1, True, 1), (83, [2, 4, 5, 7, 9, 12, 16, 18], 1.7489488809945168)),
    ((40, 12, 1, False, 3), (287, [6, 9, 11, 14, 16, 22, 27, 28, 29, 30, 36, 37], 17.084505182157717)),
]
"""Size, count, groups, margins and seed; then the tree from a poor start: its nodes, what it drops, and what that loses."""


@pytest.mark.parametrize(("drawing", "tree"), TREES)
def test_a_tree_is_as_large_as_ever_and_makes_chains_only_of_what_it_looks_at(drawing, tree, monkeypatch) -> None:
    (size, count, groups, margins, seed), (nodes, dropped, loss) = drawing, tree
    made, eliminated = [], choosing._eliminated
    monkeypatch.setattr(choosing, "_eliminated", lambda chain, at: made.append(at) or eliminated(chain, at))
    choice, start = drawn(size, groups=groups, margins=margins, seed=seed), np.arange(count)
    given = [(chain.units.copy(), chain.passes.copy(), chain.kept_anyway.copy()) for chain in choice.chains]
    found = choosing.best(choice, start, loss_of(choice, start))
    assert (found.dropped.tolist(), found.nodes, found.proven) == (dropped, nodes, True)
    assert found.loss == pytest.approx(loss, rel=1e-12)
    assert len(made) == groups * (nodes - 1)
    for chain, parts in zip(choice.chains, given, strict=True):
        assert all((one == part).all() for one, part in zip((chain.units, chain.passes, chain.kept_anyway), parts, strict=True))
