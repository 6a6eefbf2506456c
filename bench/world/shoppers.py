"""The households of a world: how often they shop and where, what they like, and the trips they make."""

from dataclasses import dataclass

import numpy as np

from bench.world.assortment import NEST_TASTE, PRODUCT_TASTE, Assortment
from bench.world.sizes import DAYS, WorldSize, season_of_days, stream

__all__ = ["OWN_STORE", "SIZE_SHARE", "Shoppers", "Tastes", "Trips", "incidence", "make_trips", "shoppers", "tastes"]

OWN_STORE = 0.8
"""Share of the trips that go to the household's own store; the others go to its second."""
SIZE_SHARE = np.array([0.45, 0.38, 0.17])
SIZE_FACTOR = np.array([0.45, 1.0, 2.2])
"""Small, middling and large trips: how many there are, and by what they multiply the occasions."""
TRIPS_A_YEAR = 62.0


@dataclass(frozen=True, slots=True, eq=False)
class Shoppers:
    """Some households, by place: `number` counts them over the whole world; `stores` (2 x households) are the own and the
    second store; `habit` (households x categories) multiplies occasions; `thrift` is what they add to a product's value per
    unit of its cheapness.
    """

    number: np.ndarray
    trips_a_year: np.ndarray
    stores: np.ndarray
    habit: np.ndarray
    thrift: np.ndarray
    chunk: int

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.number.size)


@dataclass(frozen=True, slots=True, eq=False)
class Tastes:
    """What households of a chunk add to the value of a category's products and nests: households x each."""

    products: np.ndarray
    nests: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Trips:
    """Trips of a chunk in the order of household and day: place of the household, day of the year, season, store, whether that is
    the second of the household (1) or its own (0), place of the trip's size and of its need.
    """

    household: np.ndarray
    day: np.ndarray
    season: np.ndarray
    store: np.ndarray
    second: np.ndarray
    size: np.ndarray
    need: np.ndarray

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.household.size)


def shoppers(size: WorldSize, seed: int, chunk: int) -> Shoppers:
    """Draw the households of one chunk: the same whenever they are asked for."""
    rng = stream(seed, "shoppers", chunk)
    first = chunk * size.chunk
    count = min(size.chunk, size.households - first)
    weight = 1.0 / np.arange(1, size.stores + 1) ** 0.3
    stores = rng.choice(size.stores, (2, count), p=weight / weight.sum())
    return Shoppers(
        number=first + np.arange(count),
        trips_a_year=TRIPS_A_YEAR * rng.gamma(4.0, 0.25, count),
        stores=stores,
        habit=rng.lognormal(-0.18, 0.6, (count, size.categories)),
        thrift=rng.normal(0.0, 1.2, count),
        chunk=chunk,
    )


def tastes(assortment: Assortment, people: Shoppers, category: int, seed: int) -> Tastes:
    """Draw what a chunk likes of one category: habits that last all year."""
    rng = stream(seed, "tastes", people.chunk, category)
    products, nests = assortment.products_of(category), assortment.nests_of(category)
    liking = rng.normal(0.0, PRODUCT_TASTE, (people.count, products.stop - products.start))
    liking += people.thrift[:, None] * assortment.products.cheapness[products]
    return Tastes(products=liking, nests=rng.normal(0.0, NEST_TASTE, (people.count, nests.stop - nests.start)))


def incidence(assortment: Assortment, people: Shoppers, category: int, cluster: np.ndarray) -> np.ndarray:
    """Return the probability that a trip of each household to a cluster of its own has an occasion of a category.

    The shape is households x sizes x needs.
    """
    habit = people.habit[:, category] * assortment.incidence[category] * assortment.cluster_interest[cluster, category]
    return np.asarray(-np.expm1(-habit[:, None, None] * SIZE_FACTOR[:, None] * assortment.needs[:, category]))


def make_trips(assortment: Assortment, people: Shoppers, seed: int) -> Trips:
    """Draw the trips that a chunk makes in the year."""
    rng = stream(seed, "trips", people.chunk)
    household = np.repeat(np.arange(people.count), rng.poisson(people.trips_a_year))
    day = rng.integers(0, DAYS, household.size)
    order = np.lexsort((day, household))
    household, day = household[order], day[order]
    second = (rng.random(household.size) >= OWN_STORE).astype(np.int64)
    season = season_of_days()[day]
    return Trips(
        household=household,
        day=day,
        season=season,
        store=people.stores[second, household],
        second=second,
        size=rng.choice(SIZE_SHARE.size, household.size, p=SIZE_SHARE),
        need=_needs(assortment, season, rng),
    )


def _needs(assortment: Assortment, season: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    upper = np.cumsum(assortment.need_share, axis=1)[:, :-1]
    return np.asarray((rng.random(season.size)[:, None] >= upper[season]).sum(axis=1))
