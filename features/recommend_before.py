"""The purchase before the latest: what a history without its latest purchase shows, and sums over purchases do not hold.

It is no feature: no ranker learns from it. It makes a deletion exact where it asks how a score would be without a purchase.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.repertoire import FloatArray, IntArray, Origins, Purchases, Trips, known_entries

__all__ = ["GROUP_BEFORE_COLUMNS", "OWN_BEFORE_COLUMNS", "Before", "before_latest"]

Matrix = npt.NDArray[np.float32]

GROUP_BEFORE_COLUMNS = ("baskets_since", "second_gap_days")
"""Of a type or a category: baskets since the purchase before the latest, and the gap that ended with it."""
OWN_BEFORE_COLUMNS = ("baskets_since", "third_gap_days", "units", "saved_share", "basket_size")
"""Of a product: baskets since, the gap before the last two, and that purchase's units, share saved and size of basket."""


@dataclass(frozen=True, slots=True)
class Before:
    """One row for each row of what is known of products, types and categories; NaN where there was no such purchase."""

    own: Matrix
    types: Matrix
    categories: Matrix


def before_latest(purchases: Purchases, origins: Origins) -> Before:
    """Return what was bought before the latest purchase at each origin, in the rows of `household_knowledge`."""
    groups = [_groups(purchases, trips, origins) for trips in (purchases.types, purchases.categories)]
    return Before(_own(purchases, origins), *groups)


def _groups(purchases: Purchases, trips: Trips, origins: Origins) -> Matrix:
    _, since, day, tail, count = _entries(purchases, trips, origins)
    columns = (_where(count > 1, since[_back(tail, 1)]), _gap(day, tail, count, 2))
    return np.column_stack(columns).astype(np.float32)


def _own(purchases: Purchases, origins: Origins) -> Matrix:
    trips, lines = purchases.products, purchases.lines
    entry, since, day, tail, count = _entries(purchases, trips, origins)
    one = entry[_back(tail, 1)] if len(entry) else entry
    full = lines.full[one]
    saved = np.divide(lines.saved[one], full, out=np.where(np.isnan(full), np.nan, 0.0), where=full > 0)
    size = np.diff(trips.start)[trips.basket_by_household[one]].astype(np.float64)
    told = (lines.units[one], saved, size)
    columns = (
        _where(count > 1, since[_back(tail, 1)]),
        _gap(day, tail, count, 3),
        *(_where(count > 1, value) for value in told),
    )
    return np.column_stack(columns).astype(np.float32)


def _entries(purchases: Purchases, trips: Trips, origins: Origins) -> tuple[IntArray, FloatArray, FloatArray, IntArray, IntArray]:
    """Return entries with baskets since and day, and of each (origin, item) the last entry and how many there are."""
    origin, entry = known_entries(purchases, trips, origins)
    basket = trips.basket_by_household[entry]
    key = origin * trips.items + trips.item_by_household[entry]
    head = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, np.int64)
    tail = np.r_[head[1:], len(key)] - 1 if len(key) else head
    since = (origins.until[origin] - 1 - basket).astype(np.float64)
    return entry, since, purchases.basket_day[basket].astype(np.float64), tail, tail - head + 1


def _back(tail: IntArray, steps: int) -> IntArray:
    return np.maximum(tail - steps, 0)


def _gap(day: FloatArray, tail: IntArray, count: IntArray, place: int) -> FloatArray:
    """Return the gap of that place, counted from the latest (1), NaN where there were not so many."""
    return _where(count > place, day[_back(tail, place - 1)] - day[_back(tail, place)])


def _where(there: npt.NDArray[np.bool_], value: FloatArray) -> FloatArray:
    return np.where(there, value, np.nan)
