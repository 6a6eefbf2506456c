"""Where candidates of discovery come from: each source scores everything that still sells, and names its best.

A source's list does not depend on what other sources name, so that leaving one out leaves no trace in what is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.discovery_affinities import Affinities, PriceLevels
from features.discovery_facts import KnownBefore
from features.discovery_links import LINKED, LinkScores
from features.discovery_shelf import ShelfOfDay
from features.discovery_tastes import TASTE_SCORES, TasteScores
from features.repertoire import IntArray

__all__ = ["GROUPS", "GROUP_OF_SOURCE", "SOURCES", "DiscoveryDay", "Named", "all_scores", "named_by_any", "named_by_source"]

Matrix = npt.NDArray[np.float32]

GROUPS = (
    "tastes", "affinity", "popularity", "price", "household", "relations", "needs", "network", "promotions", "promoted_tastes",
)  # fmt: skip
"""What figures and sources tell of. Promoted tastes are of two groups: whoever leaves either out leaves them out, too."""
SOURCES: Mapping[str, int] = {
    "als": 110, "ease": 90, "item_knn": 70, "alike": 40, "alike_late": 40, "type_popularity": 90, "store_popularity": 40,
    "popularity": 20, "isBoughtWith": 30, "isComplementTo": 20, "isSubstituteFor": 20, "network": 40, "mailer": 60,
    "mailer_taste": 40, "coupon": 15,
}  # fmt: skip
"""How many products each source names, in the order of the bits of a candidate's sources."""
GROUP_OF_SOURCE: Mapping[str, str] = {
    **dict.fromkeys(TASTE_SCORES, "tastes"),
    "type_popularity": "affinity",
    **dict.fromkeys(("store_popularity", "popularity"), "popularity"),
    **dict.fromkeys(LINKED, "relations"),
    "network": "network",
    **dict.fromkeys(("mailer", "coupon"), "promotions"),
    "mailer_taste": "promoted_tastes",
}


@dataclass(frozen=True, slots=True, eq=False)
class DiscoveryDay:
    """All that one day knows for discovery."""

    known: KnownBefore
    tastes: TasteScores
    affinities: Affinities
    prices: PriceLevels
    shelf: ShelfOfDay
    links: LinkScores


@dataclass(frozen=True, slots=True)
class Named:
    """The best places of one source: live products by household, best first, -1 for none, and their scores."""

    place: IntArray
    score: Matrix


def all_scores(day: DiscoveryDay, households: IntArray, groups: tuple[str, ...] = GROUPS) -> dict[str, Matrix]:
    """Return matrices (households, live products) of every score that the groups' sources and columns need."""
    scores: dict[str, Matrix] = day.tastes.of(households) if "tastes" in groups else {}
    linked = {"relations", "needs", "network"} & set(groups)
    if linked:
        scores |= {name: score for name, score in day.links.of(households).items() if _linked_group(name) in linked}
    scores |= _shelf_scores(day, households)
    if "promotions" in groups:
        scores |= _promoted_scores(day, households)
    if "promoted_tastes" in groups:
        scores["mailer_taste"] = scores["als"] * day.shelf.mailer.astype(np.float32)
    return scores


def _linked_group(name: str) -> str:
    return {"need": "needs", "network": "network"}.get(name, "relations")


def named_by_source(
    scores: Mapping[str, Matrix], closed: npt.NDArray[np.bool_], groups: tuple[str, ...] = GROUPS
) -> dict[str, Named]:
    """Return what each source of the groups names. `closed` (households, live products) must not be named."""
    return {
        name: _best(scores[name], closed, limit, positive=name != "network")
        for name, limit in SOURCES.items()
        if name in scores and GROUP_OF_SOURCE[name] in groups
    }


def named_by_any(best: Mapping[str, Named], live: int) -> tuple[IntArray, IntArray, npt.NDArray[np.int32]]:
    """Return household, place and source bits of what any source names, each once, sorted; `live`: how many places there are."""
    keys, bits = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for place, name in enumerate(SOURCES):
        if name in best:
            row, rank = np.nonzero(best[name].place >= 0)
            keys.append(row * live + best[name].place[row, rank])
            bits.append(np.full(len(row), 1 << place, np.int32))
    key, bit = np.concatenate(keys), np.concatenate(bits)
    order = np.argsort(key, kind="stable")
    key, bit = key[order], bit[order]
    head = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, np.int64)
    sources = np.bitwise_or.reduceat(bit, head) if len(key) else bit
    return key[head] // max(live, 1), key[head] % max(live, 1), sources


def _shelf_scores(day: DiscoveryDay, households: IntArray) -> dict[str, Matrix]:
    """Return what the shop's own ways of pointing at products give: liked types that sell, the store, the chain."""
    sold = day.shelf.popularity.astype(np.float32)
    of_type = day.affinities.shares("type", households)[:, day.affinities.code["type"][day.known.live]]
    return {
        "type_popularity": np.sqrt(of_type * sold),
        "store_popularity": day.shelf.in_stores(households),
        "popularity": np.broadcast_to(sold, of_type.shape),
    }


def _promoted_scores(day: DiscoveryDay, households: IntArray) -> dict[str, Matrix]:
    """Return the week's mailers in liked categories, and the household's coupons."""
    shelf = day.shelf
    of_category = day.affinities.shares("category", households)[:, day.affinities.code["category"][day.known.live]]
    mailer, sold = shelf.mailer.astype(np.float32), shelf.popularity.astype(np.float32) + 1
    return {
        "mailer": np.sqrt(of_category) * (mailer * sold),
        "coupon": np.asarray(shelf.coupons[households].toarray(), np.float32) * np.sqrt((of_category + np.float32(1e-6)) * sold),
    }


def _best(score: Matrix, closed: npt.NDArray[np.bool_], limit: int, *, positive: bool) -> Named:
    """Return the `limit` best open products of each row; `positive`: only what scores above 0."""
    # the smallest of what is turned round: a closed place is never small
    turned = np.where(closed, np.inf, -score)
    if positive:
        turned[turned >= 0] = np.inf
    count = min(limit, score.shape[1])
    place = np.argpartition(turned, count - 1, axis=1)[:, :count] if count else np.empty((len(score), 0), np.int64)
    found = -np.take_along_axis(turned, place, axis=1)
    order = np.lexsort((place, -found), axis=1)
    place, found = np.take_along_axis(place, order, axis=1), np.take_along_axis(found, order, axis=1)
    return Named(np.where(np.isfinite(found), place, -1), found.astype(np.float32))
