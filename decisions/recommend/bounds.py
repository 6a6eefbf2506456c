"""Bounds of a list: how many alike stand together, and before how many households one product is put to be discovered.

A bound moves products down and never shortens a list: where nothing else is there, what is alike stays.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from features.repertoire import FloatArray, IntArray
from kg.ports import Adjacency, ArrayGraph, Direction

__all__ = ["UNKNOWN", "USUAL_BOUNDS", "BoundSettings", "Bounds", "Levels", "exposure_shares", "levels_of"]

UNKNOWN = -1
"""The code of a level that nobody told: such products are not alike."""
LOOKED_AT = 500
"""How far down the order something else is looked for: beyond it, variety would cost more than it is worth."""


@dataclass(frozen=True, slots=True)
class BoundSettings:
    """At most so many of one product type, category and supplier in ten places; shorter lists get their share, at least one.

    `exposure` is the share of households whose list may hold one product among its discoveries.
    """

    of_type: int = 3
    of_category: int = 4
    of_supplier: int = 5
    places: int = 10
    exposure: float = 0.2


USUAL_BOUNDS = BoundSettings()


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """By product position the codes of its type, category and supplier, `UNKNOWN` where there is none."""

    product_type: IntArray
    category: IntArray
    supplier: IntArray


class Bounds:
    """Bounds over positions of products. The same order gives the same answer; safe to share between threads.

    Args:
        levels: what makes products alike.
        exposure: the share of households whose list holds each product, as `exposure_shares` gives it.
        settings: the retailer's bounds.
    """

    def __init__(self, levels: Levels, exposure: FloatArray, settings: BoundSettings = USUAL_BOUNDS) -> None:
        self._codes = np.column_stack([levels.product_type, levels.category, levels.supplier])
        self._most = (settings.of_type, settings.of_category, settings.of_supplier)
        self._places = settings.places
        # a product that is shown twice as often as it may be is kept before every second household
        self._chance = np.minimum(1.0, settings.exposure / np.maximum(exposure, np.finfo(np.float64).tiny))

    def apply(self, order: IntArray, limit: int) -> IntArray:
        """Return the order with its first `limit` places varied: in every ten of them, few are alike.

        What is too many gives way to the next that is not, and comes as soon as it may; all products stay in the order.
        """
        near, far = order[: limit + LOOKED_AT], order[limit + LOOKED_AT :]
        codes = [tuple(row) for row in self._codes[near].tolist()]
        left, placed = list(range(len(near))), list[int]()
        while left and len(placed) < limit:
            block = self._block(left, codes, min(self._places, limit - len(placed)))
            placed += block
            taken = set(block)
            left = [place for place in left if place not in taken]
        return np.concatenate([near[placed + left], far])

    def spread(self, order: IntArray, household: str) -> IntArray:
        """Return the order of discoveries with those moved to its end that this household is not among those to see.

        A product that more households would see than may is kept before some of them, always the same, and not before others.
        """
        kept = _draws(household, order) < self._chance[order]
        return np.concatenate([order[kept], order[~kept]])

    def _block(self, left: list[int], codes: Sequence[tuple[int, ...]], places: int) -> list[int]:
        """Return the places in the order that fill one block, in the order given; too many alike only where nothing else is."""
        most = [max(1, -(-bound * places // self._places)) for bound in self._most]
        counts: Counter[tuple[int, int]] = Counter()
        taken, passed = list[int](), list[int]()
        for place in left:
            if len(taken) == places:
                break
            of_levels = [(level, code) for level, code in enumerate(codes[place]) if code != UNKNOWN]
            if all(counts[level, code] < most[level] for level, code in of_levels):
                counts.update(of_levels)
                taken.append(place)
            else:
                passed.append(place)
        return taken + passed[: places - len(taken)]


def exposure_shares(product: IntArray, products: int, households: int) -> FloatArray:
    """Return the share of households whose list holds each product.

    Args:
        product: the products of all households' lists, one after another; a list holds a product once.
        products: how many there are.
        households: how many lists there are.
    """
    return np.bincount(product, minlength=products) / max(households, 1)


def levels_of(graph: ArrayGraph, place: IntArray) -> Levels:
    """Return what the published graph knows of the products in these places (`graph_places.product_places`): their type, its
    category (or their own), and their supplier.
    """
    narrowest = _first(graph.adjacency("inCategory", Direction.OUT), place)
    level = np.array([*graph.column("ProductCategory", "level").to_pylist(), ""], dtype=object)[narrowest]
    is_type, is_category = level == "type", level == "category"
    parent = _first(graph.adjacency("broader", Direction.OUT), narrowest)
    return Levels(
        np.where(is_type, narrowest, UNKNOWN),
        np.where(is_type, parent, np.where(is_category, narrowest, UNKNOWN)),
        _first(graph.adjacency("suppliedBy", Direction.OUT), place),
    )


def _first(adjacency: Adjacency, place: IntArray) -> IntArray:
    """Return the first neighbour of each node, `UNKNOWN` for one without and for an unknown node."""
    known = np.flatnonzero(place >= 0)
    first, last = adjacency.indptr[place[known]], adjacency.indptr[place[known] + 1]
    some = first < last
    found = np.full(len(place), UNKNOWN, dtype=np.int64)
    found[known[some]] = adjacency.neighbours[first[some]]
    return found


def _draws(household: str, product: IntArray) -> FloatArray:
    """Return a number from 0 to below 1 for each product, always the same for one household: SplitMix64 of both.

    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators (OOPSLA 2014).
    """
    seed = np.uint64(int.from_bytes(blake2b(household.encode(), digest_size=8).digest(), "big"))
    with np.errstate(over="ignore"):
        mixed: npt.NDArray[np.uint64] = seed + (product.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) / 2.0**53)
