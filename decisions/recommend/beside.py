"""What goes with what is in hand, without a household's habits: published relations, and what sells where they are silent.

The score is the sum of the edges from what is in hand; below one unit of strength what sells orders the list.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from decisions.recommend.asking import Asked
from decisions.recommend.customer_text import CustomerReason, customer_reason, customer_text
from decisions.recommend.explain import RelationExplainer
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from features.recommend_relations import RELATIONS
from features.repertoire import FloatArray, IntArray

__all__ = ["BesideLists"]


CONSIDERED = 100


class BesideLists:
    """Suggestions beside products in hand, and of what sells in the store or the chain."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def suggestions(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return at most `limit` open products: those that edges from the hand speak for, among what sells."""
        spoken = np.zeros(self._shelf.products)
        for name in RELATIONS:
            relation = self._shelf.view.neighbours[name]
            entry, _ = relation.entries(asked.hand)
            np.add.at(spoken, relation.candidate[entry], relation.strength[entry])
        share = self._shelf.popularity_in(asked.store)
        scores = spoken + share
        rows = np.flatnonzero(asked.open & (scores > 0))
        best = rows[np.lexsort((rows, -scores[rows]))][:limit]
        if not (spoken[best] > 0).any():
            return []
        return list(self._suggestions(asked, asked.hand, best, scores, share))

    def considered(self, asked: Asked) -> IntArray:
        """Return what an answer without a household looks at first, open or not: neighbours of the hand, or best sellers."""
        parts = [self._shelf.view.neighbours[name] for name in RELATIONS]
        near = np.unique(np.concatenate([one.candidate[one.entries(asked.hand)[0]] for one in parts]))
        return near if len(near) else np.sort(np.argsort(-self._shelf.popularity, kind="stable")[:CONSIDERED])

    def selling(self, asked: Asked, limit: int, among: IntArray | None = None) -> list[Suggestion]:
        """Return at most `limit` open products by what sells in the store, then in the chain; `among` bounds them."""
        rows = asked.open_products if among is None else among[asked.open[among]]
        found: list[Suggestion] = []
        for store in (asked.store, None) if asked.store is not None else (None,):
            share = self._shelf.popularity_in(store)
            sold = rows[share[rows] > 0]
            best = sold[np.lexsort((sold, -share[sold]))][:limit]
            found += self._suggestions(asked, np.empty(0, np.int64), best, share, share)
        return found

    def rest(self, asked: Asked, among: IntArray) -> list[Suggestion]:
        """Return the open ones of `among` that nothing speaks for, by position: what the caller offered is not lost."""
        rows, nothing = among[asked.open[among]], np.zeros(self._shelf.products)
        return list(self._suggestions(asked, np.empty(0, np.int64), rows, nothing, nothing))

    def _suggestions(
        self, asked: Asked, hand: IntArray, products: IntArray, scores: FloatArray, share: FloatArray
    ) -> Iterator[Suggestion]:
        explainer = RelationExplainer(self._shelf.view, self._shelf.features, hand)
        for product in products.tolist():
            edges = scores[product] > share[product]
            yield Suggestion(
                product=product,
                score=float(scores[product]),
                kind="relations" if edges else "popularity",
                sources=(("basket_relations",) if edges else ()) + (("popularity",) if share[product] else ()) or ("given",),
                tell=partial(self._told, explainer, product, float(share[product]), asked.request.basket),
            )

    def _told(self, explainer: RelationExplainer, product: int, popularity: float, basket: tuple[str, ...]) -> Told:
        explanation = explainer.explain(product, explainer.edges_to(product), popularity)
        name = self._shelf.view.product(product)
        reason, other = customer_reason(explanation, name.id, basket)
        # what was only looked at was not bought
        reason = CustomerReason.GOES_WITH if reason is CustomerReason.WITH_BOUGHT else reason
        return Told(explanation, customer_text(reason, name.display_name, other))
