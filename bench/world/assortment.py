"""The products of a world and how shoppers value them: categories, nests of close substitutes, tastes and complements."""

from dataclasses import dataclass

import numpy as np

from bench.world.sizes import SEASONS, WorldSize, stream

__all__ = ["NEST_TASTE", "PRODUCT_TASTE", "Assortment", "Complements", "Nests", "Products", "build_assortment"]

CATEGORIES_PER_DEPARTMENT = 5
CARRIED = 0.85
"""Share of the products that a cluster of stores carries."""
PRODUCT_TASTE, NEST_TASTE = 1.3, 0.8
"""Standard deviations over households of what they add to the value of a product and of a nest."""
TYPICAL = 400
MISLABELLED, MERGED = 0.12, 0.3
"""Shares of products whose type on the label is that of another nest, and of nests that share their type with the one before:
types tell of nests, but not everything.
"""
PRIVATE_LABELS, PRIVATE_CHEAPER = 0.25, 0.4
SEASONAL_CATEGORIES, SEASONAL_NESTS, SEASONAL_SHIFT = 0.4, 0.6, 1.4
"""Nests of seasonal categories that are worth more in summer and less in winter, or the other way round."""
STRENGTHS = (0.02, 0.05, 0.1, 0.3)
"""Probability that a planted target makes its source join the basket."""


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Columns by product. `value` is the mean utility on the scale of the choice within a nest; nests are contiguous.

    `label` is the product type that the retailer sees; `cluster_value` (clusters x products) is added to `value` in the
    stores of a cluster, `trend` times the part of the year gone by since its middle. `cheapness` is how far the price lies below
    the category's mean, in logarithms.
    """

    category: np.ndarray
    nest: np.ndarray
    value: np.ndarray
    price: np.ndarray
    cheapness: np.ndarray
    private: np.ndarray
    supplier: np.ndarray
    label: np.ndarray
    trend: np.ndarray
    cluster_value: np.ndarray

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.category.size)


@dataclass(frozen=True, slots=True, eq=False)
class Nests:
    """Columns by nest: its category, and what each season adds to its value (seasons x nests)."""

    category: np.ndarray
    season_shift: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Complements:
    """Planted ordered pairs: a basket with `target` gains `source` with probability `strength`, in the seasons marked.

    `seasons` is pairs x seasons, true or false.
    """

    target: np.ndarray
    source: np.ndarray
    strength: np.ndarray
    seasons: np.ndarray

    @property
    def by_season(self) -> np.ndarray:
        """Return the strength in each season: seasons x pairs."""
        return np.asarray(self.strength * self.seasons.T)


@dataclass(frozen=True, slots=True, eq=False)
class Assortment:
    """All of a world that does not depend on its shoppers.

    `department` is each category's. `cluster_interest` (clusters x categories) multiplies the occasions on trips to a cluster.
    `dissimilarity` (0 to 1, by category) is lambda of the nested logit: the lower, the more a nest's demand stays in it.
    `outside` is the value of buying nothing, `incidence` the expected occasions of a category on a middling trip, and `needs`
    (needs x categories) by what each purpose multiplies them; the first purpose is none. `need_share` is seasons x needs.
    """

    products: Products
    nests: Nests
    department: np.ndarray
    cluster_interest: np.ndarray
    dissimilarity: np.ndarray
    outside: np.ndarray
    incidence: np.ndarray
    needs: np.ndarray
    need_share: np.ndarray
    complements: Complements
    carried: np.ndarray

    def products_of(self, category: int) -> slice:
        """Return where the products of a category lie."""
        first, last = np.searchsorted(self.products.category, [category, category + 1])
        return slice(int(first), int(last))

    def nests_of(self, category: int) -> slice:
        """Return where the nests of a category lie."""
        first, last = np.searchsorted(self.nests.category, [category, category + 1])
        return slice(int(first), int(last))


def build_assortment(size: WorldSize, seed: int) -> Assortment:
    """Draw the products of a world."""
    rng = stream(seed, "assortment")
    products = _products(size, rng)
    nests = _nests(products, rng)
    incidence = rng.lognormal(0.0, 0.5, size.categories)
    needs, share = _needs(size, rng)
    carried = _carried(size, products.count, rng)
    department = np.arange(size.categories) // CATEGORIES_PER_DEPARTMENT
    interest = rng.lognormal(0.0, 0.35, (size.clusters, int(department.max()) + 1))
    dissimilarity = rng.uniform(0.4, 0.95, size.categories)
    return Assortment(
        products=products,
        nests=nests,
        department=department,
        cluster_interest=interest[:, department],
        dissimilarity=dissimilarity,
        outside=_outside(products, nests, dissimilarity, rng),
        incidence=incidence / incidence.sum() * size.occasions_per_trip,
        needs=needs,
        need_share=share,
        complements=_complements(size, products, carried, rng),
        carried=carried,
    )


def _products(size: WorldSize, rng: np.random.Generator) -> Products:
    sizes = rng.integers(size.smallest_category, size.largest_category + 1, size.categories)
    category = np.repeat(np.arange(size.categories), sizes)
    count = category.size
    nest = _nest_of(category, rng)
    private = rng.random(count) < PRIVATE_LABELS
    cheapness = rng.normal(0.0, 0.35, count) + PRIVATE_CHEAPER * private
    price = np.round(np.exp(rng.normal(1.0, 0.4, size.categories)[category] - cheapness), 2)
    return Products(
        category=category,
        nest=nest,
        value=rng.normal(0.0, 1.0, count),
        price=price,
        cheapness=cheapness,
        private=private,
        supplier=rng.integers(0, max(size.categories * 2, 8), count),
        label=_labels(nest, category, rng),
        trend=rng.normal(0.0, 0.2, count),
        cluster_value=rng.normal(0.0, 0.5, (size.clusters, count)),
    )


def _nest_of(category: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Number nests of one to six neighbouring products; none crosses a category."""
    ends = np.cumsum(rng.integers(1, 7, category.size))
    run = np.searchsorted(ends, np.arange(category.size), side="right")
    starts = np.r_[True, (np.diff(run) != 0) | (np.diff(category) != 0)]
    return np.asarray(np.cumsum(starts) - 1)


