"""From a day's knowledge to ranked candidates' figures: what a household may like of what it never bought.

Candidates come from several sources, each of which names its best; the figures of a candidate do not depend on what other
sources named, so that leaving a source out leaves no trace. Training and serving run the same lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.discovery_affinities import AFFINITY_COLUMNS, PRICE_COLUMNS, Affinities, PriceLevels
from features.discovery_facts import KnownBefore
from features.discovery_links import LINKED, LinkScores
from features.discovery_shelf import POPULARITY_COLUMNS, PROMOTED_COLUMNS, ShelfOfDay
from features.discovery_tastes import TASTE_SCORES, TasteScores
from features.repertoire import FloatArray, IntArray

__all__ = [
    "COLUMNS",
    "GROUPS",
    "GROUP_OF_COLUMN",
    "GROUP_OF_SOURCE",
    "SOURCES",
    "DiscoveryDay",
    "Figures",
    "all_scores",
    "figures_of",
]

Matrix = npt.NDArray[np.float32]

GROUPS = ("tastes", "affinity", "popularity", "price", "household", "relations", "needs", "network", "promotions")
SOURCES = {
    "als": 110, "ease": 90, "item_knn": 70, "alike": 40, "alike_late": 40, "type_popularity": 90, "store_popularity": 40,
    "popularity": 20, "isBoughtWith": 30, "isComplementTo": 20, "isSubstituteFor": 20, "network": 40, "mailer": 70, "coupon": 15,
}  # fmt: skip
"""Where candidates come from and how many each source names, in the order of the bits of `Figures.sources`."""
GROUP_OF_SOURCE = {
    **dict.fromkeys(TASTE_SCORES, "tastes"),
    **dict.fromkeys(("type_popularity",), "affinity"),
    **dict.fromkeys(("store_popularity", "popularity"), "popularity"),
    **dict.fromkeys(LINKED, "relations"),
    "network": "network",
    **dict.fromkeys(("mailer", "coupon"), "promotions"),
}
HOUSEHOLD_COLUMNS = ("baskets", "days_since_basket", "products_known", "late_products", "basket_size")
_LINK_COLUMNS = tuple(f"{name}{late}" for name in LINKED for late in ("", "_late"))
_OF_GROUP = {
    "tastes": (*TASTE_SCORES, *(f"{name}_to_best" for name in TASTE_SCORES), *(f"{name}_place" for name in TASTE_SCORES)),
    "affinity": (*AFFINITY_COLUMNS, "type_popularity", "type_popularity_place"),
    "popularity": POPULARITY_COLUMNS,
    "price": PRICE_COLUMNS,
    "household": HOUSEHOLD_COLUMNS,
    "relations": _LINK_COLUMNS,
    "needs": ("need",),
    "network": ("network", "network_to_best", "network_place"),
    "promotions": (*PROMOTED_COLUMNS, "mailer_affinity", "mailer_place"),
}
COLUMNS = tuple(column for group in GROUPS for column in _OF_GROUP[group])
GROUP_OF_COLUMN = np.repeat(np.arange(len(GROUPS)), [len(_OF_GROUP[group]) for group in GROUPS])
BLOCK = 128
"""Households looked at at once: some twenty matrices of them by all live products bound the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class DiscoveryDay:
    """All that one day knows for discovery."""

    known: KnownBefore
    tastes: TasteScores
    affinities: Affinities
    prices: PriceLevels
    shelf: ShelfOfDay
    links: LinkScores


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """One row for each household asked for (its place among them) and candidate, sorted by both.

    `values` are `COLUMNS`; `sources` has bit i set where the i-th of `SOURCES` named the product.
    """

    row: IntArray
    product: IntArray
    sources: npt.NDArray[np.int32]
    values: Matrix

    def take(self, rows: npt.NDArray[np.generic]) -> "Figures":
        """Return some of the rows, in the order given."""
        return Figures(self.row[rows], self.product[rows], self.sources[rows], self.values[rows])


@dataclass(frozen=True, slots=True)
class _Best:
    """The best places of one source: live products by household, best first, -1 for none, and their scores."""

    place: IntArray
    score: Matrix


