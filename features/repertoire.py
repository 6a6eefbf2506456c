"""What households bought, basket by basket, and the rhythm of it at any origin.

`Purchases` holds the merchandise lines known on one day as integer columns in the order household, time, basket. A
`Origins` names moments in households' lives: the baskets before it are history, everything later is hidden. The same
function gives the history of a product, of a product type and of a category, so that training and serving share it.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lake.ports import Lake

__all__ = [
    "EPOCH",
    "Levels",
    "LineSums",
    "Origins",
    "Purchases",
    "Trips",
    "day_number",
    "history",
    "known_entries",
    "latest_origins",
    "powers",
    "read_purchases",
    "spread",
]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

EPOCH = date(1970, 1, 1)
_SUMMED = ("quantity", "net_sales", "retail_discount")
BASKET_DECAYS = (0.95, 0.98)
HALF_LIFE_DAYS = 90.0
"""The three decays of the baseline `decayed_frequency` (per basket, per basket, per day)."""


@dataclass(frozen=True, slots=True)
class Trips:
    """Items of one level (products, types or categories) in each basket.

    `start` (baskets + 1) bounds the entries of each basket in `item`; within a basket items are distinct and ascending.
    The same entries lie in the order household, item, basket in `item_by_household` and `basket_by_household`, so that
    histories need no sorting.
    """

    start: IntArray
    item: IntArray
    items: int
    item_by_household: IntArray
    basket_by_household: IntArray


@dataclass(frozen=True, slots=True)
class LineSums:
    """What a basket's lines of one product add up to, in the order of `Trips.item_by_household`. NaN where lines lack it.

    `saved` is the retailer's discount, `full` what the lines would have cost without it.
    """

    units: FloatArray
    saved: FloatArray
    full: FloatArray


@dataclass(frozen=True, slots=True)
class Levels:
    """The type and the category of each product, by position; -1 is never used, unknown ones share the code of null."""

    product_type: IntArray
    category: IntArray
    types: int
    categories: int


@dataclass(frozen=True, slots=True)
class Purchases:
    """Merchandise lines on or before `as_of`, encoded. Baskets are sorted by household, then time, then id.

    `household_start` (households + 1) bounds the baskets of each household. Days count from 1970-01-01.
    """

    as_of: date
    product_ids: pa.Array
    household_ids: pa.Array
    store_ids: pa.Array
    basket_ids: pa.Array
    household_start: IntArray
    basket_household: IntArray
    basket_day: IntArray
    basket_store: IntArray
    levels: Levels
    products: Trips
    types: Trips
    categories: Trips
    lines: LineSums

    @property
    def basket_place(self) -> IntArray:
        """The position of each basket in its household's life, from 0."""
        return np.arange(len(self.basket_household)) - self.household_start[self.basket_household]


@dataclass(frozen=True, slots=True)
class Origins:
    """Moments from which the future is asked for. Baskets of `household` before position `until` are known.

    `day` is the day of the next basket, `store` where it takes place. Facts about the population count strictly before
    `facts_day`: the day itself, or the earlier `known_day` where the snapshot that answers is older than the request.
    """

    household: IntArray
    until: IntArray
    day: IntArray
    store: IntArray
    known_day: IntArray | None = None

    @property
    def facts_day(self) -> IntArray:
        """The first day of which nothing is known about the population."""
        return self.day if self.known_day is None else self.known_day

    def __len__(self) -> int:
        return len(self.household)

    def take(self, rows: IntArray) -> "Origins":
        """Return the named rows, in the order given."""
        known = None if self.known_day is None else self.known_day[rows]
        return Origins(self.household[rows], self.until[rows], self.day[rows], self.store[rows], known)


def day_number(day: date) -> int:
    """Return the days since 1970-01-01."""
    return (day - EPOCH).days


def read_purchases(lake: Lake, as_of: date) -> Purchases:
    """Read what was bought on or before `as_of`. Later lines are never read. Raises: TableMissing."""
    sales = lake.table("sales_lines")
    lines = sales.filter(sales.merchandise & (sales.business_date <= ibis.literal(as_of)) & sales.household_id.notnull())
    sums = [name for name in _SUMMED if name in sales.columns]
    columns = lake.to_arrow(
        lines.select("household_id", "basket_id", "product_id", "store_id", "sold_at", "business_date", *sums)
    )
    return _encode(columns, lake.arrow("products", ("product_id", "department", "category", "product_type")), as_of)


