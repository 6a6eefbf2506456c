"""Errors of weekly forecasts per series, their totals, and bootstrap intervals over product types and weeks.

Every measure is a ratio of two sums over series, so that a bootstrap draw is a pair of weighted sums. Types of products and weeks
of origin are drawn apart, and a series of a type at an origin counts as often as both were drawn: what happens to a whole type,
or in a whole week, is one event and not many. Source: Owen, The pigeonhole bootstrap, 2007.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from decisions.forecast.backtest import scale_of

__all__ = [
    "Interval",
    "Measure",
    "SeriesErrors",
    "bias",
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
WEIGHT_WEEKS = 13


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class SeriesErrors:
    """Per series at an origin (n each).

    `kind` numbers the product type, `week` the origin. `absolute`, `sold` and `beyond` (forecast minus sold) are sums over the
    horizon, `scaled` is the root mean squared scaled error (NaN where the past never changed), `weight` the units of the last 13
    known weeks.
    """

    kind: np.ndarray
    week: np.ndarray
    absolute: np.ndarray
    sold: np.ndarray
    beyond: np.ndarray
    scaled: np.ndarray
    weight: np.ndarray

    def of(self, chosen: np.ndarray) -> "SeriesErrors":
        """Return some of the series, by mask."""
        return SeriesErrors(*(getattr(self, field.name)[chosen] for field in fields(self)))


Parts = tuple[np.ndarray, np.ndarray]
Measure = Callable[[SeriesErrors], Parts]


def series_errors(kind: np.ndarray, week: int, history: np.ndarray, actual: np.ndarray, forecast: np.ndarray) -> SeriesErrors:
    """Return errors per series.

    Args:
        kind: n, the product type of each series.
        week: number of the origin.
        history: n x past weeks, the scale of RMSSE: the mean squared change from week to week from the first sale on.
        actual: horizons x n.
        forecast: horizons x n.
    """
    squared = ((actual - forecast) ** 2).mean(axis=0)
    return SeriesErrors(
        kind,
        np.full(len(kind), week),
        np.abs(actual - forecast).sum(axis=0),
        actual.sum(axis=0),
        (forecast - actual).sum(axis=0),
        np.sqrt(squared / scale_of(history)),
        history[:, -WEIGHT_WEEKS:].sum(axis=1, dtype=np.float64),
    )


def joined(parts: Sequence[SeriesErrors]) -> SeriesErrors:
    """Return the series of several origins as one."""
    return SeriesErrors(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(SeriesErrors)))


def wape(errors: SeriesErrors) -> Parts:
    """The sum of absolute errors over the sum of units."""
    return errors.absolute, errors.sold


def bias(errors: SeriesErrors) -> Parts:
    """What was forecast beyond what was sold, over what was sold."""
    return errors.beyond, errors.sold


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
    """Return the measure with its interval over resampled types and weeks."""
    return _interval(value_of(measure, errors), _drawn(measure, errors, seed))


def ratio_bootstrap(measure: Measure, ours: Sequence[SeriesErrors], theirs: Sequence[SeriesErrors], seed: int) -> Interval:
    """Return ours over theirs, each the mean of its seeds, paired: both sides are resampled with the same types and weeks."""
    value = float(np.mean([value_of(measure, one) for one in ours]) / np.mean([value_of(measure, one) for one in theirs]))
    above = np.mean([_drawn(measure, one, seed) for one in ours], axis=0)
    return _interval(value, above / np.mean([_drawn(measure, one, seed) for one in theirs], axis=0))


def _drawn(measure: Measure, errors: SeriesErrors, seed: int) -> np.ndarray:
    """Return the measure of each draw. Sums by type and week are enough, whatever is drawn."""
    kinds, kind = np.unique(errors.kind, return_inverse=True)
    weeks, week = np.unique(errors.week, return_inverse=True)
    random = np.random.default_rng(seed)
    of_kind, of_week = (
        random.multinomial(size, np.full(size, 1 / size), size=DRAWS).astype(np.float64) for size in (len(kinds), len(weeks))
    )
    cell = kind * len(weeks) + week
    sums = [
        np.bincount(cell, weights=part, minlength=len(kinds) * len(weeks)).reshape(len(kinds), len(weeks))
        for part in measure(errors)
    ]
    above, below = (((of_kind @ part) * of_week).sum(axis=1) for part in sums)
    return np.asarray(above / np.where(below != 0, below, np.nan))


def _interval(value: float, draws: np.ndarray) -> Interval:
    return Interval(value, float(np.nanquantile(draws, TAIL)), float(np.nanquantile(draws, 1 - TAIL)))
