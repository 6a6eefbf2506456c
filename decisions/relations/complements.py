"""`isComplementTo`: products of another category that a household takes on the same trip, beyond its own habits."""

import numpy as np
import pyarrow as pa

from decisions.relations.edges import Candidates, best_of_target
from decisions.relations.intervals import rate_ratio
from decisions.relations.observed import Observed
from features.basket_pairs import expected_together
from features.name_likeness import LEAST_LIKENESS

__all__ = ["UNIT", "complements"]

UNIT = "attach_rate_gain"
"""Baskets with both products beyond those expected, per basket with the target."""

PRIOR_BASKETS = 2.0
CLOSENESS_WEIGHT = 1.0
"""A pair at cosine 1 in the embedding starts from a ratio of 2 instead of 1."""


def complements(observed: Observed, pairs: pa.Table, closeness: np.ndarray, *, per_product: int) -> Candidates:
    """Return the strongest complements of each product (the target), by gain in attach rate.

    Expected is how often the two would meet if, within each household's trips of like size, they fell independently: what
    a household likes anyway, and large trips, are taken off. The ratio of observed to expected is shrunk towards
    1 + closeness, then turned into baskets per basket with the target: (ratio - 1) * expected / baskets of the target. Only
    pairs of two known, different categories take part (of products without any: pairs of unlike names), and of these the ones
    with a gain above 0 with 95 % probability.

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
    expected = expected_together(observed.by_household_stratum, observed.household_stratum_trips, first, second)
    ratio = rate_ratio(together, expected, PRIOR_BASKETS, 1.0 + CLOSENESS_WEIGHT * closeness)
    days = (pairs[name].cast(pa.int32()).to_numpy() for name in ("first_day", "last_day"))
    both = Candidates(first, second, ratio.minus(1.0), together, pairs["households"].to_numpy(), *days).with_reverse()
    baskets = observed.baskets_of()[both.target]
    gains = both.with_estimate(both.estimate.times(np.concatenate([expected, expected]) / baskets))
    likely = gains.take(gains.estimate.low > 0.0)
    return likely.take(best_of_target(likely.source, likely.target, likely.estimate.value, per_product))


def _across_categories(observed: Observed, pairs: pa.Table) -> np.ndarray:
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    codes, names = observed.category_codes, observed.names
    across = (codes[first] != codes[second]) & (codes[first] >= 0) & (codes[second] >= 0)
    by_name = names.named()[first] & names.named()[second]
    across[by_name] = names.of(first[by_name], second[by_name]) < LEAST_LIKENESS
    return np.asarray(across)
