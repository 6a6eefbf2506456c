"""How far effects that are attributed to neighbours agree with the true ones, beside the noise of what the products sell.

Matrices are promoted x responding products, in units over all weeks ahead. The *noise* of a pair is the standard deviation of
the responding product's own sales (Poisson, around what is truly expected) in the weeks ahead in which the other is promoted: an
effect below it could not be seen in these weeks by anybody who knew all the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["NOISES", "Judged", "figures", "interval_95", "noise_of"]

NOISES = (0.5, 1.0, 1.5)
"""Effects of more than so much of their noise are counted; those above 1 are what is meant by *above noise*."""
TWICE = 2.0
RESAMPLES = 1000
SMALLEST = 1e-6

Columns = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The pairs of a world: their true effects, and their noise."""

    effect: np.ndarray
    noise: np.ndarray

    def above(self, effect: np.ndarray, times: float) -> np.ndarray:
        """Return where an effect exceeds so many times its noise."""
        return np.asarray((np.abs(effect) > times * self.noise) & (np.abs(effect) > SMALLEST))


def noise_of(expected: np.ndarray, promoted: np.ndarray) -> np.ndarray:
    """Return the noise of each pair (promoted x responding).

    Args:
        expected: what is truly expected to be sold, weeks x products.
        promoted: which product is promoted, weeks x products.
    """
    return np.asarray(np.sqrt(promoted.astype(np.float64).T @ expected))


def figures(judged: Judged, attributed: np.ndarray) -> Iterator[tuple[str, str, Columns]]:
    """Yield metric, slice and columns by responding product: what counts, and how much is counted.

    `sign_recovered` and `within_factor_2` are of the true effects above noise (of either sign, of what takes, and of what
    brings); what is not attributed at all is neither. `attributed_rightly` is of the effects that are claimed above noise: those
    with the true sign, and a size within a factor of 2.
    """
    signed = np.sign(judged.effect) == np.sign(attributed)
    size = np.abs(attributed) / np.maximum(np.abs(judged.effect), SMALLEST)
    near = signed & (size >= 1 / TWICE) & (size <= TWICE)
    for times in NOISES:
        true, claimed = judged.above(judged.effect, times), judged.above(attributed, times)
        where = "above_noise" if times == 1.0 else f"above_{times}_noise"
        yield "sign_recovered", where, _counted(signed, true)
        yield "within_factor_2", where, _counted(near, true)
        yield "attributed_rightly", where, _counted(near, claimed)
    above = judged.above(judged.effect, 1.0)
    for where, mask in (("taking", judged.effect < 0), ("bringing", judged.effect > 0)):
        yield "sign_recovered", where, _counted(signed, above & mask)
        yield "within_factor_2", where, _counted(near, above & mask)


def interval_95(columns: Sequence[Columns], seed: int = 7) -> tuple[float, float, float, int] | None:
    """Return a share, its 95 % interval over resampled products, and what it counts; None when it counts nothing."""
    upper, lower = (np.concatenate([part[side] for part in columns]) for side in (0, 1))
    upper, lower = upper[lower > 0], lower[lower > 0]
    if not lower.size:
        return None
    draws = np.random.default_rng(seed).multinomial(upper.size, np.full(upper.size, 1 / upper.size), RESAMPLES)
    low, high = np.quantile((draws @ upper) / (draws @ lower), [0.025, 0.975])
    return float(upper.sum() / lower.sum()), float(low), float(high), int(lower.sum())


def _counted(hits: np.ndarray, asked: np.ndarray) -> Columns:
    return (hits & asked).sum(axis=0).astype(np.float64), asked.sum(axis=0).astype(np.float64)
