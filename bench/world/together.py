"""The truth of several products gone at once: what the others of a category gain, and what is bought no more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.world.chances import SMALLEST, CategoryChances, Chunk, category_chances, occasions

__all__ = ["Gone", "gone_together"]


@dataclass(frozen=True, slots=True, eq=False)
class Gone:
    """Of one set of products of a category in one scope, in purchases a year: what each other product of the
    category gains (0: gone), and what each of those that are gone would have sold (0 for the others).
    """

    gained: np.ndarray
    lost: np.ndarray

    def plus(self, other: "Gone") -> "Gone":
        """Return the sum over two chunks of households."""
        return Gone(self.gained + other.gained, self.lost + other.lost)


def gone_together(
    chunk: Chunk,
    category: int,
    sets: Sequence[np.ndarray],
    trips: Mapping[str, np.ndarray],
    joined: Mapping[int, np.ndarray],
) -> dict[tuple[int, str], Gone]:
    """Return what happens when each set (places within the category) is gone, by its number and scope.

    Args:
        chunk: the households.
        category: its place.
        sets: which products go together.
        trips: the households' trips by scope (`chances.Chunk.trips`).
        joined: what planted sources sell for the sake of their targets (`joining.joined_by_product`): lost when they are gone.
    """
    chances, rate = category_chances(chunk, category), occasions(chunk, category)
    products = chunk.assortment.products_of(category)
    found = {}
    for number, gone in enumerate(sets):
        change = _without(chances, gone) - chances.bought
        for scope, visits in trips.items():
            weight = np.broadcast_to(visits * rate, (visits * rate).shape)[..., None]
            sold = (chances.bought * weight).sum(axis=(0, 1, 2))
            gained = (change * weight).sum(axis=(0, 1, 2))
            lost = np.zeros(gained.size)
            lost[gone] = sold[gone] + [
                (joined[at] * visits).sum() if (at := products.start + one) in joined else 0.0 for one in gone
            ]
            gained[gone] = 0.0
            found[number, scope] = Gone(gained, lost)
    return found


def _without(chances: CategoryChances, gone: np.ndarray) -> np.ndarray:
    """Return the probabilities of all products when some are gone: seasons x 2 x households x products."""
    left = chances.within.copy()
    left[..., gone] = 0.0
    rest = np.maximum(left @ chances.member, 0.0)
    nest = chances.nest * rest**chances.dissimilarity
    total = nest.sum(axis=-1, keepdims=True) + chances.nothing
    own = chances.member.argmax(axis=1)
    return np.asarray((nest / total)[..., own] * left / np.maximum(rest, SMALLEST)[..., own])
