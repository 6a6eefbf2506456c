"""What the whole population bought and what was promoted, as known before a day.

Events lie in one sorted array of (entity, day) keys, so that any half-open window of any entity is two binary searches:
millions of (product, day) questions take a second, and none can see its own day or a later one.
"""

from dataclasses import dataclass
from typing import Protocol

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.recommend_rebuying import REBUYING_COLUMNS, Rebuying
from features.repertoire import EPOCH, FloatArray, IntArray, Purchases
from lake.ports import Lake

__all__ = [
    "PRODUCT_COLUMNS",
    "PROMOTION_COLUMNS",
    "SAVED_COLUMNS",
    "STORE_COLUMNS",
    "STORE_DAYS",
    "STORE_MISSING",
    "EventIndex",
    "Population",
    "PopulationBefore",
    "best_sellers",
    "read_promotions",
]

Matrix = npt.NDArray[np.float32]

PRODUCT_COLUMNS = (
    "sold_7", "sold_28", "sold_91", "sold_ever", "buyers_ever", "repeat_gap", "days_since_sold", "days_since_first_sold",
    "type_sold_28", "type_buyers_ever", "sold_1", "sold_3", "sold_14", "type_sold_7", *REBUYING_COLUMNS,
)  # fmt: skip
STORE_COLUMNS = ("store_sold_28", "store_sold_91", "store_sold_3", "store_sold_14", "store_days_since_sold")
STORE_MISSING = (0.0, 0.0, 0.0, 0.0, np.nan)
"""What a store's `STORE_COLUMNS` are for a product it has not sold in 91 days."""
STORE_DAYS = 91
PROMOTION_COLUMNS = ("mailer_share", "display_share")
SAVED_COLUMNS = ("saved_3", "saved_7", "saved_28", "saved_91")
SPAN = 1 << 20
"""More days than any calendar here holds: keys are entity * SPAN + day."""


class Population(Protocol):
    """Facts about products that do not depend on the household. Rows are parallel arrays; answers are float32 matrices."""

    def products(self, product: IntArray, day: IntArray) -> Matrix:
        """Return `PRODUCT_COLUMNS`, each counted over baskets strictly before `day`."""
        ...

    def stores(self, store: IntArray, product: IntArray, day: IntArray) -> Matrix:
        """Return `STORE_COLUMNS`, counted strictly before `day` in that store."""
        ...

    def saved(self, product: IntArray, day: IntArray) -> Matrix:
        """Return `SAVED_COLUMNS`: discounts as a share of full prices in the days strictly before `day`; NaN without sales."""
        ...

    def gaps(self, product: IntArray, day: IntArray, own_days: Matrix, type_days: Matrix) -> Matrix:
        """Return `GAP_COLUMNS` for gaps of so many days since the product and since its type, NaN for NaN."""
        ...

    def promotions(self, product: IntArray, day: IntArray) -> Matrix:
        """Return `PROMOTION_COLUMNS` of the week of `day`: the share of promoting stores that promote the product.

        All NaN when that week had not begun before `day`: its promotions are not known then.
        """
        ...


