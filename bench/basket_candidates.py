"""Candidates of the next basket and their figures, from baskets in their order alone: no clock, no catalogue, no prices.

The same two stages as the product's: systems that each know something propose items, and a ranker learns what each proposal is
worth. Every figure is computed from the baskets that are given, so what is to be predicted must not be among them.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bench.basket_floors import CHUNK_USERS, Floor, decayed_frequency, tifu_knn, up_cf
from bench.basket_floors_shared import MOST_ITEMS, als, ease, item_knn
from bench.baskets import Baskets
from features.repertoire import FloatArray, IntArray

__all__ = ["FIGURES", "ITEM_FIGURES", "CandidateFigures", "candidate_figures", "proposers", "transitions"]

PROPOSED = 40
"""Items that each system may propose, beside all that the user has bought."""
DECAYS = (0.6, 0.8, 0.95)
USER_FIGURES = ("baskets", "mean_basket_size", "distinct_items", "repeat_share")
ITEM_FIGURES = ("buyers", "baskets_sold", "bought_again_share", "latest_share", "next_basket_share")
OWN_FIGURES = ("own_baskets", "own_share", "baskets_since", "baskets_known", *(f"decay_{int(100 * decay)}" for decay in DECAYS))


@dataclass(frozen=True, slots=True)
class CandidateFigures:
    """Rows sorted by user and item. `values` has one column per name."""

    user: IntArray
    item: IntArray
    values: npt.NDArray[np.float32]
    names: tuple[str, ...]

    def of_users(self, users: IntArray) -> "CandidateFigures":
        """Return the rows of some users."""
        rows = np.isin(self.user, users)
        return CandidateFigures(self.user[rows], self.item[rows], self.values[rows], self.names)

    def without(self, names: Collection[str]) -> "CandidateFigures":
        """Return the rows without the named figures."""
        kept = [place for place, name in enumerate(self.names) if name not in names]
        return CandidateFigures(self.user, self.item, self.values[:, kept], tuple(self.names[place] for place in kept))


def proposers(baskets: Baskets, seed: int, most_items: int = MOST_ITEMS) -> dict[str, Floor]:
    """Return the systems whose scores are figures and whose best are candidates."""
    bought, age = baskets.bought(), baskets.age_of_basket.astype(np.float64)
    fading = baskets.weighted(0.7**age)
    return {
        "tifu_knn": tifu_knn(baskets, own_share=0.7),
        "near_users": tifu_knn(baskets, own_share=0.0, neighbours=500, group_decay=0.9),
        "up_cf": up_cf(baskets, recency=25, locality=5),
        "up_cf_wide": up_cf(baskets, recency=25, locality=1, neighbours=600),
        "item_knn": item_knn(bought),
        "item_knn_fading": item_knn(fading),
        "ease": ease(bought, most_items=most_items),
        "als": als(bought, seed=seed),
        "transitions": transitions(baskets),
    }


def transitions(baskets: Baskets, *, reach: float = 0.5, popularity_power: float = 0.3) -> Floor:
    """What follows what: how often an item was in the basket right after one that held another, over both their sizes.

    Args:
        baskets: what is known.
        reach: what a basket of the user counts beside the next one.
        popularity_power: 0 counts followers as they are, more holds popular ones down.
    """
    entries = (np.ones(len(baskets.item)), baskets.item, baskets.item_start)
    held = sparse.csr_array(entries, shape=(len(baskets.item_start) - 1, baskets.items))
    before = np.flatnonzero(baskets.age_of_basket > 0)
    follows = sparse.csr_array(held[before].T @ held[before + 1])
    sold = np.maximum(np.bincount(baskets.item, minlength=baskets.items), 1).astype(np.float64)
    weights = sparse.diags_array(1.0 / (sold + 5.0)) @ follows @ sparse.diags_array(sold**-popularity_power)
    return _Followed(baskets.weighted(reach ** baskets.age_of_basket.astype(np.float64)), sparse.csr_array(weights))


@dataclass(frozen=True, slots=True)
class _Followed:
    fading: sparse.csr_array
    weights: sparse.csr_array

    def scores(self, users: IntArray) -> FloatArray:
        return np.asarray((self.fading[users] @ self.weights).toarray())


def candidate_figures(
    baskets: Baskets, systems: Mapping[str, Floor], users: IntArray, advance: Callable[[], object] = lambda: None
) -> CandidateFigures:
    """Return the candidates of each user with their figures, some users at a time."""
    known = _Known.of(baskets)
    parts = []
    for first in range(0, len(users), CHUNK_USERS):
        parts.append(_chunk(known, systems, users[first : first + CHUNK_USERS]))
        advance()
    columns = [np.concatenate([part[place] for part in parts]) for place in range(3)]
    return CandidateFigures(columns[0], columns[1], columns[2], _names(systems))


def _names(systems: Mapping[str, Floor]) -> tuple[str, ...]:
    placed = [f"{name}_{what}" for name in systems for what in ("score", "place")]
    return (*OWN_FIGURES, *USER_FIGURES, *ITEM_FIGURES, *placed)


FIGURES = (*OWN_FIGURES, *USER_FIGURES, *ITEM_FIGURES)
"""The names of the figures that no system gives."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the figures are read from: matrices users x items, and one row per user or item."""

    counts: sparse.csr_array
    last_age: sparse.csr_array
    first_age: sparse.csr_array
    decayed: tuple[Floor, ...]
    of_user: FloatArray
    of_item: FloatArray

    @classmethod
    def of(cls, baskets: Baskets) -> "_Known":
        counts = baskets.counts()
        entry_user, entry_age = (per[baskets.basket_of_entry] for per in (baskets.user_of_basket, baskets.age_of_basket))
        key = entry_user * baskets.items + baskets.item
        order = np.argsort(key, kind="stable")
        head = np.flatnonzero(np.diff(key[order], prepend=-1))
        # entries are in the order of time: the first of a user and item is the oldest
        ages = [reduce.reduceat(entry_age[order], head).astype(np.float64) + 1 for reduce in (np.minimum, np.maximum)]
        last, first = (sparse.csr_array((age, counts.indices, counts.indptr), shape=counts.shape) for age in ages)
        decayed = tuple(decayed_frequency(baskets, decay) for decay in DECAYS)
        return cls(counts, last, first, decayed, _of_users(baskets, counts), _of_items(baskets, counts))


