"""How good lists of items are against what was bought, one value per list and metric; all items are candidates."""

from collections.abc import Iterator, Mapping

import numpy as np
from scipy import sparse

from bench.frame import BenchRow
from features.repertoire import FloatArray, IntArray

__all__ = ["list_scores", "paired_interval", "rows_of_lists"]

DRAWS = 1000
SEED = 7


def list_scores(lists: IntArray, wanted: sparse.csr_array, lengths: tuple[int, ...] = (10, 20)) -> dict[str, FloatArray]:
    """Return per metric one value per list. `wanted` (lists x items) is 1 where an item was bought, 0 elsewhere;
    -1 in a list is no item.

    `ndcg@k` compares with the best list of length k; `ndcg@k_untruncated` with the best list of everything that was bought, as
    some published tables do: what no list of k can reach then counts against it.
    """
    sizes = np.diff(wanted.indptr)
    rows = np.repeat(np.arange(len(lists)), lists.shape[1])
    hit = np.asarray(wanted[rows, lists.ravel()], dtype=np.float64).reshape(lists.shape) > 0
    hit &= lists >= 0
    discount = 1.0 / np.log2(np.arange(max(int(sizes.max(initial=1)), lists.shape[1])) + 2.0)
    ideal = np.r_[0.0, np.cumsum(discount)]
    some = np.maximum(sizes, 1)
    found: dict[str, FloatArray] = {}
    for k in lengths:
        gain = hit[:, :k] @ discount[:k]
        found[f"recall@{k}"] = np.asarray(hit[:, :k].sum(axis=1) / some)
        found[f"ndcg@{k}"] = gain / ideal[np.minimum(some, k)]
        found[f"ndcg@{k}_untruncated"] = gain / ideal[some]
        found[f"hit_rate@{k}"] = np.asarray(hit[:, :k].any(axis=1), dtype=np.float64)
    return found


def rows_of_lists(system: str, name: str, scores: Mapping[str, FloatArray]) -> Iterator[BenchRow]:
    """Yield each metric's mean with its 90 % bootstrap interval over lists."""
    for metric, values in scores.items():
        low, high = _interval(values, np.ones_like(values))
        yield BenchRow(system, metric, name, float(values.mean()), low, high, len(values))


def paired_interval(ours: FloatArray, theirs: FloatArray) -> tuple[float, float, float]:
    """Return how many times theirs our mean is, with the 90 % interval of drawing the same users for both."""
    return float(ours.mean() / theirs.mean()), *_interval(ours, theirs)


def _interval(values: FloatArray, beside: FloatArray) -> tuple[float, float]:
    random = np.random.default_rng(SEED)
    drawn = (random.integers(len(values), size=len(values)) for _ in range(DRAWS))
    low, high = np.quantile([values[rows].mean() / beside[rows].mean() for rows in drawn], (0.05, 0.95)).tolist()
    return low, high