def _labels(nest: np.ndarray, category: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the type on each product's label, numbered by nest."""
    first = np.searchsorted(nest, np.arange(nest.max() + 1))
    kept = (rng.random(first.size) >= MERGED) | (np.diff(category[first], prepend=-1) != 0)
    label = np.flatnonzero(kept)[np.cumsum(kept) - 1][nest]
    elsewhere = np.minimum(nest + rng.integers(1, 3, nest.size), nest.max())
    wrong = (rng.random(nest.size) < MISLABELLED) & (category[first[elsewhere]] == category)
    return np.asarray(np.where(wrong, elsewhere, label))


def _nests(products: Products, rng: np.random.Generator) -> Nests:
    first = np.flatnonzero(np.r_[True, np.diff(products.nest) != 0])
    count = first.size
    summer, winter = (SEASONS.index(name) for name in ("summer", "winter"))
    shift = np.zeros((len(SEASONS), count))
    seasonal = (rng.random(products.category.max() + 1) < SEASONAL_CATEGORIES)[products.category[first]]
    sign = np.where(rng.random(count) < 0.5, 1.0, -1.0) * (seasonal & (rng.random(count) < SEASONAL_NESTS))
    shift[summer], shift[winter] = SEASONAL_SHIFT * sign, -SEASONAL_SHIFT * sign
    return Nests(category=products.category[first], season_shift=shift)


def _outside(products: Products, nests: Nests, dissimilarity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return values of buying nothing at which a middling household leaves an occasion out in one of four to ten cases."""
    member = np.equal.outer(products.nest, np.arange(nests.category.size)).astype(float)
    liking = rng.normal(0.0, PRODUCT_TASTE, (TYPICAL, products.count))
    nest = dissimilarity[nests.category] * np.log(np.exp(products.value + liking) @ member)
    nest += rng.normal(0.0, NEST_TASTE, nest.shape)
    every = np.equal.outer(nests.category, np.arange(dissimilarity.size)).astype(float)
    return np.asarray(np.log(np.exp(nest) @ every).mean(axis=0) + np.log(rng.uniform(0.1, 0.33, dissimilarity.size)))


def _needs(size: WorldSize, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    multiplier = np.ones((size.needs + 1, size.categories))
    for need in range(1, size.needs + 1):
        wanted = rng.choice(size.categories, size=3, replace=False)
        multiplier[need, wanted] = rng.uniform(2.5, 6.0, wanted.size)
    share = np.full((len(SEASONS), size.needs + 1), 0.5 / size.needs)
    share[:, 0] = 0.5
    # every other need belongs to half of the year
    share[SEASONS.index("summer"), 2::2] *= 0.25
    share[SEASONS.index("winter"), 1::2] *= 0.25
    return multiplier, share / share.sum(axis=1, keepdims=True)


def _carried(size: WorldSize, products: int, rng: np.random.Generator) -> np.ndarray:
    carried = rng.random((size.clusters, products)) < CARRIED
    carried[rng.integers(0, size.clusters, products), np.arange(products)] = True
    return np.asarray(carried)


def _complements(size: WorldSize, products: Products, carried: np.ndarray, rng: np.random.Generator) -> Complements:
    """Plant pairs across categories among products that every cluster carries; every third holds in one season alone."""
    everywhere = np.flatnonzero(carried.all(axis=0))
    ends = rng.permutation(everywhere)[: size.complements * 2]
    target, source = ends[0::2], ends[1::2]
    across = products.category[target] != products.category[source]
    target, source = target[across], source[across]
    place = np.arange(target.size)
    seasons = np.ones((target.size, len(SEASONS)), dtype=bool)
    seasons[place % 3 == 2] = False
    seasons[place % 6 == 2, SEASONS.index("summer")] = True
    seasons[place % 6 == 5, SEASONS.index("winter")] = True
    strength = np.asarray(STRENGTHS)[place // 3 % len(STRENGTHS)]
    return Complements(target=target, source=source, strength=strength, seasons=seasons)
