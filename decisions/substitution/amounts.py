"""Units with 90 % intervals: from edges' intervals to variances, and from variances back to intervals.

Edges have the interval of a gamma law (`decisions.relations.doubt`); so has every sum here. Figures are rounded to 9 significant
digits, so that another build of the linear algebra does not change the bytes.
"""

import numpy as np
from scipy import special

from decisions.substitution.contract import Amount

__all__ = ["Z_90", "amount", "amounts", "relative_variance", "rounded"]

TAIL = 0.05
Z_90 = float(special.ndtri(1 - TAIL))
DIGITS = 9
SMALLEST = 1e-9
SHAPES = np.exp(np.linspace(np.log(0.05), np.log(1e5), 2000))
LOW_OF_SHAPES = special.gammaincinv(SHAPES, TAIL) / SHAPES
"""How far the lower end of a gamma's interval lies below its mean, by its shape: ascending."""


def relative_variance(value: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return the relative variance of gamma laws by their mean and the lower end of their 90 % interval.

    The lower end tells it: the upper one may be cut at 1.
    """
    ratio = np.clip(low / np.maximum(value, 1e-300), LOW_OF_SHAPES[0], LOW_OF_SHAPES[-1])
    return np.asarray(1.0 / np.interp(ratio, LOW_OF_SHAPES, SHAPES))


def amounts(values: np.ndarray, deviations: np.ndarray, most: float = np.inf) -> list[Amount]:
    """Return gamma laws of these means and standard deviations, cut at `most`, as values with 90 % intervals."""
    held = np.clip(values, 0.0, most)
    relative = deviations / np.maximum(held, SMALLEST)
    sure = (relative < 1e-4) | (held < SMALLEST)
    shape = 1.0 / np.clip(relative, 1e-4, 1e3) ** 2
    low, high = (np.where(sure, 1.0, special.gammaincinv(shape, tail) / shape) * held for tail in (TAIL, 1 - TAIL))
    # a law as skewed as that has its mean beyond its own upper end
    ends = zip(held, np.minimum(low, held), np.clip(high, held, max(most, SMALLEST)), strict=True)
    return [Amount(*(rounded(one) for one in of)) for of in ends]


def amount(value: float, deviation: float, most: float = np.inf) -> Amount:
    """Return one such law."""
    return amounts(np.array([value]), np.array([deviation]), most)[0]


def rounded(value: float) -> float:
    """Return a figure rounded to 9 significant digits; what is below a billionth of a unit becomes 0."""
    return 0.0 if abs(value) < SMALLEST else float(f"{value:.{DIGITS}g}")
