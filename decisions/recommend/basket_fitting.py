"""Which system completes a basket of nobody in particular: half of a held-out basket is in hand, the other half is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from decisions.recommend.beside_scores import BASKET_RELATIONS, COMPANIONS, POPULARITY, BesideScores
from decisions.recommend.scoring import list_quality
from features.companions import Companions
from features.recommend_relations import Neighbours
from features.repertoire import FloatArray, IntArray, Purchases

__all__ = ["HeldOut", "StoreShares", "TriedSurface", "held_out_halves", "ndcg_of_lists", "try_baskets"]

LEAST_PRODUCTS = 4
MOST_BASKETS = 1500
LEAST_BASKETS = 100
"""Below so many of them nothing is trusted: published relations answer."""
SOLD_DAYS = 28
LISTED = 10


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Baskets by position, and what of each is in hand and what is asked for: ascending positions of products."""

    basket: IntArray
    hand: tuple[IntArray, ...]
    wanted: tuple[IntArray, ...]


@dataclass(frozen=True, slots=True)
class TriedSurface:
    """The system that did best, and what was measured."""

    system: str
    figures: Mapping[str, float]


def try_baskets(
    purchases: Purchases, neighbours: Mapping[str, Neighbours], companions: Companions, first_day: int, seed: int
) -> TriedSurface:
    """Try every system on baskets from `first_day` on.

    Args:
        purchases: those baskets and the ones before.
        neighbours: relations as derived before that day.
        companions: those of the baskets before that day.
        first_day: the first day that nothing knows.
        seed: draws the baskets and their halves.
    """
    held = held_out_halves(purchases, first_day, seed)
    figures = {"basket_backtest_baskets": float(len(held.basket))}
    if len(held.basket) < LEAST_BASKETS:
        return TriedSurface(BASKET_RELATIONS, figures)
    scores = BesideScores(neighbours, companions, purchases.products.items)
    share = StoreShares(purchases, first_day)
    ndcg = {system: _ndcg(system, scores, share, purchases, held) for system in (COMPANIONS, BASKET_RELATIONS, POPULARITY)}
    best = max(ndcg, key=lambda system: ndcg[system])
    return TriedSurface(best, {**figures, **{f"basket_backtest_ndcg_{system}": value for system, value in ndcg.items()}})


def held_out_halves(
    purchases: Purchases, first_day: int, seed: int, most: int = MOST_BASKETS, in_hand: int | None = None
) -> HeldOut:
    """Draw at most `most` baskets of `LEAST_PRODUCTS` and more from `first_day` on, and what of each is in hand.

    `in_hand`: how many products are; None: half of them.
    """
    random, trips = np.random.default_rng(seed), purchases.products
    large = np.flatnonzero((purchases.basket_day >= first_day) & (np.diff(trips.start) >= LEAST_PRODUCTS))
    baskets = np.sort(random.choice(large, min(most, len(large)), replace=False))
    hand, wanted = [], []
    for basket in baskets.tolist():
        mixed = random.permutation(trips.item[trips.start[basket] : trips.start[basket + 1]])
        held = len(mixed) // 2 if in_hand is None else in_hand
        hand.append(np.sort(mixed[:held]))
        wanted.append(np.sort(mixed[held:]))
    return HeldOut(baskets, tuple(hand), tuple(wanted))


class StoreShares:
    """Each product's share of a store's best seller, below 1, in the 28 days before a day, as serving knows it.

    Args:
        purchases: what was bought.
        day: the first day that is not counted.
    """

    def __init__(self, purchases: Purchases, day: int) -> None:
        trips = purchases.products
        late = (purchases.basket_day >= day - SOLD_DAYS) & (purchases.basket_day < day)
        basket = np.repeat(np.arange(len(purchases.basket_day)), np.diff(trips.start))
        store, product = purchases.basket_store[basket[late[basket]]], trips.item[late[basket]]
        shape = (len(purchases.store_ids), trips.items)
        self._sold = csr_matrix((np.ones(len(store), np.float32), (store, product)), shape=shape)

    def of(self, store: int) -> FloatArray:
        """Return the shares by product."""
        sold = np.asarray(self._sold[store].toarray(), dtype=np.float64).ravel()
        return np.asarray(sold / (sold.max(initial=0.0) + 1.0))


def _ndcg(system: str, scores: BesideScores, share: StoreShares, purchases: Purchases, held: HeldOut) -> float:
    stores = purchases.basket_store[held.basket].tolist()
    lists = [scores.first(system, hand, share.of(store), LISTED) for hand, store in zip(held.hand, stores, strict=True)]
    return ndcg_of_lists(lists, held)


def ndcg_of_lists(lists: Sequence[IntArray], held: HeldOut) -> float:
    """Return the mean NDCG@10 of lists, one for each basket: positions of products, best first."""
    origin = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    listed = np.concatenate(lists)
    place = np.arange(len(origin)) - np.searchsorted(origin, origin)
    label = np.concatenate([np.isin(one, wanted) for one, wanted in zip(lists, held.wanted, strict=True)]).astype(np.int8)
    wanted = np.array([len(one) for one in held.wanted])
    return float(list_quality(origin, listed, -place.astype(np.float64), label, wanted).ndcg.mean())
