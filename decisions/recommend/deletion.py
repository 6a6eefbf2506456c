"""Answers scored again without what they cite, read from the hops of their explanations alone.

What an explanation measured of itself is not looked at: purchases, relations and promotions are found again by their ids, taken
out of the inputs, and the same scorer runs once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from decisions.envelope import ExplanationPath, Hop
from decisions.recommend.asking import Asked
from decisions.recommend.beside_scores import EDGE_WEIGHT
from decisions.recommend.contract import RecommendedProduct, Surface
from decisions.recommend.fidelity import Deletions
from decisions.recommend.habit import HabitLists
from decisions.recommend.ranking import NOTHING
from decisions.recommend.shelf import Shelf
from decisions.recommend.taste_told import bought_by
from features.collaborative import Tastes, weight_of
from features.recommend_relations import RELATIONS, TOWARDS_ITEM
from features.recommend_transform import HouseholdKnowledge
from features.repertoire import FloatArray, IntArray

__all__ = ["Rescored", "Rescoring"]

RANKED = frozenset({"habit", "new"})
"""Kinds of suggestions that the ranker orders."""
EDGE_WEIGHTS = {"relations": 1.0, "companions": EDGE_WEIGHT}
"""What a unit of an edge's strength brings to a score of a kind."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """A suggestion's score as it is and without some facts; `left` is None where no fact was deleted."""

    product_id: str
    score: float
    left: float | None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What some paths cite, by position: products bought, entries of relations, and whether the product is promoted."""

    bought: tuple[int, ...]
    edges: tuple[tuple[str, int], ...]
    promoted: bool


class Rescoring:
    """Scores suggestions of one release again.

    Args:
        shelf: the release's products and relations.
        habit: what ranks for a household.
        tastes: what ranks discoveries.
        again: what ranks what is bought again.
    """

    def __init__(self, shelf: Shelf, habit: HabitLists, tastes: Tastes, again: HabitLists) -> None:
        self.shelf = shelf
        self._habit = habit
        self._again = again
        self._tastes = tastes

    def without(
        self,
        asked: Asked,
        items: Sequence[RecommendedProduct],
        paths: Mapping[str, Sequence[ExplanationPath]] | None = None,
    ) -> tuple[Rescored, ...]:
        """Return each suggestion's score without the facts of its own paths, or of those given for its product."""
        cited = [one.explanation.paths if paths is None else paths.get(one.product_id, ()) for one in items]
        facts = [self._facts(found) for found in cited]
        ranked = [place for place, one in enumerate(items) if one.kind in RANKED and cited[place]]
        left = dict(zip(ranked, self._ranked(asked, [items[one] for one in ranked], [facts[one] for one in ranked]), strict=True))
        for place, one in enumerate(items):
            if cited[place] and place not in left:
                left[place] = self._plain(asked, one, facts[place])
        return tuple(Rescored(one.product_id, one.score, left.get(place)) for place, one in enumerate(items))

    def scores(self, knowledge: HouseholdKnowledge, products: IntArray) -> FloatArray:
        """Return what ranks for a household would give one product to each origin of `knowledge`, with empty hands."""
        return self._habit.scores(knowledge, products)

    def _facts(self, paths: Sequence[ExplanationPath]) -> _Facts:
        hops = [hop for path in paths for hop in path.hops]
        bought = {self.shelf.product[hop.target.id] for hop in hops if hop.relation == "contains"}
        edges = {(hop.relation, self._entry(hop)) for hop in hops if hop.relation in self.shelf.view.neighbours}
        return _Facts(tuple(sorted(bought)), tuple(sorted(edges)), any(hop.relation == "promotes" for hop in hops))

    def _entry(self, hop: Hop) -> int:
        neighbours = self.shelf.view.neighbours[hop.relation]
        ends = self.shelf.product[hop.source.id], self.shelf.product[hop.target.id]
        item, candidate = ends[::-1] if hop.relation in TOWARDS_ITEM else ends
        first, last = int(neighbours.start[item]), int(neighbours.start[item + 1])
        return first + int(np.flatnonzero(neighbours.candidate[first:last] == candidate)[0])

    def _ranked(self, asked: Asked, items: Sequence[RecommendedProduct], facts: Sequence[_Facts]) -> list[float]:
        if not asked.has_history or not items:
            return []
        product = np.array([self.shelf.product[one.product_id] for one in items], dtype=np.int64)
        entries = [[(RELATIONS.index(name), entry) for name, entry in one.edges if name in RELATIONS] for one in facts]
        deletions = Deletions(
            np.zeros(len(product), np.int64),
            product,
            np.array([one.promoted for one in facts]),
            _columns([one.bought for one in facts]),
            tuple(
                zip(
                    _columns([[relation for relation, _ in one] for one in entries]),
                    _columns([[entry for _, entry in one] for one in entries]),
                    strict=True,
                )
            ),
        )
        ranks = self._again if asked.request.surface is Surface.BUY_AGAIN else self._habit
        scores: list[float] = ranks.rescored(asked, deletions).tolist()
        return scores

    def _plain(self, asked: Asked, item: RecommendedProduct, facts: _Facts) -> float:
        product = self.shelf.product[item.product_id]
        if item.kind == "discovery":
            return self._liked(asked, product, facts.bought)
        if item.kind not in EDGE_WEIGHTS:
            return item.score
        gone = EDGE_WEIGHTS[item.kind] * sum(
            float(self.shelf.view.neighbours[name].strength[entry])
            for name, entry in facts.edges
            if int(self.shelf.view.neighbours[name].candidate[entry]) == product
        )
        return item.score - gone

    def _liked(self, asked: Asked, product: int, gone: tuple[int, ...]) -> float:
        """Return the taste for a product of a household that had one basket less with each of `gone`, or of a basket."""
        if asked.household is None:
            bought = np.union1d(asked.hand, asked.bought_products)
            baskets = np.ones(len(bought))
        else:
            _, bought, baskets = bought_by(self.shelf, asked.household)
        baskets = baskets - np.isin(bought, gone)
        kept = baskets > 0
        taste = self._tastes.of_basket(bought[kept], weight_of(baskets[kept]))
        return float(self._tastes.products[product].astype(np.float64) @ taste.astype(np.float64))


def _columns(rows: Sequence[Sequence[int]]) -> tuple[IntArray, ...]:
    """Return rows of different length as columns, filled up with `NOTHING`."""
    width = max((len(row) for row in rows), default=0)
    filled = np.full((len(rows), width), NOTHING, np.int64)
    for place, row in enumerate(rows):
        filled[place, : len(row)] = row
    return tuple(filled.T)
