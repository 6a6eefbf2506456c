"""What goes with what is in hand, without a household's habits, and what sells where nothing speaks for anything.

How a product is scored is told in `decisions.recommend.beside_scores`; which of its systems answers first is what the back-test
of the release found (`decisions.recommend.basket_fitting`).
"""

from collections.abc import Iterator
from functools import cached_property, lru_cache, partial

import numpy as np

from decisions.recommend.asking import Asked
from decisions.recommend.beside_scores import BASKET_RELATIONS, COMPANIONS, EDGE_WEIGHT, POPULARITY, BesideScores, Parts
from decisions.recommend.contract import Surface
from decisions.recommend.customer_text import CustomerReason, customer_reason, customer_text
from decisions.recommend.explain import Near, RelationExplainer
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from features.companions import Companions
from features.recommend_relations import RELATIONS
from features.repertoire import FloatArray, IntArray

__all__ = ["BesideLists"]


CONSIDERED = 100
NOBODY = np.empty(0, np.int64)
"""An empty hand."""
KINDS = {COMPANIONS: "companions", BASKET_RELATIONS: "relations", POPULARITY: "popularity"}
KEPT_ORDERS = 64
"""Stores whose products are kept in the order of their sales, at some 160 KB each."""


class BesideLists:
    """Suggestions beside products in hand, and of what sells in the store or the chain.

    Args:
        shelf: the release's products and relations.
        companions: what lies in the same baskets.
    """

    def __init__(self, shelf: Shelf, companions: Companions) -> None:
        self._shelf = shelf
        self._companions = companions
        self._scores = BesideScores(shelf.view.neighbours, companions, shelf.products)
        self._order_in = lru_cache(KEPT_ORDERS)(partial(_by_sales, shelf))

    def suggestions(self, system: str, asked: Asked, limit: int) -> list[Suggestion]:
        """Return at most `limit` open products: those that the hand speaks for, among what sells; none where it is silent.

        `system`: `companions` or `basket_relations`.
        """
        parts = self._scores.parts(system, asked.hand, self._shelf.popularity_in(asked.store))
        scores, spoken = parts.score, parts.near if system == COMPANIONS else parts.edges
        rows = np.flatnonzero(asked.open & (scores > 0))
        best = rows[np.lexsort((rows, -scores[rows]))][:limit]
        if not (spoken[best] > 0).any():
            return []
        return list(self._suggestions(system, asked, asked.hand, best, parts))

    def leading_to(self, product: int, limit: int) -> list[int]:
        """Return the products (positions) that the product is the nearest companion of."""
        rows = np.flatnonzero(self._companions.product == product)
        rows = rows[np.argsort(-self._companions.strength[rows], kind="stable")][:limit]
        items: list[int] = (np.searchsorted(self._companions.start, rows, side="right") - 1).tolist()
        return items

    def considered(self, asked: Asked) -> IntArray:
        """Return what an answer without a household looks at first, open or not: neighbours of the hand, or best sellers."""
        neighbours = [self._shelf.view.neighbours[name] for name in RELATIONS]
        candidates = [one.candidate[one.entries(asked.hand)[0]] for one in neighbours]
        near = np.unique(np.concatenate([*candidates, self._companions.product[self._companions.of(asked.hand)[0]]]))
        return near if len(near) else self._best_sellers

    @cached_property
    def _best_sellers(self) -> IntArray:
        return np.sort(np.argsort(-self._shelf.popularity, kind="stable")[:CONSIDERED])

    def selling(self, asked: Asked, limit: int, among: IntArray | None = None) -> list[Suggestion]:
        """Return at most `limit` open products by what sells in the store, then in the chain; `among` bounds them."""
        may = asked.open
        if among is not None:
            may = np.zeros_like(asked.open)
            may[among] = asked.open[among]
        found: list[Suggestion] = []
        for store in (asked.store, None) if asked.store is not None else (None,):
            share, order = self._shelf.popularity_in(store), self._order_in(store)
            best = order[may[order]][:limit]
            found += self._suggestions(POPULARITY, asked, NOBODY, best, self._scores.parts(POPULARITY, NOBODY, share))
        return found

    def rest(self, asked: Asked, among: IntArray) -> list[Suggestion]:
        """Return the open ones of `among` that nothing speaks for, by position: what the caller offered is not lost."""
        rows = among[asked.open[among]]
        return list(
            self._suggestions(POPULARITY, asked, NOBODY, rows, self._scores.parts(POPULARITY, NOBODY, self._nothing_sells))
        )

    @cached_property
    def _nothing_sells(self) -> FloatArray:
        return np.zeros(self._shelf.products)

    def _suggestions(self, system: str, asked: Asked, hand: IntArray, products: IntArray, parts: Parts) -> Iterator[Suggestion]:
        weight = EDGE_WEIGHT if system == COMPANIONS else 1.0
        held = asked.request.surface is not Surface.ITEM
        explainer = RelationExplainer(self._shelf.view, self._shelf.features, hand, weight, held=held)
        scores = parts.score
        for product in products.tolist():
            edges, near, share = (float(one[product]) for one in (parts.edges, parts.near, parts.share))
            named = {COMPANIONS: near, BASKET_RELATIONS: edges, POPULARITY: share}
            yield Suggestion(
                product=product,
                score=float(scores[product]),
                kind=KINDS[system] if edges or near else "popularity",
                sources=tuple(name for name, brought in named.items() if brought) or ("given",),
                tell=partial(self._told, explainer, product, share, hand, asked.request.basket, accompanied=near > 0),
            )

    def _near(self, product: int, hand: IntArray) -> list[Near]:
        """Return which products in hand the product accompanies, the nearest first."""
        row, item = self._companions.of(hand)
        hits = np.flatnonzero(self._companions.product[row] == product)
        hits = hits[np.argsort(-self._companions.strength[row[hits]], kind="stable")]
        cosine, together = self._companions.strength[row[hits]].tolist(), self._companions.together[row[hits]].tolist()
        return [Near(*one) for one in zip(item[hits].tolist(), cosine, together, strict=True)]

    def _told(
        self, explainer: RelationExplainer, product: int, popularity: float, hand: IntArray, basket: tuple[str, ...],
        *, accompanied: bool,
    ) -> Told:  # fmt: skip
        near = self._near(product, hand) if accompanied else []
        explanation = explainer.explain(product, explainer.edges_to(product), popularity, near)
        name = self._shelf.view.product(product)
        if explanation.factors and explanation.factors[0].name == COMPANIONS:
            other = self._shelf.view.product(near[0].item).display_name
            return Told(explanation, customer_text(CustomerReason.OFTEN_WITH, name.display_name, other))
        reason, other = customer_reason(explanation, name.id, basket)
        # what was only looked at was not bought
        reason = CustomerReason.GOES_WITH if reason is CustomerReason.WITH_BOUGHT else reason
        return Told(explanation, customer_text(reason, name.display_name, other))


def _by_sales(shelf: Shelf, store: int | None) -> IntArray:
    """Return the products that sell in a store (None: in the chain), the best seller first, then by position."""
    share = shelf.popularity_in(store)
    sold = np.flatnonzero(share > 0)
    return np.asarray(sold[np.lexsort((sold, -share[sold]))])
