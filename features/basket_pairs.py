"""Which products meet in one basket, and how often chance alone would bring them together: sparse matrix products.

Products are positions (`features.co_purchase`). All counts are exact integers, so equal facts give equal bytes.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from scipy import sparse

__all__ = ["basket_pairs", "expected_together"]

MEETINGS_AT_ONCE = 4_000_000
"""Bounds the memory of looking into single baskets: about 0.2 GB."""

CELLS_AT_ONCE = 8_000_000
"""Bounds blocks of the square of products, and each array of what is compared at once: 64 MB."""

PRODUCT_COST, BLOCK_COST = 0.35, 2.6
"""What a product of two counts and a cell of a block take, measured, in what a count of a pair takes."""


def basket_pairs(bought: sparse.csr_array, household: np.ndarray, day: np.ndarray, *, minimum_baskets: int) -> pa.Table:
    """Return the pairs of products that met in at least `minimum_baskets` baskets, sorted by first, then second.

    The work grows with the number of meetings, not with that of pairs times baskets.

    Args:
        bought: int32 ones by product (rows) and basket (columns, any order), with sorted indices.
        household: of each basket, a number from 0.
        day: of each basket, in days since 1970.
        minimum_baskets: pairs below are left out.

    Returns:
        first, second (int64, first < second), baskets, households (int64), first_day, last_day (date32).
    """
    # whoever is in fewer baskets is in no pair
    often = np.flatnonzero(np.diff(bought.indptr) >= minimum_baskets)
    by_household = np.argsort(household, kind="stable")
    household, day = household[by_household], day[by_household]
    known = bought[often][:, by_household]
    known.sort_indices()
    by_basket = known.T.tocsr()
    by_basket.sort_indices()
    blocks = [_pairs_of(known, by_basket, rows, (household, day), minimum_baskets) for rows in _blocks(known, by_basket)]
    empty = np.zeros((6, 0), dtype=np.int64)
    first, second, baskets, households, first_day, last_day = np.concatenate([empty, *blocks], axis=1)
    return pa.table(
        {
            "first": pa.array(often[first], pa.int64()),
            "second": pa.array(often[second], pa.int64()),
            "baskets": pa.array(baskets, pa.int64()),
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
    some = np.unique(np.concatenate([first, second]))
    counted = counts[some].astype(np.float64)
    scaled = counted.copy()
    scaled.data /= np.maximum(opportunities, 1)[scaled.indices]
    ends = np.searchsorted(some, first), np.searchsorted(some, second)
    if some.size * counts.shape[1] <= CELLS_AT_ONCE:
        return _of_dense_rows(scaled.toarray(), counted.toarray(), *ends)
    held = np.diff(counted.indptr)
    work = held[ends[0]] + held[ends[1]]
    if work.sum() <= _work_of_blocks(counted, *ends):
        return _of_pairs(scaled, counted, work, *ends)
    return _of_blocks(scaled, counted, *ends)


def _of_dense_rows(scaled: np.ndarray, counted: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    parts = _parts(np.full(first.size, counted.shape[1]), CELLS_AT_ONCE)
    sums = [np.einsum("ij,ij->i", scaled[first[part]], counted[second[part]]) for part in parts]
    return np.concatenate([np.zeros(0), *sums])


def _of_pairs(
    scaled: sparse.csr_array, counted: sparse.csr_array, work: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    sums = [scaled[first[part]].multiply(counted[second[part]]).sum(axis=1) for part in _parts(work, CELLS_AT_ONCE)]
    return np.concatenate([np.zeros(0), *sums])


def _of_blocks(scaled: sparse.csr_array, counted: sparse.csr_array, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Multiply whole blocks of products with all that they meet: quicker where most of them meet."""
    rows, row = np.unique(first, return_inverse=True)
    columns, column = np.unique(second, return_inverse=True)
    by_cell, order = counted[columns].T.tocsr(), np.argsort(row, kind="stable")
    expected = np.zeros(first.size)
    at_once = max(CELLS_AT_ONCE // columns.size, 1)
    for at in range(0, rows.size, at_once):
        part = order[slice(*np.searchsorted(row[order], [at, at + at_once]))]
        block = (scaled[rows[at : at + at_once]] @ by_cell).toarray()
        expected[part] = block[row[part] - at, column[part]]
    return expected


def _work_of_blocks(counted: sparse.csr_array, first: np.ndarray, second: np.ndarray) -> float:
    """Return the work of `_of_blocks` in that of `_of_pairs`: products within each cell, and a block's own cells."""
    ends = [np.unique(end) for end in (first, second)]
    of_cell = [np.bincount(counted[end].indices, minlength=counted.shape[1]).astype(np.float64) for end in ends]
    return float(of_cell[0] @ of_cell[1] * PRODUCT_COST + ends[0].size * ends[1].size * BLOCK_COST)


def _parts(work: np.ndarray, at_once: int) -> Iterator[slice]:
    """Yield slices of about so much work each (one may have more)."""
    done, start = np.cumsum(work), 0
    while start < done.size:
        before = done[start - 1] if start else 0
        end = max(int(np.searchsorted(done, before + at_once, side="right")), start + 1)
        yield slice(start, end)
        start = end


def _blocks(bought: sparse.csr_array, by_basket: sparse.csr_array) -> Iterator[slice]:
    """Yield blocks of products whose baskets hold about `MEETINGS_AT_ONCE` lines (one product may have more)."""
    met = bought @ np.diff(by_basket.indptr).astype(np.int64)
    most = max(CELLS_AT_ONCE // max(met.size, 1), 1)
    for part in _parts(met, MEETINGS_AT_ONCE):
        for start in range(part.start, part.stop, most):
            yield slice(start, min(start + most, part.stop))


def _pairs_of(
    bought: sparse.csr_array, by_basket: sparse.csr_array, rows: slice, baskets: tuple[np.ndarray, np.ndarray], minimum: int
) -> np.ndarray:
    """Return the frequent pairs whose first product is in a block: 6 x pairs, as `basket_pairs` names the columns.

    Baskets are ordered by household.
    """
    household, day = baskets
    products = np.int64(bought.shape[0])
    size = np.diff(bought.indptr)[rows]
    basket = bought.indices[bought.indptr[rows.start] : bought.indptr[rows.stop]].astype(np.int64)
    first = np.repeat(np.arange(rows.start, rows.stop, dtype=np.int64), size)
    held = np.diff(by_basket.indptr)[basket].astype(np.int64)
    line = np.repeat(by_basket.indptr[basket] - (np.cumsum(held) - held), held) + np.arange(held.sum())
    first, second, basket = np.repeat(first, held), by_basket.indices[line].astype(np.int64), np.repeat(basket, held)
    later = second > first
    pair, basket = (first[later] - rows.start) * products + second[later], basket[later]
    together = np.bincount(pair)
    frequent = np.flatnonzero(together >= minimum)
    if not frequent.size:
        return np.zeros((6, 0), dtype=np.int64)
    place = np.empty(together.size, dtype=np.int32)
    place[frequent] = np.arange(frequent.size)
    kept = np.flatnonzero(together[pair] >= minimum)
    basket = basket[kept][_grouped(place[pair[kept]], frequent.size)]
    starts = np.concatenate([[0], np.cumsum(together[frequent])[:-1]])
    # baskets of a pair come household by household
    other = np.concatenate([[True], np.diff(household[basket]) != 0])
    other[starts] = True
    days = day[basket]
    found = (
        frequent // products + rows.start,
        frequent % products,
        together[frequent],
        np.add.reduceat(other.astype(np.int64), starts),
    )
    return np.stack([*found, np.minimum.reduceat(days, starts), np.maximum.reduceat(days, starts)])


def _grouped(group: np.ndarray, groups: int) -> np.ndarray:
    """Return the places of rows group by group, in their old order within each: a stable sort that takes linear time."""
    ones = np.ones(group.size, dtype=np.int8)
    return np.asarray(sparse.csr_array((ones, group, np.arange(group.size + 1)), shape=(group.size, groups)).tocsc().indices)
