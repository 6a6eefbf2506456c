"""`isBoughtWith`: products that fall into one basket more often than their popularity and the size of trips explain."""

import numpy as np
import pyarrow as pa

from decisions.relations.edges import Candidates, best_of_target
from decisions.relations.intervals import rate_ratio
from decisions.relations.observed import Observed
from features.basket_pairs import expected_together

__all__ = ["UNIT", "bought_with"]

UNIT = "lift"
PRIOR_BASKETS = 1.0
"""Draws the lift of a pair towards 1 as one basket expected by chance would."""


def bought_with(observed: Observed, pairs: pa.Table, *, per_product: int) -> Candidates:
    """Return both directions of the pairs whose lift is above 1 with 95 % probability.

    The lift is the number of baskets in common over the number expected if, among trips of like size, the two fell
    independently; it is shrunk (`intervals.rate_ratio`). It still holds household taste: what the same people like. A
    pair stays when it is among the `per_product` strongest of either product. Events are baskets in common.
    """
    first, second, together = (pairs[name].to_numpy() for name in ("first", "second", "baskets"))
    expected = expected_together(observed.by_stratum, observed.stratum_trips, first, second)
    days = (pairs[name].cast(pa.int32()).to_numpy() for name in ("first_day", "last_day"))
    estimate = rate_ratio(together, expected, PRIOR_BASKETS)
    one_way = Candidates(first, second, estimate, together, pairs["households"].to_numpy(), *days)
    likely = one_way.take(estimate.low > 1.0)
    both = likely.with_reverse()
    kept = best_of_target(both.source, both.target, both.estimate.value, per_product)
    half = likely.source.size
    strong = kept[:half] | kept[half:]
    return both.take(np.concatenate([strong, strong]))
