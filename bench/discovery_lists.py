"""Lists of what a household never bought, and how good they are: floors rank all that sells, rankers their candidates.

`popularity` and `store_popularity` (28 days; the store of the latest basket), `type_popularity` (what the household likes of
types times what sells), `item_knn`, `ease`, `up_cf` (what alike households bought in 28 days) and `als` know no promotion;
`als_mailer` fuses `als` with liked categories of the week's mailers by reciprocal ranks. Lists of types: floors order new types
by the sum of their products' scores, which did better than the best product's; a ranker's candidates are a part of the shelf,
so its types are fused with those of `up_cf`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.next_basket_scores import LENGTHS
from decisions.recommend.discovery_examples import DiscoveryWeek
from decisions.recommend.scoring import ListQuality, list_quality
from features.discovery_candidates import DiscoveryDay, all_scores
from features.repertoire import FloatArray, IntArray

__all__ = [
    "FLOORS",
    "Lists",
    "NewTypes",
    "floor_lists",
    "new_types",
    "quality_of_products",
    "quality_of_types",
    "ranked_lists",
    "top",
]

Scores = npt.NDArray[np.floating]

BLOCK = 128
FLOORS = ("popularity", "store_popularity", "type_popularity", "item_knn", "ease", "up_cf", "als", "als_mailer")
FUSED_WITH = "up_cf"
NEEDED = ("tastes", "promotions")
FUSED = 100
"""Places of each list that are fused."""
RANK_CONSTANT = 10
MAILER_WEIGHT = 0.5
"""On weeks before those that are measured, this constant and weight did best of 10 and 60, and of 0.5 and 1."""
LONGEST = max(LENGTHS)
SHARPNESS = 2.0
"""A type's score sums exp(2 x score) over its candidates: between the best one's and the plain sum, on earlier weeks the best."""


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Products (the first `LONGEST`) and types (the first `FUSED`) by household, best first, -1 for none."""

    products: IntArray
    types: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class NewTypes:
    """Which types a household bought for the first time in the week (`row`, `kind`), and which it knew (households, types)."""

    row: IntArray
    kind: IntArray
    known: npt.NDArray[np.bool_]

    @property
    def wanted(self) -> IntArray:
        """How many new types each household bought."""
        return np.bincount(self.row, minlength=len(self.known))


def new_types(day: DiscoveryDay, week: DiscoveryWeek) -> NewTypes:
    """Return the types among the week's new products that a household had never bought of."""
    known = np.asarray(day.affinities.counts["type"][week.households].toarray() > 0)
    types = known.shape[1]
    pair = np.unique(week.bought_row * types + day.affinities.code["type"][week.bought])
    row, kind = pair // types, pair % types
    fresh = ~known[row, kind]
    return NewTypes(row[fresh], kind[fresh], known)


def floor_lists(day: DiscoveryDay, week: DiscoveryWeek, types: NewTypes) -> dict[str, Lists]:
    """Return the lists of `FLOORS` for the week's households."""
    parts = list(_floor_blocks(day, week.households, types))
    return {
        name: Lists(*(np.concatenate([getattr(part[name], side) for part in parts]) for side in ("products", "types")))
        for name in FLOORS
    }


def quality_of_products(lists: IntArray, week: DiscoveryWeek) -> dict[int, ListQuality]:
    """Judge lists of products by what was bought new."""
    return _quality(lists, week.bought_row, week.bought, week.wanted)


def quality_of_types(lists: IntArray, types: NewTypes) -> dict[int, ListQuality]:
    """Judge lists of types by what types were bought new."""
    return _quality(lists, types.row, types.kind, types.wanted)


