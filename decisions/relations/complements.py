"""`isComplementTo`: products of another category that a household takes on the same trip, beyond its own habits."""

import numpy as np
import pyarrow as pa
from scipy import special

from decisions.relations.edges import Candidates, best_of_target
from decisions.relations.intervals import rate_ratio
from decisions.relations.observed import Observed
from features.basket_pairs import expected_together
from features.name_likeness import LEAST_LIKENESS

__all__ = ["UNIT", "complements"]

UNIT = "attach_rate_gain"
"""Baskets with both products beyond those expected, per basket with the target."""

PRIOR_BASKETS = 2.0
FALSE_DISCOVERIES = 0.1
LEAST_BASKETS = 20

CLOSENESS_WEIGHT = 1.0
"""A pair at cosine 1 in the embedding starts from a ratio of 2 instead of 1."""


def complements(observed: Observed, pairs: pa.Table, closeness: np.ndarray, *, per_product: int) -> Candidates:
    """Return the strongest complements of each product (the target), by gain in attach rate.

    Expected is how often the two would meet if, within each household's trips of like size, they fell independently: what
    a household likes anyway, and large trips, are taken off. The ratio of observed to expected is shrunk towards
    1 + closeness, then turned into baskets per basket with the target: (ratio - 1) * expected / baskets of the target. Only
    pairs of two known, different categories take part (of products without any: pairs of unlike names), and of these the ones
    with a gain above 0 with 95 % probability that are among the discoveries (`_discoveries`).

    An association: it does not say that selling one sells the other.

    Args:
        observed: the facts.
        pairs: as `features.basket_pairs.basket_pairs` gives them.
        closeness: cosine of each pair's embeddings, at least 0 (`closeness.Closeness`).
        per_product: how many complements a product keeps.
    """
    across = _across_categories(observed, pairs)
    pairs, closeness = pairs.filter(pa.array(across)), closeness[across]
    first, second, together = (pairs[name].to_numpy() for name in ("first", "second", "baskets"))
    expected = _expected(observed, first, second)
    ratio = rate_ratio(together, expected, PRIOR_BASKETS, 1.0 + CLOSENESS_WEIGHT * closeness)
    days = (pairs[name].cast(pa.int32()).to_numpy() for name in ("first_day", "last_day"))
    both = Candidates(first, second, ratio.minus(1.0), together, pairs["households"].to_numpy(), *days).with_reverse()
    baskets = observed.baskets_of()[both.target]
    gains = both.with_estimate(both.estimate.times(np.concatenate([expected, expected]) / baskets))
    sure = _sure(observed, (first, second), together, expected)
    likely = gains.take((gains.estimate.low > 0.0) & np.concatenate([sure, sure]))
    return likely.take(best_of_target(likely.source, likely.target, likely.estimate.value, per_product))


def _expected(observed: Observed, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the baskets expected to hold both: by household and size of trip, times what a season in common adds."""
    taste = expected_together(observed.by_household_stratum, observed.household_stratum_trips, first, second)
    sized = expected_together(observed.by_stratum, observed.stratum_trips, first, second)
    in_season = expected_together(observed.by_quarter_stratum, observed.quarter_stratum_trips, first, second)
    return np.asarray(taste * in_season / np.maximum(sized, 1e-12))


def _sure(observed: Observed, pairs: tuple[np.ndarray, np.ndarray], together: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the discoveries among pairs that popularity brings together anyway, and among the others: most of the millions of
    pairs could never meet often, and must not hide those that could. Source: Efron, Simultaneous inference: when should
    hypothesis testing problems be combined?, 2008.
    """
    frequent, of_frequent, of_rare = _frequent_enough(observed, *pairs)
    found = np.zeros(together.size, dtype=bool)
    for chosen, compared in ((frequent, of_frequent), (~frequent, of_rare)):
        found[chosen] = _discoveries(together[chosen], expected[chosen], compared)
    return found


def _discoveries(together: np.ndarray, expected: np.ndarray, pairs: int) -> np.ndarray:
    """Return which pairs meet too often for chance, so that of those named a tenth at most are expected to be chance's.

    Of so many pairs compared, thousands pass any test of one pair alone. Source: Benjamini and Hochberg, Controlling the false
    discovery rate, 1995.

    Args:
        together: baskets with both.
        expected: by chance (Poisson).
        pairs: how many were compared, those that met in too few baskets to be here included.
    """
    chance = special.gammainc(np.maximum(together, 1), np.maximum(expected, 1e-12))
    order = np.argsort(chance, kind="stable")
    passed = np.flatnonzero(chance[order] <= FALSE_DISCOVERIES * np.arange(1, order.size + 1) / max(pairs, 1))
    found = np.zeros(together.size, dtype=bool)
    if passed.size:
        found[order[: passed[-1] + 1]] = True
    return found


def _frequent_enough(observed: Observed, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return which pairs popularity alone would bring together once or more, and how many there are of these and of the others.

    Only products with as many baskets as a pair needs are counted.
    """
    baskets, trips = observed.baskets_of(), max(observed.day.size, 1)
    often = np.sort(baskets[baskets >= LEAST_BASKETS])
    partners = often.size - np.maximum(np.searchsorted(often, trips / often, side="left"), np.arange(1, often.size + 1))
    likely, pairs = int(np.maximum(partners, 0).sum()), often.size * (often.size - 1) // 2
    return baskets[first] * baskets[second] >= trips, likely, pairs - likely


def _across_categories(observed: Observed, pairs: pa.Table) -> np.ndarray:
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    codes, names = observed.category_codes, observed.names
    across = (codes[first] != codes[second]) & (codes[first] >= 0) & (codes[second] >= 0)
    by_name = names.named()[first] & names.named()[second]
    across[by_name] = names.of(first[by_name], second[by_name]) < LEAST_LIKENESS
    return np.asarray(across)