class EventIndex:
    """Events of entities on days, each with a weight, sorted for window questions."""

    def __init__(self, entity: IntArray, day: IntArray, entities: int, weight: FloatArray | None = None) -> None:
        key = entity * SPAN + day
        order = np.argsort(key, kind="stable")
        self._key = key[order]
        weights = np.ones(len(key)) if weight is None else weight[order]
        self._sum = np.r_[0.0, np.cumsum(weights)]
        self._start = np.searchsorted(self._key, np.arange(entities) * SPAN)

    def before(self, entity: IntArray, day: IntArray) -> IntArray:
        """Return the place of each entity's first event on or after `day`."""
        return np.searchsorted(self._key, entity * SPAN + day)

    def between(self, first: IntArray, last: IntArray) -> FloatArray:
        """Return the weight of the events at places `[first, last)`."""
        return np.asarray(self._sum[last] - self._sum[first])

    def ever(self, entity: IntArray, place: IntArray) -> FloatArray:
        """Return the weight of each entity's events before the place that `before` gave."""
        return self.between(self._start[entity], place)

    def last_day(self, entity: IntArray, place: IntArray) -> FloatArray:
        """Return the day of each entity's last event before the place, or NaN."""
        days = self._key[np.maximum(place - 1, 0)] % SPAN if len(self._key) else np.zeros(len(place))
        return np.where(place > self._start[entity], days, np.nan)

    def last_day_of(self, entity: IntArray, place: IntArray) -> FloatArray:
        """Return the same for entities that are too many to be listed: the event before the place says whose it is."""
        if not len(self._key):
            return np.full(len(place), np.nan)
        before = self._key[np.maximum(place - 1, 0)]
        return np.where((place > 0) & (before // SPAN == entity), (before % SPAN).astype(np.float64), np.nan)

    def first_day(self, entity: IntArray, place: IntArray) -> FloatArray:
        """Return the day of each entity's first event if that lies before the place, or NaN."""
        first = self._start[entity]
        days = self._key[np.minimum(first, len(self._key) - 1)] % SPAN if len(self._key) else np.zeros(len(place))
        return np.where(place > first, days, np.nan)


@dataclass(frozen=True, slots=True)
class Promotions:
    """Shares by product and week, sorted by key: product position * SPAN + the week's first day."""

    key: IntArray
    share: Matrix
    weeks: IntArray
    """First days of the weeks whose promotions are known, ascending."""


class PopulationBefore:
    """The population's facts at any day, computed from the events themselves."""

    def __init__(self, purchases: Purchases, promotions: Promotions) -> None:
        self._type = purchases.levels.product_type
        self._promotions = promotions
        self._products = len(purchases.product_ids)
        item, basket = purchases.products.item, np.repeat(np.arange(len(purchases.basket_day)), np.diff(purchases.products.start))
        day, household = purchases.basket_day[basket], purchases.basket_household[basket]
        self._sold = EventIndex(item, day, self._products)
        self._in_store = EventIndex(purchases.basket_store[basket] * self._products + item, day, 0)
        by_household = purchases.products.basket_by_household
        bought, on = purchases.products.item_by_household, purchases.basket_day[by_household]
        priced = ~np.isnan(purchases.lines.full)
        full, saved = purchases.lines.full[priced], purchases.lines.saved[priced]
        self._full = EventIndex(bought[priced], on[priced], self._products, full)
        self._saved = EventIndex(bought[priced], on[priced], self._products, saved)
        self._rebuying = Rebuying(purchases)
        pair = household * self._products + item
        order = np.lexsort((day, pair))
        first = np.r_[True, np.diff(pair[order]) != 0] if len(order) else np.zeros(0, bool)
        start, again = order[first], order[~first]
        gap = np.diff(day[order], prepend=0)[~first].astype(np.float64)
        self._buyers = EventIndex(item[start], day[start], self._products)
        self._gaps = EventIndex(item[again], day[again], self._products, gap)
        self._type_sold = EventIndex(self._type[item], day, purchases.levels.types)
        self._type_buyers = EventIndex(self._type[item[start]], day[start], purchases.levels.types)

    def products(self, product: IntArray, day: IntArray) -> Matrix:
        # households ask for the same products on the same days, and searches in ascending order are several times faster
        pair, row = np.unique(product * SPAN + day, return_inverse=True)
        return np.asarray(self._products_on(pair // SPAN, pair % SPAN)[row])

    def _products_on(self, product: IntArray, day: IntArray) -> Matrix:
        kind = self._type[product]
        now, types_now = self._sold.before(product, day), self._type_sold.before(kind, day)
        ever = self._sold.ever(product, now)
        buyers = self._buyers.ever(product, self._buyers.before(product, day))
        gaps = self._gaps.ever(product, self._gaps.before(product, day))
        repeats = ever - buyers
        columns = (
            *(self._sold.between(self._sold.before(product, day - days), now) for days in (7, 28, 91)),
            ever,
            buyers,
            np.divide(gaps, repeats, out=np.full(len(gaps), np.nan), where=repeats > 0),
            day - self._sold.last_day(product, now),
            day - self._sold.first_day(product, now),
            self._type_sold.between(self._type_sold.before(kind, day - 28), types_now),
            self._type_buyers.ever(kind, self._type_buyers.before(kind, day)),
            *(self._sold.between(self._sold.before(product, day - days), now) for days in (1, 3, 14)),
            self._type_sold.between(self._type_sold.before(kind, day - 7), types_now),
            *self._rebuying.rates(product, day),
        )
        return np.column_stack(columns).astype(np.float32)

    def stores(self, store: IntArray, product: IntArray, day: IntArray) -> Matrix:
        entity = store * self._products + product
        now = self._in_store.before(entity, day)
        columns = [self._in_store.between(self._in_store.before(entity, day - days), now) for days in (28, 91, 3, 14)]
        since = day - self._in_store.last_day_of(entity, now)
        return np.column_stack([*columns, np.where(since <= STORE_DAYS, since, np.nan)]).astype(np.float32)

    def saved(self, product: IntArray, day: IntArray) -> Matrix:
        now = self._full.before(product, day)
        columns = []
        for days in (3, 7, 28, 91):
            first = self._full.before(product, day - days)
            full = self._full.between(first, now)
            share = np.divide(self._saved.between(first, now), full, out=np.zeros(len(full)), where=full > 0)
            columns.append(np.where(now > first, share, np.nan))
        return np.column_stack(columns).astype(np.float32)

    def gaps(self, product: IntArray, day: IntArray, own_days: Matrix, type_days: Matrix) -> Matrix:
        return self._rebuying.gaps(product, day, own_days, type_days)

    def gap_tables(self, day: int) -> tuple[FloatArray, FloatArray]:
        """Return the counts of gaps that ended before `day`: arrays (types, bins), of products pooled by type and of types."""
        return self._rebuying.gap_tables(day)

    def promotions(self, product: IntArray, day: IntArray) -> Matrix:
        known = self._promotions
        if not len(known.weeks):
            return np.full((len(product), len(PROMOTION_COLUMNS)), np.nan, np.float32)
        place = np.searchsorted(known.weeks, day, side="right") - 1
        week = known.weeks[np.maximum(place, 0)]
        usable = (place >= 0) & (day > week) & (day < week + 7)
        return np.where(usable[:, None], _shares_of(known, product * SPAN + week), np.float32(np.nan)).astype(np.float32)


def _shares_of(known: Promotions, wanted: IntArray) -> Matrix:
    """Return the shares of each key, 0 where it was not promoted. Every promotion may be of a product that never sold."""
    if not len(known.key):
        return np.zeros((len(wanted), len(PROMOTION_COLUMNS)), np.float32)
    row = np.minimum(np.searchsorted(known.key, wanted), len(known.key) - 1)
    return np.where((known.key[row] == wanted)[:, None], known.share[row], np.float32(0.0))


def best_sellers(purchases: Purchases, day: IntArray, *, window_days: int, limit: int) -> IntArray:
    """Return for each day the products in most baskets of `[day - window_days, day)`: shape (days, limit), -1 for none."""
    basket = np.repeat(np.arange(len(purchases.basket_day)), np.diff(purchases.products.start))
    sold_on = purchases.basket_day[basket]
    order = np.argsort(sold_on, kind="stable")
    item, sold_on = purchases.products.item[order], sold_on[order]
    distinct, where = np.unique(day, return_inverse=True)
    bounds = np.searchsorted(sold_on, np.stack([distinct - window_days, distinct]))
    rows = np.full((len(distinct), limit), -1, np.int64)
    for place, (low, high) in enumerate(bounds.T):
        count = np.bincount(item[low:high], minlength=purchases.products.items)
        sold = np.flatnonzero(count)
        if len(sold) > limit:
            sold = sold[count[sold] >= np.partition(count[sold], -limit)[-limit]]
        top = sold[np.argsort(-count[sold], kind="stable")][:limit]
        rows[place, : len(top)] = top
    return np.asarray(rows[where])


def read_promotions(lake: Lake, purchases: Purchases, first_day: int) -> Promotions:
    """Read the promotions of the weeks from `first_day` on that had begun on `as_of`. None without such a table."""
    empty = Promotions(np.empty(0, np.int64), np.empty((0, 2), np.float32), np.empty(0, np.int64))
    if "promotion_weeks" not in lake.names():
        return empty
    rows = _weekly_counts(lake, purchases, first_day)
    if not rows.num_rows:
        return empty
    week = _days(rows["week_start"])
    product = pc.index_in(rows["product_id"].combine_chunks(), purchases.product_ids)
    stores = rows["stores_of_week"].to_numpy().astype(np.float64)
    share = np.column_stack([rows[name].to_numpy() / stores for name in ("mailer", "display")]).astype(np.float32)
    known = pc.is_valid(product).to_numpy(zero_copy_only=False)
    key = pc.fill_null(product, 0).to_numpy().astype(np.int64)[known] * SPAN + week[known]
    order = np.argsort(key)
    return Promotions(key[order], share[known][order], np.unique(week))


def _weekly_counts(lake: Lake, purchases: Purchases, first_day: int) -> pa.Table:
    table = lake.table("promotion_weeks")
    first = EPOCH.fromordinal(EPOCH.toordinal() + first_day)
    rows = table.filter((table.week_start <= ibis.literal(purchases.as_of)) & (table.week_start >= ibis.literal(first)))
    # stores, not rows: one store may show a product in several places
    by_product = rows.group_by("week_start", "product_id").agg(
        mailer=rows.store_id.nunique(where=rows.mailer_location.notnull()),
        display=rows.store_id.nunique(where=rows.display_location.notnull()),
    )
    by_week = rows.group_by("week_start").agg(stores_of_week=rows.store_id.nunique())
    return lake.to_arrow(by_product.join(by_week, "week_start"))


def _days(column: pa.ChunkedArray) -> IntArray:
    return np.asarray(pc.cast(pc.cast(column, pa.int32()), pa.int64()).to_numpy())
