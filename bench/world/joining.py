"""Planted complements as probabilities: how often a source joins a basket because its target is in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.world.assortment import Assortment
from bench.world.chances import category_chances
from bench.world.shelf import Shelf
from bench.world.shoppers import SIZE_SHARE, Shoppers, incidence

__all__ = ["Together", "baskets_by_category", "joined_by_product", "planted_together"]


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Two products on a mean trip: the probabilities of a basket with the target, with the source, with both, of both if the two
    fell independently into a household's trips of like size, and of the source having joined for the target's sake.

    Each is seasons x clusters x households.
    """

    target: np.ndarray
    source: np.ndarray
    both: np.ndarray
    expected: np.ndarray
    joined: np.ndarray


def baskets_by_category(assortment: Assortment, shelf: Shelf, people: Shoppers, seed: int) -> list[np.ndarray]:
    """Return, by category, with what probability an occasion puts each product in the basket.

    Each is seasons x clusters x households x products, in single precision.
    """
    categories = range(assortment.incidence.size)
    return [category_chances(assortment, shelf, people, c, seed).in_basket.astype(np.float32) for c in categories]


def planted_together(assortment: Assortment, shelf: Shelf, people: Shoppers, baskets: Sequence[np.ndarray]) -> list[Together]:
    """Return each planted pair of a chunk."""
    planted = assortment.complements
    return [
        _together(assortment, people, baskets, (int(target), int(source)), strength[:, None] * shelf.listed[:, source])
        for target, source, strength in zip(planted.target, planted.source, planted.by_season.T, strict=True)
    ]


def joined_by_product(assortment: Assortment, planted: Sequence[Together]) -> dict[int, np.ndarray]:
    """Return how often a planted source joins a basket, per trip, by product: seasons x clusters x households."""
    return {int(source): pair.joined for source, pair in zip(assortment.complements.source, planted, strict=True)}


def _together(
    assortment: Assortment, people: Shoppers, baskets: Sequence[np.ndarray], pair: tuple[int, int], strength: np.ndarray
) -> Together:
    seasons, clusters = strength.shape
    cells = [
        _cell(assortment, people, baskets, pair, (season, cluster), float(strength[season, cluster]))
        for season in range(seasons)
        for cluster in range(clusters)
    ]
    return Together(*(np.stack(parts).reshape(seasons, clusters, -1) for parts in zip(*cells, strict=True)))


def _cell(
    assortment: Assortment,
    people: Shoppers,
    baskets: Sequence[np.ndarray],
    pair: tuple[int, int],
    cell: tuple[int, int],
    strength: float,
) -> tuple[np.ndarray, ...]:
    """Return the five figures of `Together` for one season and cluster."""
    need = assortment.need_share[cell[0]]
    target, own = (_by_trip(assortment, people, baskets, product, cell) for product in pair)
    joined = target * (1 - own) * strength
    both, source = target * own + joined, own + joined
    by_size = [(figure @ need) for figure in (target, source, both, joined)]
    expected = (by_size[0] * by_size[1]) @ SIZE_SHARE
    means = [figure @ SIZE_SHARE for figure in by_size]
    return means[0], means[1], means[2], expected, means[3]


def _by_trip(
    assortment: Assortment, people: Shoppers, baskets: Sequence[np.ndarray], product: int, cell: tuple[int, int]
) -> np.ndarray:
    """Return the probability of a basket with the product: households x sizes x needs."""
    season, cluster = cell
    category = int(assortment.products.category[product])
    share = baskets[category][season, cluster, :, product - assortment.products_of(category).start]
    return np.asarray(incidence(assortment, people, category, cluster) * share[:, None, None])
