"""Learning examples: moments in the past, the candidates of each, and which of them were in the next basket."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from decisions.recommend.candidates import POPULAR_LIMIT, candidates_of
from features.recommend_population import Population, best_sellers
from features.recommend_relations import Items, Neighbours
from features.recommend_transform import assemble, household_knowledge, in_hand, recent_items
from features.repertoire import IntArray, Origins, Purchases

__all__ = ["Examples", "build_examples", "origins_before", "outcomes"]

CHUNK = 1500
"""Origins built at once: bounds the memory at some 400 MB whatever the number of origins."""
POPULAR_DAYS = 28


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows sorted by origin and product. `label` is 1 where the next basket held the product (beyond what was revealed)."""

    figures: npt.NDArray[np.float32]
    label: npt.NDArray[np.int8]
    origin: IntArray
    product: IntArray


def origins_before(purchases: Purchases, baskets: IntArray) -> Origins:
    """Return the moment right before each of the named baskets, in their own store."""
    return Origins(purchases.basket_household[baskets], baskets, purchases.basket_day[baskets], purchases.basket_store[baskets])


def outcomes(purchases: Purchases, origins: Origins) -> Items:
    """Return what the next basket of each origin held."""
    start = purchases.products.start
    length = start[origins.until + 1] - start[origins.until]
    first = start[origins.until] - (np.cumsum(length) - length)
    entry = np.repeat(first, length) + np.arange(int(length.sum()))
    return Items(np.repeat(np.arange(len(origins)), length), purchases.products.item[entry])


def build_examples(
    purchases: Purchases,
    population: Population,
    neighbours: Mapping[str, Neighbours],
    origins: Origins,
    revealed_share: float,
    seed: int,
    *,
    edges_hold_outcomes: bool,
    only_hits: bool = False,
) -> Examples:
    """Build the examples of `origins`, chunk by chunk.

    `edges_hold_outcomes` says that the baskets to predict are among those that the edges of `neighbours` were counted from:
    each is then taken off the edges between its own products (`relation_evidence`). Where the edges were derived before
    these baskets it must be false: the figures would otherwise depend on what is to be predicted.

    `only_hits` leaves out origins none of whose candidates was bought: a ranker cannot learn from them.

    A seeded `revealed_share` of the origins is asked in the middle of the basket: a random half of it is in hand, which
    teaches the ranker what relations from a basket are worth.
    """
    random = np.random.default_rng(seed)
    asked_midway = random.random(len(origins)) < revealed_share
    parts: list[Examples] = []
    figures: list[npt.NDArray[np.float32]] = []
    for rows in _chunks(len(origins)):
        some = origins.take(rows)
        truth = outcomes(purchases, some)
        shown = asked_midway[rows][truth.origin] & (random.random(len(truth.origin)) < 0.5)
        asked = _Asked(some, truth, shown, truth if edges_hold_outcomes else None)
        part = _chunk(purchases, population, neighbours, asked, only_hits=only_hits)
        figures.append(part.figures)
        parts.append(replace(part, figures=np.empty((0, 0), np.float32)))
    first = np.cumsum([0, *(CHUNK for _ in parts)])
    return Examples(
        _joined(figures),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.origin + first[place] for place, part in enumerate(parts)]),
        np.concatenate([part.product for part in parts]),
    )


def _joined(parts: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return the rows of all parts and empty the list: a whole takes memory as rows are written, while parts give it back."""
    joined = np.empty((sum(len(part) for part in parts), parts[0].shape[1]), np.float32)
    last = len(joined)
    while parts:
        part = parts.pop()
        joined[last - len(part) : last] = part
        last -= len(part)
    return joined


def _chunks(count: int) -> Iterator[IntArray]:
    for first in range(0, max(count, 1), CHUNK):
        yield np.arange(first, min(first + CHUNK, count))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Origins, what their next baskets held, which of it is shown as in hand, and what the edges were counted with."""

    origins: Origins
    truth: Items
    shown: npt.NDArray[np.bool_]
    counted: Items | None


def _chunk(
    purchases: Purchases, population: Population, neighbours: Mapping[str, Neighbours], asked: _Asked, *, only_hits: bool
) -> Examples:
    products = purchases.products.items
    origins, truth, shown = asked.origins, asked.truth, asked.shown
    basket = Items(truth.origin[shown], truth.product[shown])
    knowledge = household_knowledge(purchases, origins)
    hand = in_hand(neighbours, basket, recent_items(knowledge), len(origins), products, hidden=asked.counted)
    popular = best_sellers(purchases, origins.facts_day, window_days=POPULAR_DAYS, limit=POPULAR_LIMIT)
    candidates = candidates_of(knowledge, hand.evidence, popular, products)
    key = candidates.origin * products + candidates.product
    kept = ~np.isin(key, basket.origin * products + basket.product)
    label = np.isin(key, truth.origin[~shown] * products + truth.product[~shown])
    if only_hits:
        kept &= (np.bincount(candidates.origin, weights=label & kept, minlength=len(origins)) > 0)[candidates.origin]
    origin, product = candidates.origin[kept], candidates.product[kept]
    figures = assemble(knowledge, population, purchases.levels, hand, origin, product)
    return Examples(figures, label[kept].astype(np.int8), origin, product)
