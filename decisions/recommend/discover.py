"""What a household never bought, or what nobody has in hand: shared tastes, varied, explained by the taste they rest on."""

from functools import partial

import numpy as np

from decisions.recommend.asking import Asked
from decisions.recommend.bounds import Bounds
from decisions.recommend.contract import RecommendationRequest
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.discovery import DISCOVERY_SOURCES, DISCOVERY_SYSTEM, Discovery
from decisions.recommend.discovery_lists import LONGEST, PLACES, StoredDiscoveries
from decisions.recommend.drawn import draw_varied
from decisions.recommend.exploration import DrawKey
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from decisions.recommend.taste_told import TastesTold
from features.repertoire import FloatArray, IntArray

__all__ = ["DISCOVERY_SYSTEM", "DiscoverLists"]

ENOUGH = 110
"""Open products of a stored list from which on it answers: a hundred places and ten to vary them."""


class DiscoverLists:
    """Suggestions by shared tastes, at most a few alike in ten places, none before too many households.

    Where a request asks for a draw, places are drawn from the best candidates, and each says how likely its product was there.

    Args:
        shelf: the release's products and households.
        discovery: ranks by tastes.
        bounds: what may stand together.
        stored: every household's list, as it was computed in training.
    """

    def __init__(self, shelf: Shelf, discovery: Discovery, bounds: Bounds, stored: StoredDiscoveries) -> None:
        self._shelf = shelf
        self._discovery = discovery
        self._bounds = bounds
        self._stored = stored

    def suggestions(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return at most `limit` open products that the household never bought; beside a basket, for nobody known."""
        product, score = self._nearest(asked)
        of = dict(zip(product.tolist(), score.tolist(), strict=True))
        if asked.household is not None:
            product = self._bounds.spread(product, str(asked.request.household_id))
        request = asked.request
        looked_at = max(limit, request.exploration_settings.candidates if request.exploration else 0)
        # whole tens are varied, so that a longer list begins with the shorter one
        order = self._bounds.apply(product, -(-looked_at // PLACES) * PLACES)[:looked_at]
        scores = np.array([of[one] for one in order.tolist()])
        drawn = draw_varied(order, scores, self._bounds, request.exploration_settings, self._key(request))
        shown = drawn.order[:limit].tolist()
        tastes = TastesTold(self._shelf, self._discovery.tastes, shown, asked.household, self._tasted(asked))
        suggest = partial(self._suggestion, tastes=tastes, personal=asked.has_history)
        return [suggest(one, of[one], chance) for one, chance in zip(shown, drawn.chances.tolist(), strict=False)]

    def _key(self, request: RecommendationRequest) -> DrawKey:
        version = self._shelf.graph.version
        return DrawKey(version.id, request.household_id or request.session_id or "", version.as_of, request.exploration)

    def _tasted(self, asked: Asked) -> IntArray:
        """Return what tells the taste of a request without a household that the release knows."""
        return np.union1d(asked.hand, asked.bought_products)

    def _nearest(self, asked: Asked) -> tuple[IntArray, FloatArray]:
        """Return the open products that please most; whether the stored list answers depends on no limit."""
        since = asked.bought_products
        may = asked.open.copy() if len(since) else asked.open
        may[since] = False
        if asked.household is None:
            return self._discovery.nearest_to_basket(self._tasted(asked), may, LONGEST)
        if not len(asked.hand):
            product, score = self._stored.of(asked.household)
            kept = may[product]
            if len(product) < LONGEST or int(kept.sum()) >= ENOUGH:
                return product[kept], score[kept]
        return self._discovery.nearest(asked.household, asked.hand, may, LONGEST)

    def _suggestion(self, product: int, score: float, propensity: float, *, tastes: TastesTold, personal: bool) -> Suggestion:
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
