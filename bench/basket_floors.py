"""The floors of the next basket that look at habits: what sells, what a user buys, and what users like him buy.

Each function learns from `Baskets` and returns a `Floor`, which scores all items for the users that are asked for. What other
users share without habit is in `basket_floors_shared`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from bench.baskets import Baskets
from features.repertoire import FloatArray, IntArray

__all__ = [
    "Floor",
    "decayed_frequency",
    "frequency_beside",
    "personal_frequency",
    "popularity",
    "published_frequency",
    "tifu_knn",
    "top_lists",
    "up_cf",
]

CHUNK_USERS = 512
CHUNK_CELLS = 8_000_000
"""So many users are scored at once, fewer where items are many: 64 MB a matrix."""
TIE = 1e-6
"""What a popular item adds to a score of its own: it orders equals and fills what is left of a list."""


class Floor(Protocol):
    """A system that ranks all items for a user."""

    def scores(self, users: IntArray) -> FloatArray:
        """Return users x items; more is better. Only the order within a row means something."""
        ...


@dataclass(frozen=True, slots=True)
class _Own:
    """What is known of each user, over what is popular."""

    own: sparse.csr_array
    everybody: FloatArray

    def scores(self, users: IntArray) -> FloatArray:
        return np.asarray(self.own[users].toarray() + self.everybody)


def top_lists(floor: Floor, users: IntArray, k: int, without: sparse.csr_array | None = None) -> IntArray:
    """Return users x k: the items of the best scores, best first, equals by position.

    `without` (all users x items) is not ranked: what a user has already, where only new items are asked for.
    """
    parts = [_best(_masked(floor.scores(some), without, some), k) for some in _chunks(users)]
    return np.concatenate(parts) if parts else np.empty((0, k), np.int64)


def _chunks(users: IntArray) -> Iterator[IntArray]:
    for first in range(0, len(users), CHUNK_USERS):
        yield users[first : first + CHUNK_USERS]


def _masked(scores: FloatArray, without: sparse.csr_array | None, users: IntArray) -> FloatArray:
    if without is not None:
        hidden = without[users].tocoo()
        scores[hidden.row, hidden.col] = -np.inf
    return scores


def _best(scores: FloatArray, k: int) -> IntArray:
    last = np.partition(scores, scores.shape[1] - k, axis=1)[:, [scores.shape[1] - k]]
    row, item = np.nonzero(scores >= last)
    order = np.lexsort((item, -scores[row, item], row))
    first = np.searchsorted(row, np.arange(len(scores)))
    return np.asarray(item[order][first[:, None] + np.arange(k)])


def popularity(baskets: Baskets) -> Floor:
    """In how many baskets of everybody (G-TopFreq)."""
    return _Own(sparse.csr_array((baskets.users, baskets.items)), _sold(baskets))


def personal_frequency(baskets: Baskets) -> Floor:
    """In how many of the user's own baskets, equals and the rest by popularity (GP-TopFreq)."""
    return _Own(baskets.counts(), _filling(baskets))


def frequency_beside(baskets: Baskets, everybody: FloatArray) -> Floor:
    """As `personal_frequency`, with a score of everybody's per item added that may outweigh what is the user's own."""
    return _Own(baskets.counts(), everybody)


def decayed_frequency(baskets: Baskets, decay: float) -> Floor:
    """As `personal_frequency`, each basket counting `decay` times the one after it."""
    return _Own(baskets.weighted(decay ** baskets.age_of_basket.astype(np.float64)), _filling(baskets))


