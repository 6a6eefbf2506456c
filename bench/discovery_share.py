"""What each share of discovery costs a list of ten: hits and NDCG over all that was bought, and how often a new product is met.

The habits are those of plain counts, older baskets fading by half in sixty days; places are given as serving gives them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.discovery_lists import top
from bench.discovery_scores import Draws
from bench.frame import BenchRow
from decisions.recommend.discovery_examples import DAYS, DiscoveryWeek
from decisions.recommend.scoring import list_quality
from decisions.recommend.suggestions import takes_discovery
from features.discovery_candidates import DiscoveryDay
from features.repertoire import FloatArray, IntArray, Purchases

__all__ = ["PLACES", "SHARES", "Mixed", "mixed_week", "share_rows"]

PLACES = 10
SHARES = (0, 1, 2, 3, 4, 5)
"""Places of ten that discovery gets."""
BLOCK = 128


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """One week: NDCG, hits and whether a new product was met, by share: (shares, households)."""

    household: IntArray
    ndcg: FloatArray
    hits: FloatArray
    met: FloatArray


def mixed_week(purchases: Purchases, day: DiscoveryDay, week: DiscoveryWeek, discovery: IntArray) -> Mixed:
    """Judge mixed lists of everybody who shopped in the week. `discovery`: (households, at least 10) products, best first."""
    habit = _habits(day, week.households)
    row, product = _bought(purchases, week)
    wanted = np.bincount(row, minlength=len(week.households))
    width = day.known.products
    fresh = week.bought_row * width + week.bought
    ndcg, hits, met = [], [], []
    for share in SHARES:
        lists = _mixed(habit, discovery, share)
        at, rank = np.nonzero(lists >= 0)
        key = at * width + lists[at, rank]
        label = np.isin(key, row * width + product).astype(np.int8)
        ndcg.append(list_quality(at, lists[at, rank], -rank.astype(np.float64), label, wanted, PLACES).ndcg)
        hits.append(np.bincount(at, weights=label, minlength=len(wanted)))
        met.append(np.bincount(at, weights=np.isin(key, fresh), minlength=len(wanted)) > 0)
    return Mixed(week.households, np.stack(ndcg), np.stack(hits), np.stack(met).astype(np.float64))


def share_rows(weeks: list[Mixed]) -> Iterator[BenchRow]:
    """Return the curve: one slice for each share."""
    household = np.concatenate([week.household for week in weeks])
    draws = Draws.of(household, np.repeat(np.arange(len(weeks)), [len(week.household) for week in weeks]))
    ndcg, hits, met = (np.concatenate([getattr(week, name) for week in weeks], axis=1) for name in ("ndcg", "hits", "met"))
    one = np.ones(len(household))
    for place, share in enumerate(SHARES):
        name = f"share_{share / PLACES:.1f}"
        for metric, above, below in (
            ("ndcg@10", ndcg[place], one),
            ("hits@10", hits[place], one),
            ("new_met@10", met[place], one),
            ("ndcg@10_ratio_to_share_0.0", ndcg[place], ndcg[0]),
            ("hits@10_ratio_to_share_0.0", hits[place], hits[0]),
        ):
            low, high = draws.interval(above, below)
            yield BenchRow("shelfgraph", metric, name, float(above.sum() / max(below.sum(), 1e-12)), low, high, len(household))


def _habits(day: DiscoveryDay, households: IntArray) -> IntArray:
    parts = []
    for first in range(0, len(households), BLOCK):
        faded = day.known.faded[households[first : first + BLOCK]].toarray()
        parts.append(top(np.where(faded > 0, faded, -np.inf), PLACES))
    return np.concatenate(parts)


def _mixed(habit: IntArray, discovery: IntArray, share: int) -> IntArray:
    """Return lists in which discovery has its places; the two never name the same product. Ends are left open."""
    new = np.array([takes_discovery(place, share / PLACES) for place in range(1, PLACES + 1)])
    lists = np.empty((len(habit), PLACES), np.int64)
    lists[:, new], lists[:, ~new] = discovery[:, :share], habit[:, : PLACES - share]
    return lists


def _bought(purchases: Purchases, week: DiscoveryWeek) -> tuple[IntArray, IntArray]:
    """Return (row, product) of all that the week's households bought in it, each pair once."""
    trips = purchases.products
    basket = np.repeat(np.arange(len(purchases.basket_day)), np.diff(trips.start))
    on, household = purchases.basket_day[basket], purchases.basket_household[basket]
    inside = (on >= week.day) & (on < week.day + DAYS) & np.isin(household, week.households)
    pair = np.unique(np.searchsorted(week.households, household[inside]) * trips.items + trips.item[inside])
    return pair // trips.items, pair % trips.items
