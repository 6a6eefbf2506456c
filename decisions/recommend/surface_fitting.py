"""Which system serves a surface with a question of its own: beside a product, what is bought again, what sells more than before.

Baskets of nobody in particular have their own (`basket_fitting`); so do habit (`fitting`) and discovery (`discovery_fitting`).
"""

from collections.abc import Mapping

import numpy as np

from decisions.recommend.basket_fitting import LEAST_BASKETS, LISTED, StoreShares, TriedSurface, held_out_halves, ndcg_of_lists
from decisions.recommend.beside_scores import COMPANIONS, POPULARITY, BesideScores
from decisions.recommend.examples import Examples
from decisions.recommend.items import COMPLEMENTS, ITEM_RELATIONS
from decisions.recommend.scoring import list_quality
from decisions.recommend.trending import TRENDING, best, trend_of
from features.companions import Companions
from features.recommend_relations import Neighbours
from features.recommend_transform import FEATURES
from features.repertoire import FloatArray, IntArray, Purchases, day_number

__all__ = ["related_first", "try_again", "try_items", "try_trending"]

TRIED_WEEKS, LEAST_WEEKS = 8, 4
WEEK, MONTH, USUAL_DAYS = 7, 28, 21


def try_items(
    purchases: Purchases, neighbours: Mapping[str, Neighbours], companions: Companions, first_day: int, seed: int
) -> TriedSurface:
    """Try what completes one product on baskets from `first_day` on: one product is in hand, the rest of its basket is asked for.

    Args:
        purchases: those baskets and the ones before.
        neighbours: relations as derived before that day.
        companions: those of the baskets before that day.
        first_day: the first day that nothing knows.
        seed: draws the baskets and their products.
    """
    held = held_out_halves(purchases, first_day, seed, in_hand=1)
    figures = {"item_backtest_baskets": float(len(held.basket))}
    if len(held.basket) < LEAST_BASKETS:
        return TriedSurface(ITEM_RELATIONS, figures)
    scores, shares = BesideScores(neighbours, companions, purchases.products.items), StoreShares(purchases, first_day)
    lists: dict[str, list[IntArray]] = {ITEM_RELATIONS: [], COMPANIONS: [], POPULARITY: []}
    for hand, store in zip(held.hand, purchases.basket_store[held.basket].tolist(), strict=True):
        sells = shares.of(store)
        lists[ITEM_RELATIONS].append(related_first(neighbours, int(hand[0]), purchases.levels.product_type, sells, LISTED))
        for system in (COMPANIONS, POPULARITY):
            lists[system].append(scores.first(system, hand, sells, LISTED))
    ndcg = {system: ndcg_of_lists(found, held) for system, found in lists.items()}
    return _best("item", ndcg, figures)


def related_first(
    neighbours: Mapping[str, Neighbours], item: int, product_type: IntArray, sells: FloatArray, count: int
) -> IntArray:
    """Return what edges lead to from a product, one relation after the other by strength, then what sells of its type, then what
    sells: as it is served.
    """
    found = []
    for relation in COMPLEMENTS:
        one = neighbours[relation]
        entries = slice(int(one.start[item]), int(one.start[item + 1]))
        found.append(one.candidate[entries][np.argsort(-one.strength[entries], kind="stable")])
    sellers = np.argsort(-sells, kind="stable")
    sellers = sellers[sells[sellers] > 0]
    alike = sellers[product_type[sellers] == product_type[item]]
    order = np.concatenate([*found, alike, sellers[: sum(map(len, found)) + len(alike) + count + 1]])
    _, first = np.unique(order, return_index=True)
    order = order[np.sort(first)]
    return np.asarray(order[order != item][:count])


def try_again(examples: Examples, scores: Mapping[str, FloatArray], origins: int, usual: str) -> TriedSurface:
    """Try what orders a household's own products: of each held-out basket, what the household had bought before is asked for.

    Args:
        examples: the rows of the back-test.
        scores: of each system, by row.
        origins: how many baskets there are.
        usual: the system that serves where too few were held out.
    """
    own = examples.figures[:, FEATURES.index("own_baskets")] > 0
    origin, product, label = examples.origin[own], examples.product[own], examples.label[own]
    wanted = np.bincount(origin, weights=label, minlength=origins).astype(np.int64)
    asked = wanted > 0
    figures = {"buy_again_backtest_baskets": float(asked.sum())}
    if asked.sum() < LEAST_BASKETS:
        return TriedSurface(usual, figures)
    ndcg = {
        system: float(list_quality(origin, product, score[own], label, wanted).ndcg[asked].mean())
        for system, score in scores.items()
    }
    return _best("buy_again", ndcg, figures)


def try_trending(purchases: Purchases) -> TriedSurface:
    """Try what is said to grow on the last weeks: in how many more baskets ten such products lie in the week after.

    More than in an average week of three that neither list has looked at, by product: weeks that choose a product are low or high
    by chance, and what follows would grow or shrink of itself. Best sellers are the floor. Each week looks at what was sold
    before it alone. Of the whole chain.
    """
    tomorrow, first = day_number(purchases.as_of) + 1, int(purchases.basket_day.min(initial=0))
    gained: dict[str, list[float]] = {TRENDING: [], POPULARITY: []}
    for week in range(1, TRIED_WEEKS + 1):
        day = tomorrow - WEEK * week
        if day - MONTH - USUAL_DAYS < first:
            break
        earlier = day - MONTH - USUAL_DAYS, day - MONTH
        usual, before, lately, after = (
            _sold(purchases, *days) for days in (earlier, (day - MONTH, day - WEEK), (day - WEEK, day), (day, day + WEEK))
        )
        grows = best(trend_of(lately, before, days=WEEK, days_before=MONTH - WEEK), np.arange(len(lately)), LISTED)
        if len(grows) < LISTED:
            continue
        sells = np.argsort(-(lately + before), kind="stable")[:LISTED]
        for system, listed in ((TRENDING, grows), (POPULARITY, sells)):
            gained[system].append(float((after - usual * WEEK / USUAL_DAYS)[listed].mean()))
    figures = {"trending_backtest_weeks": float(len(gained[TRENDING]))}
    if len(gained[TRENDING]) < LEAST_WEEKS:
        return TriedSurface(TRENDING, figures)
    return _best("trending", {system: float(np.mean(found)) for system, found in gained.items()}, figures, "baskets_gained")


def _sold(purchases: Purchases, first: int, end: int) -> FloatArray:
    """Return the baskets that hold each product on the days from `first` to before `end`."""
    trips = purchases.products
    within = (purchases.basket_day >= first) & (purchases.basket_day < end)
    kept = np.repeat(within, np.diff(trips.start))
    return np.bincount(trips.item[kept], minlength=trips.items).astype(np.float64)


def _best(surface: str, found: Mapping[str, float], figures: Mapping[str, float], measure: str = "ndcg") -> TriedSurface:
    """Return the best system; of equal ones the first."""
    named = {f"{surface}_backtest_{measure}_{system}": float(value) for system, value in found.items()}
    return TriedSurface(max(found, key=lambda system: found[system]), {**figures, **named})
