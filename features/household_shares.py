"""What the buyers of one product take of the others of its category: household shares, the later the purchase the more.

A buyer took the product in at least 2 baskets so far. A household gives another product 0.5 ** (days since its latest
purchase / 28), nothing when that is 13 weeks ago or longer. Columns of the matrices are a household within a category, so
that no pair crosses a category.

What is taken in place of a product is not taken with it: `HouseholdShares.apart` sets household-level co-consumption against
co-occurrence in baskets.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from features.basket_pairs import PAIRS_AT_ONCE, common_columns
from features.co_purchase import LONG_WEEKS, SHORT_WEEKS

__all__ = ["HALF_LIFE_DAYS", "HouseholdShares", "PairDetails", "household_shares"]

BASKETS_OF_A_BUYER = 2
HALF_LIFE_DAYS = 28.0
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class PairDetails:
    """What buyers of the first product took of the second in the last 13 weeks, one row per pair.

    `squares` sums the squares of the households' shares, `baskets` and `households` count; days since 1970.
    """

    squares: np.ndarray
    baskets: np.ndarray
    households: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class HouseholdShares:
    """Purchases within a category, by position.

    `bought` has a one per product and buyer, `given` what each household gives to each product. `baskets`, `first_day` and
    `last_day` belong to the entries of `given`: the household's baskets of the last 13 weeks. `popularity` counts all of
    these baskets, `category_popularity` those of the product's whole category. `availability` is the part of its 13-week
    rate at which a product still sold in the last 2 weeks: 0 (gone from the shelf) to 1. `trips` has a one per product and
    basket of the last 13 weeks, `buyer_trips` those of the product's buyers; columns are a basket within a category.
    """

    bought: sparse.csr_array
    given: sparse.csr_array
    baskets: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray
    popularity: np.ndarray
    category_popularity: np.ndarray
    availability: np.ndarray
    trips: sparse.csr_array
    buyer_trips: sparse.csr_array

    @property
    def buyers(self) -> np.ndarray:
        """How many buyers each product has."""
        return np.diff(self.bought.indptr)

    def totals(self) -> sparse.coo_array:
        """Return what the buyers of a product (row) give to each other product (column) in sum, where that is not zero."""
        sums = (self.bought @ self.given.T).tocoo()
        other = sums.row != sums.col
        return sparse.coo_array((sums.data[other], (sums.row[other], sums.col[other])), shape=sums.shape)

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return how far buyers of the first product take the second on other trips than the first: 0 (exclusive) to 1.

        It is the share of their baskets with the second, in 13 weeks, that did not hold the first, as if one more had not.
        """
        taken = sparse.csr_array((self.baskets.astype(np.int64), self.given.indices, self.given.indptr), shape=self.given.shape)
        baskets = _at((self.bought.astype(np.int64) @ taken.T).tocsr(), first, second)
        together = _at((self.buyer_trips @ self.trips.T).tocsr(), first, second)
        return np.asarray((baskets - together + 1) / (baskets + 1))

    def details(self, first: np.ndarray, second: np.ndarray) -> PairDetails:
        """Return the details of pairs that `totals` names."""
        parts = [
            self._details(first[at : at + PAIRS_AT_ONCE], second[at : at + PAIRS_AT_ONCE])
            for at in range(0, max(first.size, 1), PAIRS_AT_ONCE)
        ]
        return PairDetails(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _details(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, ...]:
        pair, _, place = common_columns(self.bought, self.given, first, second)
        sums = (np.bincount(pair, x[place], first.size) for x in (self.given.data**2, self.baskets))
        squares, baskets = sums
        starts = np.searchsorted(pair, np.arange(first.size))
        days = (self.first_day[place], self.last_day[place]) if pair.size else (starts, starts)
        first_day, last_day = np.minimum.reduceat(days[0], starts), np.maximum.reduceat(days[1], starts)
        return squares, baskets.astype(np.int64), np.bincount(pair, minlength=first.size), first_day, last_day


def household_shares(purchases: pa.Table, trips: pa.Table, products: int, as_of: date) -> HouseholdShares:
    """Return what households took, as known at the end of `as_of`.

    Args:
        purchases: as `features.co_purchase.household_purchases` gives them, with its order.
        trips: as `features.co_purchase.recent_trips` gives them.
        products: how many positions there are.
        as_of: the day from which purchases are counted back.
    """
    position, column, category = _places(purchases)
    shape = (products, int(column.max(initial=-1)) + 1)
    often = purchases["baskets"].to_numpy() >= BASKETS_OF_A_BUYER
    bought = _rows(np.ones(int(often.sum())), position[often], column[often], shape)
    recent, short = (purchases[name].to_numpy() for name in ("recent_baskets", "short_baskets"))
    late = np.flatnonzero(recent > 0)
    late = late[np.lexsort((column[late], position[late]))]
    first_day, last_day = (_days(purchases[name])[late] for name in ("first_recent", "last_day"))
    age = (as_of - EPOCH).days - last_day
    given = _rows(0.5 ** (age / HALF_LIFE_DAYS), position[late], column[late], shape)
    popularity, of_late = (np.bincount(position, x, products) for x in (recent, short))
    usual = popularity * SHORT_WEEKS / LONG_WEEKS
    availability = np.minimum(of_late / np.where(usual > 0, usual, 1.0), 1.0)
    whole = np.zeros(products)
    whole[position] = np.bincount(category, recent)[category] if category.size else 0.0
    together = _trips(trips, products)
    return HouseholdShares(bought, given, recent[late], first_day, last_day, popularity, whole, availability, *together)


def _trips(trips: pa.Table, products: int) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return in which baskets each product was, and in which of its buyers' ones."""
    basket, category = (
        pc.dictionary_encode(trips[name].combine_chunks()).indices.to_numpy().astype(np.int64)
        for name in ("basket_id", "category")
    )
    column = np.unique(category * (basket.max(initial=0) + 1) + basket, return_inverse=True)[1]
    position, ones = trips["position"].to_numpy(), np.ones(trips.num_rows, dtype=np.int64)
    often = trips["buyer_baskets"].to_numpy() >= BASKETS_OF_A_BUYER
    shape = (products, int(column.max(initial=-1)) + 1)
    return _rows(ones, position, column, shape), _rows(ones[often], position[often], column[often], shape)


def _at(matrix: sparse.csr_array, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return the entries at (row, column), 0 where there is none."""
    matrix.sort_indices()
    width = np.int64(matrix.shape[1])
    keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * width + matrix.indices
    if keys.size == 0:
        return np.zeros(row.size, dtype=matrix.dtype)
    wanted = row * width + column
    place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[place] == wanted, matrix.data[place], 0)


def _places(purchases: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the position, the number of the household within the category, and the category of each row."""
    household, category = (_codes(purchases[name]) for name in ("household_id", "category"))
    cell = np.unique(category * (household.max(initial=0) + 1) + household, return_inverse=True)[1]
    return purchases["position"].to_numpy(), np.asarray(cell), category


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.dictionary_encode(column.combine_chunks()).indices.to_numpy().astype(np.int64))


def _rows(data: np.ndarray, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    rows = sparse.csr_array((data, (row, column)), shape=shape)
    rows.sort_indices()
    return rows


def _days(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(column.cast(pa.int32()), 0).to_numpy(), dtype=np.int64)