def latest_origins(purchases: Purchases) -> Origins:
    """Return the origin of every household at the end of `as_of`: the next basket is expected on the day after."""
    until = purchases.household_start[1:]
    households = np.arange(len(until))
    day = np.full(len(until), day_number(purchases.as_of + timedelta(days=1)))
    return Origins(households, until, day, purchases.basket_store[until - 1])


def history(purchases: Purchases, trips: Trips, origins: Origins) -> dict[str, npt.NDArray[np.generic]]:
    """Return what each origin's household had bought of each item, one row per origin and item, sorted by both.

    Columns: `origin`, `item`, `baskets` (how many), `last_basket` (position), `baskets_since`, `days_since`,
    `known_days` (since the first), `mean_gap_days` and `gap_deviation_days` (NaN below two and three purchases),
    `last_gap_days`, `recent_baskets` (of the last 5), `recent_days` (baskets in the last 28 days), `decay_95`, `decay_98`
    (per basket) and `decay_days` (half-life of 90 days).
    """
    origin, entry = known_entries(purchases, trips, origins)
    key = origin * trips.items + trips.item_by_household[entry]
    return _rhythm(purchases, origins, key, origin, trips.basket_by_household[entry], trips.items)


def known_entries(purchases: Purchases, trips: Trips, origins: Origins) -> tuple[IntArray, IntArray]:
    """Return every entry (household, item, basket) before each origin, with the origin it belongs to."""
    bounds = trips.start[purchases.household_start]
    origin, entry = spread(bounds[origins.household], bounds[origins.household + 1])
    known = trips.basket_by_household[entry] < origins.until[origin]
    return origin[known], entry[known]


def _rhythm(
    purchases: Purchases, origins: Origins, key: IntArray, origin: IntArray, basket: IntArray, items: int
) -> dict[str, npt.NDArray[np.generic]]:
    if not len(key):
        return {name: np.empty(0) if name not in INTEGER_COLUMNS else np.empty(0, np.int64) for name in HISTORY_COLUMNS}
    head = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    tail = np.r_[head[1:], len(key)] - 1
    ago = origins.until[origin] - 1 - basket
    day = purchases.basket_day[basket]
    days = (origins.day[origin] - day).astype(np.float64)
    gap = np.r_[0.0, np.diff(day)].astype(np.float64)
    gap[head] = 0.0
    count = (tail - head + 1).astype(np.float64)
    gaps = np.where(count > 1, count - 1, np.nan)
    mean_gap = np.add.reduceat(gap, head) / gaps
    variance = np.maximum(np.add.reduceat(gap * gap, head) / gaps - mean_gap**2, 0.0)
    return {
        "origin": key[head] // items,
        "item": key[head] % items,
        "baskets": count,
        "last_basket": basket[tail],
        "baskets_since": ago[tail].astype(np.float64),
        "days_since": days[tail],
        "known_days": days[head],
        "mean_gap_days": mean_gap,
        "gap_deviation_days": np.where(count > 2, np.sqrt(variance), np.nan),
        "last_gap_days": np.where(count > 1, gap[tail], np.nan),
        "recent_baskets": np.add.reduceat((ago < 5).astype(np.float64), head),
        "recent_days": np.add.reduceat((days <= 28).astype(np.float64), head),
        "decay_95": np.add.reduceat(powers(BASKET_DECAYS[0], ago), head),
        "decay_98": np.add.reduceat(powers(BASKET_DECAYS[1], ago), head),
        "decay_days": np.add.reduceat(powers(0.5 ** (1 / HALF_LIFE_DAYS), origins.day[origin] - day), head),
    }


INTEGER_COLUMNS = ("origin", "item", "last_basket")
HISTORY_COLUMNS = (
    *INTEGER_COLUMNS, "baskets", "baskets_since", "days_since", "known_days", "mean_gap_days", "gap_deviation_days",
    "last_gap_days", "recent_baskets", "recent_days", "decay_95", "decay_98", "decay_days",
)  # fmt: skip


def powers(base: float, exponent: IntArray) -> FloatArray:
    """Return `base` to whole powers, from a table: a tenth of the time of computing each."""
    return np.asarray((base ** np.arange(int(exponent.max(initial=0)) + 1))[exponent])


