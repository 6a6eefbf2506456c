"""Planted complements as probabilities: how often a source joins a basket because its target is in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.world.assortment import Assortment
from bench.world.chances import Chunk, category_chances
from bench.world.shoppers import SIZE_SHARE, incidence
from bench.world.sizes import SEASONS

__all__ = ["Together", "baskets_by_category", "joined_by_product", "planted_together"]


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Two products on a mean trip: the probabilities of a basket with the target, with the source, with both, of both if the two
    fell independently into a household's trips of like size, and of the source having joined for the target's sake.

    Each is seasons x 2 (own and second store) x households.
    """

    target: np.ndarray
    source: np.ndarray
    both: np.ndarray
    expected: np.ndarray
    joined: np.ndarray


def baskets_by_category(chunk: Chunk) -> list[np.ndarray]:
    """Return, by category, with what probability an occasion puts each product in the basket.

    Each is seasons x 2 x households x products, in single precision.
    """
    return [_of_all_seasons(category_chances(chunk, c).in_basket.astype(np.float32)) for c in chunk.categories]


def planted_together(chunk: Chunk, baskets: Sequence[np.ndarray]) -> list[Together]:
    """Return each planted pair of a chunk."""
    planted = chunk.assortment.complements
    return [
        _together(chunk, baskets, (int(target), int(source)), strength)
        for target, source, strength in zip(planted.target, planted.source, planted.by_season.T, strict=True)
    ]


def joined_by_product(assortment: Assortment, planted: Sequence[Together]) -> dict[int, np.ndarray]:
    """Return how often a planted source joins a basket, per trip, by product: seasons x 2 x households."""
    return {int(source): pair.joined for source, pair in zip(assortment.complements.source, planted, strict=True)}


def _of_all_seasons(figures: np.ndarray) -> np.ndarray:
    return np.broadcast_to(figures, (len(SEASONS), *figures.shape[1:]))


def _together(chunk: Chunk, baskets: Sequence[np.ndarray], pair: tuple[int, int], strength: np.ndarray) -> Together:
    cells = [
        _cell(chunk, baskets, pair, (season, store), float(strength[season]))
        for season in range(strength.size)
        for store in range(2)
    ]
    return Together(*(np.stack(parts).reshape(strength.size, 2, -1) for parts in zip(*cells, strict=True)))


def _cell(
    chunk: Chunk, baskets: Sequence[np.ndarray], pair: tuple[int, int], cell: tuple[int, int], strength: float
) -> tuple[np.ndarray, ...]:
    """Return the five figures of `Together` for one season and the own (0) or second (1) store."""
    need = chunk.assortment.need_share[cell[0]]
    target, own = (_by_trip(chunk, baskets, product, cell) for product in pair)
    takes = strength * chunk.shelf.listed[chunk.clusters[cell[1]], pair[1]]
    joined = target * (1 - own) * takes[:, None, None]
    both, source = target * own + joined, own + joined
    by_size = [figure @ need for figure in (target, source, both, joined)]
    means = [figure @ SIZE_SHARE for figure in by_size]
    return means[0], means[1], means[2], (by_size[0] * by_size[1]) @ SIZE_SHARE, means[3]


def _by_trip(chunk: Chunk, baskets: Sequence[np.ndarray], product: int, cell: tuple[int, int]) -> np.ndarray:
    """Return the probability of a basket with the product: households x sizes x needs."""
    category = int(chunk.assortment.products.category[product])
    share = baskets[category][(*cell, slice(None), product - chunk.assortment.products_of(category).start)]
    return np.asarray(incidence(chunk.assortment, chunk.people, category, chunk.clusters[cell[1]]) * share[:, None, None])
