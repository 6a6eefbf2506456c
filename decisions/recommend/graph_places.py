"""Where the features' products lie in a published graph."""

from collections.abc import Iterable

import numpy as np

from features.repertoire import IntArray
from kg.ports import ArrayGraph

__all__ = ["NOT_THERE", "product_places"]

NOT_THERE = -1


def product_places(graph: ArrayGraph, product_ids: Iterable[str]) -> IntArray:
    """Return the position of each product among the graph's, `NOT_THERE` for one that the graph does not have."""
    places = (graph.position("Product", product) for product in product_ids)
    return np.array([NOT_THERE if place is None else place for place in places], dtype=np.int64)