def ranked_lists(
    day: DiscoveryDay, week: DiscoveryWeek, rows: IntArray, scores: FloatArray, types: NewTypes, other: Lists
) -> Lists:
    """Return the lists that scores of some of the week's candidate rows give; types are fused with those of `other`."""
    row, product = week.figures.row[rows], week.figures.product[rows]
    kind = day.affinities.code["type"][product]
    fresh = ~types.known[row, kind]
    width = types.known.shape[1]
    pair, place = np.unique(row[fresh] * width + kind[fresh], return_inverse=True)
    total = np.bincount(place, weights=np.exp(SHARPNESS * scores[fresh]), minlength=len(pair)).astype(np.float64)
    ours = _listed(pair // width, pair % width, total, len(week.households), FUSED)
    return Lists(
        _listed(row, product, scores, len(week.households), LONGEST),
        top(_reciprocal((ours, other.types), (1.0, 1.0), width), FUSED),
    )


def _floor_blocks(day: DiscoveryDay, households: IntArray, types: NewTypes) -> Iterator[Mapping[str, Lists]]:
    live = day.known.live
    kind = day.affinities.code["type"][live]
    order = np.argsort(kind, kind="stable")
    head = np.flatnonzero(np.r_[True, np.diff(kind[order]) != 0]) if len(order) else order
    for first in range(0, len(households), BLOCK):
        block = households[first : first + BLOCK]
        scores = all_scores(day, block, NEEDED)
        closed = day.known.counts[block][:, live].toarray() > 0
        scores["up_cf"] = scores["alike_late"]
        scores["als_mailer"] = _fused(scores["als"], scores["mailer"], closed)
        known = types.known[first : first + BLOCK][:, kind[order][head]]
        yield {
            name: Lists(
                _positions(top(np.where(closed, -np.inf, scores[name]), LONGEST), live),
                _positions(
                    top(np.where(known, -np.inf, np.add.reduceat(np.maximum(scores[name][:, order], 0), head, axis=1)), FUSED),
                    kind[order][head],
                ),
            )
            for name in FLOORS
        }


def top(scores: Scores, count: int) -> IntArray:
    """Return the places of the best `count` scores of each row, best first, equal ones by place; -1 beyond what is finite."""
    some = min(count, scores.shape[1])
    place = np.argpartition(-scores, some - 1, axis=1)[:, :some]
    found = np.take_along_axis(scores, place, axis=1)
    order = np.lexsort((place, -found), axis=1)
    ordered = np.where(np.isfinite(np.take_along_axis(found, order, axis=1)), np.take_along_axis(place, order, axis=1), -1)
    return np.pad(ordered, ((0, 0), (0, count - some)), constant_values=-1)


def _fused(one: Scores, other: Scores, closed: npt.NDArray[np.bool_]) -> Scores:
    """Return the sum of the reciprocal ranks in both lists (Cormack, Clarke, Buettcher 2009)."""
    lists = (top(np.where(closed, -np.inf, one), FUSED), top(np.where(closed | (other <= 0), -np.inf, other), FUSED))
    return np.maximum(_reciprocal(lists, (1.0, MAILER_WEIGHT), one.shape[1]), 0)


def _reciprocal(lists: tuple[IntArray, ...], weights: tuple[float, ...], width: int) -> Scores:
    """Return what each of `width` items gets from its ranks, -inf where no list names it."""
    total = np.zeros((len(lists[0]), width), np.float32)
    for best, weight in zip(lists, weights, strict=True):
        row, rank = np.nonzero(best >= 0)
        total[row, best[row, rank]] += (weight / (RANK_CONSTANT + rank)).astype(np.float32)
    return np.where(total > 0, total, -np.inf)


def _positions(place: IntArray, ids: IntArray) -> IntArray:
    return np.where(place >= 0, ids[np.maximum(place, 0)], -1)


def _listed(row: IntArray, item: IntArray, scores: FloatArray, rows: int, longest: int) -> IntArray:
    order = np.lexsort((item, -scores, row))
    ordered = row[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    kept = rank < longest
    lists = np.full((rows, longest), -1)
    lists[ordered[kept], rank[kept]] = item[order][kept]
    return lists


def _quality(lists: IntArray, bought_row: IntArray, bought: IntArray, wanted: IntArray) -> dict[int, ListQuality]:
    row, rank = np.nonzero(lists >= 0)
    item = lists[row, rank]
    width = int(max(item.max(initial=0), bought.max(initial=0))) + 1
    label = np.isin(row * width + item, bought_row * width + bought).astype(np.int8)
    return {k: list_quality(row, item, -rank.astype(np.float64), label, wanted, k) for k in LENGTHS}
