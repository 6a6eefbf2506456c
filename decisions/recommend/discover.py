"""What a household never bought, or what nobody has in hand: shared tastes, varied, explained by the taste they rest on."""

from collections.abc import Iterator
from functools import partial

from decisions.envelope import Explanation, ExplanationPath
from decisions.recommend.asking import Asked
from decisions.recommend.bounds import Bounds
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.discovery import DISCOVERY_SOURCES, DISCOVERY_SYSTEM, Discovery
from decisions.recommend.ranking import Ranked
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told

__all__ = ["DISCOVERY_SYSTEM", "DiscoverLists"]

PLACES = 10
"""Bounds hold in every ten places: whole tens are varied, so that a longer list begins with the shorter one."""
SPARE = 50
"""Candidates beyond the places asked for, among which what is too alike finds its replacement."""
LONGEST = 100 + SPARE
"""One length whatever is asked for: what is varied must not depend on the length of the list."""


class DiscoverLists:
    """Suggestions by shared tastes, at most a few alike in ten places.

    Args:
        shelf: the release's products and households.
        discovery: ranks by tastes.
        bounds: what may stand together.
    """

    def __init__(self, shelf: Shelf, discovery: Discovery, bounds: Bounds) -> None:
        self._shelf = shelf
        self._discovery = discovery
        self._bounds = bounds

    def suggestions(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return at most `limit` open products that the household never bought; beside a basket, for nobody known."""
        tens = -(-limit // PLACES) * PLACES
        if asked.household is not None:
            ranked = self._discovery.rank(asked.household, asked.hand, asked.open, LONGEST)
        else:
            ranked = self._discovery.rank_basket(asked.hand, asked.open, LONGEST)
        order = self._bounds.apply(ranked.product, tens)[:limit]
        row = {product: place for place, product in enumerate(ranked.product.tolist())}
        return list(self._suggestions(ranked, [row[product] for product in order.tolist()]))

    def _suggestions(self, ranked: Ranked, rows: list[int]) -> Iterator[Suggestion]:
        for row in rows:
            product = int(ranked.product[row])
            yield Suggestion(
                product=product,
                score=float(ranked.score[row]),
                kind="discovery",
                sources=DISCOVERY_SOURCES,
                tell=partial(self._told, product, float(ranked.score[row])),
            )

    def _told(self, product: int, score: float) -> Told:
        """The score is a taste, which no edge shows: it is told with the product's place in the catalogue."""
        name = self._shelf.view.product(product).display_name
        text = f"{name} was never bought here; households with like baskets buy it."
        path = ExplanationPath(self._shelf.view.category(product), score)
        return Told(Explanation(text, (path,)), customer_text(CustomerReason.TASTE, name))
