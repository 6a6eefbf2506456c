"""How often those who know a product buy it again, and after how many days: by week, as known before any day.

A chance to buy again is a basket of a household in a week after the one in which it first bought the product. Weeks are
counted from the first day of the data, and only those that were complete before the day are looked at, so that a question
is a difference of two sums and costs no pass over the purchases.
"""

import numpy as np
import numpy.typing as npt

from features.repertoire import FloatArray, IntArray, Purchases, Trips

__all__ = ["GAP_BINS", "GAP_COLUMNS", "REBUYING_COLUMNS", "Rebuying", "gap_figures"]

Matrix = npt.NDArray[np.float32]

REBUYING_COLUMNS = (
    "rebuy", "rebuy_8_weeks", "rebuy_4_weeks", "rebuy_1_week", "rebuy_chances", "type_rebuy", "type_rebuy_4_weeks",
)  # fmt: skip
"""The rate of buying again, what it was lately as a multiple of that, and the chances it rests on."""
GAP_COLUMNS = ("own_due", "own_past", "type_due", "type_past")
"""The chance a day of ending a gap as long as this one, and the share of gaps that end earlier: of the product, of the type."""
GAP_BINS = np.array([0, 1, 2, 3, 4, 6, 7, 8, 11, 14, 15, 18, 22, 29, 36, 43, 57, 71, 92])
"""First days of the gaps' bins: narrow where a week, a fortnight and a month lie."""
_WIDTH = np.r_[np.diff(GAP_BINS), 60].astype(np.float64)
CHAIN_GAPS = 30.0
"""How many gaps of the whole chain a type's own are mixed with."""
PRODUCT_CHANCES, RECENT_CHANCES, TYPE_CHANCES = 10.0, 8.0, 20.0
"""Chances at the usual rate that a product's, a recent and a type's rate are mixed with."""
USUAL_RATE = 0.04