def _of_users(baskets: Baskets, counts: sparse.csr_array) -> FloatArray:
    many = np.diff(baskets.user_start).astype(np.float64)
    entries, distinct = np.asarray(counts.sum(axis=1)), np.diff(counts.indptr).astype(np.float64)
    some = np.maximum(entries, 1.0)
    return np.column_stack([many, entries / np.maximum(many, 1.0), distinct, 1.0 - distinct / some])


def _of_items(baskets: Baskets, counts: sparse.csr_array) -> FloatArray:
    buyers = np.bincount(counts.indices, minlength=baskets.items).astype(np.float64)
    sold = np.bincount(baskets.item, minlength=baskets.items).astype(np.float64)
    again = np.bincount(counts.indices, weights=counts.data > 1, minlength=baskets.items)
    age = baskets.age_of_basket[baskets.basket_of_entry]
    latest = np.bincount(baskets.item[age == 0], minlength=baskets.items)
    rebought = _in_next_basket(baskets)
    followed = np.bincount(baskets.item[age > 0], minlength=baskets.items)
    # drawn towards the mean of all items: few buyers say little
    mean_again, mean_next = again.sum() / max(buyers.sum(), 1.0), rebought.sum() / max(followed.sum(), 1)
    return np.column_stack([
        buyers,
        sold,
        (again + 10.0 * mean_again) / (buyers + 10.0),
        (latest + 1.0) / (sold + 5.0),
        (rebought + 10.0 * mean_next) / (followed + 10.0),
    ])  # fmt: skip


def _in_next_basket(baskets: Baskets) -> FloatArray:
    """Return per item how often it was in the next basket of the same user again."""
    basket = baskets.basket_of_entry
    key = basket * baskets.items + baskets.item
    before = baskets.age_of_basket[basket] > 0
    again = before & np.isin(key + baskets.items, key)
    return np.bincount(baskets.item[again], minlength=baskets.items).astype(np.float64)


def _chunk(known: _Known, systems: Mapping[str, Floor], users: IntArray) -> tuple[IntArray, IntArray, npt.NDArray[np.float32]]:
    scores = [system.scores(users) for system in systems.values()]
    proposed = known.counts[users].toarray() > 0
    for some in scores:
        most = min(PROPOSED, some.shape[1])
        proposed |= (some >= np.partition(some, -most, axis=1)[:, [-most]]) & (some > some.min(axis=1, keepdims=True))
    row, item = np.nonzero(proposed)
    user = users[row]
    own, last, first = (np.asarray(matrix[user, item]) for matrix in (known.counts, known.last_age, known.first_age))
    never = own == 0
    of_user = known.of_user[user]
    faded = [floor.scores(users)[row, item] for floor in known.decayed]
    figures = [own, own / of_user[:, 0], np.where(never, np.nan, last), np.where(never, np.nan, first), *faded]
    figures += [*of_user.T, *known.of_item[item].T]
    for some in scores:
        value = some[row, item]
        figures += [value, _places(row, value)]
    return user, item, np.column_stack(figures).astype(np.float32)


def _places(row: IntArray, value: FloatArray) -> FloatArray:
    """Return the place of each value among those of its row, from 0; `row` ascending."""
    order = np.lexsort((-value, row))
    place = np.empty(len(row))
    place[order] = np.arange(len(row)) - np.searchsorted(row, row)
    return place
