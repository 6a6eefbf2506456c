"""What products in hand say of others, without a household's habits: the systems that complete a basket.

- `basket_relations`: the strengths of published edges from what is in hand; below one unit what sells orders the list.
- `companions`: what lies in the same baskets (`features.companions`), and a little of both others, so that an edge is heard.
- `popularity`: what sells in the store, or in the chain where no store is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.companions import Companions
from features.recommend_relations import RELATIONS, Neighbours
from features.repertoire import FloatArray, IntArray

__all__ = ["BASKET_RELATIONS", "COMPANIONS", "EDGE_WEIGHT", "POPULARITY", "SHARE_WEIGHT", "BesideScores", "Parts"]

COMPANIONS, BASKET_RELATIONS, POPULARITY = "companions", "basket_relations", "popularity"
EDGE_WEIGHT = 0.003
"""What a unit of an edge's strength counts beside a cosine of one."""
SHARE_WEIGHT = 0.15
"""What the best seller of a store counts beside it. Both were found on the baskets of a fortnight in September 2017."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What brought each product's score: `edges`, `near` (companions) and `share` (of what sells); they sum to it."""

    edges: FloatArray
    near: FloatArray
    share: FloatArray

    @property
    def score(self) -> FloatArray:
        """What orders a list."""
        return self.edges + self.near + self.share


@dataclass(frozen=True, slots=True, eq=False)
class BesideScores:
    """Scores all products beside a hand: the one road of back-test, bench and serving."""

    neighbours: Mapping[str, Neighbours]
    companions: Companions
    products: int

    def parts(self, system: str, hand: IntArray, share: FloatArray) -> Parts:
        """Return what a system makes of a hand (positions) where products have this share of what sells."""
        nothing = np.zeros(self.products)
        if system == POPULARITY:
            return Parts(nothing, nothing, share)
        edges = np.zeros(self.products)
        for name in RELATIONS:
            entry, _ = self.neighbours[name].entries(hand)
            np.add.at(edges, self.neighbours[name].candidate[entry], self.neighbours[name].strength[entry])
        if system == BASKET_RELATIONS:
            return Parts(edges, nothing, share)
        near = np.zeros(self.products)
        row, _ = self.companions.of(hand)
        np.add.at(near, self.companions.product[row], self.companions.strength[row])
        return Parts(EDGE_WEIGHT * edges, near, SHARE_WEIGHT * share)

    def first(self, system: str, hand: IntArray, share: FloatArray, count: int) -> IntArray:
        """Return the best products that are not in hand, best first, equal ones by position."""
        score = self.parts(system, hand, share).score
        score[hand] = 0.0
        some = np.flatnonzero(score > 0)
        if len(some) > count:
            least = np.partition(score[some], -count)[-count]
            some = some[score[some] >= least]
        return some[np.lexsort((some, -score[some]))][:count]
