"""What sells, where, how fast it finds new buyers, and what is promoted in the week: the shop's side of discovery."""

from dataclasses import dataclass

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from features.discovery_facts import KnownBefore, first_purchases
from features.recommend_population import PRODUCT_COLUMNS, PROMOTION_COLUMNS, SAVED_COLUMNS, Population
from features.repertoire import EPOCH, FloatArray, IntArray, Purchases
from lake.ports import Lake

__all__ = ["POPULARITY_COLUMNS", "PROMOTED_COLUMNS", "Coupons", "ShelfOfDay", "promotions_known", "read_coupons", "shelf_of_day"]

Matrix = npt.NDArray[np.float32]

POPULARITY_COLUMNS = (
    *PRODUCT_COLUMNS, "new_buyers_7", "new_buyers_28", "new_buyers_share", "growth", "penetration", "share_of_type",
    "store_28", "store_91",
)  # fmt: skip
PROMOTED_COLUMNS = (*PROMOTION_COLUMNS, "mailer_before", "display_before", *SAVED_COLUMNS, "coupon", "coupons_held")
WEEK = 7


@dataclass(frozen=True, slots=True, eq=False)
class Coupons:
    """Which household holds a coupon for which product, and the days on which it counts (both included)."""

    household: IntArray
    campaign: IntArray
    product: IntArray
    product_campaign: IntArray
    first_day: IntArray
    last_day: IntArray

    def held(self, day: int, households: int, products: int) -> csr_matrix:
        """Return (households, products), above 0 where a coupon of a campaign that has begun by `day` can be used on it."""
        runs = (self.first_day <= day) & (self.last_day >= day)
        given, on = runs[self.campaign].astype(np.float32), np.ones(len(self.product), np.float32)
        of = csr_matrix((given, (self.household, self.campaign)), shape=(households, len(runs)))
        found = csr_matrix(of @ csr_matrix((on, (self.product_campaign, self.product)), shape=(len(runs), products)))
        found.eliminate_zeros()
        return found


@dataclass(frozen=True, slots=True, eq=False)
class ShelfOfDay:
    """What one day knows of its products. Rows of `facts` and `promoted` are live products.

    `in_store_28` and `in_store_91` (stores, live products) count baskets; `coupons` is (households, live products).
    """

    known: KnownBefore
    facts: Matrix
    promoted: Matrix
    in_store_28: csr_matrix
    in_store_91: csr_matrix
    coupons: csr_matrix

    @property
    def popularity(self) -> FloatArray:
        """Baskets of the last 28 days by live product."""
        return np.asarray(self.facts[:, PRODUCT_COLUMNS.index("sold_28")], dtype=np.float64)

    @property
    def mailer(self) -> FloatArray:
        """The share of stores whose mailer of the week names each live product; 0 where that is not known."""
        return np.nan_to_num(self.promoted[:, PROMOTED_COLUMNS.index("mailer_share")].astype(np.float64))

    def in_stores(self, households: IntArray, days: int = 28) -> Matrix:
        """Return baskets (households, live products) in the store of each household's latest basket."""
        store = self.known.store[households]
        rows = (self.in_store_28 if days == 28 else self.in_store_91)[np.maximum(store, 0)]
        return np.asarray(rows.toarray(), np.float32) * (store >= 0)[:, None]

    def popularity_columns(self, households: IntArray, row: IntArray, place: IntArray) -> Matrix:
        """Return `POPULARITY_COLUMNS` of the live products at `place`, each for the household in that row of `households`."""
        stores = [self.in_stores(households, days)[row, place] for days in (28, 91)]
        return np.column_stack([self.facts[place], *stores]).astype(np.float32)

    def promoted_columns(self, households: IntArray, row: IntArray, place: IntArray) -> Matrix:
        """Return `PROMOTED_COLUMNS`, likewise."""
        held = self.coupons[households]
        on = np.asarray(held.toarray(), np.float32)[row, place]
        total = np.asarray(held.sum(axis=1)).ravel()[row]
        return np.column_stack([self.promoted[place], on, total]).astype(np.float32)