def published_frequency(baskets: Baskets) -> Floor:
    """As `personal_frequency`, but equals in the order of their first purchase: GP-TopFreq as published.

    Li et al., A Next Basket Recommendation Reality Check, TOIS 2023: a stable sort of a dictionary.
    """
    entry_user = baskets.user_of_basket[baskets.basket_of_entry]
    key, first = np.unique(entry_user * baskets.items + baskets.item, return_index=True)
    place = first - baskets.item_start[baskets.user_start[key // baskets.items]]
    own = baskets.counts()
    # both are in the order of user and item
    own.data = own.data - place / (place.max(initial=0) + 1) * 0.5
    return _Own(own, _filling(baskets))


def tifu_knn(
    baskets: Baskets,
    *,
    neighbours: int = 300,
    within_decay: float = 0.9,
    group_decay: float = 0.7,
    groups: int = 7,
    own_share: float = 0.7,
) -> Floor:
    """Own decayed frequencies beside the mean of the nearest users' (Hu et al., SIGIR 2020).

    Args:
        baskets: what is known; every user may be a neighbour of others.
        neighbours: the k nearest by Euclidean distance, never the user himself.
        within_decay: what a basket counts beside the next one of its group.
        group_decay: what a group counts beside the next one.
        groups: into how many groups of equal size a history is cut; the later ones take the remainder.
        own_share: the weight of the user's own vector, the paper's alpha.
    """
    vectors = _temporal_frequencies(baskets, within_decay, group_decay, groups)
    nearby = min(neighbours, baskets.users - 1)
    return _Nearest(vectors, np.asarray(vectors.power(2).sum(axis=1)), nearby, own_share, _filling(baskets))


def _temporal_frequencies(baskets: Baskets, within_decay: float, group_decay: float, groups: int) -> sparse.csr_array:
    """Return users x items: the mean over groups of the mean over their baskets, both decayed."""
    user, age = baskets.user_of_basket, baskets.age_of_basket
    count = np.diff(baskets.user_start)[user]
    cut = np.minimum(count, groups)
    size, larger = count // cut, count % cut
    # from the end: `larger` groups of size + 1, then groups of size
    late = age < larger * (size + 1)
    early_age = age - larger * (size + 1)
    from_end = np.where(late, age // (size + 1), larger + early_age // size)
    in_group = np.where(late, age % (size + 1), early_age % size)
    weight = group_decay ** from_end.astype(np.float64) * within_decay ** in_group.astype(np.float64)
    return baskets.weighted(weight / (size + late) / cut)


@dataclass(frozen=True, slots=True)
class _Nearest:
    vectors: sparse.csr_array
    squares: FloatArray
    neighbours: int
    own_share: float
    everybody: FloatArray

    def scores(self, users: IntArray) -> FloatArray:
        own = self.vectors[users]
        # the distance less what all candidates of a user share
        distance = self.squares - 2.0 * (own @ self.vectors.T).toarray()
        distance[np.arange(len(users)), users] = np.inf
        near = np.argpartition(distance, self.neighbours - 1, axis=1)[:, : self.neighbours]
        rows = np.repeat(np.arange(len(users)), self.neighbours)
        share = np.full(near.size, (1.0 - self.own_share) / self.neighbours)
        mean = sparse.csr_array((share, (rows, near.ravel())), shape=distance.shape) @ self.vectors
        return np.asarray((self.own_share * own + mean).toarray() + self.everybody)


def up_cf(
    baskets: Baskets, *, recency: int = 25, locality: int = 5, asymmetry: float = 0.25, neighbours: int | None = None
) -> Floor:
    """Popularity within each user's latest baskets, summed over users alike (Faggioli et al., UMAP 2020, UP-CF@r).

    Args:
        baskets: what is known.
        recency: how many of the latest baskets count; the share of them that held an item is its popularity with the user.
        locality: the power that likeness is raised to (q): more listens to fewer users. A user is like himself by 1.
        asymmetry: of the cosine (alpha): the power of the other user's size is 2 (1 - alpha) of both's.
        neighbours: only so many users most alike; None: all.
    """
    recent = baskets.age_of_basket < recency
    held = np.minimum(np.diff(baskets.user_start), recency)[baskets.user_of_basket]
    favoured = baskets.weighted(recent / np.maximum(held, 1))
    favoured.eliminate_zeros()
    alike = favoured.copy()
    alike.data[:] = 1.0
    size = np.maximum(np.asarray(alike.sum(axis=1), dtype=np.float64), 1.0)
    limit = None if neighbours is None or neighbours >= baskets.users else neighbours
    return _UserWise(alike, favoured, size, (locality, asymmetry), limit, _filling(baskets))


@dataclass(frozen=True, slots=True)
class _UserWise:
    alike: sparse.csr_array
    favoured: sparse.csr_array
    size: FloatArray
    shape: tuple[int, float]
    neighbours: int | None
    everybody: FloatArray

    def scores(self, users: IntArray) -> FloatArray:
        locality, asymmetry = self.shape
        likeness = (self.alike[users] @ self.alike.T).toarray()
        likeness /= self.size[users, None] ** asymmetry * self.size[None, :] ** (1.0 - asymmetry)
        likeness = likeness**locality
        if self.neighbours is not None:
            last = np.partition(likeness, -self.neighbours, axis=1)[:, [-self.neighbours]]
            likeness[likeness < last] = 0.0
        return np.asarray((sparse.csr_array(likeness) @ self.favoured).toarray() + self.everybody)


def _sold(baskets: Baskets) -> FloatArray:
    return np.bincount(baskets.item, minlength=baskets.items).astype(np.float64)


def _filling(baskets: Baskets) -> FloatArray:
    sold = _sold(baskets)
    return TIE * sold / max(float(sold.max(initial=0.0)), 1.0)
