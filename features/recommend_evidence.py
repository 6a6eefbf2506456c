"""Which edge, and which earlier purchase, an answer may point at: found for many recommended products at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.recommend_relations import RELATION_COLUMNS, RELATIONS, Items, Neighbours, RelationEvidence
from features.recommend_transform import RHYTHM_COLUMNS, Keyed
from features.repertoire import IntArray, spread

__all__ = ["Pointers", "evidence_without", "latest_alike", "strongest_edges"]

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


def evidence_without(
    neighbours: Neighbours, items: Items, origin: IntArray, product: IntArray, gone: Sequence[IntArray], left: Sequence[IntArray]
) -> RelationEvidence:
    """Return what `relation_evidence` says about each (origin, product), as rows of their own, without some of the edges.

    Args:
        neighbours: one relation.
        items: what each origin has in hand.
        origin: whose hand, one per row.
        product: the candidate, one per row.
        gone: columns of entries that are taken out, -1 for none.
        left: columns of products that are no longer in hand, -1 for none.
    """
    products = len(neighbours.start) - 1
    entry, place = neighbours.entries(items.product)
    key = items.origin[place] * products + neighbours.candidate[entry]
    order = np.argsort(key, kind="stable")
    key, entry, item = key[order], entry[order], items.product[place[order]]
    wanted = origin * products + product
    row, at = spread(np.searchsorted(key, wanted), np.searchsorted(key, wanted, side="right"))
    kept = np.ones(len(row), bool)
    for column in gone:
        kept &= entry[at] != column[row]
    for column in left:
        kept &= item[at] != column[row]
    row, strength = row[kept], neighbours.strength[entry[at[kept]]]
    if not len(row):
        return RelationEvidence(row, row, np.empty((0, len(RELATION_COLUMNS)), np.float32))
    head = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
    values = np.column_stack(
        [np.maximum.reduceat(strength, head), np.add.reduceat(strength, head), np.diff(np.r_[head, len(row)])]
    )
    return RelationEvidence(row[head], product[row[head]], values.astype(np.float32))
