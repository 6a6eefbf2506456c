"""What is known of one category at the end of a day: how its products sell, and what each household has taken of them.

Everything is read from lines on or before the day. Households have numbers of their own here (`households` names them), products
those of their shelf. Windows are half-open and end with the day: (day - length, day].
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from features.category_lines import ATTRIBUTES, Shelf
from features.name_likeness import NameLikeness

__all__ = ["ShelfState", "shelf_state"]

LONG_DAYS = 91
MONTH_DAYS = 28
SHORT_DAYS = 14
WEEK_DAYS = 7
STORE_DAYS = 182
TASTE_HALF_LIFE_DAYS = 90
RECENT_HALF_LIFE_DAYS = 30
RECENCY_HALF_LIFE_DAYS = 28
NEVER = 9_999.0
STORE_PRIOR_LINES = 20.0
MISSED_BASKETS = 8


@dataclass(frozen=True, slots=True, eq=False)
class ShelfState:
    """One category at the end of `day`.

    Its products are those that can be chosen (sold in the last 91 days) or can be missed (in 8 baskets or more); `products` holds
    their numbers on the shelf, ascending, and all arrays and matrices go by the place in it.

    Product arrays (float64): `baskets` counts all lines, `sold_long`, `sold_month`, `sold_short`, `sold_week` those of the last
    91, 28, 14 and 7 days, `buyers_long` households of 91 days; `since_sale` and `age` are days since the last and the first sale;
    `price` is the mean net price of 91 days (NaN unknown), `discount_week` and `discount_long` the share of the shelf price taken
    off.

    Sparse matrices: `taken` (households x products) counts lines of all time (`taken_by_product`: the same by column), `taste`
    and `taste_recent` the same with half-lives of 90 and 30 days; `last` and `first` hold days since the latest and the first
    line, plus one. `in_basket` (baskets x products) has a one per line; `basket_household` names the household of each basket.
    `store_share` (households x stores) is where a household shopped the category in half a year, `sold_at_store_month` and
    `sold_at_store_long` (stores x products) count lines.
    """

    day: int
    products: np.ndarray
    attributes: np.ndarray
    names: NameLikeness
    households: np.ndarray
    baskets: np.ndarray
    sold_long: np.ndarray
    sold_month: np.ndarray
    sold_short: np.ndarray
    sold_week: np.ndarray
    buyers_long: np.ndarray
    since_sale: np.ndarray
    age: np.ndarray
    price: np.ndarray
    discount_week: np.ndarray
    discount_long: np.ndarray
    taken: sparse.csr_array
    taken_by_product: sparse.csc_array
    taste: sparse.csr_array
    taste_recent: sparse.csr_array
    last: sparse.csr_array
    first: sparse.csr_array
    in_basket: sparse.csr_array
    basket_household: np.ndarray
    store_share: sparse.csr_array
    sold_at_store_month: sparse.csr_array
    sold_at_store_long: sparse.csr_array

    @property
    def by_name(self) -> bool:
        """Whether this is the shared category of products that have none, which are compared by name."""
        return bool(self.names.vectors.nnz)

    def as_usual(self) -> "ShelfState":
        """Return the same with every product that sold in the last 28 days at its rate and its discount of 91 days, or of as many
        as it has been there: without the chance of the last weeks, as a lasting relation wants it.
        """
        sells = self.sold_month > 0
        there = np.clip(self.age + 1, SHORT_DAYS, LONG_DAYS)

        def rate(seen: np.ndarray, days: int) -> np.ndarray:
            return np.where(sells, self.sold_long * days / there, seen)

        return replace(
            self,
            sold_month=rate(self.sold_month, MONTH_DAYS),
            sold_short=rate(self.sold_short, SHORT_DAYS),
            sold_week=rate(self.sold_week, WEEK_DAYS),
            since_sale=np.where(sells, 0.0, self.since_sale),
            discount_week=np.where(sells, self.discount_long, self.discount_week),
        )

    def attribute(self, name: str) -> np.ndarray:
        """Return the codes of one attribute, -1 where unknown."""
        return np.asarray(self.attributes[:, ATTRIBUTES.index(name)])

    def places(self, products: np.ndarray) -> np.ndarray:
        """Return the places of products, named by their numbers on the shelf; -1 where the state leaves them out."""
        place = np.minimum(np.searchsorted(self.products, products), max(self.products.size - 1, 0))
        found = self.products[place] == products if self.products.size else np.zeros(products.size, dtype=bool)
        return np.where(found, place, -1)

    def buyers(self, missing: int, least_baskets: int) -> np.ndarray:
        """Return the households (places) that took a product in so many baskets or more."""
        columns = self.taken_by_product
        part = slice(columns.indptr[missing], columns.indptr[missing + 1])
        return np.sort(columns.indices[part][columns.data[part] >= least_baskets]).astype(np.int64)


def shelf_state(shelf: Shelf, day: int) -> ShelfState:
    """Count what is known of a category at the end of `day` (days since 1970-01-01)."""
    products = _kept(shelf, day)
    known = np.flatnonzero((shelf.day <= day) & np.isin(shelf.product, products))
    product = np.searchsorted(products, shelf.product[known])
    age, store = (day - shelf.day[known]).astype(np.float64), shelf.store[known]
    households, household = np.unique(shelf.household[known], return_inverse=True)
    baskets, first, basket = np.unique(shelf.basket[known], return_index=True, return_inverse=True)
    stores, store = np.unique(store, return_inverse=True)
    n, people = products.size, households.size
    within = {days: age < days for days in (WEEK_DAYS, SHORT_DAYS, MONTH_DAYS, LONG_DAYS, STORE_DAYS)}
    week, long = within[WEEK_DAYS], within[LONG_DAYS]
    net, off = shelf.net_sales[known], shelf.discount[known]
    units_long, net_long = (np.bincount(product[long], values[long], n) for values in (shelf.units[known], net))
    since, oldest = np.full(n, NEVER), np.zeros(n)
    np.minimum.at(since, product, age)
    np.maximum.at(oldest, product, age)

    def counted(rows: np.ndarray | slice) -> np.ndarray:
        return np.bincount(product[rows], minlength=n).astype(np.float64)

    def matrix(values: np.ndarray, row: np.ndarray, rows: int, kept: np.ndarray | slice = slice(None)) -> sparse.csr_array:
        return sparse.csr_array((values[kept], (row[kept], product[kept])), shape=(rows, n))

    ones = np.ones(known.size)
    cell, of_cell = np.unique(household * n + product, return_inverse=True)
    taken = sparse.csr_array(
        (
            np.bincount(of_cell, minlength=cell.size).astype(np.float64),
            cell % n,
            np.searchsorted(cell, np.arange(people + 1) * n),
        ),
        shape=(people, n),
    )

    def decayed(half_life: int) -> sparse.csr_array:
        return _like(taken, np.bincount(of_cell, 0.5 ** (age / half_life), cell.size))

    def since_first_or_last(find: np.ufunc, start: float) -> sparse.csr_array:
        """Return days, plus one: today is not nothing."""
        days = np.full(cell.size, start)
        find.at(days, of_cell, age)
        return _like(taken, days + 1.0)

    bought_long = np.zeros(cell.size, dtype=bool)
    bought_long[of_cell[long]] = True
    share = sparse.csr_array(
        (ones[within[STORE_DAYS]], (household[within[STORE_DAYS]], store[within[STORE_DAYS]])), shape=(people, stores.size)
    )
    visits = np.maximum(share.sum(axis=1), 1.0)
    in_basket = matrix(ones, basket, baskets.size)
    return ShelfState(
        day=day,
        products=products,
        attributes=shelf.attributes[products],
        names=NameLikeness(shelf.names.vectors[products]),
        households=households,
        baskets=counted(slice(None)),
        sold_long=counted(long),
        sold_month=counted(within[MONTH_DAYS]),
        sold_short=counted(within[SHORT_DAYS]),
        sold_week=counted(week),
        buyers_long=np.bincount(taken.indices[bought_long], minlength=n).astype(np.float64),
        since_sale=since,
        age=oldest,
        price=np.where(units_long > 0, net_long / np.maximum(units_long, 1e-9), np.nan),
        discount_week=_discount(product[week], net[week], off[week], n),
        discount_long=_discount(product[long], net[long], off[long], n),
        taken=taken,
        taken_by_product=taken.tocsc(),
        taste=decayed(TASTE_HALF_LIFE_DAYS),
        taste_recent=decayed(RECENT_HALF_LIFE_DAYS),
        last=since_first_or_last(np.minimum, NEVER),
        first=since_first_or_last(np.maximum, 0.0),
        in_basket=_like(in_basket, np.ones(in_basket.data.size)),
        basket_household=household[first],
        store_share=sparse.csr_array(sparse.diags_array(1.0 / visits) @ share),
        sold_at_store_month=matrix(ones, store, stores.size, within[MONTH_DAYS]),
        sold_at_store_long=matrix(ones, store, stores.size, long),
    )


def _kept(shelf: Shelf, day: int) -> np.ndarray:
    known = shelf.day <= day
    often = np.bincount(shelf.product[known], minlength=shelf.products) >= MISSED_BASKETS
    late = np.bincount(shelf.product[known & (shelf.day > day - LONG_DAYS)], minlength=shelf.products) > 0
    return np.flatnonzero(often | late)


def _discount(product: np.ndarray, net: np.ndarray, off: np.ndarray, products: int) -> np.ndarray:
    taken = np.bincount(product, off, products)
    return np.asarray(taken / np.maximum(np.bincount(product, net, products) + taken, 0.5))


def _like(matrix: sparse.csr_array, values: np.ndarray) -> sparse.csr_array:
    """Return a matrix with values where another has some."""
    return sparse.csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)
