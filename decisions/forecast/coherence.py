"""Forecasts that add up: stores to products, products to categories, categories to the whole chain.

Each node has a forecast of its own and, through its children, a second one. Upward, both are averaged by their precision;
downward, what a parent's final forecast differs from its children's sum is shared out by their variance. On a tree with
independent errors that is the minimum-trace reconciliation with a diagonal covariance, exact and in linear time (the tests hold
it equal to the library hierarchicalforecast on small trees; its sparse solver iterates for minutes on a chain's tree). Source:
Wickramasuriya, Athanasopoulos and Hyndman, Optimal forecast reconciliation through trace minimization, JASA 2019.

Errors of siblings are not independent: a bad week is bad for all. The variance of a sum is therefore not summed where a back-test
has measured it (`Level.of_children`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Level", "reconciled"]

LEAST_UNITS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The nodes of one level of a tree, and what is thought of them.

    Args:
        forecast: horizons x nodes, 0 or more.
        spread: variance of a forecast over its units, one figure for the level (or one a node).
        parent: nodes (int), the place of each in the level above; for the top all 0, and not read.
        of_children: variance of the sum of a node's children over its units; None sums the children's own.
    """

    forecast: np.ndarray
    spread: float | np.ndarray
    parent: np.ndarray
    of_children: float | None = None


def reconciled(levels: Sequence[Level]) -> list[np.ndarray]:
    """Return the coherent forecasts of each level, the top first (horizons x nodes, 0 or more).

    A node without children keeps its own forecast on the way up. Sums hold exactly but for the last bits: the lowest nodes are
    never below 0, and what lies above is added up from them.

    Args:
        levels: the top first, one node or more.
    """
    means, variances = _upward(levels)
    final = means[0]
    finals = [final]
    for level, mean, variance in zip(levels[1:], means[1:], variances[1:], strict=True):
        final = _shared_out(final, mean, variance, level.parent)
        finals.append(final)
    return _added_up([np.clip(one, 0.0, None) for one in finals], levels)


def _upward(levels: Sequence[Level]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    means: list[np.ndarray] = []
    variances: list[np.ndarray] = []
    below: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    for level in reversed(levels):
        mean = level.forecast.astype(np.float64)
        variance = level.spread * np.maximum(mean, LEAST_UNITS)
        if below is not None:
            mean, variance = _averaged(mean, variance, level, below)
        means.append(mean)
        variances.append(variance)
        below = (mean, variance, level.parent)
    return means[::-1], variances[::-1]


def _averaged(
    mean: np.ndarray, variance: np.ndarray, level: Level, below: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    child_mean, child_variance, parent = below
    nodes = mean.shape[1]
    has = np.bincount(parent, minlength=nodes) > 0
    summed = _summed(child_mean, parent, nodes)
    spread = _summed(child_variance, parent, nodes)
    if level.of_children is not None:
        spread = level.of_children * np.maximum(summed, LEAST_UNITS)
    safe = np.where(has, spread, 1.0)
    precision = 1.0 / variance + np.where(has, 1.0 / safe, 0.0)
    return (mean / variance + np.where(has, summed / safe, 0.0)) / precision, 1.0 / precision


def _shared_out(final: np.ndarray, mean: np.ndarray, variance: np.ndarray, parent: np.ndarray) -> np.ndarray:
    nodes = final.shape[1]
    gap = final - _summed(mean, parent, nodes)
    share = variance / np.maximum(_summed(variance, parent, nodes), np.finfo(np.float64).tiny)[:, parent]
    return np.asarray(mean + gap[:, parent] * share)


def _summed(values: np.ndarray, parent: np.ndarray, nodes: int) -> np.ndarray:
    return np.stack([np.bincount(parent, weights=row, minlength=nodes) for row in values])


def _added_up(finals: list[np.ndarray], levels: Sequence[Level]) -> list[np.ndarray]:
    for above, below in zip(range(len(finals) - 2, -1, -1), range(len(finals) - 1, 0, -1), strict=True):
        parent, nodes = levels[below].parent, finals[above].shape[1]
        has = np.bincount(parent, minlength=nodes) > 0
        finals[above] = np.where(has, _summed(finals[below], parent, nodes), finals[above])
    return finals
