"""How good a ranked list is: truncated NDCG, recall and hit rate at k, one value per origin."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.repertoire import FloatArray, IntArray

__all__ = ["ListQuality", "list_quality"]


@dataclass(frozen=True, slots=True)
class ListQuality:
    """One value per origin, each between 0 and 1."""

    ndcg: FloatArray
    recall: FloatArray
    hit_rate: FloatArray


def list_quality(
    origin: IntArray, product: IntArray, score: FloatArray, label: npt.NDArray[np.int8], wanted: IntArray, k: int = 10
) -> ListQuality:
    """Rank the rows of each origin by score (ties: lower product position first) and compare with what was bought.

    Args:
        origin: whose list a row belongs to.
        product: the ranked product's position.
        score: what orders the list.
        label: 1 where the product was bought.
        wanted: how many products each origin's basket really held, candidates or not.
        k: the length of the list.
    """
    order = np.lexsort((product, -score, origin))
    ordered = origin[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    top = rank < k
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.r_[0.0, np.cumsum(discount)]
    gain = label[order][top].astype(np.float64)
    discounted = np.bincount(ordered[top], weights=gain * discount[rank[top]], minlength=len(wanted))
    hits = np.bincount(ordered[top], weights=gain, minlength=len(wanted))
    some = np.maximum(wanted, 1)
    return ListQuality(discounted / ideal[np.minimum(some, k)], hits / some, (hits > 0).astype(np.float64))
