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
    sure = _discoveries(together, expected, _comparable_pairs(observed))
    likely = gains.take((gains.estimate.low > 0.0) & np.concatenate([sure, sure]))
    return likely.take(best_of_target(likely.source, likely.target, likely.estimate.value, per_product))


def _expected(observed: Observed, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the baskets expected to hold both: by household and size of trip, times what a season in common adds."""
    taste = expected_together(observed.by_household_stratum, observed.household_stratum_trips, first, second)
    sized = expected_together(observed.by_stratum, observed.stratum_trips, first, second)
    in_season = expected_together(observed.by_quarter_stratum, observed.quarter_stratum_trips, first, second)
    return np.asarray(taste * in_season / np.maximum(sized, 1e-12))


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


def _comparable_pairs(observed: Observed) -> int:
    """Return the number of pairs of products that could meet in as many baskets as a pair needs."""
    often = int((observed.baskets_of() >= LEAST_BASKETS).sum())
    return often * (often - 1) // 2


def _across_categories(observed: Observed, pairs: pa.Table) -> np.ndarray:
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    codes, names = observed.category_codes, observed.names
    across = (codes[first] != codes[second]) & (codes[first] >= 0) & (codes[second] >= 0)
    by_name = names.named()[first] & names.named()[second]
    across[by_name] = names.of(first[by_name], second[by_name]) < LEAST_LIKENESS
    return np.asarray(across)
