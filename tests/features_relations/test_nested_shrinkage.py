"""Shrinkage over nested groups against the dense normal model, and its spreads against planted ones."""

import numpy as np
import pytest

from features.nested_shrinkage import nested_shrinkage


def dense_posterior(value, precision, groups, spreads):
    """Solve the hierarchical normal model as one linear system: measurements, group means, and roots with a flat prior."""
    sizes = [value.size, *(group.max() + 1 for group in groups)]
    starts = np.cumsum([0, *sizes])
    system, right = np.zeros((starts[-1], starts[-1])), np.zeros(starts[-1])
    system[np.arange(value.size), np.arange(value.size)] = precision
    right[: value.size] = precision * value
    below = np.arange(value.size)
    for level, group in enumerate(groups):
        links = {(child, parent) for child, parent in zip(below.tolist(), group.tolist(), strict=True)}
        for child, parent in links:
            one, other = starts[level] + child, starts[level + 1] + parent
            weight = 1 / spreads[level] ** 2
            system[one, one] += weight
            system[other, other] += weight
            system[one, other] -= weight
            system[other, one] -= weight
        below = group
    inverse = np.linalg.inv(system)
    return (inverse @ right)[: value.size], np.sqrt(np.diag(inverse))[: value.size]


def test_posterior_is_that_of_the_dense_model():
    random = np.random.default_rng(3)
    fine = random.integers(0, 24, 300)
    fine = np.unique(fine, return_inverse=True)[1]
    coarse = fine // 4
    top = np.zeros(300, dtype=np.int64)
    centres = random.normal(0, 2, coarse.max() + 1)[coarse] + random.normal(0, 0.7, fine.max() + 1)[fine]
    precision = random.uniform(0.5, 5, 300)
    value = centres + random.normal(0, 0.6, 300) + random.normal(0, 1, 300) / np.sqrt(precision)
    shrunk = nested_shrinkage(value, precision, [fine, coarse, top])
    assert min(shrunk.spreads) > 0.1, shrunk.spreads
    mean, deviation = dense_posterior(value, precision, [fine, coarse, top], shrunk.spreads)
    np.testing.assert_allclose(shrunk.mean, mean, rtol=1e-8)
    np.testing.assert_allclose(shrunk.deviation, deviation, rtol=1e-8)


def test_planted_spreads_are_found():
    random = np.random.default_rng(5)
    fine, coarse = np.arange(40_000) // 20, np.arange(40_000) // 400
    truth = 0.3 * random.normal(size=100)[coarse] + 0.2 * random.normal(size=2_000)[fine] + 0.1 * random.normal(size=40_000)
    value = truth + 0.2 * random.normal(size=40_000)
    shrunk = nested_shrinkage(value, np.full(40_000, 25.0), [fine, coarse, np.zeros(40_000, dtype=np.int64)])
    assert shrunk.spreads == pytest.approx((0.1, 0.2, 0.3), rel=0.15)
    inside = np.abs(truth - shrunk.mean) < 1.6449 * shrunk.deviation
    assert 0.89 < inside.mean() < 0.91


def test_without_spread_all_take_the_common_mean():
    shrunk = nested_shrinkage(
        np.array([1.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0]), [np.array([0, 0, 1]), np.zeros(3, dtype=np.int64)]
    )
    assert shrunk.spreads == (0.0, 0.0)
    assert shrunk.mean.tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(shrunk.deviation, 0.5)
