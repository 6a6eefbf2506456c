"""Baskets of users in their order, as plain arrays: what the floors of the next basket learn from, whoever sold them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from features.repertoire import FloatArray, IntArray, Purchases

__all__ = ["Baskets", "baskets_of_lists", "baskets_until"]


@dataclass(frozen=True, slots=True)
class Baskets:
    """What is known of each user: baskets from the earliest to the latest, items distinct within one.

    `user_start` (users + 1) bounds the baskets of each user, `item_start` (baskets + 1) the entries of each basket in `item`.
    A user may have none.
    """

    user_start: IntArray
    item_start: IntArray
    item: IntArray
    items: int

    @property
    def users(self) -> int:
        """How many users there are."""
        return len(self.user_start) - 1

    @property
    def user_of_basket(self) -> IntArray:
        """The user of each basket."""
        return np.repeat(np.arange(self.users), np.diff(self.user_start))

    @property
    def age_of_basket(self) -> IntArray:
        """How many baskets of the same user came after each: 0 for the latest."""
        return self.user_start[1:][self.user_of_basket] - 1 - np.arange(len(self.item_start) - 1)

    @property
    def basket_of_entry(self) -> IntArray:
        """The basket of each entry of `item`."""
        return np.repeat(np.arange(len(self.item_start) - 1), np.diff(self.item_start))

    def weighted(self, weight_of_basket: FloatArray) -> sparse.csr_array:
        """Return users x items: the sum of the weights of the baskets that held the item."""
        basket = self.basket_of_entry
        rows = self.user_of_basket[basket]
        entries = (weight_of_basket[basket].astype(np.float64), (rows, self.item))
        summed = sparse.csr_array(sparse.coo_array(entries, shape=(self.users, self.items)))
        summed.sort_indices()
        return summed

    def counts(self) -> sparse.csr_array:
        """Return users x items: in how many baskets."""
        return self.weighted(np.ones(len(self.item_start) - 1))

    def bought(self) -> sparse.csr_array:
        """Return users x items: 1 where there was any."""
        matrix = self.counts()
        matrix.data[:] = 1.0
        return matrix

    def of_items(self, kept: IntArray) -> "Baskets":
        """Return the baskets with the named items alone (ascending), which take their places among these as numbers."""
        place = np.full(self.items, -1, np.int64)
        place[kept] = np.arange(len(kept))
        item = place[self.item]
        there = item >= 0
        # reduceat would give an empty basket its neighbour's entries
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(there)])
        return Baskets(self.user_start, before[self.item_start], item[there], len(kept))


def baskets_of_lists(histories: Sequence[Sequence[Sequence[int]]], items: int) -> Baskets:
    """Return the baskets of each user's list of lists. An item twice in a basket counts once, at its first place."""
    baskets = [list(dict.fromkeys(basket)) for history in histories for basket in history]
    flat = np.fromiter((item for basket in baskets for item in basket), dtype=np.int64)
    return Baskets(_bounds([len(history) for history in histories]), _bounds([len(basket) for basket in baskets]), flat, items)


def baskets_until(purchases: Purchases, until: IntArray) -> Baskets:
    """Return what each household had bought before the basket at position `until` among all (households), as in `Origins`."""
    position = np.arange(len(purchases.basket_household))
    known = position < until[purchases.basket_household]
    start, size = purchases.products.start, np.diff(purchases.products.start)
    entries = np.repeat(known, size)
    per_user = np.bincount(purchases.basket_household[known], minlength=len(purchases.household_start) - 1)
    item = purchases.products.item[: start[-1]][entries]
    return Baskets(_bounds(per_user), _bounds(size[known]), item, purchases.products.items)


def _bounds(sizes: Sequence[int] | npt.NDArray[np.int64]) -> IntArray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(sizes, dtype=np.int64))])