def figures_of(day: DiscoveryDay, households: IntArray, groups: tuple[str, ...] = GROUPS) -> Figures:
    """Return candidates and figures of households; none of what they have bought, nothing that no longer sells.

    Of groups that are not named neither sources nor columns are computed; their columns are NaN.
    """
    blocks = list(_blocks(day, households, groups))
    if not blocks:
        return Figures(
            np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32), np.empty((0, len(COLUMNS)), np.float32)
        )
    row, product, sources, values = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("row", "product", "sources", "values")
    )
    return Figures(row, product, sources, values)


def _blocks(day: DiscoveryDay, households: IntArray, groups: tuple[str, ...]) -> Iterator[Figures]:
    for first in range(0, len(households), BLOCK):
        block = _block(day, households[first : first + BLOCK], groups)
        yield Figures(block.row + first, block.product, block.sources, block.values)


def _block(day: DiscoveryDay, households: IntArray, groups: tuple[str, ...]) -> Figures:
    scores = all_scores(day, households, groups)
    closed = day.known.counts[households][:, day.known.live].toarray() > 0
    best = {
        name: _best(scores[name], closed, limit, positive=name != "network")
        for name, limit in SOURCES.items()
        if name in scores and GROUP_OF_SOURCE[name] in groups
    }
    row, place, sources = _named(best, len(day.known.live))
    product = day.known.live[place]
    values = np.full((len(row), len(COLUMNS)), np.nan, np.float32)
    for group in groups:
        columns = _columns(group, _Block(day, households, scores, best, row, place, product))
        if columns:
            values[:, GROUPS.index(group) == GROUP_OF_COLUMN] = np.column_stack(columns)
    return Figures(row, product, sources, values)


def all_scores(day: DiscoveryDay, households: IntArray, groups: tuple[str, ...] = GROUPS) -> dict[str, Matrix]:
    """Return matrices (households, live products) of every score that the groups' sources and columns need."""
    scores: dict[str, Matrix] = day.tastes.of(households) if "tastes" in groups else {}
    linked = {"relations", "needs", "network"} & set(groups)
    if linked:
        scores |= {name: score for name, score in day.links.of(households).items() if _linked_group(name) in linked}
    return scores | _shelf_scores(day, households)


def _linked_group(name: str) -> str:
    return {"need": "needs", "network": "network"}.get(name, "relations")


@dataclass(frozen=True, slots=True)
class _Block:
    """What columns of a block are read from."""

    day: DiscoveryDay
    households: IntArray
    scores: dict[str, Matrix]
    best: dict[str, "_Best"]
    row: IntArray
    place: IntArray
    product: IntArray


def _columns(group: str, of: _Block) -> list[npt.NDArray[np.generic]]:
    """Return the columns of one group; none where the day has nothing of it."""
    day, households, row, place, product = of.day, of.households, of.row, of.place, of.product
    match group:
        case "tastes":
            return _scored(TASTE_SCORES, of)
        case "affinity":
            return [day.affinities.columns(households, row, product), *_of_source("type_popularity", of)]
        case "popularity":
            return [day.shelf.popularity_columns(households, row, place)]
        case "price":
            return [day.prices.columns(households[row], product)]
        case "household":
            return [_household_columns(day.known, households)[row]]
        case "relations":
            nothing = np.zeros(len(row), np.float32)
            return [of.scores[name][row, place] if name in of.scores else nothing for name in _LINK_COLUMNS]
        case "needs":
            return [of.scores["need"][row, place]]
        case "network":
            return _scored(("network",), of) if "network" in of.scores else []
        case _:
            return [day.shelf.promoted_columns(households, row, place), *_of_source("mailer", of)]


