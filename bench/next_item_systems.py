"""Systems that score all items after a user's sequence: each learns from sequences, and reads the profiles it is asked about.

A sequence is a user's items from the first to the last, one item a basket. A profile weighs them, the later the more. `learnt`
and `asked` are sequences of the same users: what is learnt from may end earlier than what is known of the user who asks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from scipy import sparse

from bench.basket_floors import Floor
from bench.basket_floors_shared import als_factors, ease_weights, item_likeness
from bench.baskets import Baskets
from features.repertoire import FloatArray, IntArray

__all__ = ["SYSTEMS", "Sequences", "attribute_weights", "followers", "sequence_popularity"]

REACH = 0.7
"""What a pair of a sequence counts beside one that is a step nearer."""
FURTHEST = 10
BACKWARDS = 0.5
"""What a pair counts in the other direction: who bought lotion after soap may want soap after lotion."""
SHRINKAGE = 5.0
NEIGHBOURS = 200
NEAR_USERS = 150
ALS_ALPHA = 10.0
EASE_RIDGE = 200.0


# without slots: what several systems share is kept once it is learnt
@dataclass(frozen=True)
class Sequences:
    """What is learnt from, what is known of those who ask, the items' attributes (items x attributes), and a seed."""

    learnt: Baskets
    asked: Baskets
    attributes: sparse.csr_array
    seed: int
    most_items: int

    def profile(self, decay: float) -> sparse.csr_array:
        """Return users x items: `decay` to the power of how many items came later."""
        return self.asked.weighted(decay ** self.asked.age_of_basket.astype(np.float64))

    @cached_property
    def ease(self) -> tuple[FloatArray, IntArray]:
        """The weights of EASE between the items that it knows, and which these are: 600 MB."""
        return ease_weights(self.learnt.bought(), regularization=EASE_RIDGE, most_items=self.most_items)


@dataclass(frozen=True, slots=True)
class _Chain:
    """A profile times matrices, one after the other, times a factor for each item; `kept`: the items of the last, if not all."""

    profile: sparse.csr_array
    matrices: tuple[sparse.csr_array | FloatArray, ...]
    factor: FloatArray | float = 1.0
    kept: IntArray | None = None
    items: int = 0

    def scores(self, users: IntArray) -> FloatArray:
        scores: Any = self.profile[users]
        for matrix in self.matrices:
            scores = scores @ matrix
        dense = scores.toarray() if isinstance(scores, sparse.csr_array) else scores
        if self.kept is None:
            return np.asarray(dense * self.factor, dtype=np.float64)
        everywhere = np.zeros((len(users), self.items))
        everywhere[:, self.kept] = dense
        return everywhere


@dataclass(frozen=True, slots=True)
class _NearSequences:
    asked: sparse.csr_array
    learnt: sparse.csr_array

    def scores(self, users: IntArray) -> FloatArray:
        alike = (self.asked[users] @ self.learnt.T).toarray()
        alike[np.arange(len(users)), users] = 0.0
        most = min(NEAR_USERS, alike.shape[1])
        alike[alike < np.partition(alike, -most, axis=1)[:, [-most]]] = 0.0
        return np.asarray((sparse.csr_array(alike) @ self.learnt).toarray())


def sequence_popularity(learnt: Baskets) -> FloatArray:
    """Return how often each item is in the sequences."""
    return np.bincount(learnt.item, minlength=learnt.items).astype(np.float64)


def followers(
    learnt: Baskets, *, reach: float = REACH, furthest: int = FURTHEST, backwards: float = BACKWARDS
) -> sparse.csr_array:
    """Return items x items: how often the column came after the row, nearer pairs counting more, over the row's frequency."""
    user, rows, columns, weights = learnt.user_of_basket[learnt.basket_of_entry], [], [], []
    for distance in range(1, furthest + 1):
        first = np.flatnonzero(user[distance:] == user[:-distance])
        rows += [learnt.item[first], learnt.item[first + distance]]
        columns += [learnt.item[first + distance], learnt.item[first]]
        weights += [np.full(len(first), reach ** (distance - 1)), np.full(len(first), backwards * reach ** (distance - 1))]
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    counted = sparse.csr_array(sparse.coo_array(entries, shape=(learnt.items, learnt.items)))
    counted.eliminate_zeros()
    return sparse.csr_array(sparse.diags_array(1.0 / (sequence_popularity(learnt) + SHRINKAGE)) @ counted)


