"""What a household turns to: its shares of types, categories, suppliers, brands and sizes, and its level of prices.

Groups are counted over products: a household's weight for a group is the sum of its faded baskets over the group's products.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from features.discovery_facts import KnownBefore, ProductTraits
from features.repertoire import FloatArray, IntArray, Levels, Purchases

__all__ = ["AFFINITY_COLUMNS", "PRICE_COLUMNS", "Affinities", "PriceLevels", "fit_affinities", "price_levels"]

Matrix = npt.NDArray[np.float32]

GROUPS = ("type", "category", "supplier", "supplier_of_category", "brand_of_category", "size_of_type")
WIDER = {"supplier_of_category": "category", "brand_of_category": "category", "size_of_type": "type"}
"""Of which group a group is a part: its share is one of that group, not of everything."""
AFFINITY_COLUMNS = (
    *(f"{group}_share" for group in GROUPS),
    *(f"{group}_baskets" for group in ("type", "category")),
    *(f"{group}_tried" for group in ("type", "category", "supplier")),
    "type_late", "category_late", "type_freshness", "type_lift", "category_lift",
)  # fmt: skip
PRICE_COLUMNS = ("price_to_type", "price_to_usual", "price", "household_price_level")
PRICE_DAYS = 182


@dataclass(frozen=True, slots=True, eq=False)
class Affinities:
    """Households by groups, as one day knows them. `code` numbers the group of each product."""

    code: dict[str, IntArray]
    size: dict[str, int]
    faded: dict[str, csr_matrix]
    counts: dict[str, csr_matrix]
    tried: dict[str, csr_matrix]
    late: dict[str, csr_matrix]
    usual: dict[str, FloatArray]

    def shares(self, group: str, households: IntArray) -> Matrix:
        """Return the share of each of the group's codes in what each household bought: a matrix (households, codes)."""
        weight = _dense(self.faded[group][households])
        return np.asarray(weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-6), dtype=np.float32)

    def columns(self, households: IntArray, row: IntArray, product: IntArray) -> Matrix:
        """Return `AFFINITY_COLUMNS` of the products, each for the household in that row of `households`."""
        weight = {group: _dense(self.faded[group][households]) for group in GROUPS}
        at = {group: weight[group][row, self.code[group][product]] for group in GROUPS}
        whole = np.maximum(weight["type"].sum(axis=1), 1e-6)[row]
        share = {group: at[group] / (np.maximum(at[WIDER[group]], 1e-6) if group in WIDER else whole) for group in GROUPS}
        counted = {group: self._at(self.counts, group, households, row, product) for group in ("type", "category")}
        late = {group: self._at(self.late, group, households, row, product) for group in ("type", "category")}
        columns = [
            *(share[group] for group in GROUPS),
            *counted.values(),
            *(self._at(self.tried, group, households, row, product) for group in ("type", "category", "supplier")),
            *late.values(),
            at["type"] / np.maximum(counted["type"], 1.0),
            *(share[group] / self.usual[group][self.code[group][product]] for group in ("type", "category")),
        ]
        return np.column_stack(columns).astype(np.float32)

    def _at(
        self, of: dict[str, csr_matrix], group: str, households: IntArray, row: IntArray, product: IntArray
    ) -> npt.NDArray[np.float32]:
        return np.asarray(_dense(of[group][households])[row, self.code[group][product]])


@dataclass(frozen=True, slots=True, eq=False)
class PriceLevels:
    """Full prices a unit before a day, as logarithms: of products, against their type, and what households are used to."""

    price: FloatArray
    to_type: FloatArray
    household: FloatArray

    def columns(self, household: IntArray, product: IntArray) -> Matrix:
        """Return `PRICE_COLUMNS`; NaN where no price is known."""
        relative, level = self.to_type[product], self.household[household]
        return np.column_stack([relative, relative - level, self.price[product], level]).astype(np.float32)


def fit_affinities(known: KnownBefore, levels: Levels, traits: ProductTraits) -> Affinities:
    """Count what is known by group."""
    code = {"type": levels.product_type, "category": levels.category, "supplier": traits.supplier}
    code["supplier_of_category"] = _joined(levels.category, traits.supplier)
    code["brand_of_category"] = _joined(levels.category, traits.brand)
    code["size_of_type"] = _joined(levels.product_type, traits.size)
    size = {group: int(of.max(initial=0)) + 1 for group, of in code.items()}
    fold = {group: _fold(code[group], size[group]) for group in GROUPS}
    some = known.counts.copy()
    some.data = np.ones_like(some.data)
    faded = {group: (known.faded @ fold[group]).tocsr() for group in GROUPS}
    return Affinities(
        code,
        size,
        faded,
        {group: (known.counts @ fold[group]).tocsr() for group in ("type", "category")},
        {group: (some @ fold[group]).tocsr() for group in ("type", "category", "supplier")},
        {group: (known.late @ fold[group]).tocsr() for group in ("type", "category")},
        {group: _usual(faded[group]) for group in ("type", "category")},
    )


def price_levels(purchases: Purchases, known: KnownBefore, levels: Levels) -> PriceLevels:
    """Return what full prices were in the half year before the day."""
    trips, lines = purchases.products, purchases.lines
    on = purchases.basket_day[trips.basket_by_household]
    used = (on < known.day) & (on >= known.day - PRICE_DAYS) & (lines.units > 0) & (lines.full > 0)
    item = trips.item_by_household[used]
    full, units = (np.bincount(item, weights=values[used], minlength=trips.items) for values in (lines.full, lines.units))
    price = np.log(np.divide(full, units, out=np.full(trips.items, np.nan), where=units > 0))
    there = ~np.isnan(price)
    kind = levels.product_type
    bought = np.bincount(item, minlength=trips.items)[there].astype(np.float64)
    total = np.bincount(kind[there], weights=bought, minlength=levels.types)
    mean = np.bincount(kind[there], weights=bought * price[there], minlength=levels.types) / np.maximum(total, 1.0)
    relative = price - mean[kind]
    filled = np.where(there, relative, 0.0)
    weight = known.faded @ there.astype(np.float32)
    level = np.divide(known.faded @ filled, weight, out=np.full(known.households, np.nan), where=weight > 0)
    return PriceLevels(price, relative, level)


def _joined(outer: IntArray, inner: IntArray) -> IntArray:
    pair = outer * (int(inner.max(initial=0)) + 1) + inner
    return np.asarray(np.unique(pair, return_inverse=True)[1], dtype=np.int64)


def _fold(code: IntArray, size: int) -> csr_matrix:
    return csr_matrix((np.ones(len(code), np.float32), (np.arange(len(code)), code)), shape=(len(code), size))


def _usual(faded: csr_matrix) -> FloatArray:
    """Return each group's share in what everybody buys, never 0."""
    total = np.asarray(faded.sum(axis=0)).ravel() + 1.0
    return np.asarray(total / total.sum())


def _dense(rows: csr_matrix) -> Matrix:
    return np.asarray(rows.toarray(), dtype=np.float32)
