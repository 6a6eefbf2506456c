"""The probabilities behind a chunk's choices at the end of the year: what stands listed, at regular prices, nothing missing."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.world.assortment import Assortment
from bench.world.choice import SECOND
from bench.world.shelf import Shelf
from bench.world.shoppers import SIZE_SHARE, Shoppers, incidence, tastes
from bench.world.sizes import DAYS, SEASONS, season_of_days

__all__ = ["CategoryChances", "category_chances", "occasions", "season_share"]

SMALLEST = 1e-12


@dataclass(frozen=True, eq=False)
class CategoryChances:
    """Of one category and chunk, on one occasion in a season and in a store of a cluster.

    `within` (clusters x households x products) is the probability of a product given its nest, `nest` (seasons x clusters x
    households x nests) the weight of each nest beside `nothing`, that of no purchase; `member` is products x nests.
    """

    within: np.ndarray
    nest: np.ndarray
    nothing: float
    member: np.ndarray
    dissimilarity: float

    @cached_property
    def total(self) -> np.ndarray:
        """Return the sum of all weights: seasons x clusters x households x 1."""
        return np.asarray(self.nest.sum(axis=-1, keepdims=True) + self.nothing)

    @cached_property
    def bought(self) -> np.ndarray:
        """Return the probability of each product: seasons x clusters x households x products."""
        return np.asarray(self.own_nest / self.total * self.within)

    @cached_property
    def own_nest(self) -> np.ndarray:
        """Return the weight of each product's nest: seasons x clusters x households x products."""
        return np.asarray(self.nest[..., self.member.argmax(axis=1)])

    @property
    def in_basket(self) -> np.ndarray:
        """Return the probability that an occasion, with the second that may follow it, puts each product in the basket."""
        return np.asarray(self.bought * (1 + SECOND * (1 - self.bought)))

    def after(self, factor: float) -> tuple[np.ndarray, np.ndarray]:
        """Return by what all other probabilities change when exp(value) of one product is multiplied by `factor` (0: gone).

        Both arrays are seasons x clusters x households x products, one entry per changed product: the first for products of its
        nest, the second for those of other nests and for buying nothing.
        """
        rest = np.maximum(1 - self.within * (1 - factor), SMALLEST)
        outer = self.total / (self.total - self.own_nest * (1 - rest**self.dissimilarity))
        return rest ** (self.dissimilarity - 1) * outer, outer


def category_chances(assortment: Assortment, shelf: Shelf, people: Shoppers, category: int, seed: int) -> CategoryChances:
    """Return the probabilities of one category."""
    products, nests = assortment.products_of(category), assortment.nests_of(category)
    liking = tastes(assortment, people, category, seed)
    weight = np.exp(shelf.final_values(assortment, products)[:, None, :] + liking.products)
    member = np.equal.outer(assortment.products.nest[products], np.arange(nests.start, nests.stop)).astype(float)
    total = weight @ member
    within = weight / np.maximum(total, SMALLEST)[..., member.argmax(axis=1)]
    pull = np.exp(liking.nests + assortment.nests.season_shift[:, None, None, nests])
    dissimilarity = float(assortment.dissimilarity[category])
    return CategoryChances(
        within, total**dissimilarity * pull, float(np.exp(assortment.outside[category])), member, dissimilarity
    )


def season_share() -> np.ndarray:
    """Return the share of the year's days in each season."""
    return np.asarray(np.bincount(season_of_days(), minlength=len(SEASONS)) / DAYS)


def occasions(assortment: Assortment, people: Shoppers, category: int) -> np.ndarray:
    """Return the expected occasions of a category on a mean trip, second ones included: seasons x clusters x households."""
    clusters = range(assortment.cluster_interest.shape[0])
    by_need = np.stack([np.moveaxis(incidence(assortment, people, category, c), 1, -1) @ SIZE_SHARE for c in clusters])
    return np.asarray(np.moveaxis(by_need @ assortment.need_share.T, -1, 0) * (1 + SECOND))
