"""What a household has never bought but may well like. Served by shared tastes alone (docs/decisions/0031).

`Discovery.rank` gives a household's list, `Discovery.rank_basket` that of an anonymous basket. Both give `Ranked` as the list of
habits does: one origin 0, best first; `brought` has `DISCOVERY_GROUPS` as columns and sums to the score (`base_score` is 0);
`sources` has bit i set for `DISCOVERY_SOURCES[i]`; `own` and `alike` are -1 for a basket, and `own` always is: nothing here was
bought before. `relation`, `entry` and `item` name the strongest edge from what is in hand, or from the latest baskets (`recent`):
it is a path beside the score, not what moved it, and no group brings anything for it.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from decisions.recommend.ranking import NOTHING, Ranked
from features.collaborative import Tastes, weight_of
from features.recommend_evidence import latest_alike, strongest_edges
from features.recommend_relations import Items, Neighbours
from features.recommend_tables import ServingFeatures
from features.recommend_transform import recent_items
from features.repertoire import FloatArray, IntArray

__all__ = ["DISCOVERY_GROUPS", "DISCOVERY_SOURCES", "DISCOVERY_SYSTEM", "Discovery"]

DISCOVERY_SYSTEM = "als"
DISCOVERY_SOURCES = ("taste",)
DISCOVERY_GROUPS = ("taste",)


class Discovery:
    """Ranks products that are new to whom they are offered. Deterministic and safe to share between threads.

    Args:
        features: what serving knows of households and products.
        tastes: their factors.
        neighbours: the relations in force, for the paths beside the scores.
    """

    base_score = 0.0

    def __init__(self, features: ServingFeatures, tastes: Tastes, neighbours: Mapping[str, Neighbours]) -> None:
        self._features = features
        self._tastes = tastes
        self._neighbours = neighbours

    def rank(self, household: int, basket: IntArray, eligible: npt.NDArray[np.bool_], limit: int) -> Ranked:
        """Return the best products that the household has not bought, none of them in its basket.

        Args:
            household: its position.
            basket: positions of what is in hand, ascending.
            eligible: by product, whether it may be recommended.
            limit: products at most.
        """
        knowledge = self._features.knowledge.between(household, household + 1)
        product, score = self.nearest(household, basket, eligible, limit)
        origin = np.zeros(len(product), np.int64)
        alike = latest_alike(knowledge.own, self._features.levels.product_type, origin, product)
        first = int(np.searchsorted(self._features.knowledge.own.key, household * knowledge.own.items))
        alike = np.where(alike >= 0, alike + first, NOTHING)
        return self._pointed(product, score, alike, (_in_hand(basket), recent_items(knowledge)))

    def nearest(
        self, household: int, basket: IntArray, eligible: npt.NDArray[np.bool_], limit: int
    ) -> tuple[IntArray, FloatArray]:
        """Return products and scores as `rank` orders them, without the paths beside them."""
        own = self._features.knowledge.between(household, household + 1).own
        closed = ~eligible
        closed[own.key] = True
        closed[basket] = True
        return self._tastes.nearest(self._tastes.households[household], closed, limit)

    def nearest_to_basket(self, basket: IntArray, eligible: npt.NDArray[np.bool_], limit: int) -> tuple[IntArray, FloatArray]:
        """Return products and scores as `rank_basket` orders them, without the paths beside them."""
        closed = ~eligible
        closed[basket] = True
        taste = self._tastes.of_basket(basket, weight_of(np.ones(len(basket))))
        return self._tastes.nearest(taste, closed, limit if taste.any() else 0)

    def rank_basket(self, basket: IntArray, eligible: npt.NDArray[np.bool_], limit: int) -> Ranked:
        """Return the best products beside a basket of nobody known: its tastes are those of one who bought this once.

        An empty basket, or one of products that nobody had bought, tells nothing: the answer is empty.
        """
        product, score = self.nearest_to_basket(basket, eligible, limit)
        nothing = np.full(len(product), NOTHING)
        return self._pointed(product, score, nothing, (_in_hand(basket), _in_hand(np.empty(0, np.int64))))

    def _pointed(self, product: IntArray, score: FloatArray, alike: IntArray, hands: tuple[Items, Items]) -> Ranked:
        origin = np.zeros(len(product), np.int64)
        basket, recent = (strongest_edges(self._neighbours, items, origin, product) for items in hands)
        late = basket.relation == NOTHING
        return Ranked(
            origin,
            product,
            score,
            np.ones(len(product), np.uint8),
            score[:, None],
            np.full(len(product), NOTHING),
            alike,
            np.where(late, recent.relation, basket.relation),
            np.where(late, recent.entry, basket.entry),
            np.where(late, recent.item, basket.item),
            late & (recent.relation != NOTHING),
        )


def _in_hand(product: IntArray) -> Items:
    return Items(np.zeros(len(product), np.int64), product)
