"""What a household never bought, or what nobody has in hand: shared tastes, varied, explained by the taste they rest on."""

from functools import partial

from decisions.envelope import Explanation, ExplanationPath
from decisions.recommend.asking import Asked
from decisions.recommend.bounds import Bounds
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.discovery import DISCOVERY_SOURCES, DISCOVERY_SYSTEM, Discovery
from decisions.recommend.discovery_lists import LONGEST, PLACES, StoredDiscoveries
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from features.repertoire import FloatArray, IntArray

__all__ = ["DISCOVERY_SYSTEM", "DiscoverLists"]

ENOUGH = 110
"""Open products of a stored list from which on it answers: a hundred places and ten to vary them."""


class DiscoverLists:
    """Suggestions by shared tastes, at most a few alike in ten places, none before too many households.

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
        # whole tens are varied, so that a longer list begins with the shorter one
        order = self._bounds.apply(product, -(-limit // PLACES) * PLACES)[:limit]
        return [self._suggestion(one, of[one], personal=asked.household is not None) for one in order.tolist()]

    def _nearest(self, asked: Asked) -> tuple[IntArray, FloatArray]:
        """Return the open products that please most; whether the stored list answers depends on no limit."""
        if asked.household is None:
            return self._discovery.nearest_to_basket(asked.hand, asked.open, LONGEST)
        if not len(asked.hand):
            product, score = self._stored.of(asked.household)
            kept = asked.open[product]
            if len(product) < LONGEST or int(kept.sum()) >= ENOUGH:
                return product[kept], score[kept]
        return self._discovery.nearest(asked.household, asked.hand, asked.open, LONGEST)

    def _suggestion(self, product: int, score: float, *, personal: bool) -> Suggestion:
        return Suggestion(
            product=product,
            score=score,
            kind="discovery",
            sources=DISCOVERY_SOURCES,
            tell=partial(self._told, product, score, personal=personal),
        )

    def _told(self, product: int, score: float, *, personal: bool) -> Told:
        """The score is a taste, which no edge shows: it is told with the product's place in the catalogue."""
        name = self._shelf.view.product(product).display_name
        to_whom = "was never bought by the household" if personal else "does not lie in the basket"
        text = f"{name} {to_whom}; households with like baskets buy it."
        reason = CustomerReason.TASTE if personal else CustomerReason.TASTE_OF_BASKET
        path = ExplanationPath(self._shelf.view.category(product), score)
        return Told(Explanation(text, (path,)), customer_text(reason, name))
