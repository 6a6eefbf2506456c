"""What is known of one household after it bought since the release: the same figures as a release would have that knew of it.

The figures of a rhythm cannot be brought up to date from the figures alone (which of the last five baskets held a product, what
lies within 28 days of a later day), so the snapshot also holds each household's baskets, and one household's figures are computed
anew by the very functions that made the stored ones. That costs about a millisecond for one household, and keeps training,
serving and live answers from ever drifting apart, whatever a rhythm comes to be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pyarrow as pa

from features.recommend_before import before_latest
from features.recommend_transform import HouseholdKnowledge, household_knowledge
from features.repertoire import EPOCH, FloatArray, IntArray, Levels, LineSums, Origins, Purchases, trips_of
from features.snapshot import Tables

__all__ = ["HouseholdBaskets", "LiveBasket", "history_tables", "live_basket", "read_household_baskets", "with_live"]

BASKETS, ITEMS = "recommend_baskets", "recommend_basket_items"
NOTHING = -1
SUMS = ("units", "saved", "full")


@dataclass(frozen=True, slots=True)
class LiveBasket:
    """One basket bought since the release: its day (since 1970-01-01), its store's position, its products' positions.

    A store that the release does not know has the position of the household's usual one. `sums` (3, items) holds the rows of
    `LineSums`, NaN where nobody told, such as what a line of an event would have cost; None where nothing was told.
    """

    day: int
    store: int
    items: IntArray
    sums: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class HouseholdBaskets:
    """The baskets of all households in the release, in the order household, time.

    `household_start` (households + 1) bounds the baskets of each, `item_start` (baskets + 1) the items of each.
    """

    household_start: IntArray
    day: IntArray
    store: IntArray
    item_start: IntArray
    item: IntArray
    sums: FloatArray
    levels: Levels

    def of(self, household: int) -> tuple[LiveBasket, ...]:
        """Return the baskets of one household, oldest first."""
        first, last = self.household_start[household : household + 2].tolist()
        return tuple(self._basket(one, *self.item_start[one : one + 2].tolist()) for one in range(first, last))

    def _basket(self, one: int, first: int, last: int) -> LiveBasket:
        return LiveBasket(int(self.day[one]), int(self.store[one]), self.item[first:last], self.sums[:, first:last])


def history_tables(purchases: Purchases) -> dict[str, pa.Table]:
    """Return the tables of every household's baskets and of what they held."""
    products = purchases.products
    by_basket = np.lexsort((products.item_by_household, products.basket_by_household))
    lines = purchases.lines
    sums = {name: getattr(lines, name)[by_basket] for name in SUMS}
    return {
        BASKETS: pa.table(
            {
                "household": purchases.basket_household.astype(np.int32),
                "day": purchases.basket_day.astype(np.int32),
                "store": purchases.basket_store.astype(np.int32),
                "items": np.diff(purchases.products.start).astype(np.int32),
            }
        ),
        ITEMS: pa.table({"item": products.item.astype(np.int32), **sums}),
    }


def read_household_baskets(tables: Tables, households: int, levels: Levels) -> HouseholdBaskets:
    """Read back what `history_tables` gave, of so many households, for products of these types and categories."""
    baskets, items = tables.table(BASKETS), tables.table(ITEMS)
    household = baskets["household"].to_numpy()
    return HouseholdBaskets(
        np.searchsorted(household, np.arange(households + 1)),
        baskets["day"].to_numpy(),
        baskets["store"].to_numpy(),
        np.r_[0, np.cumsum(baskets["items"].to_numpy())],
        items["item"].to_numpy(),
        np.stack([items[name].to_numpy() for name in SUMS]),
        levels,
    )


def live_basket(product: Mapping[str, int], bought: Mapping[str, float], *, day: int, store: int) -> LiveBasket:
    """Return a basket of so many units by product id; without those that the release does not know: nothing can be said of them.

    `product` gives the position of each id.
    """
    units = sorted((product[one], told) for one, told in bought.items() if one in product)
    items = np.array([place for place, _ in units], np.int64)
    sums = np.full((len(SUMS), len(units)), np.nan)
    sums[SUMS.index("units")] = [told for _, told in units]
    return LiveBasket(day, store, items, sums)


def with_live(
    stored: HouseholdKnowledge,
    known: HouseholdBaskets,
    household: int | None,
    live: Sequence[LiveBasket],
    *,
    day: int,
    store: int,
) -> HouseholdKnowledge:
    """Return what is known of one household, as origin 0, on `day` about a basket in `store`, its live baskets included.

    Args:
        stored: what the release knows of all households.
        known: the baskets of all households in the release.
        household: its position; None for one that the release does not know, which has its live baskets alone.
        live: what it bought since, oldest first. A basket that was told late takes its place by its day. One without a product
            that the release knows is none: the release would not have it either.
        day: of the next basket; no live basket is later.
        store: the position of the store that the next basket takes place in.

    `last_basket` holds, per row of `own`, the row of `stored.own` that names the latest basket, -1 for what was bought since:
    a live basket is no node of the published graph, so nothing may point at it, and an older one was not the latest.
    """
    baskets = [*(known.of(household) if household is not None else ()), *(one for one in live if len(one.items))]
    baskets.sort(key=lambda one: one.day)
    # who never bought has one basket that is yet to come
    purchases = _purchases(baskets or [LiveBasket(day, store, np.empty(0, np.int64))], known.levels, stored)
    facts_day = stored.day[:1] if len(stored.day) else np.array([day])
    origins = Origins(np.zeros(1, np.int64), np.array([len(baskets)]), np.array([day]), np.array([store]), facts_day)
    found = household_knowledge(purchases, origins)
    since = np.concatenate([np.empty(0, np.int64), *(one.items for one in live)])
    last_basket = _released(stored, household, found, since)
    return replace(found, last_basket=last_basket, before=before_latest(purchases, origins))


def _released(stored: HouseholdKnowledge, household: int | None, found: HouseholdKnowledge, since: IntArray) -> IntArray:
    item = found.own.key % found.own.items
    if household is None:
        return np.full(len(item), NOTHING)
    row = stored.own.rows(household, item)
    return np.where((row < len(stored.own.key)) & ~np.isin(item, since), row, NOTHING)


def _purchases(baskets: Sequence[LiveBasket], levels: Levels, stored: HouseholdKnowledge) -> Purchases:
    """Return the baskets of one household as purchases of a chain that has no other."""
    count, products = len(baskets), stored.own.items
    nobody, one = np.zeros(count, np.int64), pa.array(["household"])
    basket = np.repeat(np.arange(count), [len(one.items) for one in baskets])
    item = np.concatenate([one.items for one in baskets]).astype(np.int64)
    sums = np.concatenate([_sums(one) for one in baskets], axis=1)[:, np.lexsort((basket, item))]
    day = np.array([one.day for one in baskets], np.int64)
    return Purchases(
        EPOCH + timedelta(days=int(day.max(initial=0))),
        pa.nulls(products, pa.string()),
        one,
        pa.nulls(stored.stores, pa.string()),
        pa.nulls(count, pa.string()),
        np.array([0, count]),
        nobody,
        day,
        np.array([one.store for one in baskets], np.int64),
        levels,
        trips_of(basket, item, nobody, products),
        trips_of(basket, levels.product_type[item], nobody, levels.types),
        trips_of(basket, levels.category[item], nobody, levels.categories),
        LineSums(*sums),
    )


def _sums(basket: LiveBasket) -> FloatArray:
    return np.full((len(SUMS), len(basket.items)), np.nan) if basket.sums is None else basket.sums
