"""More about a household's own products than their rhythm: how fast they fade, in which size of basket, at what price, in
which store, and how each stands among the others.

A tree sees one row at a time: that a product is the household's third most regular one is nothing it can work out from the
row's own counts, and was worth more than any other figure.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from features.repertoire import FloatArray, IntArray, Origins, Purchases, known_entries, powers, spread

__all__ = ["DETAIL_COLUMNS", "DETAIL_COUNTS", "VISIT_COLUMNS", "own_details", "own_in_stores", "standing", "visit_columns"]

Matrix = npt.NDArray[np.float32]

DETAIL_COLUMNS = (
    "decay_80", "decay_90", "decay_14_days", "decay_30_days", "last_units", "mean_units", "saved_share", "last_saved_share",
    "mean_basket_size", "last_basket_size", "last_two_gaps_days",
    "place_95", "share_95", "place_98", "share_98", "place_30_days", "share_30_days", "faded_share_of_type",
)  # fmt: skip
DETAIL_COUNTS = {
    "decay_80", "decay_90", "decay_14_days", "decay_30_days", "share_95", "share_98", "share_30_days", "faded_share_of_type",
}  # fmt: skip
"""What is 0, not unknown, of a product that was never bought."""
VISIT_COLUMNS = ("last_size", "faded_size", "faded_baskets", "small_share", "items_today")
FADING = 0.95
STORE_FADING = 0.98
SMALL_BASKET = 3
LARGEST_AGO = 200
"""Baskets after which a decay of .9 is nothing."""


def own_details(purchases: Purchases, origins: Origins, own: Mapping[str, npt.NDArray[np.generic]]) -> Matrix:
    """Return `DETAIL_COLUMNS`, one row for each row of `own`, which is the `history` of products at these origins."""
    trips, lines = purchases.products, purchases.lines
    origin, entry = known_entries(purchases, trips, origins)
    if not len(entry):
        return np.empty((0, len(DETAIL_COLUMNS)), np.float32)
    basket = trips.basket_by_household[entry]
    head = _heads(origin * trips.items + trips.item_by_household[entry])
    tail = np.r_[head[1:], len(entry)] - 1
    count = (tail - head + 1).astype(np.float64)
    ago = np.minimum(origins.until[origin] - 1 - basket, LARGEST_AGO)
    days = origins.day[origin] - purchases.basket_day[basket]
    saved = _share(lines.saved, lines.full)[entry]
    size = np.diff(trips.start)[basket].astype(np.float64)
    month = np.add.reduceat(powers(0.5 ** (1 / 30), days), head)
    columns = (
        np.add.reduceat(powers(0.8, ago), head),
        np.add.reduceat(powers(0.9, ago), head),
        np.add.reduceat(powers(0.5 ** (1 / 14), days), head),
        month,
        lines.units[entry][tail],
        np.add.reduceat(lines.units[entry], head) / count,
        np.add.reduceat(saved, head) / count,
        saved[tail],
        np.add.reduceat(size, head) / count,
        size[tail],
        _last_two_gaps(purchases.basket_day[basket], tail, count),
        *standing(own, month, purchases.levels.product_type),
    )
    return np.column_stack(columns).astype(np.float32)


def standing(own: Mapping[str, npt.NDArray[np.generic]], month: FloatArray, kind: IntArray) -> tuple[FloatArray, ...]:
    """Return place (0 is first, equals by product position) and share of each product among all of the household's.

    By decays of .95 and .98 a basket and by `month`, and its share of the .95 of its type alone.
    """
    origin = own["origin"].astype(np.int64)
    faded = own["decay_95"].astype(np.float64)
    columns: list[FloatArray] = []
    for value in (faded, own["decay_98"].astype(np.float64), month):
        columns += [_places(origin, value), _share_within(origin, value)]
    of_type = np.unique(origin * (int(kind.max()) + 1) + kind[own["item"].astype(np.int64)], return_inverse=True)[1]
    return (*columns, _share_within(of_type, faded))


def own_in_stores(purchases: Purchases, origins: Origins) -> tuple[IntArray, IntArray, FloatArray]:
    """Return (origin, product position * stores + store, .98-decayed baskets), sorted: where each product was bought."""
    trips, stores = purchases.products, len(purchases.store_ids)
    origin, entry = known_entries(purchases, trips, origins)
    basket = trips.basket_by_household[entry]
    place = trips.item_by_household[entry] * stores + purchases.basket_store[basket]
    key = origin * (trips.items * stores) + place
    order = np.argsort(key, kind="stable")
    key = key[order]
    head = _heads(key)
    fading = powers(STORE_FADING, origins.until[origin] - 1 - basket)[order]
    total = np.add.reduceat(fading, head) if len(head) else fading
    return key[head] // (trips.items * stores), key[head] % (trips.items * stores), total


def visit_columns(purchases: Purchases, origins: Origins) -> Matrix:
    """Return `VISIT_COLUMNS` of each origin: sizes of the household's baskets, the later ones counting more."""
    first = purchases.household_start[origins.household]
    origin, basket = spread(first, origins.until)
    size = np.diff(purchases.products.start).astype(np.float64)
    fading = powers(FADING, origins.until[origin] - 1 - basket)
    faded = _total(origin, fading, origins)
    baskets = (origins.until - first).astype(np.float64)
    some = baskets > 0
    columns = (
        np.where(some, size[np.maximum(origins.until - 1, 0)], np.nan),
        np.divide(_total(origin, fading * size[basket], origins), faded, out=np.full(len(origins), np.nan), where=some),
        faded,
        np.divide(_total(origin, size[basket] <= SMALL_BASKET, origins), baskets, out=np.full(len(origins), np.nan), where=some),
        _total(origin, size[basket] * (purchases.basket_day[basket] == origins.day[origin]), origins),
    )
    return np.column_stack(columns).astype(np.float32)


def _total(origin: IntArray, weight: npt.NDArray[np.generic], origins: Origins) -> FloatArray:
    return np.asarray(np.bincount(origin, weights=weight.astype(np.float64), minlength=len(origins)), dtype=np.float64)


def _heads(key: IntArray) -> IntArray:
    return np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, np.int64)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.where(np.isnan(whole), np.nan, 0.0), where=whole > 0)


def _last_two_gaps(day: IntArray, tail: IntArray, count: FloatArray) -> FloatArray:
    """Return the days between the latest and the last but two purchase, NaN below three."""
    return np.where(count > 2, day[tail] - day[np.maximum(tail - 2, 0)], np.nan)


def _places(origin: IntArray, value: FloatArray) -> FloatArray:
    order = np.lexsort((-value, origin))
    ordered = origin[order]
    place = np.empty(len(order))
    place[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return place


def _share_within(group: IntArray, value: FloatArray) -> FloatArray:
    total = np.bincount(group, weights=value)
    return np.asarray(value / np.maximum(total[group], np.finfo(np.float64).tiny))