class Rebuying:
    """Sums by product, type and week."""

    def __init__(self, purchases: Purchases) -> None:
        self._kind = purchases.levels.product_type
        self._first_day = int(purchases.basket_day.min()) if len(purchases.basket_day) else 0
        week = (purchases.basket_day - self._first_day) // 7
        self.weeks = int(week.max(initial=-1)) + 1
        self._products = _chances_and_repeats(purchases, purchases.products, week, self.weeks)
        self._types = _chances_and_repeats(purchases, purchases.types, week, self.weeks)
        again = _again(purchases, purchases.products)
        self._gaps = self._by_week(week, again, self._kind[purchases.products.item_by_household], purchases.levels.types)
        self._type_gaps = self._by_week(
            week, _again(purchases, purchases.types), purchases.types.item_by_household, purchases.levels.types
        )

    def rates(self, product: IntArray, day: IntArray) -> tuple[FloatArray, ...]:
        """Return `REBUYING_COLUMNS` of each product as known before the day."""
        week = self._complete(day)
        kind = self._kind[product]
        chances, repeats = self._between(self._products, product, week, week)
        type_chances, type_repeats = self._between(self._types, kind, week, week)
        rate = (repeats + USUAL_RATE * PRODUCT_CHANCES) / (chances + PRODUCT_CHANCES)
        type_rate = (type_repeats + 1) / (type_chances + TYPE_CHANCES)
        lately = []
        for weeks in (8, 4, 1):
            some, again = self._between(self._products, product, week, weeks)
            lately.append((again + rate * RECENT_CHANCES) / (some + RECENT_CHANCES) / rate)
        some, again = self._between(self._types, kind, week, 4)
        type_lately = (again + type_rate * TYPE_CHANCES) / (some + TYPE_CHANCES) / type_rate
        return (rate, *lately, chances, type_rate, type_lately)

    def gaps(self, product: IntArray, day: IntArray, own_days: Matrix, type_days: Matrix) -> Matrix:
        """Return `GAP_COLUMNS` for gaps of so many days, NaN for NaN."""
        week, kind = self._complete(day), self._kind[product]
        return gap_figures(self._gaps[week, kind], self._type_gaps[week, kind], own_days, type_days, *self._chain(week))

    def gap_tables(self, day: int) -> tuple[FloatArray, FloatArray]:
        """Return the gaps counted before the day: two arrays (types, bins), of products pooled by type, and of types."""
        week = int(self._complete(np.array([day]))[0])
        return self._gaps[week], self._type_gaps[week]

    def _chain(self, week: IntArray) -> tuple[FloatArray, FloatArray]:
        return self._gaps.sum(axis=1)[week], self._type_gaps.sum(axis=1)[week]

    def _complete(self, day: IntArray) -> IntArray:
        return np.clip((day - self._first_day) // 7, 0, self.weeks)

    def _between(
        self, sums: tuple[FloatArray, FloatArray], item: IntArray, week: IntArray, weeks: IntArray | int
    ) -> tuple[FloatArray, FloatArray]:
        first = np.maximum(week - weeks, 0)
        return sums[0][item, week] - sums[0][item, first], sums[1][item, week] - sums[1][item, first]

    def _by_week(self, week: IntArray, again: tuple[IntArray, IntArray, IntArray], item: IntArray, items: int) -> FloatArray:
        """Count gaps by item and bin that ended before each week: shape (weeks + 1, items, bins)."""
        entry, basket, gap = again
        counts = np.zeros((self.weeks + 1, items, len(GAP_BINS)))
        np.add.at(counts, (week[basket] + 1, item[entry], np.searchsorted(GAP_BINS, gap, side="right") - 1), 1.0)
        return np.asarray(np.cumsum(counts, axis=0))


def gap_figures(
    own: FloatArray, types: FloatArray, own_days: Matrix, type_days: Matrix, own_chain: FloatArray, type_chain: FloatArray
) -> Matrix:
    """Return `GAP_COLUMNS` from counts by bin, one row each; the chain's counts may be one row for all."""
    return np.column_stack([*_due(own, own_chain, own_days), *_due(types, type_chain, type_days)]).astype(np.float32)


def _due(counts: FloatArray, chain: FloatArray, days: Matrix) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(days)
    place = np.searchsorted(GAP_BINS, np.where(known, days, 0.0), side="right") - 1
    usual = chain / np.maximum(chain.sum(axis=-1, keepdims=True), 1.0)
    mixed = counts + CHAIN_GAPS * usual
    row = np.arange(len(days))
    ended = mixed[row, place]
    open_yet = np.cumsum(mixed[:, ::-1], axis=1)[:, ::-1]
    at_risk = open_yet[row, place]
    due = ended / np.maximum(at_risk, 1e-3) / _WIDTH[place]
    past = 1 - at_risk / np.maximum(open_yet[:, 0], 1e-3)
    return np.where(known, due, np.nan), np.where(known, past, np.nan)


def _again(purchases: Purchases, trips: Trips) -> tuple[IntArray, IntArray, IntArray]:
    """Return (entry, basket, days since the one before) of every purchase of an item that its household had bought before."""
    household = purchases.basket_household[trips.basket_by_household]
    key = household * trips.items + trips.item_by_household
    day = purchases.basket_day[trips.basket_by_household]
    entry = np.flatnonzero(key[1:] == key[:-1]) + 1
    return entry, trips.basket_by_household[entry], day[entry] - day[entry - 1]


def _chances_and_repeats(purchases: Purchases, trips: Trips, week: IntArray, weeks: int) -> tuple[FloatArray, FloatArray]:
    """Return two arrays (items, weeks + 1): chances and repeats before each week."""
    basket, item = trips.basket_by_household, trips.item_by_household
    household = purchases.basket_household[basket]
    key = household * trips.items + item
    head = np.r_[True, key[1:] != key[:-1]] if len(key) else np.empty(0, bool)
    visits = np.zeros((len(purchases.household_ids), weeks))
    np.add.at(visits, (purchases.basket_household, week), 1.0)
    buyer, bought, began = household[head], item[head], week[basket][head]
    chances = np.zeros((trips.items, weeks + 1))
    for now in range(1, weeks):
        before = began < now
        chances[:, now + 1] = np.bincount(bought[before], weights=visits[buyer[before], now], minlength=trips.items)
    later = week[basket] > began[np.cumsum(head) - 1] if len(key) else head
    repeats = np.zeros((trips.items, weeks + 1))
    np.add.at(repeats, (item[later], week[basket][later] + 1), 1.0)
    return np.cumsum(chances, axis=1), np.cumsum(repeats, axis=1)
