"""What lies in the same baskets: each product's nearest others by the shrunk cosine between the baskets that hold them.

Likeness between items from what was bought together: Sarwar et al., Item-based collaborative filtering, WWW 2001.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_matrix

from features.recommend_relations import entries_of
from features.repertoire import FloatArray, IntArray, Purchases
from features.snapshot import Tables

__all__ = ["Companions", "companion_tables", "fit_companions", "no_companions", "read_companions"]

NEIGHBOURS = 50
SHRINKAGE = 20.0
LEAST_BASKETS = 10
"""A product in fewer baskets has no companions and is none."""
LEAST_TOGETHER = 2
CHUNK = 1000
"""Products compared with all others at once: bounds the memory at some 130 MB."""
TABLE = "recommend_companions"


@dataclass(frozen=True, slots=True, eq=False)
class Companions:
    """By product (position): its companions, the nearest first; `start` (products + 1) bounds each product's.

    `strength` is the shrunk cosine, between 0 and 1; `together` counts the baskets that held both.
    """

    start: IntArray
    product: IntArray
    strength: FloatArray
    together: IntArray

    def of(self, hand: IntArray) -> tuple[IntArray, IntArray]:
        """Return the rows of the named products, and for each row the product it belongs to."""
        row, place = entries_of(self.start, hand)
        return row, hand[place]


def no_companions(products: int) -> Companions:
    """Return what knows no companions."""
    nothing = np.empty(0, np.int64)
    return Companions(np.zeros(products + 1, np.int64), nothing, np.empty(0), nothing)


def fit_companions(purchases: Purchases, day: int) -> Companions:
    """Count the baskets strictly before `day`. Equal purchases give equal companions."""
    trips, before = purchases.products, np.flatnonzero(purchases.basket_day < day)
    shape = (len(purchases.basket_day), trips.items)
    held = csr_matrix((np.ones(len(trips.item), np.float32), trips.item, trips.start), shape=shape)[before]
    baskets = np.asarray(held.sum(axis=0), dtype=np.float64).ravel()
    known = np.flatnonzero(baskets >= LEAST_BASKETS)
    if len(known) < 2:
        return no_companions(trips.items)
    kept = held[:, known].tocsr()
    turned, root = kept.T.tocsr(), np.sqrt(baskets[known])
    parts = [_nearest(turned[first : first + CHUNK] @ kept, first, root) for first in range(0, len(known), CHUNK)]
    row, near, strength, together = (np.concatenate([part[side] for part in parts]) for side in range(4))
    start = np.searchsorted(known[row], np.arange(trips.items + 1))
    return Companions(start, known[near], strength, together.astype(np.int64))


def _nearest(shared: csr_matrix, first: int, root: FloatArray) -> tuple[IntArray, IntArray, FloatArray, npt.NDArray[np.float32]]:
    """Return row, companion, strength and count of the nearest of some products, sorted by row, then the nearest first."""
    entry = shared.tocoo()
    row, near, together = entry.row.astype(np.int64) + first, entry.col.astype(np.int64), entry.data
    real = (row != near) & (together >= LEAST_TOGETHER)
    row, near, together = row[real], near[real], together[real]
    strength = together / (root[row] * root[near] + SHRINKAGE)
    order = np.lexsort((near, -strength, row))
    ordered = row[order]
    best = order[np.arange(len(order)) - np.searchsorted(ordered, ordered) < NEIGHBOURS]
    return row[best], near[best], strength[best].astype(np.float64), together[best]


def companion_tables(companions: Companions) -> dict[str, pa.Table]:
    """Return the table to keep with a release."""
    item = np.repeat(np.arange(len(companions.start) - 1), np.diff(companions.start))
    columns = {"item": item, "product": companions.product, "strength": companions.strength, "together": companions.together}
    return {TABLE: pa.table(columns)}


def read_companions(tables: Tables, products: int) -> Companions:
    """Read back what `companion_tables` gave."""
    rows = tables.table(TABLE)
    item, product, strength, together = (rows[name].to_numpy() for name in ("item", "product", "strength", "together"))
    return Companions(np.searchsorted(item, np.arange(products + 1)), product, strength, together)
