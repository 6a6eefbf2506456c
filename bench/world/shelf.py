"""What stands on the shelf of each store in each week, at which price: resets, absences, stock-outs and promotions."""

from dataclasses import dataclass

import numpy as np

from bench.world.assortment import Assortment
from bench.world.sizes import WEEKS, WorldSize, stream

__all__ = ["DISPLAY_VALUE", "KINDS", "MAILER_VALUE", "PRICE_SENSITIVITY", "Deals", "Events", "Shelf", "build_shelf"]

DELISTED = 0.06
ABSENT = 0.12
STOCK_OUTS = 0.006
"""Share of the product-store-weeks in which a shelf stays empty without a reason that anybody planned."""
RESETS_FROM, RESETS_UNTIL = 18, 46
PROMOTED = 0.06
"""Share of product-weeks in which a promotion starts."""
PRICE_SENSITIVITY = 2.5
"""Utility per unit of the logarithm of the price."""
DISPLAY_VALUE, MAILER_VALUE = 0.5, 0.3
KINDS = ("delisting", "launch", "absence", "stock_out")


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Columns by event: place in KINDS, product, cluster (-1: all), store (-1: all of the cluster), weeks [first, last), and
    the range reset it belongs to (-1: none). An event that ends for good has `last` = WEEKS.
    """

    kind: np.ndarray
    product: np.ndarray
    cluster: np.ndarray
    store: np.ndarray
    first: np.ndarray
    last: np.ndarray
    reset: np.ndarray

    @staticmethod
    def join(parts: "list[Events]") -> "Events":
        """Return the events of all parts."""
        return Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in Events.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Deals:
    """Promotions by week and product: `discount` (share of the price), `mailer`, and `display` by store, week and product."""

    discount: np.ndarray
    mailer: np.ndarray
    display: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """`available` is stores x weeks x products; `cluster_of_store` names each store's cluster; `listed` (clusters x products)
    is what each cluster still carries at the end, leaving out what is away for a while.
    """

    cluster_of_store: np.ndarray
    available: np.ndarray
    listed: np.ndarray
    deals: Deals
    events: Events

    def values(self, assortment: Assortment, products: slice) -> np.ndarray:
        """Return the utility of some products before a household's taste: (stores x weeks) x products, -inf off the shelf."""
        goods, deals = assortment.products, self.deals
        by_cluster = goods.value[products] + goods.cluster_value[:, products]
        by_week = goods.trend[products] * (np.arange(WEEKS)[:, None] / WEEKS - 0.5)
        by_week = by_week - PRICE_SENSITIVITY * np.log1p(-deals.discount[:, products]) + MAILER_VALUE * deals.mailer[:, products]
        value = by_cluster[self.cluster_of_store][:, None, :] + by_week[None] + DISPLAY_VALUE * deals.display[:, :, products]
        value[~self.available[:, :, products]] = -np.inf
        return np.asarray(value.reshape(-1, by_week.shape[1]), dtype=np.float32)

    def final_values(self, assortment: Assortment, products: slice) -> np.ndarray:
        """Return the utility at the end, at regular prices: clusters x products, -inf where a cluster does not carry one."""
        goods = assortment.products
        value = goods.value[products] + goods.cluster_value[:, products] + 0.5 * goods.trend[products]
        return np.asarray(np.where(self.listed[:, products], value, -np.inf))


def build_shelf(size: WorldSize, assortment: Assortment, seed: int) -> Shelf:
    """Draw the year's events and promotions."""
    rng = stream(seed, "shelf")
    cluster_of_store = rng.permutation(np.arange(size.stores) % size.clusters)
    resets = _resets(size, assortment, rng)
    touched = np.unique(resets.product)
    lasting = Events.join([resets, _absences(size, assortment, touched, rng)])
    events = Events.join([lasting, _stock_outs(size, assortment, rng)])
    return Shelf(
        cluster_of_store=cluster_of_store,
        available=_available(assortment, cluster_of_store, events),
        listed=_listed(assortment, resets),
        deals=_deals(size, assortment, rng),
        events=events,
    )


