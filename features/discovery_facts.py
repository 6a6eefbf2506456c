"""What a shop knows before a day of what its households have bought, as sparse matrices: the ground of discovery.

Everything here counts strictly before the day. Entries lie in the order of `Trips.item_by_household`: household, product, basket.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from features.collaborative import LIVE_DAYS
from features.repertoire import IntArray, Purchases, powers
from lake.ports import Lake

__all__ = ["KnownBefore", "ProductTraits", "first_purchases", "known_before", "new_products", "read_traits"]

HALF_LIFE_DAYS = 60.0
LEAST_SOLD = 4
"""Baskets in 91 days from which on a product may be discovered. On earlier weeks rarer ones, more than half of all that sold,
were 0.2 % of the candidates that were bought."""
TRAITS = ("supplier_id", "brand", "size")


@dataclass(frozen=True, slots=True, eq=False)
class ProductTraits:
    """Codes by product position: who supplies it, which class of brand and which size it has. Unknown ones share a code."""

    supplier: IntArray
    brand: IntArray
    size: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class KnownBefore:
    """What was known before `day`.

    `counts` and `faded` (households, products): baskets, and baskets that lose half their weight in sixty days. `late`: those of
    the last 28 days. `live` names the products that sold in `LEAST_SOLD` baskets of the last 91 days, ascending. `last_day` and
    `store` are those of each household's latest basket, -1 before its first; `baskets` counts them.
    """

    day: int
    counts: csr_matrix
    faded: csr_matrix
    late: csr_matrix
    live: IntArray
    baskets: IntArray
    last_day: IntArray
    store: IntArray

    @property
    def households(self) -> int:
        """How many households the shop has had, on any day."""
        return int(self.counts.shape[0])

    @property
    def products(self) -> int:
        """How many products the shop has sold, on any day."""
        return int(self.counts.shape[1])


def read_traits(lake: Lake, product_ids: pa.Array) -> ProductTraits:
    """Read the products' traits; what the table does not tell is one code for all. Raises: TableMissing."""
    given = set(lake.table("products").columns)
    names = [name for name in TRAITS if name in given]
    rows = lake.arrow("products", ("product_id", *names))
    rows = rows.take(pc.index_in(product_ids, rows["product_id"].combine_chunks()))
    nothing = np.zeros(len(product_ids), np.int64)
    return ProductTraits(*(_codes(rows[name]) if name in names else nothing for name in TRAITS))


def known_before(purchases: Purchases, day: int) -> KnownBefore:
    """Return what is known before `day`; baskets of that day or later change nothing."""
    trips = purchases.products
    household = purchases.basket_household[trips.basket_by_household]
    on = purchases.basket_day[trips.basket_by_household]
    known = on < day
    household, item, ago = household[known], trips.item_by_household[known], day - on[known]
    shape = (len(purchases.household_ids), trips.items)
    weights = (np.ones(len(item)), powers(0.5 ** (1 / HALF_LIFE_DAYS), ago), (ago <= 28).astype(np.float64))
    counts, faded, late = (csr_matrix((weight.astype(np.float32), (household, item)), shape=shape) for weight in weights)
    late.eliminate_zeros()
    baskets = np.bincount(purchases.basket_household[purchases.basket_day < day], minlength=shape[0])
    last = purchases.household_start[:-1] + baskets - 1
    seen = baskets > 0
    place = np.where(seen, last, 0)
    return KnownBefore(
        day,
        counts,
        faded,
        late,
        np.flatnonzero(np.bincount(item[ago <= LIVE_DAYS], minlength=shape[1]) >= LEAST_SOLD),
        baskets,
        np.where(seen, purchases.basket_day[place], -1),
        np.where(seen, purchases.basket_store[place], -1),
    )


def first_purchases(purchases: Purchases) -> tuple[IntArray, IntArray, IntArray]:
    """Return household, product and day of every first purchase, sorted by household and product."""
    trips = purchases.products
    household = purchases.basket_household[trips.basket_by_household]
    pair = household * trips.items + trips.item_by_household
    head = np.r_[True, pair[1:] != pair[:-1]] if len(pair) else np.zeros(0, bool)
    return household[head], trips.item_by_household[head], purchases.basket_day[trips.basket_by_household[head]]


def new_products(purchases: Purchases, day: int, days: int = 7) -> tuple[IntArray, IntArray]:
    """Return (household, product) of what was first bought in `[day, day + days)`, of households with a basket before `day`."""
    household, product, on = first_purchases(purchases)
    baskets = np.bincount(purchases.basket_household[purchases.basket_day < day], minlength=len(purchases.household_ids))
    fresh = (on >= day) & (on < day + days) & (baskets[household] > 0)
    return household[fresh], product[fresh]


def _codes(column: pa.ChunkedArray) -> IntArray:
    filled = pc.fill_null(column.cast(pa.string()), "?").combine_chunks()
    names = pc.unique(filled).sort()
    return np.asarray(pc.index_in(filled, value_set=names).to_numpy(zero_copy_only=False), dtype=np.int64)
