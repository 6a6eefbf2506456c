"""What is expected to be sold in single weeks, as the shelves stand in them, and how much of it other products' promotions moved.

Nothing is simulated: sums over households of the probabilities of each store's week. What a promotion moved is what is expected
with it, less what would be expected with that product at its regular price, in no mailer and on no display in that week, all else
equal: in its category by the choices themselves, and beyond it through baskets that planted pairs join.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.world.chances import Chunk, chances_of, occasions
from bench.world.choice import SECOND
from bench.world.shelf import DISPLAY_VALUE, MAILER_VALUE, PRICE_SENSITIVITY
from bench.world.shoppers import SIZE_SHARE, incidence
from bench.world.sizes import DAYS, SEASONS, WEEKS, season_of_days

__all__ = ["Ahead", "expected_in"]

WEEK_DAYS = 7


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """Of some weeks: `expected` units (weeks x products), and `moved` (weeks x promoted x responding): units that the promotion
    of the first brought the second. On the diagonal stands what a promotion brought the promoted product.
    """

    expected: np.ndarray
    moved: np.ndarray

    def plus(self, other: "Ahead") -> "Ahead":
        """Return the sum over two chunks of households."""
        return Ahead(self.expected + other.expected, self.moved + other.moved)


@dataclass(frozen=True, slots=True, eq=False)
class _Category:
    """One category in one week: `bought`, with all promotions, and by what each is multiplied without that of another product: of
    its nest (`near`), of another one (`far`), or of its own (`own`). `mates` marks pairs of a nest; `first` is the place of the
    first product.

    Arrays are seasons x 2 x households x products.
    """

    first: int
    bought: np.ndarray
    near: np.ndarray
    far: np.ndarray
    own: np.ndarray
    mates: np.ndarray

    def moved(self, weight: np.ndarray) -> np.ndarray:
        """Return what each promotion moved (promoted x responding), occasions weighing so (seasons x 2 x households)."""
        rows = weight.reshape(-1, 1)
        bought, near, far, own = (one.reshape(rows.size, -1) for one in (self.bought, self.near, self.far, self.own))
        moved = np.where(self.mates, ((1 - near) * rows).T @ bought, ((1 - far) * rows).T @ bought)
        np.fill_diagonal(moved, ((1 - own) * rows * bought).sum(axis=0))
        return np.asarray(moved)

    def basket(self, product: int) -> tuple[np.ndarray, np.ndarray]:
        """Return with what probability an occasion puts a product in the basket, and without each promotion (one axis more)."""
        place = product - self.first
        bought = self.bought[..., place]
        factor = np.where(self.mates[place], self.near, self.far)
        factor[..., place] = self.own[..., place]
        return _in_basket(bought), _in_basket(bought[..., None] * factor)


def expected_in(chunk: Chunk, weeks: range) -> Ahead:
    """Return what a chunk of households is expected to buy in some weeks of the year (numbered from 0)."""
    count = chunk.assortment.products.count
    found = Ahead(np.zeros((len(weeks), count)), np.zeros((len(weeks), count, count)))
    for place, week in enumerate(weeks):
        _add_week(chunk, week, Ahead(found.expected[place], found.moved[place]))
    return found


def _add_week(chunk: Chunk, week: int, sums: Ahead) -> None:
    """Add one week to sums over products."""
    visits = _visits(chunk, week)
    seasons = np.flatnonzero(visits.any(axis=(1, 2)))
    visits, categories = visits[seasons], {}
    for category in chunk.categories:
        told = categories[category] = _category(chunk, category, week, seasons)
        inside = chunk.assortment.products_of(category)
        weight = visits * occasions(chunk, category)[seasons]
        sums.expected[inside] += np.einsum("sth,sthb->b", weight, told.bought)
        sums.moved[inside, inside] += told.moved(weight)
    _add_joined(chunk, week, (seasons, visits), categories, sums)


def _visits(chunk: Chunk, week: int) -> np.ndarray:
    """Return the expected trips in a week: seasons x 2 x households."""
    days = season_of_days()[week * WEEK_DAYS : (week + 1) * WEEK_DAYS]
    share = np.bincount(days, minlength=len(SEASONS)) / DAYS
    return np.asarray(share[:, None, None] * chunk.trips(None, None, None).sum(axis=0))


def _category(chunk: Chunk, category: int, week: int, seasons: np.ndarray) -> _Category:
    products = chunk.assortment.products_of(category)
    at = chunk.people.stores * WEEKS + week
    chances = chances_of(chunk, category, chunk.shelf.values(chunk.assortment, products)[at].astype(np.float64))
    plain = np.exp(-_deal(chunk, products, week))
    near, far = chances.after(plain)
    bought, near, far, own = (_of_seasons(one, seasons) for one in (chances.bought, near, far, near * plain))
    return _Category(products.start, bought, near, far, own, (chances.member @ chances.member.T).astype(bool))


def _deal(chunk: Chunk, products: slice, week: int) -> np.ndarray:
    """Return what their promotions add to the values of products in each household's stores: 2 x households x products."""
    deals = chunk.shelf.deals
    cheaper = -PRICE_SENSITIVITY * np.log1p(-deals.discount[week, products]) + MAILER_VALUE * deals.mailer[week, products]
    return np.asarray(cheaper + DISPLAY_VALUE * deals.display[chunk.people.stores, week][..., products])


def _of_seasons(figures: np.ndarray, seasons: np.ndarray) -> np.ndarray:
    return np.asarray(np.broadcast_to(figures, (len(SEASONS), *figures.shape[1:]))[seasons])


def _in_basket(bought: np.ndarray) -> np.ndarray:
    return np.asarray(bought * (1 + SECOND * (1 - bought)))


def _add_joined(
    chunk: Chunk, week: int, trips: tuple[np.ndarray, np.ndarray], categories: Mapping[int, _Category], sums: Ahead
) -> None:
    """Add what planted sources sell since their targets are in the basket; `trips` are the seasons of the week, and visits.

    A source joins where the target is in the basket and the source is not, so promotions of either's category move it.
    """
    planted, category = chunk.assortment.complements, chunk.assortment.products.category
    for target, source, strength in zip(planted.target, planted.source, planted.by_season.T, strict=True):
        pair = int(category[target]), int(category[source])
        (brings, brings_without), (has, has_without) = (
            categories[one].basket(int(product)) for one, product in zip(pair, (target, source), strict=True)
        )
        there = chunk.shelf.available[chunk.people.stores, week, source]
        takes = trips[1] * strength[trips[0]][:, None, None] * there
        alone, both = _together(chunk, pair, trips[0])
        sums.expected[source] += (takes * brings * (alone - has * both)).sum()
        by_target = (takes * (alone - has * both))[..., None] * (brings[..., None] - brings_without)
        by_source = -(takes * brings * both)[..., None] * (has[..., None] - has_without)
        for one, change in zip(pair, (by_target, by_source), strict=True):
            sums.moved[chunk.assortment.products_of(one), source] += change.sum(axis=(0, 1, 2))


def _together(chunk: Chunk, pair: tuple[int, int], seasons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often a trip has an occasion of the first category, and of both: seasons x 2 x households."""
    alone, both = [], []
    for season in seasons:
        need = chunk.assortment.need_share[season]
        for clusters in chunk.clusters:
            first, second = (incidence(chunk.assortment, chunk.people, one, clusters) for one in pair)
            alone.append((first @ need) @ SIZE_SHARE)
            both.append(((first * second) @ need) @ SIZE_SHARE)
    shape = (seasons.size, 2, -1)
    return np.stack(alone).reshape(shape), np.stack(both).reshape(shape)
