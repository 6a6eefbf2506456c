"""What a product sells in weeks without a promotion, and how far its own promotions raise that.

The level is a kernel average over neighbouring weeks in which the product was not promoted, per trip; the lift is a Poisson
regression on the depth of the discount, display and mailer, with coefficients shared by all products.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from features.promotion_panel import PromotionPanel

__all__ = ["Level", "beside_category", "kernel_of", "level_of", "own_lift"]

BANDWIDTH_WEEKS = 6.0
LEAST_EXPECTED = 0.2
ROUNDS = 25
RIDGE = 5.0
"""Pulls each coefficient towards 0 as five purchases of a fully promoted product would."""
PRIOR_VARIANCE_PURCHASES = 200.0
PRIOR_PURCHASES = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Purchases expected without any promotion, weeks by products.

    `exposure` is the trips of weeks that count (listed and not promoted, 0 elsewhere), `surprise` purchases over expected less
    one there, `weight` the precision of that: 1 / (1 / expected + the variance of week shocks).
    """

    expected: np.ndarray
    exposure: np.ndarray
    surprise: np.ndarray
    weight: np.ndarray


def kernel_of(weeks: np.ndarray) -> np.ndarray:
    """Return the weight of each week (column) in the level of each other (row): normal, 6 weeks wide."""
    apart = (weeks[:, None] - weeks[None, :]) / 7.0
    return np.asarray(np.exp(-0.5 * (apart / BANDWIDTH_WEEKS) ** 2))


def level_of(panel: PromotionPanel) -> Level:
    """Return what is expected without promotions, and how the weeks without one surprised."""
    kernel = kernel_of(panel.weeks)
    exposure = panel.trips[:, None] * (panel.listed & ~panel.promoted)
    seen = kernel @ exposure
    rate = np.divide(kernel @ (panel.purchases * (exposure > 0)), seen, out=np.zeros_like(seen), where=seen > 0)
    return _surprised(panel, panel.trips[:, None] * rate, exposure)


def beside_category(panel: PromotionPanel, level: Level) -> Level:
    """Return the level raised and lowered by what the other products of the category did in each week without a promotion.

    For promotions of another category: within one, the others respond themselves.
    """
    counted = level.weight > 0
    sold, expected = panel.purchases * counted, level.expected * counted
    group = panel.category + 1
    inside = sparse.csr_array(
        (np.ones(group.size), (np.arange(group.size), group)), shape=(group.size, int(group.max(initial=0)) + 1)
    )
    others_sold, others_expected = ((inside @ (inside.T @ amounts.T)).T - amounts for amounts in (sold, expected))
    factor = (others_sold + PRIOR_PURCHASES) / (others_expected + PRIOR_PURCHASES)
    return _surprised(panel, level.expected * factor, level.exposure)


def _surprised(panel: PromotionPanel, expected: np.ndarray, exposure: np.ndarray) -> Level:
    known = (exposure > 0) & (expected > 0)
    safe = np.where(known, expected, 1.0)
    surprise = np.where(known, panel.purchases / safe - 1.0, 0.0)
    shocks = _shocks(panel, np.where(known, expected, 0.0))
    return Level(expected, exposure, surprise, np.where(known, 1.0 / (1.0 / safe + shocks[None, :]), 0.0))


def _shocks(panel: PromotionPanel, expected: np.ndarray) -> np.ndarray:
    """Return each product's variance of week shocks beyond counting noise: its category's, drawn towards that of all."""
    group = panel.category + 1
    counted = expected > 0
    residual = np.where(counted, panel.purchases - expected, 0.0)
    excess = np.bincount(group, (residual**2 - expected).sum(axis=0))
    squares = np.bincount(group, (expected**2).sum(axis=0))
    overall = max(excess.sum() / max(squares.sum(), 1e-9), 0.0)
    prior = PRIOR_VARIANCE_PURCHASES
    return np.asarray(np.maximum((excess + prior * overall) / (squares + prior), 0.0)[group])


def own_lift(panel: PromotionPanel, level: Level) -> np.ndarray:
    """Return log2 of how many times its level each product is expected to sell, by week: 1 is a doubling, 0 no promotion.

    Poisson regression by Newton steps, offset by the level. A coefficient below 0 counts as 0.
    """
    signs = np.stack([panel.cheaper, panel.display, panel.mailer])
    rows = panel.listed & (level.expected > LEAST_EXPECTED)
    design, sold, expected = signs[:, rows], panel.purchases[rows], level.expected[rows]
    coefficients = np.zeros(len(signs))
    for _ in range(ROUNDS):
        mean = expected * np.exp(np.minimum(coefficients @ design, 5.0))
        slope = design @ (sold - mean) - RIDGE * coefficients
        curvature = (design * mean) @ design.T + RIDGE * np.eye(len(signs))
        coefficients = coefficients + np.linalg.solve(curvature, slope)
    return np.asarray(np.tensordot(np.maximum(coefficients, 0.0), signs, 1) / np.log(2.0))
