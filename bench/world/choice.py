"""What a chunk of households buys on its trips: a nested logit with habit, an option to buy nothing, and complements.

An occasion of a category leads to a nest with probability proportional to exp(lambda * log sum exp(value) + taste of the nest +
season), or to no purchase, and within the nest to a product with probability proportional to exp(value) (McFadden 1978). Habit
has two parts: tastes last all year, and the chance part of a choice (its Gumbel noise) is kept from one occasion of a
household and category to the next with probability KEPT. That makes purchases repeat, and leaves the probability of each
single choice exactly that of the logit: so the truth can be computed.
"""

from dataclasses import dataclass

import numpy as np

from bench.world.assortment import Assortment
from bench.world.shelf import Shelf
from bench.world.shoppers import Shoppers, Tastes, Trips, incidence, tastes
from bench.world.sizes import WEEKS, stream

__all__ = ["SECOND", "Bought", "buy"]

KEPT = 0.3
SECOND = 0.1
"""Probability that an occasion is followed by one more of its category on the same trip, with a chance of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Bought:
    """Lines in the order of trips: place of the trip, product, and units."""

    trip: np.ndarray
    product: np.ndarray
    units: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Occasions:
    """Occasions of one category: the trip of each, and which draw of chance decides it."""

    trip: np.ndarray
    chance: np.ndarray


def buy(assortment: Assortment, shelf: Shelf, people: Shoppers, trips: Trips, seed: int) -> Bought:
    """Simulate the purchases of a chunk."""
    categories = range(assortment.incidence.size)
    parts = [_buy_category(assortment, shelf, people, trips, category, seed) for category in categories]
    trip, product = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    key, units = np.unique(trip * assortment.products.count + product, return_counts=True)
    joined = _joined(assortment, shelf, trips, key, stream(seed, "complements", people.chunk))
    keys = np.concatenate([key, joined])
    order = np.argsort(keys, kind="stable")
    trip, product = np.divmod(keys[order], assortment.products.count)
    return Bought(trip=trip, product=product, units=np.concatenate([units, np.ones(joined.size, dtype=units.dtype)])[order])


def _buy_category(
    assortment: Assortment, shelf: Shelf, people: Shoppers, trips: Trips, category: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the trips and the products bought of one category; a pair may come twice."""
    rng = stream(seed, "choice", people.chunk, category)
    occasions = _occasions(assortment, shelf, people, trips, category, rng)
    liking = tastes(assortment, people, category, seed)
    products = assortment.products_of(category)
    household, at = trips.household[occasions.trip], trips.store[occasions.trip] * WEEKS + trips.day[occasions.trip] // 7
    value = shelf.values(assortment, products)[at] + liking.products.astype(np.float32)[household]
    nest = _nest_values(assortment, trips, occasions, liking, value, category)
    draws = int(occasions.chance.max(initial=-1)) + 1
    chosen = np.argmax(nest + _gumbel(rng, draws, nest.shape[1])[occasions.chance], axis=1)
    value += _gumbel(rng, draws, value.shape[1])[occasions.chance]
    inside = assortment.products.nest[products] - assortment.nests_of(category).start
    value[chosen[:, None] != inside] = -np.inf
    bought = chosen < nest.shape[1] - 1
    return occasions.trip[bought], products.start + np.argmax(value[bought], axis=1)


def _occasions(
    assortment: Assortment, shelf: Shelf, people: Shoppers, trips: Trips, category: int, rng: np.random.Generator
) -> _Occasions:
    probability = np.stack([incidence(assortment, people, category, shelf.cluster_of_store[stores]) for stores in people.stores])
    trip = np.flatnonzero(rng.random(trips.count) < probability[trips.second, trips.household, trips.size, trips.need])
    new = np.diff(trips.household[trip], prepend=-1) != 0
    chance = np.cumsum(new | (rng.random(trip.size) >= KEPT)) - 1
    second = trip[rng.random(trip.size) < SECOND]
    own_chance = chance.max(initial=-1) + 1 + np.arange(second.size)
    return _Occasions(trip=np.concatenate([trip, second]), chance=np.concatenate([chance, own_chance]))


def _nest_values(
    assortment: Assortment, trips: Trips, occasions: _Occasions, liking: Tastes, value: np.ndarray, category: int
) -> np.ndarray:
    """Return the value of each nest on each occasion, and of buying nothing in the last column."""
    nests, products = assortment.nests_of(category), assortment.products_of(category)
    member = np.equal.outer(assortment.products.nest[products], np.arange(nests.start, nests.stop)).astype(np.float32)
    with np.errstate(divide="ignore"):
        inclusive = np.log(np.exp(value) @ member)
    nest = assortment.dissimilarity[category] * inclusive + liking.nests[trips.household[occasions.trip]]
    nest += assortment.nests.season_shift[trips.season[occasions.trip], nests]
    nothing = np.full((nest.shape[0], 1), assortment.outside[category])
    return np.asarray(np.hstack([nest, nothing]))


def _gumbel(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    # the smallest positive number instead of an exponential draw of exactly 0
    draws = np.maximum(rng.standard_exponential((rows, columns), dtype=np.float32), np.finfo(np.float32).tiny)
    return np.asarray(-np.log(draws))


def _joined(assortment: Assortment, shelf: Shelf, trips: Trips, key: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the keys (trip, product) of what joins a basket because a planted target is in it; `key` is ascending."""
    count, planted = assortment.products.count, assortment.complements
    trip, product = np.divmod(key, count)
    found = []
    for pair, strength in enumerate(planted.by_season.T):
        with_target = trip[product == planted.target[pair]]
        takes = with_target[rng.random(with_target.size) < strength[trips.season[with_target]]]
        on_shelf = shelf.available[trips.store[takes], trips.day[takes] // 7, planted.source[pair]]
        found.append(takes[on_shelf] * count + planted.source[pair])
    return np.setdiff1d(np.concatenate(found), key)
