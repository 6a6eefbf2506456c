"""Which edge, and which earlier purchase, an answer may point at: found for many recommended products at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.recommend_relations import RELATIONS, Items, Neighbours
from features.recommend_transform import RHYTHM_COLUMNS, Keyed
from features.repertoire import IntArray

__all__ = ["Pointers", "latest_alike", "strongest_edges"]

NOTHING = -1
_DAYS = RHYTHM_COLUMNS.index("days_since")


@dataclass(frozen=True, slots=True)
class Pointers:
    """One strongest edge for each (origin, product), -1 where nothing in hand has one.

    `relation` is a position in `RELATIONS`, `entry` one in that relation's `Neighbours`, `item` the product in hand.
    """

    relation: IntArray
    entry: IntArray
    item: IntArray


def strongest_edges(neighbours: Mapping[str, Neighbours], items: Items, origin: IntArray, product: IntArray) -> Pointers:
    """Return the strongest edge from the items in hand to each product: the first relation that has one decides.

    `origin` and `product` are distinct pairs in any order. Among equally strong edges the earlier item's wins.
    """
    found = Pointers(*(np.full(len(product), NOTHING) for _ in range(3)))
    if not len(items.product) or not len(product):
        return found
    for place, relation in reversed(list(enumerate(RELATIONS))):
        _point(found, place, neighbours[relation], items, origin, product)
    return found


def _point(found: Pointers, relation: int, neighbours: Neighbours, items: Items, origin: IntArray, product: IntArray) -> None:
    products = len(neighbours.start) - 1
    wanted = origin * products + product
    order = np.argsort(wanted)
    entry, place = neighbours.entries(items.product)
    key = items.origin[place] * products + neighbours.candidate[entry]
    row = np.minimum(np.searchsorted(wanted[order], key), len(order) - 1)
    kept = wanted[order][row] == key
    row, entry, place = order[row[kept]], entry[kept], place[kept]
    best = np.lexsort((place, -neighbours.strength[entry], row))
    best = best[np.r_[True, row[best][1:] != row[best][:-1]]] if len(best) else best
    found.relation[row[best]] = relation
    found.entry[row[best]] = entry[best]
    found.item[row[best]] = items.product[place[best]]


def latest_alike(own: Keyed, kind: IntArray, origin: IntArray, product: IntArray) -> IntArray:
    """Return the row of `own` with the origin's latest purchase of the product's type (`kind`, by product), or -1.

    Among equally late ones the lowest product position wins.
    """
    if not len(own.key):
        return np.full(len(product), NOTHING)
    types = int(kind.max()) + 1
    key = own.key // own.items * types + kind[own.key % own.items]
    order = np.lexsort((np.arange(len(key)), own.values[:-1, _DAYS], key))
    ordered = key[order]
    wanted = origin * types + kind[product]
    first = np.minimum(np.searchsorted(ordered, wanted), len(key) - 1)
    return np.where(ordered[first] == wanted, order[first], NOTHING)
