"""How far relations that were derived agree with the truth of a world: each figure as two columns by target product.

A figure is the sum of its first column over the sum of its second, so worlds are put together by joining columns, and its
interval comes from resampling targets. Matrices are targets x sources over all products.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import rankdata

__all__ = [
    "DIVERSIONS",
    "Claims",
    "Columns",
    "agreement",
    "claims_of",
    "complement_figures",
    "differences",
    "interval",
    "matrix_of",
    "substitute_figures",
]

DIVERSIONS = (0.05, 0.1, 0.2)
"""True diversion ratios from which recall, and claimed ones from which precision is counted."""
TOLERANCE = 0.5
"""A claim of half the level finds a pair of that level, and a pair of half the level bears a claim of it out."""
LEAST_COMPARED = 3
LISTED = 12
"""How many replacements an answer lists: a floor that ranks all products is compared on as many, too."""
RESAMPLES = 1000

Columns = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """What a system says in one scope: strengths (0 where it says nothing) and, from ours, bounds; `said` marks its edges."""

    strength: np.ndarray
    low: np.ndarray
    high: np.ndarray
    said: np.ndarray

    @property
    def turned(self) -> "Claims":
        """The same with targets and sources exchanged."""
        return Claims(self.strength.T, self.low.T, self.high.T, self.said.T)


def matrix_of(table: pa.Table, products: pa.Array, column: str) -> np.ndarray:
    """Return a column of a table with target and source as a matrix, 0 where it has no row."""
    filled = np.zeros((len(products), len(products)))
    filled[_places(table, products)] = table[column].to_numpy()
    return filled


def claims_of(edges: pa.Table, products: pa.Array, scope: str) -> Claims:
    """Return the edges of one scope that are not retracted."""
    kept = edges.filter(pc.and_(pc.equal(edges["scope"], scope), pc.not_equal(edges["status"], "retracted")))
    said = np.zeros((len(products), len(products)), dtype=bool)
    said[_places(kept, products)] = True
    strength, low, high = (matrix_of(kept, products, name) for name in ("strength", "low", "high"))
    return Claims(strength, low, high, said)


def substitute_figures(
    truth: np.ndarray, listed: np.ndarray, strength: np.ndarray, said: np.ndarray
) -> Iterator[tuple[str, Columns]]:
    """Yield precision and recall by level, and the rank agreement, bias and mean absolute error of one system.

    `listed` marks the products that can be asked for; `said` the pairs on which systems are compared: our edges.
    """
    for level in DIVERSIONS:
        true, claimed = truth >= level, strength >= level
        yield f"recall:diversion {level}", _counted(true & (strength >= level * TOLERANCE), true, listed)
        yield f"precision:diversion {level}", _counted(claimed & (truth >= level * TOLERANCE), claimed, listed)
    yield "bias", _summed(strength - truth, said, listed)
    yield "mae", _summed(np.abs(strength - truth), said, listed)
    compared = listed & said.any(axis=1)
    yield "spearman", _rank_agreement(truth, strength, compared)
    yield f"spearman@{LISTED}", _rank_agreement(truth, _strongest(strength), compared)


def agreement(truth: np.ndarray, listed: np.ndarray, claims: Claims) -> Iterator[tuple[str, Columns]]:
    """Yield the coverage of our intervals, their mean width, and how many listed products have no edge at all."""
    yield "coverage_90", _counted((claims.low <= truth) & (truth <= claims.high), claims.said, listed)
    yield "interval_width", _summed(claims.high - claims.low, claims.said, listed)
    nothing = np.logical_not(claims.said[listed]).all(axis=1)
    yield "insufficient", (nothing.astype(float), np.ones(nothing.size))


def differences(
    truth: tuple[np.ndarray, np.ndarray], claims: tuple[Claims, Claims], least: float, name: str
) -> Iterator[tuple[str, Columns]]:
    """Yield how often two views of a pair (both directions, summer and winter) are told apart as they truly differ.

    `accuracy` is over pairs whose truths differ by `least` or more and that both views say something of; `false_alarms` over
    those that differ by less than a tenth of it, and counts intervals that do not meet.
    """
    gap, claimed = truth[0] - truth[1], claims[0].strength - claims[1].strength
    both, everything = claims[0].said & claims[1].said, np.ones(gap.shape[0], dtype=bool)
    real = both & (np.abs(gap) >= least)
    yield f"{name}_accuracy", _counted(real & (np.sign(gap) == np.sign(claimed)), real, everything)
    apart = (claims[0].low > claims[1].high) | (claims[1].low > claims[0].high)
    same = both & (np.abs(gap) < least / 10)
    yield f"false_alarms:{name}", _counted(same & apart, same, everything)


def complement_figures(
    lift: np.ndarray, planted: Mapping[float, np.ndarray], said: np.ndarray, listed: np.ndarray
) -> Iterator[tuple[str, Columns]]:
    """Yield precision and, by planted strength, recall in that direction. `lift` is that of the true complements, else 0."""
    yield "precision:complements", _counted(said & (lift > 0), said, listed)
    for strength, pairs in planted.items():
        yield f"recall:complements {strength}", _counted(said & pairs, pairs, listed)


def interval(columns: Sequence[Columns], seed: int = 7) -> tuple[float, float, float, int] | None:
    """Return a figure, the 5 % and 95 % points over resampled targets, and what it counts; None when it counts nothing."""
    upper, lower = (np.concatenate([part[side] for part in columns]) for side in (0, 1))
    used = lower > 0
    upper, lower = upper[used], lower[used]
    if not used.any():
        return None
    draws = np.random.default_rng(seed).multinomial(upper.size, np.full(upper.size, 1 / upper.size), RESAMPLES)
    values = (draws @ upper) / (draws @ lower)
    low, high = np.quantile(values, [0.05, 0.95])
    return float(upper.sum() / lower.sum()), float(low), float(high), int(lower.sum())


def _places(table: pa.Table, products: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    target, source = (pc.index_in(table[end].combine_chunks(), value_set=products).to_numpy() for end in ("target", "source"))
    return target, source


def _counted(hits: np.ndarray, asked: np.ndarray, rows: np.ndarray) -> Columns:
    return (hits & asked)[rows].sum(axis=1).astype(float), asked[rows].sum(axis=1).astype(float)


def _summed(values: np.ndarray, asked: np.ndarray, rows: np.ndarray) -> Columns:
    return np.where(asked, values, 0.0)[rows].sum(axis=1), asked[rows].sum(axis=1).astype(float)


def _rank_agreement(truth: np.ndarray, strength: np.ndarray, rows: np.ndarray) -> Columns:
    """Return Spearman's correlation over each target's true candidates; 0 where the system gives them all the same."""
    found = [_spearman(truth[row], strength[row]) for row in np.flatnonzero(rows) if (truth[row] > 0).sum() >= LEAST_COMPARED]
    return np.array(found), np.ones(len(found))


def _strongest(strength: np.ndarray) -> np.ndarray:
    """Return each target's strengths with all but its largest put to 0."""
    least = np.sort(strength, axis=1)[:, -min(LISTED, strength.shape[1])]
    return np.where(strength >= least[:, None], strength, 0.0)


def _spearman(truth: np.ndarray, strength: np.ndarray) -> float:
    candidates = truth > 0
    first, second = (rankdata(values[candidates]) for values in (truth, strength))
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / size) if size > 0 else 0.0