def attribute_weights(attributes: sparse.csr_array) -> sparse.csr_array:
    """Return items x attributes, rare ones weighing more, rows of length one."""
    common = np.log(attributes.shape[0] / np.maximum(np.asarray(attributes.sum(axis=0)), 1.0))
    weighted = attributes @ sparse.diags_array(common)
    lengths = np.sqrt(np.asarray(weighted.power(2).sum(axis=1)))
    return sparse.csr_array(sparse.diags_array(1.0 / np.where(lengths > 0, lengths, 1.0)) @ weighted)


def _followed(
    given: Sequences, *, decay: float, reach: float = REACH, backwards: float = BACKWARDS, furthest: int = FURTHEST
) -> Floor:
    return _Chain(given.profile(decay), (followers(given.learnt, reach=reach, backwards=backwards, furthest=furthest),))


def _item_knn(given: Sequences, *, decay: float) -> Floor:
    return _Chain(given.profile(decay), (item_likeness(given.learnt.bought(), neighbours=NEIGHBOURS, shrinkage=20.0),))


def _two_steps(given: Sequences, *, decay: float) -> Floor:
    """Walks from an item to its buyers and on, twice: what is far from the little that is known."""
    step = followers(given.learnt, backwards=1.0)
    return _Chain(given.profile(decay), (step, step), 1.0 / np.sqrt(sequence_popularity(given.learnt) + 1.0))


def _ease(given: Sequences, *, decay: float) -> Floor:
    weights, kept = given.ease
    # of one precision with the weights: otherwise each product would copy all of them
    known = sparse.csr_array(given.profile(decay)[:, kept]).astype(np.float32)
    return _Chain(known, (weights,), kept=kept, items=given.learnt.items)


def _als(given: Sequences, *, decay: float) -> Floor:
    """Users by the factors of their latest items, so that one who was not learnt from can ask."""
    _, item = als_factors(given.learnt.bought(), alpha=ALS_ALPHA, seed=given.seed)
    unit = item / np.maximum(np.linalg.norm(item, axis=1, keepdims=True), 1e-9)
    return _Chain(given.profile(decay), (unit, item.T))


def _near_users(given: Sequences) -> Floor:
    def unit(matrix: sparse.csr_array) -> sparse.csr_array:
        lengths = np.sqrt(np.asarray(matrix.power(2).sum(axis=1)))
        return sparse.csr_array(sparse.diags_array(1.0 / np.maximum(lengths, 1e-9)) @ matrix)

    return _NearSequences(unit(given.profile(0.8)), unit(given.learnt.bought()))


def _attributes(given: Sequences, *, decay: float) -> Floor:
    weights = attribute_weights(given.attributes)
    profile = given.profile(decay) @ weights
    return _Chain(sparse.csr_array(profile), (sparse.csr_array(weights.T),), np.log1p(sequence_popularity(given.learnt)) + 0.1)


def _attribute_followers(given: Sequences, *, decay: float) -> Floor:
    """What follows items of the same brand and category: for items after which little was bought."""
    weights = attribute_weights(given.attributes)
    after = weights.T @ followers(given.learnt)
    return _Chain(sparse.csr_array(given.profile(decay) @ weights), (after.toarray(),))


SYSTEMS: Mapping[str, Callable[[Sequences], Floor]] = {
    "followers": partial(_followed, decay=0.5),
    "followers_all": partial(_followed, decay=0.9),
    "followers_last": partial(_followed, decay=0.1),
    "next_only": partial(_followed, decay=0.3, backwards=0.0, furthest=1),
    "item_knn": partial(_item_knn, decay=0.6),
    "two_steps": partial(_two_steps, decay=0.6),
    "ease": partial(_ease, decay=0.6),
    "ease_all": partial(_ease, decay=0.95),
    "als": partial(_als, decay=0.7),
    "near_users": _near_users,
    "attributes": partial(_attributes, decay=0.7),
    "attribute_followers": partial(_attribute_followers, decay=0.6),
}
