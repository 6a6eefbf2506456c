"""From a day's knowledge to ranked candidates' figures: what a household may like of what it never bought.

Candidates come from several sources, each of which names its best; the figures of a candidate do not depend on what other
sources named, so that leaving a source out leaves no trace. Training and serving run the same lines.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.discovery_affinities import AFFINITY_COLUMNS, PRICE_COLUMNS
from features.discovery_candidates import GROUPS, DiscoveryDay, Named, all_scores, named_by_any, named_by_source
from features.discovery_facts import KnownBefore
from features.discovery_links import LINKED
from features.discovery_shelf import POPULARITY_COLUMNS, PROMOTED_COLUMNS
from features.discovery_tastes import TASTE_SCORES
from features.repertoire import FloatArray, IntArray

__all__ = ["COLUMNS", "GROUP_OF_COLUMN", "Figures", "figures_of"]

Matrix = npt.NDArray[np.float32]

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
    "promoted_tastes": ("mailer_taste", "mailer_taste_place"),
}
COLUMNS = tuple(column for group in GROUPS for column in _OF_GROUP[group])
GROUP_OF_COLUMN = np.repeat(np.arange(len(GROUPS)), [len(_OF_GROUP[group]) for group in GROUPS])
BLOCK = 128
"""Households looked at at once: some twenty matrices of them by all live products bound the memory."""


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
    best = named_by_source(scores, closed, groups)
    row, place, sources = named_by_any(best, len(day.known.live))
    product = day.known.live[place]
    values = np.full((len(row), len(COLUMNS)), np.nan, np.float32)
    for group in groups:
        columns = _COLUMNS_OF[group](_Block(day, households, scores, best, row, place, product))
        if columns:
            values[:, GROUPS.index(group) == GROUP_OF_COLUMN] = np.column_stack(columns)
    return Figures(row, product, sources, values)


@dataclass(frozen=True, slots=True)
class _Block:
    """What columns of a block are read from."""

    day: DiscoveryDay
    households: IntArray
    scores: dict[str, Matrix]
    best: dict[str, Named]
    row: IntArray
    place: IntArray
    product: IntArray


def _network_columns(of: _Block) -> list[npt.NDArray[np.generic]]:
    """Return none where the day has no network."""
    return _scored(("network",), of) if "network" in of.scores else []


def _link_columns(of: _Block) -> list[npt.NDArray[np.generic]]:
    nothing = np.zeros(len(of.row), np.float32)
    return [of.scores[name][of.row, of.place] if name in of.scores else nothing for name in _LINK_COLUMNS]


_COLUMNS_OF: Mapping[str, Callable[[_Block], list[npt.NDArray[np.generic]]]] = {
    "tastes": lambda of: _scored(TASTE_SCORES, of),
    "affinity": lambda of: [
        of.day.affinities.columns(of.households, of.row, of.product),
        *_of_source("type_popularity", of),
    ],
    "popularity": lambda of: [of.day.shelf.popularity_columns(of.households, of.row, of.place)],
    "price": lambda of: [of.day.prices.columns(of.households[of.row], of.product)],
    "household": lambda of: [_household_columns(of.day.known, of.households)[of.row]],
    "relations": _link_columns,
    "needs": lambda of: [of.scores["need"][of.row, of.place]],
    "network": _network_columns,
    "promotions": lambda of: [of.day.shelf.promoted_columns(of.households, of.row, of.place), *_of_source("mailer", of)],
    "promoted_tastes": lambda of: _of_source("mailer_taste", of),
}


def _scored(names: tuple[str, ...], of: _Block) -> list[npt.NDArray[np.generic]]:
    """Return the scores, what part of the household's tenth best each is, and the place in the source's own list."""
    at = [of.scores[name][of.row, of.place] for name in names]
    tenth = [np.maximum(np.nan_to_num(_tenth(of.best[name]), neginf=0.0), 1e-6)[of.row] for name in names]
    shares = (one / best for one, best in zip(at, tenth, strict=True))
    return [*at, *shares, *(_places(of.best[name], of.row, of.place) for name in names)]


def _of_source(name: str, of: _Block) -> list[npt.NDArray[np.generic]]:
    return [of.scores[name][of.row, of.place], _places(of.best[name], of.row, of.place)]


def _tenth(best: Named) -> Matrix:
    return best.score[:, min(9, best.score.shape[1] - 1)] if best.score.shape[1] else np.zeros(len(best.score), np.float32)


def _places(best: Named, row: IntArray, place: IntArray) -> FloatArray:
    """Return the place from 0 in the source's list; beyond its end where the source does not name the product."""
    limit = best.place.shape[1]
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
