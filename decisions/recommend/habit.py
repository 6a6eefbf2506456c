"""What a household is likely to want: its stored list where that answers the request, ranked live where it does not."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from decisions.recommend.asking import Asked
from decisions.recommend.calibration import Calibration
from decisions.recommend.candidates import SOURCES
from decisions.recommend.customer_text import customer_reason, customer_text
from decisions.recommend.explain import Explainer
from decisions.recommend.lists import LISTED, StoredLists
from decisions.recommend.ranking import Ranked, Ranking
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from features.recommend_relations import Items
from features.recommend_transform import HouseholdKnowledge
from features.repertoire import IntArray

__all__ = ["HabitLists"]

SOURCE_NAMES = tuple(tuple(name for place, name in enumerate(SOURCES) if bits >> place & 1) for bits in range(1 << len(SOURCES)))
"""The sources of a candidate by its bits."""


class HabitLists:
    """Suggestions of the household's ranker. The stored lists give what ranking now would give.

    Args:
        shelf: the release's products and households.
        ranking: ranks by the system that won the back-test.
        stored: the lists that were ranked in training, None where they do not answer for this graph.
        calibration: what scores mean; None where too little was held out to tell.
    """

    def __init__(
        self, shelf: Shelf, ranking: Ranking, stored: StoredLists | None, calibration: Calibration | None = None
    ) -> None:
        self._shelf = shelf
        self._calibration = calibration
        self._ranking = ranking
        self._stored = stored
        ranker = ranking.system.ranker
        self.base_score = 0.0 if ranker is None else ranker.base

    def suggestions(self, asked: Asked, limit: int, *, bought_only: bool = False) -> list[Suggestion]:
        """Return at most `limit` open products, best first; with `bought_only` those that the household bought before."""
        if asked.household is None:
            return []
        listed = self._listed(asked, asked.household, limit, bought_only=bought_only)
        if listed is not None:
            ranked, rows = listed
        else:
            ranked = self._rank_now(asked, asked.household, limit, bought_only=bought_only)
            rows = np.arange(len(ranked))
        return list(self._suggestions(asked, asked.household, ranked, rows))

    def listed(self, household: int) -> IntArray:
        """Return the products of a household's stored list, whether open or not; none where no list is stored."""
        if self._stored is None:
            return np.empty(0, np.int64)
        first, last = self._stored.of(household, LISTED)
        return self._stored.ranked.product[first:last]

    def never_bought(self, asked: Asked, household: int) -> npt.NDArray[np.bool_]:
        """Return, by product, what is open and was never bought by the household."""
        own = self._shelf.features.knowledge.between(household, household + 1).own
        may = asked.open.copy()
        may[own.key % own.items] = False
        return may

    def reordered(self, asked: Asked, products: IntArray, limit: int) -> list[Suggestion]:
        """Return the best of the given products (positions), whether or not they would have been candidates."""
        if asked.household is None:
            return []
        knowledge, basket = self._knowledge(asked, asked.household), self._basket(asked)
        ranked = self._ranking.rank_given(knowledge, basket, products[asked.open[products]], limit)
        return list(self._suggestions(asked, asked.household, ranked, np.arange(len(ranked))))

    def _listed(self, asked: Asked, household: int, limit: int, *, bought_only: bool) -> tuple[Ranked, IntArray] | None:
        """Return the stored rows that answer, or None where too few are left or something else is asked."""
        stored = self._stored
        at_home = asked.store is None or asked.store == int(self._shelf.features.knowledge.store[household])
        if stored is None or len(asked.hand) or not at_home:
            return None
        first, last = stored.of(household, LISTED)
        rows = np.arange(first, last)
        kept = asked.open[stored.ranked.product[rows]]
        if bought_only:
            kept &= stored.ranked.own[rows] >= 0
        rows = rows[kept]
        # a list shorter than was kept holds every candidate
        return (stored.ranked, rows[:limit]) if len(rows) >= limit or last - first < LISTED else None

    def _rank_now(self, asked: Asked, household: int, limit: int, *, bought_only: bool) -> Ranked:
        knowledge, may = self._knowledge(asked, household), asked.open
        if bought_only:
            may = np.zeros_like(may)
            bought = knowledge.own.key % knowledge.own.items
            may[bought] = asked.open[bought]
        return self._ranking.rank(knowledge, self._basket(asked), may, limit)

    def _knowledge(self, asked: Asked, household: int) -> HouseholdKnowledge:
        knowledge = self._shelf.features.knowledge
        return knowledge.of(household, int(knowledge.store[household]) if asked.store is None else asked.store)

    def _basket(self, asked: Asked) -> Items:
        return Items(np.zeros(len(asked.hand), np.int64), asked.hand)

    def _suggestions(self, asked: Asked, household: int, ranked: Ranked, rows: IntArray) -> Iterator[Suggestion]:
        explainer = Explainer(self._shelf.view, self._shelf.features, household)
        chances = None if self._calibration is None else self._calibration.probability(ranked.score[rows]).tolist()
        for place, row in enumerate(rows.tolist()):
            yield Suggestion(
                product=int(ranked.product[row]),
                score=float(ranked.score[row]),
                kind="habit" if ranked.own[row] >= 0 else "new",
                sources=SOURCE_NAMES[ranked.sources[row]],
                tell=partial(self._told, explainer, ranked, row, asked.request.basket),
                base_score=self.base_score,
                p_accept=None if chances is None else chances[place],
            )

    def _told(self, explainer: Explainer, ranked: Ranked, row: int, basket: tuple[str, ...]) -> Told:
        product = self._shelf.view.product(int(ranked.product[row]))
        explanation = explainer.explain(ranked, row)
        reason, other = customer_reason(explanation, product.id, basket)
        return Told(explanation, customer_text(reason, product.display_name, other))
