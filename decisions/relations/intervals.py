"""Shrunk estimates with 90 % intervals: of a ratio of counts.

Source: the gamma-Poisson ratio of observed to expected counts is DuMouchel's (Bayesian data mining in large frequency tables,
1999). Figures are rounded to 9 significant digits, so that a different build of the special functions does not change the bytes.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

__all__ = ["Estimate", "rate_ratio", "rounded"]

TAIL = 0.05
DIGITS = 9
SMALLEST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Point values and the bounds of their 90 % intervals: three float64 arrays of one length."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def times(self, factor: np.ndarray | float) -> "Estimate":
        """Return the estimate in another unit: each figure times a factor that is not negative."""
        return Estimate(rounded(self.value * factor), rounded(self.low * factor), rounded(self.high * factor))

    def minus(self, offset: float) -> "Estimate":
        """Return the estimate counted from another zero."""
        return Estimate(rounded(self.value - offset), rounded(self.low - offset), rounded(self.high - offset))


def rate_ratio(
    observed: np.ndarray, expected: np.ndarray, prior_events: float, prior_ratio: np.ndarray | float = 1.0
) -> Estimate:
    """Return observed over expected counts, drawn towards `prior_ratio` as `prior_events` expected events would draw it.

    The observed count is Poisson with mean ratio * expected, the ratio is gamma distributed beforehand with mean
    `prior_ratio`; value is the posterior mean, low and high its 5 % and 95 % points.
    """
    shape = observed + prior_events * prior_ratio
    rate = expected + prior_events
    low, high = special.gammaincinv(shape, TAIL) / rate, special.gammaincinv(shape, 1 - TAIL) / rate
    return Estimate(rounded(shape / rate), rounded(low), rounded(high))


def rounded(values: np.ndarray) -> np.ndarray:
    """Return the figures rounded to 9 significant digits; what is below 1e-12 becomes 0."""
    # what is smaller than any count could tell from nothing is nothing
    held = np.where(np.abs(values) < SMALLEST, 0.0, values)
    size = np.floor(np.log10(np.where(held == 0, 1.0, np.abs(held))))
    unit = 10.0 ** (DIGITS - 1 - size)
    return np.asarray(np.round(held * unit) / unit, dtype=np.float64)