def spread(first: IntArray, last: IntArray) -> tuple[IntArray, IntArray]:
    """Return each range `[first, last)` written out, with the row it belongs to."""
    length = last - first
    row = np.repeat(np.arange(len(first)), length)
    return row, np.repeat(first - _exclusive_sum(length), length) + np.arange(int(length.sum()))


def _exclusive_sum(length: IntArray) -> IntArray:
    return np.cumsum(length) - length


def _encode(lines: pa.Table, products: pa.Table, as_of: date) -> Purchases:
    product_ids, product = _codes(lines["product_id"])
    household_ids, household = _codes(lines["household_id"])
    store_ids, store = _codes(lines["store_id"])
    raw_basket_ids, raw_basket = _codes(lines["basket_id"])
    day = pc.cast(pc.cast(lines["business_date"], pa.int32()), pa.int64()).to_numpy()
    moment = pc.cast(lines["sold_at"], pa.int64()).to_numpy()
    baskets = len(raw_basket_ids)
    began = np.full(baskets, np.iinfo(np.int64).max)
    np.minimum.at(began, raw_basket, moment)
    one = np.zeros(baskets, np.int64)
    one[raw_basket] = np.arange(len(raw_basket))
    order = np.lexsort((np.arange(baskets), began, household[one]))
    place = np.empty(baskets, np.int64)
    place[order] = np.arange(baskets)
    basket, one = place[raw_basket], one[order]
    levels = _levels(products, product_ids)
    basket_household = household[one]
    trips = _trips(basket, product, basket_household, len(product_ids))
    return Purchases(
        as_of,
        product_ids,
        household_ids,
        store_ids,
        raw_basket_ids.take(pa.array(order)),
        np.searchsorted(basket_household, np.arange(len(household_ids) + 1)),
        basket_household,
        day[one],
        store[one],
        levels,
        trips,
        _trips(basket, levels.product_type[product], basket_household, levels.types),
        _trips(basket, levels.category[product], basket_household, levels.categories),
        _line_sums(lines, basket * trips.items + product, trips),
    )


def _line_sums(lines: pa.Table, key: IntArray, trips: Trips) -> LineSums:
    """Sum the lines of each basket and product; what the table does not have is NaN."""
    distinct, place = np.unique(key, return_inverse=True)
    at = np.searchsorted(distinct, trips.basket_by_household * trips.items + trips.item_by_household)
    units, paid, saved = (_summed(lines, name, place, len(distinct))[at] for name in _SUMMED)
    return LineSums(units, np.abs(saved), paid + np.abs(saved))


def _summed(lines: pa.Table, name: str, place: IntArray, count: int) -> FloatArray:
    if name not in lines.column_names:
        return np.full(count, np.nan)
    values = pc.fill_null(lines[name], 0.0).to_numpy().astype(np.float64)
    return np.asarray(np.bincount(place, weights=values, minlength=count), dtype=np.float64)


def _codes(column: pa.ChunkedArray) -> tuple[pa.Array, IntArray]:
    """Return the distinct values in ascending order, and each row's position among them."""
    encoded = pc.dictionary_encode(column).combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return encoded.dictionary.take(pa.array(order)), rank[encoded.indices.to_numpy().astype(np.int64)]


def _levels(products: pa.Table, product_ids: pa.Array) -> Levels:
    row = pc.index_in(product_ids, products["product_id"].combine_chunks())
    parts = [pc.fill_null(products[name].take(row), "?") for name in ("department", "category", "product_type")]
    category = pc.binary_join_element_wise(parts[0], parts[1], " > ")
    category_names, category_of = _codes(category)
    type_names, type_of = _codes(pc.binary_join_element_wise(category, parts[2], " > "))
    return Levels(type_of, category_of, max(len(type_names), 1), max(len(category_names), 1))


def _trips(basket: IntArray, item: IntArray, household_of_basket: IntArray, items: int) -> Trips:
    items, baskets = max(items, 1), len(household_of_basket)
    key = np.sort(basket * items + item)
    key = key[np.r_[True, key[1:] != key[:-1]]] if len(key) else key
    basket, item = key // items, key % items
    order = np.lexsort((basket, item, household_of_basket[basket]))
    return Trips(np.searchsorted(basket, np.arange(baskets + 1)), item, items, item[order], basket[order])
