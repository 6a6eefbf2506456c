"""Measures of lists beside their hits: how varied one is, how well known what it shows, and how evenly all show the range."""

from dataclasses import dataclass

import numpy as np

from decisions.recommend.bounds import UNKNOWN
from features.repertoire import FloatArray, IntArray

__all__ = ["ExposureMeasures", "exposure_measures", "novelty", "variety"]


@dataclass(frozen=True, slots=True)
class ExposureMeasures:
    """Over all households' lists: the share of products that any shows, how unevenly (0: all alike), and the largest share.

    `gini` is over all products that may be shown, those that no list holds included.
    """

    coverage: float
    gini: float
    largest_share: float


def variety(product: IntArray, product_type: IntArray) -> float:
    """Return the share of distinct product types in a list, 0 to 1; a product of unknown type is one of its own."""
    if not len(product):
        return 0.0
    types = product_type[product]
    unknown = int((types == UNKNOWN).sum())
    return (len(np.unique(types[types != UNKNOWN])) + unknown) / len(product)


def novelty(product: IntArray, baskets: FloatArray, all_baskets: int) -> float:
    """Return the mean of -log2 of the share of baskets that hold each product of a list, in bits: higher is less known.

    Each product counts one basket more than it was in, so that what was never bought is rare and not infinitely so.
    Source: Vargas and Castells, Rank and relevance in novelty and diversity metrics (RecSys 2011).
    """
    if not len(product):
        return 0.0
    return float(-np.log2((baskets[product] + 1.0) / (all_baskets + 1.0)).mean())


def exposure_measures(exposure: FloatArray) -> ExposureMeasures:
    """Return how the lists spread over the range.

    Args:
        exposure: by product the share of households whose list holds it, as `bounds.exposure_shares` gives it.
    """
    total, count = float(exposure.sum()), len(exposure)
    if not total:
        return ExposureMeasures(0.0, 0.0, 0.0)
    rank = np.arange(1, count + 1)
    gini = float(2.0 * (rank * np.sort(exposure)).sum() / (count * total) - (count + 1) / count)
    return ExposureMeasures(float((exposure > 0).mean()), gini, float(exposure.max()))
