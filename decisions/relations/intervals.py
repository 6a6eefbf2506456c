"""Estimates with 90 % intervals: of a ratio of counts, shrunk; of a count beyond another; of what moves.

Source: the gamma-Poisson ratio of observed to expected counts is DuMouchel's (Bayesian data mining in large frequency tables,
1999). Figures are rounded to 9 significant digits, so that a different build of the special functions does not change the bytes.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

__all__ = ["Estimate", "common_departure", "count_beyond", "rate_ratio", "rounded"]

TAIL = 0.05
DIGITS = 9
SMALLEST = 1e-12
JEFFREYS = 0.5
SPREAD = float(special.ndtri(1 - TAIL))
MIDDLE_SQUARE = float(special.ndtri(0.75) ** 2)
"""The median of the square of a standard normal figure."""


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

    def moved(self, share: float) -> "Estimate":
        """Return the estimate of what has moved since by a factor whose logarithm has this standard deviation.

        All bounds are above 0. Each bound lies as far off, on the scale of the logarithm, as both doubts together reach.
        """
        below, above = (np.hypot(np.log(bound / self.value), SPREAD * share) for bound in (self.low, self.high))
        return Estimate(self.value, rounded(self.value * np.exp(-below)), rounded(self.value * np.exp(above)))


def count_beyond(observed: np.ndarray, expected: np.ndarray, credited: np.ndarray | float = 0.0) -> Estimate:
    """Return the events beyond the expected ones; the observed count is Poisson, and nothing is shrunk.

    Low and high are the 5 % and 95 % points under Jeffreys' prior, whose intervals cover evenly for small counts (Brown, Cai
    and DasGupta, Interval estimation in exponential families, 2003). `credited` events are added to those observed.
    """
    held = observed + credited
    low, high = (special.gammaincinv(held + JEFFREYS, tail) for tail in (TAIL, 1 - TAIL))
    return Estimate(rounded(held - expected), rounded(low - expected), rounded(high - expected))


def common_departure(departures: np.ndarray, chance: np.ndarray) -> float:
    """Return the standard deviation of what departures of mean 0 have in common beyond chance; 0 where chance explains them.

    That which leaves half of the departures below the median that a normal law gives them: the median is not moved by the
    few that have a reason of their own, such as a season.

    Args:
        departures: from the mean.
        chance: the variance that chance alone gives each.
    """
    if departures.size == 0:
        return 0.0
    beyond = np.median(departures**2 / MIDDLE_SQUARE - chance)
    return float(np.sqrt(max(float(rounded(beyond)), 0.0)))


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
