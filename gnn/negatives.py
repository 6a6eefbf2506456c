"""What was not taken: products drawn to be told apart from those that were."""

import numpy as np

from gnn.graph import ShopGraph
from gnn.supervision import PairSet

__all__ = ["Negatives", "draw_pairs"]


def draw_pairs(pairs: PairSet, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return source and target of `count` pairs drawn by weight, with replacement."""
    total = np.cumsum(pairs.weight)
    place = np.searchsorted(total, random.random(count) * total[-1], side="right")
    place = np.minimum(place, len(pairs) - 1)
    return pairs.source[place], pairs.target[place]


class Negatives:
    """Draws from one day's graph: nothing that was first sold later is ever drawn.

    Args:
        graph: with at least one edge of bought_by.
    """

    def __init__(self, graph: ShopGraph) -> None:
        bought = graph.edges["bought_by"]
        self._households = _Rows(bought.product, bought.other, graph.nodes.count("product"))
        self._products = _Rows(bought.other, bought.product, graph.nodes.count("household"))
        self._bought = bought.product
        self._sold = sold = np.unique(bought.product)
        self._category = graph.nodes.category
        self._in_category = _Rows(self._category[sold], sold, graph.nodes.count("category") + 1)

    def evenly(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Return products sold of late, each as likely as any other."""
        return np.asarray(self._sold[random.integers(0, len(self._sold), count)])

    def popular(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Return products drawn by their number of buyers."""
        return np.asarray(self._bought[random.integers(0, len(self._bought), count)])

    def same_category(self, products: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return a product of the category of each; a popular one where nothing of it was sold."""
        return self._or_popular(self._in_category.draw(self._category[products], random), random)

    def two_hops(self, products: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return for each product something that one of its buyers bought; a popular product where it has none."""
        return self.of_households(self._households.draw(products, random), random)

    def of_households(self, households: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return for each household (-1: none) something that it bought; a popular product where there is nothing."""
        return self._or_popular(self._products.draw(households, random), random)

    def taste_of_others(self, households: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return for each household something bought by a household with a product in common."""
        return self.two_hops(self.of_households(households, random), random)

    def _or_popular(self, drawn: np.ndarray, random: np.random.Generator) -> np.ndarray:
        instead = self.popular(len(drawn), random)
        return np.where(drawn >= 0, drawn, instead)


class _Rows:
    """Values by row; `draw` takes one of a row's values evenly, -1 where the row is empty or -1."""

    def __init__(self, row: np.ndarray, value: np.ndarray, rows: int) -> None:
        order = np.argsort(row, kind="stable")
        self._value = np.r_[value[order], -1]
        self._start = np.searchsorted(row[order], np.arange(rows + 1))

    def draw(self, row: np.ndarray, random: np.random.Generator) -> np.ndarray:
        known = np.maximum(row, 0)
        length = np.where(row >= 0, self._start[known + 1] - self._start[known], 0)
        place = self._start[known] + (random.random(len(row)) * length).astype(np.int64)
        return np.asarray(np.where(length > 0, self._value[np.minimum(place, len(self._value) - 1)], -1))