def _resets(size: WorldSize, assortment: Assortment, rng: np.random.Generator) -> Events:
    """Take two to four neighbours of a category away in one week, and bring one or two others in the week after."""
    products = assortment.products
    spared = np.r_[assortment.complements.target, assortment.complements.source]
    parts: list[Events] = []
    taken = np.zeros(products.count, dtype=bool)
    taken[spared] = True
    while taken.sum() - np.unique(spared).size < DELISTED * 1.5 * products.count:
        start = int(rng.integers(0, products.count - 4))
        number = len(parts) // 2
        away = start + np.arange(int(rng.integers(2, 5)))
        away = away[(products.category[away] == products.category[start]) & ~taken[away]]
        taken[away] = True
        others = np.flatnonzero((products.category == products.category[start]) & ~taken)
        new = rng.permutation(others)[: int(rng.integers(1, 3))]
        taken[new] = True
        week = int(rng.integers(RESETS_FROM, RESETS_UNTIL))
        cluster = -1 if rng.random() < 0.6 else int(rng.integers(0, size.clusters))
        parts.append(_lasting("delisting", away, cluster, (week, WEEKS), number))
        parts.append(_lasting("launch", new, cluster, (0, week + 1), number))
    return Events.join(parts)


def _lasting(kind: str, product: np.ndarray, cluster: int, weeks: tuple[int, int], reset: int) -> Events:
    columns = (KINDS.index(kind), product, cluster, -1, *weeks, reset)
    return Events(*(np.broadcast_to(np.asarray(column, dtype=np.int64), product.shape).copy() for column in columns))


def _absences(size: WorldSize, assortment: Assortment, touched: np.ndarray, rng: np.random.Generator) -> Events:
    """Products that are missing for three to eight weeks and come back: in a cluster, or one in four everywhere."""
    free = np.setdiff1d(np.arange(assortment.products.count), touched)
    count = int(ABSENT * assortment.products.count)
    product = rng.choice(free, min(count, free.size), replace=False)
    cluster = np.where(rng.random(product.size) < 0.25, -1, rng.integers(0, size.clusters, product.size))
    first = rng.integers(10, WEEKS - 9, product.size)
    last = first + rng.integers(3, 9, product.size)
    nothing = np.full(product.size, -1)
    return Events(np.full(product.size, KINDS.index("absence")), product, cluster, nothing, first, last, nothing)


def _stock_outs(size: WorldSize, assortment: Assortment, rng: np.random.Generator) -> Events:
    cells = size.stores * WEEKS * assortment.products.count
    count = int(cells * STOCK_OUTS / 1.5)
    store, product = rng.integers(0, size.stores, count), rng.integers(0, assortment.products.count, count)
    first = rng.integers(1, WEEKS - 2, count)
    nothing = np.full(count, -1)
    kind = np.full(count, KINDS.index("stock_out"))
    return Events(kind, product, nothing, store, first, first + rng.integers(1, 3, count), nothing)


def _available(assortment: Assortment, cluster_of_store: np.ndarray, events: Events) -> np.ndarray:
    available = np.repeat(assortment.carried[cluster_of_store][:, None, :], WEEKS, axis=1)
    for cluster, store, product, first, last in zip(
        events.cluster, events.store, events.product, events.first, events.last, strict=True
    ):
        stores = store if store >= 0 else (cluster_of_store == cluster if cluster >= 0 else slice(None))
        available[stores, first:last, product] = False
    return available


def _listed(assortment: Assortment, resets: Events) -> np.ndarray:
    listed = assortment.carried.copy()
    for kind, cluster, product in zip(resets.kind, resets.cluster, resets.product, strict=True):
        if kind == KINDS.index("delisting"):
            listed[cluster if cluster >= 0 else slice(None), product] = False
    return listed


def _deals(size: WorldSize, assortment: Assortment, rng: np.random.Generator) -> Deals:
    shape = WEEKS, assortment.products.count
    depth = rng.choice([0.1, 0.2, 0.3, 0.4], shape) * (rng.random(shape) < PROMOTED)
    goes_on = np.vstack([np.zeros((1, shape[1])), depth[:-1] * (rng.random((WEEKS - 1, shape[1])) < 0.5)])
    discount = np.maximum(depth, goes_on)
    promoted = discount > 0
    display = (rng.random((size.stores, *shape), dtype=np.float32) < 0.4) & promoted
    return Deals(discount=discount, mailer=promoted & (rng.random(shape) < 0.5), display=display)
