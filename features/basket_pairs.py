"""Which products meet in one basket, and how often chance alone would bring them together: sparse matrix products.

Products are positions (`features.co_purchase`). All counts are exact integers, so equal facts give equal bytes.
"""

import numpy as np
import pyarrow as pa
from scipy import sparse

__all__ = [
    "PAIRS_AT_ONCE",
    "basket_pairs",
    "common_columns",
    "expected_together",
    "pair_details",
    "shorter_first",
]

PAIRS_AT_ONCE = 20_000
"""Bounds the memory of looking into single baskets: about 0.1 GB on a chain of 2,500 households."""

ROWS_AT_ONCE = 2_000


def basket_pairs(bought: sparse.csr_array, household: np.ndarray, day: np.ndarray, *, minimum_baskets: int) -> pa.Table:
    """Return the pairs of products that met in at least `minimum_baskets` baskets, sorted by first, then second.

    Args:
        bought: int32 ones by product (rows) and basket (columns, any order), with sorted indices.
        household: of each basket, a number from 0.
        day: of each basket, in days since 1970.
        minimum_baskets: pairs below are left out.

    Returns:
        first, second (int64, first < second), baskets, households (int64), first_day, last_day (date32).
    """
    first, second, together = _frequent(bought, minimum_baskets)
    details = [
        _pair_details(bought, first[at : at + PAIRS_AT_ONCE], second[at : at + PAIRS_AT_ONCE], household, day)
        for at in range(0, first.size, PAIRS_AT_ONCE)
    ]
    households, first_day, last_day = (np.concatenate([np.zeros(0, dtype=np.int64), *part]) for part in _columns(details))
    return pa.table(
        {
            "first": pa.array(first, pa.int64()),
            "second": pa.array(second, pa.int64()),
            "baskets": pa.array(together, pa.int64()),
            "households": pa.array(households, pa.int64()),
            "first_day": pa.array(first_day.astype(np.int32), pa.date32()),
            "last_day": pa.array(last_day.astype(np.int32), pa.date32()),
        }
    )


def expected_together(counts: sparse.csr_array, opportunities: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return in how many baskets each pair would meet if the two fell independently within each cell (float64, baskets).

    A cell is a set of baskets that are alike, such as trips of like size, or one household's trips of like size: of its N
    baskets n_a hold one product and n_b the other, so n_a * n_b / N are expected to hold both.

    Args:
        counts: baskets by product (rows) and cell (columns).
        opportunities: all baskets by cell.
        first: one end of each pair, as rows of `counts`.
        second: the other end.
    """
    rate = counts.data / np.maximum(opportunities, 1)[counts.indices]
    expected = np.zeros(first.size)
    for at in range(0, first.size, PAIRS_AT_ONCE):
        part = slice(at, at + PAIRS_AT_ONCE)
        row, one, other = common_columns(counts, counts, *shorter_first(counts, first[part], second[part]))
        expected[part] = np.bincount(row, rate[one] * counts.data[other], minlength=first[part].size)
    return expected


def _frequent(bought: sparse.csr_array, minimum: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs with enough baskets in common, a block of rows at a time: the whole square would not fit."""
    transposed = bought.T.tocsr()
    blocks = [_frequent_rows(bought, transposed, at, minimum) for at in range(0, bought.shape[0], ROWS_AT_ONCE)]
    first, second, together = (np.concatenate([np.zeros(0, dtype=np.int64), *part]) for part in _columns(blocks))
    order = np.lexsort((second, first))
    return first[order], second[order], together[order]


def _frequent_rows(
    bought: sparse.csr_array, transposed: sparse.csr_array, at: int, minimum: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    block = (bought[at : at + ROWS_AT_ONCE] @ transposed).tocoo()
    first = block.row.astype(np.int64) + at
    second = block.col.astype(np.int64)
    kept = (block.data >= minimum) & (first < second)
    return first[kept], second[kept], block.data[kept].astype(np.int64)


def _pair_details(
    bought: sparse.csr_array, first: np.ndarray, second: np.ndarray, household: np.ndarray, day: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the households, the first and the last day of each pair. Baskets are numbered by day."""
    row, place, _ = common_columns(bought, bought, *shorter_first(bought, first, second))
    return pair_details(row, bought.indices[place], first.size, household, day)


def pair_details(
    pair: np.ndarray, column: np.ndarray, pairs: int, household: np.ndarray, day: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the households, the first and the last day of each pair (int64), from the columns its two rows share.

    Args:
        pair: which pair, as `common_columns` finds it; every pair is there once at least.
        column: the column that its two rows share.
        pairs: how many pairs there are.
        household: of each column, a number from 0.
        day: of each column, in days since 1970.
    """
    people = np.int64(household.max(initial=0) + 1)
    distinct = np.unique(pair * people + household[column]) // people
    starts = np.searchsorted(pair, np.arange(pairs))
    first, last = np.minimum.reduceat(day[column], starts), np.maximum.reduceat(day[column], starts)
    return np.bincount(distinct, minlength=pairs), first, last


def common_columns(
    walked: sparse.csr_array, searched: sparse.csr_array, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns that row `first` of `walked` and row `second` of `searched` share, pair by pair.

    Both have sorted indices. Returns, columns ascending within each pair: which pair, and the place of the column in
    `walked.data` and in `searched.data`. Costs the length of the walked rows: a few best sellers have rows a thousand times
    as long as the rest, so let the shorter row be walked.
    """
    length = np.diff(walked.indptr)[first].astype(np.int64)
    pair = np.repeat(np.arange(first.size), length)
    steps = np.arange(pair.size) - np.repeat(np.cumsum(length) - length, length)
    in_walked = walked.indptr[first][pair] + steps
    width = np.int64(walked.shape[1])
    keys = np.repeat(np.arange(searched.shape[0]), np.diff(searched.indptr)) * width + searched.indices
    if keys.size == 0:
        return pair[:0], in_walked[:0], in_walked[:0]
    wanted = second[pair] * width + walked.indices[in_walked]
    in_searched = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    found = keys[in_searched] == wanted
    return pair[found], in_walked[found], in_searched[found]


def shorter_first(rows: sparse.csr_array, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs turned so that the row of the first is the shorter one."""
    length = np.diff(rows.indptr)
    swap = length[first] > length[second]
    return np.where(swap, second, first), np.where(swap, first, second)


def _columns(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[list[np.ndarray], ...]:
    return tuple([part[column] for part in parts] for column in range(3))
