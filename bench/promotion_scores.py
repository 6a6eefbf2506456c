"""How well predicted cross effects agree with the ones observed later: figures that weigh each pair by how well it was observed.

Single pairs are mostly noise, so a pair counts by the precision of its later measurement. Intervals come from resampling
categories: pairs of one category share their weeks.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

__all__ = ["NINETY", "Figure", "Observed", "coverage", "reliability", "scores", "sign_ceiling", "weighted_mean"]

RESAMPLES = 1000
CEILING_DRAWS = 200
NINETY = 1.6448536269514722


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Later effects of pairs: `effect`, `precision` (1 / variance) and the `category` (numbered from 0) that is resampled."""

    effect: np.ndarray
    precision: np.ndarray
    category: np.ndarray

    def take(self, rows: np.ndarray) -> "Observed":
        """Return some pairs, by index or mask, with categories numbered anew."""
        return Observed(self.effect[rows], self.precision[rows], np.unique(self.category[rows], return_inverse=True)[1])


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 90 % interval (None: it cannot vary)."""

    value: float
    low: float | None = None
    high: float | None = None


def scores(
    predictions: Mapping[str, np.ndarray], observed: Observed, reference: str, judged: Collection[str]
) -> dict[tuple[str, str], Figure]:
    """Return each system's figures by (system, metric).

    `sign_agreement` is the share of pairs whose sign was foreseen (no sign: half), `spearman` the rank correlation,
    `spearman_within` that of the ranks less their category's mean; for the systems in `judged`, `sign_gain` and
    `spearman_gain` are the first two less those of the system named `reference`, over the same resamples.
    """
    draws = _draws(observed.category)
    spread: dict[tuple[str, str], np.ndarray] = {}
    for system, predicted in predictions.items():
        for metric, sums in _sums(predicted, observed).items():
            spread[system, metric] = _value(metric, np.concatenate([sums.sum(axis=0)[None, :], draws @ sums]))
    for system in judged:
        for metric, gain in (("sign_agreement", "sign_gain"), ("spearman", "spearman_gain")):
            if system in predictions:
                spread[system, gain] = spread[system, metric] - spread[reference, metric]
    return {key: _figure(values) for key, values in spread.items()}


def _draws(category: np.ndarray) -> np.ndarray:
    """Return how often each category is in each resample."""
    count = int(category.max(initial=-1)) + 1
    return np.random.default_rng(7).multinomial(count, np.full(count, 1 / max(count, 1)), RESAMPLES).astype(np.float64)


def _sums(predicted: np.ndarray, observed: Observed) -> dict[str, np.ndarray]:
    """Return what each metric is made of, by category (rows)."""
    category, weight = observed.category, observed.precision
    agreed = np.where(predicted == 0, 0.5, np.sign(predicted) == np.sign(observed.effect))
    ranks = rankdata(predicted), rankdata(observed.effect)
    totals = np.bincount(category, weight)
    inside = tuple(rank - (np.bincount(category, weight * rank) / totals)[category] for rank in ranks)
    return {
        "sign_agreement": _by_category(category, weight, agreed),
        "spearman": _by_category(category, weight, *_products(*(rank - rank.mean() for rank in ranks))),
        "spearman_within": _by_category(category, weight, *_products(*inside)),
    }


def _products(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, ...]:
    return one, other, one * one, other * other, one * other


def _by_category(category: np.ndarray, weight: np.ndarray, *columns: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(category, weight), *(np.bincount(category, weight * column) for column in columns)], axis=1)


def _value(metric: str, sums: np.ndarray) -> np.ndarray:
    """Return the metric of each row of sums: a weighted mean, or a weighted correlation (0 where nothing varies)."""
    means = sums[:, 1:] / np.maximum(sums[:, :1], 1e-300)
    if metric == "sign_agreement":
        return np.asarray(means[:, 0])
    one, other, squares, others, both = means.T
    varies = (squares - one**2) * (others - other**2)
    known = varies > 1e-9 * squares * others
    return np.asarray(np.where(known, (both - one * other) / np.sqrt(np.where(known, varies, 1.0)), 0.0))


def weighted_mean(observed: Observed) -> Figure:
    """Return the mean effect, weighted by precision."""
    sums = _by_category(observed.category, observed.precision, observed.effect)
    totals = np.concatenate([sums.sum(axis=0)[None, :], _draws(observed.category) @ sums])
    return _figure(totals[:, 1] / np.maximum(totals[:, 0], 1e-300))


def _figure(values: np.ndarray) -> Figure:
    low, high = (float(np.quantile(values[1:], q)) for q in (0.05, 0.95))
    return Figure(float(values[0]), low, high)


def coverage(mean: np.ndarray, deviation: np.ndarray, observed: Observed) -> Figure:
    """Return the share of pairs whose later effect lies in the 90 % interval of what is foreseen and its own noise."""
    inside = np.abs(observed.effect - mean) <= NINETY * np.sqrt(deviation**2 + 1.0 / observed.precision)
    sums = np.stack([np.bincount(observed.category), np.bincount(observed.category, inside)], axis=1)
    total = np.concatenate([sums.sum(axis=0)[None, :], _draws(observed.category) @ sums])
    return _figure(total[:, 1] / np.maximum(total[:, 0], 1.0))


def reliability(one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> float:
    """Return the share of the variance of whole measurements that is not noise, from two halves of each.

    The correlation of the halves, stepped up to the whole (Spearman 1910, Brown 1910); 0 where the halves do not agree.
    """
    centred = [half - np.average(half, weights=weight) for half in (one, other)]
    scale = np.sqrt(np.prod([np.average(half**2, weights=weight) for half in centred]))
    halves = float(np.average(centred[0] * centred[1], weights=weight) / scale) if scale > 0 else 0.0
    return 2 * halves / (1 + halves) if halves > 0 else 0.0


def sign_ceiling(observed: Observed, reliable: float) -> float:
    """Return how often the true sign would agree with the observed one, were the part `reliable` of its variance true."""
    weight = observed.precision
    centre = float(np.average(observed.effect, weights=weight))
    variance = float(np.average((observed.effect - centre) ** 2, weights=weight))
    random = np.random.default_rng(11)
    shares = []
    for _ in range(CEILING_DRAWS):
        truth = centre + np.sqrt(reliable * variance) * random.normal(size=weight.size)
        seen = truth + random.normal(size=weight.size) / np.sqrt(weight)
        shares.append(np.average(np.sign(truth) == np.sign(seen), weights=weight))
    return float(np.mean(shares))
