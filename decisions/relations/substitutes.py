"""`isSubstituteFor`: what the buyers of a product already take of its category, among what still sells."""

import numpy as np

from decisions.relations.closeness import Closeness
from decisions.relations.edges import Candidates, best_of_target
from decisions.relations.intervals import mean_share
from decisions.relations.observed import Repertoire
from features.household_shares import HouseholdShares
from features.name_likeness import LEAST_LIKENESS

__all__ = ["UNIT", "substitutes"]

UNIT = "repertoire_share"
"""What a buyer of the missing product gives to the replacement: 1 for a purchase today, half for one 4 weeks ago; in the
mean over buyers, times the part of its usual rate at which the replacement still sells, times the part of the buyers' baskets
with it that did not hold the missing product, three quarters for another type."""

OTHER_TYPE = 0.75
"""A replacement of another product type than the missing one, or of none known, counts three quarters. Products of no category
are compared by name: the likeness of the names counts instead, and from too unlike ones nothing."""

PRIOR_BUYERS = 5.0
LARGEST_PRIOR = 0.5


def substitutes(repertoire: Repertoire, closeness: Closeness, *, per_product: int, least: tuple[int, int]) -> Candidates:
    """Return the strongest replacements (source) of each product (target), by the share its buyers give them.

    Candidates are products of the category that a buyer of the target took in the last 13 weeks and that sold in the last 2;
    events are the buyers' baskets with them in these weeks, support the buyers that took them. The strength is the mean share
    that buyers of the target give the source (`features.household_shares`), drawn to the source's popularity as 5 further
    buyers would draw it, times how far the source still sells at its usual rate, and less for another type. Closeness in the
    graph weighs that popularity by 1 to 2: it orders replacements of products with few buyers, and can hardly move the
    others.

    On `bench switching` the trips and the types each add to what the shares and the shelf foresee. The strength is no
    diversion ratio: nobody was kept from buying the target. The interval is that of the mean over households; it leaves out
    doubt about the prior, about availability and about trips.

    Args:
        repertoire: the facts.
        closeness: how alike products are in the graph.
        per_product: how many replacements a product keeps.
        least: baskets and households that a product needs for replacements to be named; replacements may have fewer.
    """
    shares = repertoire.shares
    totals = shares.totals()
    asked = np.flatnonzero(repertoire.supported(*least)[totals.row])
    missing, taken, total = totals.row[asked].astype(np.int64), totals.col[asked].astype(np.int64), totals.data[asked]
    alike = _alike(repertoire, missing, taken)
    weight = shares.availability[taken] * alike * shares.apart(missing, taken)
    prior = _prior(shares, missing, taken, closeness)
    strength = (total + prior) / (shares.buyers[missing] + PRIOR_BUYERS) * weight
    kept = np.flatnonzero(best_of_target(taken, missing, strength, per_product) & (strength > 0))
    missing, taken = missing[kept], taken[kept]
    seen = shares.details(missing, taken)
    given = total[kept] + prior[kept], seen.squares + prior[kept], shares.buyers[missing] + PRIOR_BUYERS
    estimate = mean_share(*given).times(weight[kept])
    return Candidates(taken, missing, estimate, seen.baskets, seen.households, seen.first_day, seen.last_day)


def _alike(repertoire: Repertoire, missing: np.ndarray, taken: np.ndarray) -> np.ndarray:
    kind, by_name = repertoire.type_codes, repertoire.names.named()[missing]
    alike = np.where((kind[missing] == kind[taken]) & (kind[missing] >= 0), 1.0, OTHER_TYPE)
    likeness = repertoire.names.of(missing[by_name], taken[by_name])
    alike[by_name] = np.where(likeness >= LEAST_LIKENESS, likeness, 0.0)
    return alike


def _prior(shares: HouseholdShares, missing: np.ndarray, taken: np.ndarray, closeness: Closeness) -> np.ndarray:
    """Return what the further buyers give: each takes the source today with the probability that its popularity suggests."""
    others = shares.category_popularity[missing] - shares.popularity[missing]
    popularity = shares.popularity[taken] / np.maximum(others, 1.0)
    near = closeness.of(missing, taken)
    return np.asarray(PRIOR_BUYERS * np.minimum(popularity * (1.0 + near), LARGEST_PRIOR))
