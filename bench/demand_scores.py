"""Errors of weekly forecasts per product, their totals, and bootstrap intervals over products.

Every measure is a ratio of two sums over series, so that a bootstrap draw is a pair of weighted sums.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = [
    "Interval",
    "SeriesErrors",
    "bootstrap",
    "joined",
    "pinball",
    "ratio_bootstrap",
    "rmsse",
    "series_errors",
    "value_of",
    "wape",
    "wrmsse",
]

DRAWS = 1000
TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SeriesErrors:
    """Per series at an origin (n each).

    `product` numbers the product, `absolute` and `sold` are sums over the horizon, `scaled` is the root mean squared
    scaled error (NaN where the past never changed), `weight` the units of the last 13 known weeks.
    """

    product: np.ndarray
    absolute: np.ndarray
    sold: np.ndarray
    scaled: np.ndarray
    weight: np.ndarray


Parts = tuple[np.ndarray, np.ndarray]
Measure = Callable[[SeriesErrors], Parts]


def series_errors(product: np.ndarray, history: np.ndarray, actual: np.ndarray, forecast: np.ndarray) -> SeriesErrors:
    """Return errors per series.

    Args:
        product: n, the product of each series.
        history: n x past weeks, the scale of RMSSE: the mean squared change from week to week from the first sale on.
        actual: horizons x n.
        forecast: horizons x n.
    """
    started = np.cumsum(history, axis=1)[:, :-1] > 0
    change = np.where(started, np.diff(history, axis=1) ** 2, 0.0)
    scale = change.sum(axis=1) / np.maximum(started.sum(axis=1), 1)
    squared = ((actual - forecast) ** 2).mean(axis=0)
    scaled = np.sqrt(squared / np.where(scale > 0, scale, np.nan))
    weight = history[:, -13:].sum(axis=1, dtype=np.float64)
    return SeriesErrors(product, np.abs(actual - forecast).sum(axis=0), actual.sum(axis=0), scaled, weight)


def joined(parts: list[SeriesErrors]) -> SeriesErrors:
    """Return the series of several origins as one."""
    fields = ("product", "absolute", "sold", "scaled", "weight")
    return SeriesErrors(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def wape(errors: SeriesErrors) -> Parts:
    """The sum of absolute errors over the sum of units."""
    return errors.absolute, errors.sold


def rmsse(errors: SeriesErrors) -> Parts:
    """The mean root mean squared scaled error; series whose past never changed are left out."""
    known = ~np.isnan(errors.scaled)
    return np.where(known, errors.scaled, 0.0), known.astype(np.float64)


def wrmsse(errors: SeriesErrors) -> Parts:
    """The same, weighted by recent units."""
    known = ~np.isnan(errors.scaled)
    return np.where(known, errors.scaled * errors.weight, 0.0), errors.weight * known


def pinball(actual: np.ndarray, quantile: np.ndarray, level: float) -> float:
    """Return the mean pinball loss of a forecast quantile, in units."""
    gap = actual - quantile
    return float(np.maximum(level * gap, (level - 1) * gap).mean())


def value_of(measure: Measure, errors: SeriesErrors) -> float:
    """Return one figure over all series."""
    above, below = measure(errors)
    return float(above.sum() / below.sum())


def bootstrap(measure: Measure, errors: SeriesErrors, seed: int) -> Interval:
    """Return the measure with its interval over resampled products; a product keeps its origins and stores together."""
    return _interval(value_of(measure, errors), _drawn(measure, errors, _weights(errors.product, seed)))


def ratio_bootstrap(measure: Measure, ours: SeriesErrors, theirs: SeriesErrors, seed: int) -> Interval:
    """Return ours over theirs, paired: both sides are resampled with the same products."""
    weights = _weights(ours.product, seed)
    draws = _drawn(measure, ours, weights) / _drawn(measure, theirs, weights)
    return _interval(value_of(measure, ours) / value_of(measure, theirs), draws)


def _weights(product: np.ndarray, seed: int) -> np.ndarray:
    names, member = np.unique(product, return_inverse=True)
    random = np.random.default_rng(seed)
    draws = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    return draws.astype(np.float32)[:, member]


def _drawn(measure: Measure, errors: SeriesErrors, weights: np.ndarray) -> np.ndarray:
    above, below = measure(errors)
    return np.asarray((weights @ above) / (weights @ below))


def _interval(value: float, draws: np.ndarray) -> Interval:
    return Interval(value, float(np.quantile(draws, TAIL)), float(np.quantile(draws, 1 - TAIL)))
