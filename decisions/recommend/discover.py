"""What a household never bought, or what nobody has in hand: as the system that won its back-test orders it, varied, explained.

Where the ranker won, its stored list answers, and shared tastes are the step below: they are computed when a basket or rules
leave too little of the list. Where it did not, tastes are all there is.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from decisions.recommend.asking import Asked
from decisions.recommend.bounds import Bounds
from decisions.recommend.contract import RecommendationRequest
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.discovery import DISCOVERY_SOURCES, DISCOVERY_SYSTEM, Discovery
from decisions.recommend.discovery_explain import DiscoveryExplainer, named_by
from decisions.recommend.discovery_lists import LONGEST, PLACES, StoredDiscoveries
from decisions.recommend.drawn import draw_varied
from decisions.recommend.exploration import DrawKey
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from decisions.recommend.taste_told import TastesTold
from features.repertoire import FloatArray, IntArray

__all__ = ["DiscoverLists"]

ENOUGH = 110
"""Open products of a stored list from which on it answers: a hundred places and ten to vary them."""


class DiscoverLists:
    """Suggestions of what is new, at most a few alike in ten places, none before too many households.

    Where a request asks for a draw, places are drawn from the best candidates, and each says how likely its product was there.

    Args:
        shelf: the release's products and households.
        discovery: ranks by tastes.
        bounds: what may stand together.
        stored: every household's list, as it was computed in training.
        system: the name of what ordered the stored lists.
        base_score: what every score of that system starts from.
    """

    def __init__(
        self,
        shelf: Shelf,
        discovery: Discovery,
        bounds: Bounds,
        stored: StoredDiscoveries,
        system: str = DISCOVERY_SYSTEM,
        base_score: float = 0.0,
    ) -> None:
        self._shelf = shelf
        self._discovery = discovery
        self._bounds = bounds
        self._stored = stored
        self._base = base_score
        self._explainer = DiscoveryExplainer(shelf.view)
        self.system = system

    def suggestions(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return at most `limit` open products that the household never bought; beside a basket, for nobody known."""
        return self.ranked(asked, limit) or self.by_taste(asked, limit)

    def ranks(self, asked: Asked) -> bool:
        """Whether the ranker's list answers: there is one for the household, and enough of it is open."""
        return self._ranked_rows(asked) is not None

    def ranked(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return what the ranker listed for the household; nothing where it does not answer (`ranks`)."""
        rows = self._ranked_rows(asked)
        if rows is None:
            return []
        product, score = self._stored.product[rows].tolist(), self._stored.score[rows].tolist()
        row_of = dict(zip(product, rows.tolist(), strict=True))
        chosen = self._varied(asked, dict(zip(product, score, strict=True)), limit)
        return [self._from_list(row_of[one], chance) for one, chance in chosen]

    def by_taste(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return the nearest by shared tastes."""
        product, score = self._nearest(asked)
        of = dict(zip(product.tolist(), score.tolist(), strict=True))
        chosen = self._varied(asked, of, limit)
        shown = [one for one, _ in chosen]
        tastes = TastesTold(self._shelf, self._discovery.tastes, shown, asked.household, self._tasted(asked))
        suggest = partial(self._by_taste, tastes=tastes, personal=asked.has_history)
        return [suggest(one, of[one], chance) for one, chance in chosen]

    def _varied(self, asked: Asked, scores: Mapping[int, float], limit: int) -> list[tuple[int, float]]:
        """Return products in the order in which they are shown, each with the chance that it got its place.

        `scores` holds those that may be shown, best first.
        """
        request, product = asked.request, np.fromiter(scores, np.int64, len(scores))
        if asked.household is not None:
            product = self._bounds.spread(product, str(request.household_id))
        looked_at = max(limit, request.exploration_settings.candidates if request.exploration else 0)
        # whole tens are varied, so that a longer list begins with the shorter one
        order = self._bounds.apply(product, -(-looked_at // PLACES) * PLACES)[:looked_at]
        of_order = np.array([scores[one] for one in order.tolist()])
        drawn = draw_varied(order, of_order, self._bounds, request.exploration_settings, self._key(request))
        return list(zip(drawn.order[:limit].tolist(), drawn.chances[:limit].tolist(), strict=True))

    def _key(self, request: RecommendationRequest) -> DrawKey:
        version = self._shelf.graph.version
        return DrawKey(version.id, request.household_id or request.session_id or "", version.as_of, request.exploration)

    def _tasted(self, asked: Asked) -> IntArray:
        """Return what tells the taste of a request without a household that the release knows."""
        return np.union1d(asked.hand, asked.bought_products)

    def _ranked_rows(self, asked: Asked) -> IntArray | None:
        if self.system == DISCOVERY_SYSTEM or asked.household is None:
            return None
        return self._listed(asked, asked.household)

    def _listed(self, asked: Asked, household: int) -> IntArray | None:
        """Return the rows of the stored list that are open, or None where too few are; that depends on no limit."""
        rows = self._stored.of(household)
        there = self._stored.product[rows]
        kept = rows[asked.open[there] & ~np.isin(there, self._tasted(asked))]
        return kept if len(rows) < LONGEST or len(kept) >= ENOUGH else None

    def _nearest(self, asked: Asked) -> tuple[IntArray, FloatArray]:
        """Return the open products that please most."""
        may = asked.open.copy() if asked.bought else asked.open
        may[asked.bought_products] = False
        if asked.household is None:
            return self._discovery.nearest_to_basket(self._tasted(asked), may, LONGEST)
        if self.system == DISCOVERY_SYSTEM and not len(asked.hand):
            rows = self._listed(asked, asked.household)
            if rows is not None:
                return self._stored.product[rows], self._stored.score[rows]
        return self._discovery.nearest(asked.household, asked.hand, may, LONGEST)

    def _from_list(self, row: int, propensity: float) -> Suggestion:
        product = int(self._stored.product[row])
        return Suggestion(
            product=product,
            score=float(self._stored.score[row]),
            kind="discovery",
            sources=named_by(int(self._stored.sources[row])),
            tell=partial(self._explainer.told, product, self._stored.brought[row]),
            base_score=self._base,
            propensity=propensity,
        )

    def _by_taste(self, product: int, score: float, propensity: float, *, tastes: TastesTold, personal: bool) -> Suggestion:
        return Suggestion(
            product=product,
            score=score,
            kind="discovery",
            sources=DISCOVERY_SOURCES,
            tell=partial(self._told, product, score, tastes, personal=personal),
            propensity=propensity,
        )

    def _told(self, product: int, score: float, tastes: TastesTold, *, personal: bool) -> Told:
        name = self._shelf.view.product(product).display_name
        to_whom = "was never bought by the household" if personal else "does not lie in the basket"
        text = f"{name} {to_whom}; households with like baskets buy it."
        reason = CustomerReason.TASTE if personal else CustomerReason.TASTE_OF_BASKET
        return Told(tastes.explain(product, score, text), customer_text(reason, name))
