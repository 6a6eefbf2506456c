"""The probabilities behind a chunk's choices, as a rule those of the end of the year: what stands listed, at regular prices,
nothing missing.

Arrays over seasons have one entry, to be broadcast, where a category knows none. The second axis is the store: a household's own,
and its second.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.world.assortment import Assortment
from bench.world.choice import SECOND
from bench.world.shelf import Shelf
from bench.world.shoppers import OWN_STORE, SIZE_SHARE, Shoppers, incidence, tastes
from bench.world.sizes import DAYS, SEASONS, season_of_days

__all__ = ["CategoryChances", "Chunk", "category_chances", "chances_of", "occasions"]

SMALLEST = 1e-12


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some households before the shelves of a world."""

    assortment: Assortment
    shelf: Shelf
    people: Shoppers
    seed: int

    @cached_property
    def clusters(self) -> np.ndarray:
        """The cluster of each household's stores: 2 x households."""
        return np.asarray(self.shelf.cluster_of_store[self.people.stores])

    @property
    def categories(self) -> range:
        """The places of the categories."""
        return range(self.assortment.incidence.size)

    def trips(self, seasons: np.ndarray | None, stores: np.ndarray | None, households: np.ndarray | None) -> np.ndarray:
        """Return the expected trips a year within masks (None: all): seasons x 2 x households."""
        share = np.bincount(season_of_days(), minlength=len(SEASONS)) / DAYS
        visits = self.people.trips_a_year * np.array([[OWN_STORE], [1 - OWN_STORE]])
        if seasons is not None:
            share = share * seasons
        if stores is not None:
            visits = visits * stores[self.people.stores]
        if households is not None:
            visits = visits * households[self.people.number]
        return np.asarray(share[:, None, None] * visits)


@dataclass(frozen=True, eq=False)
class CategoryChances:
    """Of one category, on one occasion: `within` (2 x households x products) is the probability of a product given its nest,
    `nest` (seasons x 2 x households x nests) the weight of each nest beside `nothing`, that of no purchase; `member` is
    products x nests.
    """

    within: np.ndarray
    nest: np.ndarray
    nothing: float
    member: np.ndarray
    dissimilarity: float

    @cached_property
    def total(self) -> np.ndarray:
        """The sum of all weights: seasons x 2 x households x 1."""
        return np.asarray(self.nest.sum(axis=-1, keepdims=True) + self.nothing)

    @cached_property
    def own_nest(self) -> np.ndarray:
        """The weight of each product's nest: seasons x 2 x households x products."""
        return np.asarray(self.nest[..., self.member.argmax(axis=1)])

    @cached_property
    def bought(self) -> np.ndarray:
        """The probability of each product: seasons x 2 x households x products."""
        return np.asarray(self.own_nest / self.total * self.within)

    @property
    def in_basket(self) -> np.ndarray:
        """The probability that an occasion, with the second that may follow it, puts each product in the basket."""
        return np.asarray(self.bought * (1 + SECOND * (1 - self.bought)))

    def after(self, factor: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return by what all other probabilities change when exp(value) of one product is multiplied by `factor` (0: gone).

        `factor` may differ by store, household and product (2 x households x products). Both arrays are seasons x 2 x
        households x products, one entry per changed product: the first for products of its nest, the second for those of other
        nests and for buying nothing.
        """
        rest = np.maximum(1 - self.within * (1 - factor), SMALLEST)
        outer = self.total / (self.total - self.own_nest * (1 - rest**self.dissimilarity))
        return rest ** (self.dissimilarity - 1) * outer, outer


def category_chances(chunk: Chunk, category: int) -> CategoryChances:
    """Return the probabilities of one category at the end of the year."""
    products = chunk.assortment.products_of(category)
    return chances_of(chunk, category, chunk.shelf.final_values(chunk.assortment, products)[chunk.clusters])


def chances_of(chunk: Chunk, category: int, values: np.ndarray) -> CategoryChances:
    """Return the probabilities of one category where its products have these values (2 x households x products; -inf: not there)
    before a household's taste.
    """
    assortment = chunk.assortment
    products, nests = assortment.products_of(category), assortment.nests_of(category)
    liking = tastes(assortment, chunk.people, category, chunk.seed)
    weight = np.exp(values + liking.products)
    member = np.equal.outer(assortment.products.nest[products], np.arange(nests.start, nests.stop)).astype(float)
    total = weight @ member
    within = weight / np.maximum(total, SMALLEST)[..., member.argmax(axis=1)]
    shift = assortment.nests.season_shift[:, nests]
    pull = np.exp(liking.nests + (shift if shift.any() else shift[:1])[:, None, None])
    dissimilarity = float(assortment.dissimilarity[category])
    nothing = float(np.exp(assortment.outside[category]))
    return CategoryChances(within, total**dissimilarity * pull, nothing, member, dissimilarity)


def occasions(chunk: Chunk, category: int) -> np.ndarray:
    """Return the expected occasions of a category on a mean trip, second ones included: seasons x 2 x households."""
    by_store = [incidence(chunk.assortment, chunk.people, category, clusters) for clusters in chunk.clusters]
    by_need = np.moveaxis(np.stack(by_store), 2, -1) @ SIZE_SHARE
    return np.asarray(np.moveaxis(by_need @ chunk.assortment.need_share.T, -1, 0) * (1 + SECOND))