def _shelf_scores(day: DiscoveryDay, households: IntArray) -> dict[str, Matrix]:
    """Return what the shop's own ways of pointing at products give: liked types that sell, the store, the mailer, coupons."""
    live, shelf = day.known.live, day.shelf
    sold = np.sqrt(shelf.popularity).astype(np.float32)
    of_type = day.affinities.shares("type", households)[:, day.affinities.code["type"][live]]
    of_category = day.affinities.shares("category", households)[:, day.affinities.code["category"][live]]
    return {
        "type_popularity": np.sqrt(of_type) * sold,
        "store_popularity": shelf.in_stores(households),
        "popularity": np.broadcast_to(shelf.popularity.astype(np.float32), of_type.shape),
        "mailer": of_category * (shelf.mailer * np.sqrt(shelf.popularity + 1.0)).astype(np.float32),
        "coupon": np.asarray(shelf.coupons[households].toarray(), np.float32) * (of_category + 1e-6) * (sold + 1.0),
    }


def _best(score: Matrix, closed: npt.NDArray[np.bool_], limit: int, *, positive: bool) -> _Best:
    """Return the `limit` best open products of each row; `positive`: only what scores above 0."""
    open_scores = np.where(closed, -np.inf, score)
    if positive:
        open_scores[open_scores <= 0] = -np.inf
    count = min(limit, score.shape[1])
    place = np.argpartition(-open_scores, count - 1, axis=1)[:, :count] if count else np.empty((len(score), 0), np.int64)
    found = np.take_along_axis(open_scores, place, axis=1)
    order = np.lexsort((place, -found), axis=1)
    place, found = np.take_along_axis(place, order, axis=1), np.take_along_axis(found, order, axis=1)
    return _Best(np.where(np.isfinite(found), place, -1), found.astype(np.float32))


def _named(best: dict[str, _Best], live: int) -> tuple[IntArray, IntArray, npt.NDArray[np.int32]]:
    keys, bits = [], []
    for bit, name in enumerate(SOURCES):
        if name in best:
            row, rank = np.nonzero(best[name].place >= 0)
            keys.append(row * live + best[name].place[row, rank])
            bits.append(np.full(len(row), 1 << bit, np.int32))
    key, bit = np.concatenate(keys), np.concatenate(bits)
    order = np.argsort(key, kind="stable")
    key, bit = key[order], bit[order]
    head = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, np.int64)
    sources = np.bitwise_or.reduceat(bit, head) if len(key) else bit
    return key[head] // max(live, 1), key[head] % max(live, 1), sources


def _scored(names: tuple[str, ...], of: _Block) -> list[npt.NDArray[np.generic]]:
    """Return the scores, what part of the household's tenth best each is, and the place in the source's own list."""
    at = [of.scores[name][of.row, of.place] for name in names]
    tenth = [np.maximum(np.nan_to_num(_tenth(of.best[name]), neginf=0.0), 1e-6)[of.row] for name in names]
    shares = (one / best for one, best in zip(at, tenth, strict=True))
    return [*at, *shares, *(_places(of.best[name], of.row, of.place) for name in names)]


def _of_source(name: str, of: _Block) -> list[npt.NDArray[np.generic]]:
    return [of.scores[name][of.row, of.place], _places(of.best[name], of.row, of.place)]


def _tenth(best: _Best) -> Matrix:
    return best.score[:, min(9, best.score.shape[1] - 1)] if best.score.shape[1] else np.zeros(len(best.score), np.float32)


def _places(best: _Best, row: IntArray, place: IntArray) -> FloatArray:
    """Return the place from 0 in the source's list; beyond its end where the source does not name the product."""
    rows, limit = best.place.shape
    found = np.full(len(row), float(limit))
    named, rank = np.nonzero(best.place >= 0)
    width = int(place.max(initial=0)) + int(best.place.max(initial=0)) + 1
    key = row * width + place
    wanted = named * width + best.place[named, rank]
    at = np.searchsorted(key, wanted)
    found[at] = rank
    return found


def _household_columns(known: KnownBefore, households: IntArray) -> Matrix:
    products, late = known.counts[households], known.late[households]
    baskets = known.baskets[households].astype(np.float64)
    columns = (
        baskets,
        known.day - known.last_day[households],
        np.diff(products.indptr),
        np.diff(late.indptr),
        np.asarray(products.sum(axis=1)).ravel() / np.maximum(baskets, 1.0),
    )
    return np.column_stack(columns).astype(np.float32)
