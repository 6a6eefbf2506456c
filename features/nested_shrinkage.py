"""Empirical Bayes for measurements that lie in groups within groups: each is drawn towards its group as far as it is uncertain.

Model: y = m + noise of known precision; m is normal around its group's mean, that around its own group's, up to a root whose
mean is free. The spread at each level is estimated by the method of moments (DerSimonian and Laird 1986); given the spreads
the answer is the exact posterior of the hierarchical normal model, by one pass up and one pass down the tree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Shrunk", "nested_shrinkage"]


@dataclass(frozen=True, slots=True, eq=False)
class Shrunk:
    """Posterior mean and standard deviation of each measurement's truth; `spreads` are the standard deviations by level,
    the measurements within the finest groups first.
    """

    mean: np.ndarray
    deviation: np.ndarray
    spreads: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """What is known of each child before its parent is asked: mean, variance; its parent, and the spread around it."""

    mean: np.ndarray
    variance: np.ndarray
    parent: np.ndarray
    spread: float


def nested_shrinkage(value: np.ndarray, precision: np.ndarray, groups: Sequence[np.ndarray]) -> Shrunk:
    """Return the posterior of each measurement.

    Args:
        value: measurements.
        precision: 1 / variance of each one's noise, above 0.
        groups: a group number (from 0, none left out) per measurement, the finest grouping first; each is contained in the
            next. The last are the roots, which are not drawn anywhere.
    """
    levels: list[_Level] = []
    mean, variance = np.asarray(value, dtype=np.float64), 1.0 / np.asarray(precision, dtype=np.float64)
    child = np.arange(mean.size)
    for group in groups:
        parent = np.zeros(mean.size, dtype=np.int64)
        parent[child] = group
        spread = _spread(mean, variance, parent)
        levels.append(_Level(mean, variance, parent, spread))
        mean, variance = _pooled(mean, variance + spread, parent)
        child = group
    for level in reversed(levels):
        pull = level.variance / (level.variance + level.spread)
        mean, variance = (
            (1 - pull) * level.mean + pull * mean[level.parent],
            pull * level.spread + pull**2 * variance[level.parent],
        )
    return Shrunk(mean, np.sqrt(variance), tuple(float(np.sqrt(level.spread)) for level in levels))


def _pooled(mean: np.ndarray, variance: np.ndarray, parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weight = np.bincount(parent, 1.0 / variance)
    return np.bincount(parent, mean / variance) / weight, 1.0 / weight


def _spread(mean: np.ndarray, variance: np.ndarray, parent: np.ndarray) -> float:
    """Return the variance between children of one parent that their own variances do not explain, 0 at least."""
    if mean.size == 0:
        return 0.0
    weight = 1.0 / variance
    centre, _ = _pooled(mean, variance, parent)
    total, squares = np.bincount(parent, weight), np.bincount(parent, weight**2)
    excess = float((weight * (mean - centre[parent]) ** 2).sum()) - (mean.size - total.size)
    scale = float((total - squares / total).sum())
    return max(excess / scale, 0.0) if scale > 0 else 0.0