def shelf_of_day(purchases: Purchases, population: Population, coupons: Coupons, known: KnownBefore) -> ShelfOfDay:
    """Return what is known before the day of `known`, and of the promotions of its week, which are announced before it begins."""
    live, day = known.live, known.day
    at = np.full(len(live), day)
    facts = np.column_stack([population.products(live, at), *_finding(purchases, known, population)])
    now, before = (population.promotions(live, np.full(len(live), on)) for on in (_told_on(day), _told_on(day - WEEK)))
    held = coupons.held(day, known.households, known.products)
    return ShelfOfDay(
        known,
        facts.astype(np.float32),
        np.column_stack([now, before, population.saved(live, at)]).astype(np.float32),
        _by_store(purchases, known, 28),
        _by_store(purchases, known, 91),
        held[:, live].tocsr(),
    )


def promotions_known(population: Population, day: int) -> bool:
    """Whether the promotions of the week of `day` are known on that day."""
    return not bool(np.isnan(population.promotions(np.zeros(1, np.int64), np.array([_told_on(day)]))).any())


def _told_on(day: int) -> int:
    """Return the day on which a population tells of the promotions of the day's week: never its Monday."""
    return max(day, day - (day + 3) % WEEK + 1)  # the epoch was a Thursday


def read_coupons(lake: Lake, purchases: Purchases, last_day: int) -> Coupons:
    """Read the campaigns that have begun by `last_day`; none where the lake has no campaigns."""
    names = {"campaigns", "campaign_households", "coupon_products"}
    nothing = np.empty(0, np.int64)
    if not names <= set(lake.names()):
        return Coupons(*(nothing for _ in range(6)))
    table = lake.table("campaigns")
    last = EPOCH.fromordinal(EPOCH.toordinal() + last_day)
    campaigns = lake.to_arrow(
        table.filter(table.valid_from <= ibis.literal(last))
        .select("campaign_id", "valid_from", "valid_to")
        .order_by("campaign_id")
    )
    ids = campaigns["campaign_id"].combine_chunks()
    people, goods = lake.arrow("campaign_households"), lake.arrow("coupon_products")
    household, of = _places(people, ("household_id", purchases.household_ids), ("campaign_id", ids))
    product, on = _places(goods, ("product_id", purchases.product_ids), ("campaign_id", ids))
    return Coupons(household, of, product, on, _days(campaigns["valid_from"]), _days(campaigns["valid_to"]))


def _finding(purchases: Purchases, known: KnownBefore, population: Population) -> list[FloatArray]:
    """Return how fast live products find new buyers, and how they stand among all and within their type."""
    _, product, on = first_purchases(purchases)
    week, month = (
        np.bincount(product[(on < known.day) & (on >= known.day - days)], minlength=known.products)[known.live].astype(np.float64)
        for days in (7, 28)
    )
    columns = population.products(known.live, np.full(len(known.live), known.day)).astype(np.float64)
    sold = {
        name: columns[:, PRODUCT_COLUMNS.index(name)] for name in ("sold_7", "sold_28", "sold_91", "buyers_ever", "type_sold_28")
    }
    return [
        week,
        month,
        month / np.maximum(sold["sold_28"], 1.0),
        (sold["sold_28"] + 3.0) / (sold["sold_91"] * 28 / 91 + 3.0),
        sold["buyers_ever"] / max(int((known.baskets > 0).sum()), 1),
        sold["sold_28"] / np.maximum(sold["type_sold_28"], 1.0),
    ]


def _by_store(purchases: Purchases, known: KnownBefore, days: int) -> csr_matrix:
    trips = purchases.products
    basket = np.repeat(np.arange(len(purchases.basket_day)), np.diff(trips.start))
    on = purchases.basket_day[basket]
    used = (on < known.day) & (on >= known.day - days)
    shape = (max(len(purchases.store_ids), 1), trips.items)
    counts = csr_matrix(
        (np.ones(int(used.sum()), np.float32), (purchases.basket_store[basket[used]], trips.item[used])), shape=shape
    )
    return counts[:, known.live].tocsr()


def _places(rows: pa.Table, *wanted: tuple[str, pa.Array]) -> list[IntArray]:
    found = [pc.index_in(rows[name].combine_chunks(), ids) for name, ids in wanted]
    kept = pc.and_(*(pc.is_valid(one) for one in found)).to_numpy(zero_copy_only=False)
    return [pc.fill_null(one, 0).to_numpy().astype(np.int64)[kept] for one in found]


def _days(column: pa.ChunkedArray) -> IntArray:
    return np.asarray(pc.cast(pc.cast(column, pa.int32()), pa.int64()).to_numpy())
