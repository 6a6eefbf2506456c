"""What a household has never bought but may well like: the nearest by shared tastes alone (docs/decisions/0031)."""

import numpy as np
import numpy.typing as npt

from features.collaborative import Tastes, weight_of
from features.recommend_tables import ServingFeatures
from features.repertoire import FloatArray, IntArray

__all__ = ["DISCOVERY_SOURCES", "DISCOVERY_SYSTEM", "Discovery"]

DISCOVERY_SYSTEM = "als"
DISCOVERY_SOURCES = ("taste",)


class Discovery:
    """Orders products that are new to whom they are offered. Deterministic and safe to share between threads.

    Args:
        features: what serving knows of households and products.
        tastes: their factors.
    """

    def __init__(self, features: ServingFeatures, tastes: Tastes) -> None:
        self._features = features
        self._tastes = tastes

    def nearest(
        self, household: int, basket: IntArray, eligible: npt.NDArray[np.bool_], limit: int
    ) -> tuple[IntArray, FloatArray]:
        """Return the best products that the household has not bought, none of them in its basket, and their scores.

        Args:
            household: its position.
            basket: positions of what is in hand.
            eligible: by product, whether it may be recommended.
            limit: products at most.
        """
        closed = ~eligible
        closed[self._features.knowledge.between(household, household + 1).own.key] = True
        closed[basket] = True
        return self._tastes.nearest(self._tastes.households[household], closed, limit)

    def nearest_to_basket(self, basket: IntArray, eligible: npt.NDArray[np.bool_], limit: int) -> tuple[IntArray, FloatArray]:
        """Return the same beside a basket of nobody known: its tastes are those of one who bought this once.

        An empty basket, or one of products that nobody had bought, tells nothing: the answer is empty.
        """
        closed = ~eligible
        closed[basket] = True
        taste = self._tastes.of_basket(basket, weight_of(np.ones(len(basket))))
        return self._tastes.nearest(taste, closed, limit if taste.any() else 0)
