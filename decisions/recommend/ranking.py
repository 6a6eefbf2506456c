"""Ranked candidates with all that an explanation points at: the one computation behind stored lists and live answers.

`Ranking.rank` takes one origin or thousands; a row of its answer does not depend on which other origins were asked beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decisions.recommend.baseline import BASELINE_FEATURES, baseline_scores
from decisions.recommend.candidates import POPULAR_LIMIT, Candidates, candidates_of
from decisions.recommend.model import MOVERS, Moved, Ranker, as_told
from features.recommend_evidence import latest_alike, strongest_edges
from features.recommend_relations import Items, Neighbours
from features.recommend_tables import ServingFeatures
from features.recommend_transform import FEATURES, GROUPS, HouseholdKnowledge, InHand, assemble, in_hand, recent_items
from features.repertoire import FloatArray, IntArray

__all__ = ["NOTHING", "Ranked", "Ranking", "RankingSystem"]

_HABIT = GROUPS.index("habit")
NOTHING = -1


@dataclass(frozen=True, slots=True)
class RankingSystem:
    """What orders a household's candidates: a ranker, or the baseline of that name."""

    name: str
    ranker: Ranker | None

    def scores(self, figures: npt.NDArray[np.float32]) -> FloatArray:
        """Return the score of each row."""
        return baseline_scores(self.name, figures) if self.ranker is None else self.ranker.scores(figures)

    def moved(self, figures: npt.NDArray[np.float32], scores: FloatArray) -> Moved:
        """Return what moved the score of each row. A baseline's score is the one figure of habit that it orders by."""
        if self.ranker is not None:
            return self.ranker.moved(figures)
        places = np.arange(len(GROUPS) * MOVERS)
        first = np.broadcast_to(places == _HABIT * MOVERS, (len(scores), len(places)))
        looked_at = FEATURES.index(BASELINE_FEATURES[self.name])
        brought = np.where(np.arange(len(GROUPS)) == _HABIT, scores[:, None], 0.0)
        share = as_told(np.where(first, scores[:, None], 0.0))
        return Moved(brought, np.where(first, looked_at, NOTHING).astype(np.int16), share, share)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Ranked products, best first within each origin. What is -1 is not there.

    What `moved` the scores sums to the score less the system's base. `own` and `alike` are rows of the features' latest
    purchases: of the product, and of its type. `relation`, `entry` and `item` name the strongest edge from what is in hand
    (`recent`: from the latest baskets) as positions in `RELATIONS`, in its neighbours, and among products.
    """

    origin: IntArray
    product: IntArray
    score: FloatArray
    sources: npt.NDArray[np.uint8]
    moved: Moved
    own: IntArray
    alike: IntArray
    relation: IntArray
    entry: IntArray
    item: IntArray
    recent: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.product)


class Ranking:
    """Ranks by one system over one day's facts.

    Args:
        features: the population's facts and the catalogue's levels.
        neighbours: the relations in force.
        system: what orders.
    """

    def __init__(self, features: ServingFeatures, neighbours: Mapping[str, Neighbours], system: RankingSystem) -> None:
        self.features = features
        self.neighbours = neighbours
        self.system = system
        self.best_sellers = _best_sellers(features)

    def rank(self, knowledge: HouseholdKnowledge, basket: Items, present: npt.NDArray[np.bool_], limit: int) -> Ranked:
        """Return the best `limit` candidates of each origin of `knowledge`, none of them in its basket.

        Args:
            knowledge: the households asked for; an origin's position is its row.
            basket: what is in hand, ascending by origin and product.
            present: by product, whether it may be recommended.
            limit: products per origin.
        """
        origins, products = len(knowledge.household), knowledge.own.items
        recent = recent_items(knowledge)
        hand = in_hand(self.neighbours, basket, recent, origins, products)
        sellers = np.broadcast_to(self.best_sellers, (origins, POPULAR_LIMIT))
        found = _open(candidates_of(knowledge, hand.evidence, sellers, products), basket, present)
        return self._ordered(knowledge, (basket, recent), hand, found, limit)

    def rank_given(self, knowledge: HouseholdKnowledge, basket: Items, given: IntArray, limit: int) -> Ranked:
        """Return the best `limit` of the given products (ascending) for the one origin of `knowledge`, candidates or not."""
        recent = recent_items(knowledge)
        hand = in_hand(self.neighbours, basket, recent, len(knowledge.household), knowledge.own.items)
        found = Candidates(np.zeros(len(given), np.int64), given, np.zeros(len(given), np.uint8))
        return self._ordered(knowledge, (basket, recent), hand, found, limit)

    def _ordered(
        self, knowledge: HouseholdKnowledge, hands: tuple[Items, Items], hand: InHand, found: Candidates, limit: int
    ) -> Ranked:
        features = self.features
        figures = assemble(knowledge, features.population, features.levels, hand, found.origin, found.product)
        scores = self.system.scores(figures)
        best = _best(found, scores, limit)
        kept = Candidates(found.origin[best], found.product[best], found.sources[best])
        # what groups brought costs a hundred times the score: it is asked for the best alone
        moved = self.system.moved(figures[best], scores[best])
        return self._pointed(knowledge, hands, kept, scores[best], moved)

    def _pointed(
        self,
        knowledge: HouseholdKnowledge,
        hands: tuple[Items, Items],
        kept: Candidates,
        scores: FloatArray,
        moved: Moved,
    ) -> Ranked:
        origin, product, own = kept.origin, kept.product, knowledge.own
        row, alike = own.rows(origin, product), latest_alike(own, self.features.levels.product_type, origin, product)
        basket, recent = (strongest_edges(self.neighbours, items, origin, product) for items in hands)
        late = basket.relation == NOTHING
        return Ranked(
            origin,
            product,
            scores,
            kept.sources,
            moved,
            _stored_row(knowledge, np.where(row < len(own.key), row, NOTHING)),
            _stored_row(knowledge, alike),
            np.where(late, recent.relation, basket.relation),
            np.where(late, recent.entry, basket.entry),
            np.where(late, recent.item, basket.item),
            late & (recent.relation != NOTHING),
        )


def _stored_row(knowledge: HouseholdKnowledge, row: IntArray) -> IntArray:
    """Return the rows of the snapshot's table behind rows of `knowledge.own`, which may be one household's alone."""
    if not len(knowledge.last_basket):
        return row
    return np.where(row >= 0, knowledge.last_basket[row], NOTHING)


def _best(found: Candidates, scores: FloatArray, limit: int) -> IntArray:
    order = np.lexsort((found.product, -scores, found.origin))
    ordered = found.origin[order]
    return np.asarray(order[np.arange(len(order)) - np.searchsorted(ordered, ordered) < limit])


def _open(found: Candidates, basket: Items, present: npt.NDArray[np.bool_]) -> Candidates:
    products = len(present)
    taken = basket.origin * products + basket.product
    kept = ~np.isin(found.origin * products + found.product, taken) & present[found.product]
    return Candidates(found.origin[kept], found.product[kept], found.sources[kept])


def _best_sellers(features: ServingFeatures) -> IntArray:
    """Return `POPULAR_LIMIT` products by baskets in 28 days, -1 where fewer were sold."""
    sold = features.population.baskets_in_28_days
    best = np.argsort(-sold, kind="stable")[:POPULAR_LIMIT]
    row = np.full(POPULAR_LIMIT, NOTHING)
    row[: len(best)] = np.where(sold[best] > 0, best, NOTHING)
    return row
