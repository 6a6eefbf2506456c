"""Trees that add up: equal to the minimum-trace reconciliation of a library, and what holds beyond it."""

import itertools

import numpy as np
import pytest
from hierarchicalforecast.methods import MinTrace
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.forecast.coherence import Level, reconciled

SPREADS = (2.0, 1.5, 1.2, 1.0)


def tree(seed: int, sizes=(4, 15, 40)):
    """Four levels with every node having a child; parents and forecasts of the nodes below the top."""
    random = np.random.default_rng(seed)
    parents = [np.zeros(sizes[0], dtype=np.int64)]
    for above, count in itertools.pairwise(sizes):
        parents.append(np.concatenate([np.arange(above), random.integers(0, above, count - above)]))
    forecasts = [random.gamma(5, mean, (3, count)) for mean, count in zip((200, 50, 12, 4), (1, *sizes), strict=True)]
    return forecasts, [np.zeros(1, dtype=np.int64), *parents]


def levels_of(forecasts, parents, children=None):
    return [Level(f, s, p, children) for f, s, p in zip(forecasts, SPREADS, parents, strict=True)]


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_the_minimum_trace_reconciliation_of_a_library(seed):
    forecasts, parents = tree(seed)
    found = np.concatenate(reconciled(levels_of(forecasts, parents)), axis=1)
    bottom = forecasts[-1].shape[1]
    summing = [np.eye(bottom)]
    for parent in parents[:0:-1]:
        above = np.zeros((int(parent.max()) + 1, len(parent)))
        above[parent, np.arange(len(parent))] = 1.0
        summing.insert(0, above @ summing[0])
    for horizon, units in enumerate(np.concatenate(forecasts, axis=1)):
        variance = np.concatenate([spread * forecast[horizon] for spread, forecast in zip(SPREADS, forecasts, strict=True)])
        # two residuals of a series, whose sample variance is the one wanted
        residuals = np.sqrt(variance / 2)[:, None] * np.asarray([[1.0, -1.0]]) + 1e-3
        told = MinTrace("wls_var").fit_predict(np.vstack(summing), units[:, None], residuals, np.zeros(residuals.shape))
        np.testing.assert_allclose(found[horizon], told["mean"][:, 0], rtol=1e-5, atol=1e-4)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, 0.5, 30.0]))
def test_sums_hold_nothing_is_negative_and_what_adds_up_stays(seed, children):
    forecasts, parents = tree(seed, sizes=(3, 6, 12))
    found = reconciled(levels_of(forecasts, parents, children))
    for above, below, parent in zip(found[:-1], found[1:], parents[1:], strict=True):
        summed = np.stack([np.bincount(parent, weights=row, minlength=above.shape[1]) for row in below])
        np.testing.assert_allclose(above, summed, rtol=1e-12)
        assert (below >= 0).all()
    again = reconciled(levels_of(found, parents, children))
    for first, second in zip(found, again, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-9)


def test_a_sum_that_is_known_better_moves_its_parts_and_a_worse_one_hardly():
    def told(spread_of_total):
        parts = Level(np.asarray([[10.0, 30.0]]), 1.0, np.zeros(2, dtype=np.int64))
        return reconciled([Level(np.asarray([[80.0]]), spread_of_total, np.zeros(1, dtype=np.int64)), parts])

    sure, unsure = told(1e-6), told(1e6)
    np.testing.assert_allclose(sure[1], [[20.0, 60.0]], rtol=1e-3)
    np.testing.assert_allclose(unsure[1], [[10.0, 30.0]], rtol=1e-3)


def test_a_node_without_children_keeps_its_own_forecast():
    alone = Level(np.asarray([[5.0, 7.0]]), 1.0, np.zeros(2, dtype=np.int64))
    below = Level(np.asarray([[4.0]]), 1.0, np.zeros(1, dtype=np.int64))
    _, middle, lowest = reconciled([Level(np.asarray([[12.0]]), 1.0, np.zeros(1, dtype=np.int64)), alone, below])
    assert middle[0, 0] == lowest[0, 0]
    assert middle[0, 1] > 0


def test_an_empty_lowest_level_changes_nothing():
    parts = Level(np.asarray([[10.0, 30.0]]), 1.0, np.zeros(2, dtype=np.int64))
    total = Level(np.asarray([[50.0]]), 1.0, np.zeros(1, dtype=np.int64))
    nothing = Level(np.zeros((1, 0)), np.zeros(0), np.zeros(0, dtype=np.int64))
    plain, with_nothing = reconciled([total, parts]), reconciled([total, parts, nothing])
    for one, other in zip(plain, with_nothing, strict=False):
        np.testing.assert_allclose(one, other)
