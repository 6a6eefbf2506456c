"""What a household is likely to want: its stored list where that answers the request, ranked live where it does not."""

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from decisions.recommend.asking import Asked
from decisions.recommend.calibration import Calibration
from decisions.recommend.candidates import SOURCES
from decisions.recommend.customer_text import customer_reason, customer_text
from decisions.recommend.explain import Explainer
from decisions.recommend.fidelity import Deletions, Falls, Without
from decisions.recommend.lists import LISTED, StoredLists
from decisions.recommend.live_households import LiveHouseholds
from decisions.recommend.ranking import Ranked, Ranking
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from decisions.recommend.told import explain_row
from features.recommend_relations import Items
from features.recommend_transform import HouseholdKnowledge
from features.repertoire import FloatArray, IntArray

__all__ = ["HabitLists"]

SOURCE_NAMES = tuple(tuple(name for place, name in enumerate(SOURCES) if bits >> place & 1) for bits in range(1 << len(SOURCES)))
"""The sources of a candidate by its bits."""


class HabitLists:
    """Suggestions of the household's ranker. The stored lists give what ranking now would give.

    Args:
        shelf: the release's products and households.
        ranking: ranks by the system that won the back-test.
        live: what is known of a household now.
        stored: the lists that were ranked in training, None where they do not answer for this graph.
        calibration: what scores mean; None where too little was held out to tell.
    """

    def __init__(
        self,
        shelf: Shelf,
        ranking: Ranking,
        live: LiveHouseholds,
        stored: StoredLists | None,
        calibration: Calibration | None = None,
    ) -> None:
        self._shelf = shelf
        self._calibration = calibration
        self._ranking = ranking
        self._live = live
        self._stored = stored
        ranker = ranking.system.ranker
        self.base_score = 0.0 if ranker is None else ranker.base

    def suggestions(self, asked: Asked, limit: int, *, bought_only: bool = False) -> list[Suggestion]:
        """Return at most `limit` open products, best first; with `bought_only` those that the household bought before."""
        if not asked.has_history:
            return []
        listed = self._listed(asked, limit, bought_only=bought_only)
        if listed is not None:
            stored, rows = listed
            return list(self._suggestions(asked, stored.ranked, rows, lambda: stored.falls))
        knowledge = self._live.knowledge(asked)
        return self._ranked_now(asked, knowledge, self._rank_now(asked, knowledge, limit, bought_only=bought_only))

    def listed(self, household: int) -> IntArray:
        """Return the products of a household's stored list, whether open or not; none where no list is stored."""
        if self._stored is None:
            return np.empty(0, np.int64)
        first, last = self._stored.of(household, LISTED)
        return self._stored.ranked.product[first:last]

    def never_bought(self, asked: Asked) -> npt.NDArray[np.bool_]:
        """Return, by product, what is open and was never bought by the household."""
        may = asked.open.copy()
        may[asked.bought_products] = False
        if asked.household is not None:
            own = self._shelf.features.knowledge.between(asked.household, asked.household + 1).own
            may[own.key % own.items] = False
        return may

    def reordered(self, asked: Asked, products: IntArray, limit: int) -> list[Suggestion]:
        """Return the best of the given products (positions), whether or not they would have been candidates."""
        if not asked.has_history:
            return []
        knowledge, basket = self._live.knowledge(asked), self._basket(asked)
        ranked = self._ranking.rank_given(knowledge, basket, products[asked.open[products]], limit)
        return self._ranked_now(asked, knowledge, ranked)

    def _ranked_now(self, asked: Asked, knowledge: HouseholdKnowledge, ranked: Ranked) -> list[Suggestion]:
        """Return what was ranked when it was asked for; deletions are measured when the first of it is told."""
        falls = cache(lambda: Without(self._ranking, knowledge, self._basket(asked)).falls(ranked))
        return list(self._suggestions(asked, ranked, np.arange(len(ranked)), falls, knowledge if asked.bought else None))

    def rescored(self, asked: Asked, deletions: Deletions) -> FloatArray:
        """Return the score of each product after a deletion, by what ranked it, with what is in hand and in its store."""
        return Without(self._ranking, self._live.knowledge(asked), self._basket(asked)).scores(deletions)

    def scores(self, knowledge: HouseholdKnowledge, products: IntArray) -> FloatArray:
        """Return the score of one product for each origin of `knowledge`, with empty hands."""
        rows, nothing = np.arange(len(products)), np.empty(0, np.int64)
        asked = Deletions(rows, products, np.zeros(len(products), bool))
        return Without(self._ranking, knowledge, Items(nothing, nothing)).scores(asked)

    def _listed(self, asked: Asked, limit: int, *, bought_only: bool) -> tuple[StoredLists, IntArray] | None:
        """Return the stored rows that answer, or None where too few are left or something else is asked."""
        stored = self._stored
        if stored is None or asked.household is None or asked.bought or len(asked.hand):
            return None
        if asked.store is not None and asked.store != int(self._shelf.features.knowledge.store[asked.household]):
            return None
        first, last = stored.of(asked.household, LISTED)
        rows = np.arange(first, last)
        kept = asked.open[stored.ranked.product[rows]]
        if bought_only:
            kept &= stored.ranked.own[rows] >= 0
        rows = rows[kept]
        # a list shorter than was kept holds every candidate
        return (stored, rows[:limit]) if len(rows) >= limit or last - first < LISTED else None

    def _rank_now(self, asked: Asked, knowledge: HouseholdKnowledge, limit: int, *, bought_only: bool) -> Ranked:
        may = asked.open
        if bought_only:
            may = np.zeros_like(may)
            bought = knowledge.own.key % knowledge.own.items
            may[bought] = asked.open[bought]
        return self._ranking.rank(knowledge, self._basket(asked), may, limit)

    def _basket(self, asked: Asked) -> Items:
        return Items(np.zeros(len(asked.hand), np.int64), asked.hand)

    def _suggestions(
        self,
        asked: Asked,
        ranked: Ranked,
        rows: IntArray,
        falls: Callable[[], Falls],
        live: HouseholdKnowledge | None = None,
    ) -> Iterator[Suggestion]:
        """Yield the suggestions of rows. `live`: what is known of a household that bought since the release."""
        explainer = Explainer(self._shelf.view, self._shelf.features, asked.household, live)
        since = set(asked.bought_products.tolist())
        chances = None if self._calibration is None else self._calibration.probability(ranked.score[rows]).tolist()
        for place, row in enumerate(rows.tolist()):
            yield Suggestion(
                product=int(ranked.product[row]),
                score=float(ranked.score[row]),
                kind="habit" if ranked.own[row] >= 0 or int(ranked.product[row]) in since else "new",
                sources=SOURCE_NAMES[ranked.sources[row]],
                tell=partial(self._told, explainer, ranked, row, falls, asked.request.basket),
                base_score=self.base_score,
                p_accept=None if chances is None else chances[place],
            )

    def _told(self, explainer: Explainer, ranked: Ranked, row: int, falls: Callable[[], Falls], basket: tuple[str, ...]) -> Told:
        product = self._shelf.view.product(int(ranked.product[row]))
        explanation = explain_row(explainer, ranked, row, falls(), self.base_score)
        reason, other = customer_reason(explanation, product.id, basket)
        return Told(explanation, customer_text(reason, product.display_name, other))
