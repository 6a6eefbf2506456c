"""Beside one product: what replaces it where it is not to be had, what completes it where it is.

Substitutes come from `isSubstituteFor`, never one that a standing statement forbids; complements from `isComplementTo`, then from
what lies in the same baskets. A product that no edge speaks of gets the best sellers of its shelf.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from decisions.recommend.asking import Asked
from decisions.recommend.contract import FactorValue, RecommendationExplanation, RecommendationPath
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.factors import one_factor
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from features.repertoire import IntArray

__all__ = ["COMPLEMENTS", "ITEM_RELATIONS", "SUBSTITUTES", "ItemLists"]

ITEM_RELATIONS = "complements"
"""The name of the system that completes a product by published edges."""

SUBSTITUTES = ("isSubstituteFor",)
COMPLEMENTS = ("isComplementTo", "isBoughtWith")
SOURCES = {"isSubstituteFor": "substitutes", "isComplementTo": "complements", "isBoughtWith": "bought_with"}
REASONS = {
    "isSubstituteFor": CustomerReason.REPLACES,
    "isComplementTo": CustomerReason.GOES_WITH,
    "isBoughtWith": CustomerReason.OFTEN_WITH,
}
WORDS = {
    "isSubstituteFor": "{candidate} can be taken in place of {item}.",
    "isComplementTo": "{candidate} goes with {item}.",
    "isBoughtWith": "{candidate} is often bought with {item}.",
}


class ItemLists:
    """Suggestions beside one product, by the strength of the edge that leads to them."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def related(self, asked: Asked, item: int, relations: tuple[str, ...], limit: int) -> list[Suggestion]:
        """Return at most `limit` open products that an edge leads to from `item` (position): one relation after the other."""
        found: list[Suggestion] = []
        seen = np.zeros(self._shelf.products, bool)
        seen[item] = True
        for relation in relations:
            rows = self._rows(asked, relation, item, seen)[: limit - len(found)]
            found += self._suggestions(relation, item, rows)
        return found

    def leading_to(self, product: int, limit: int) -> list[int]:
        """Return the products (positions) whose edges to `product` are strongest, over both kinds of complement."""
        found: dict[int, None] = {}
        for relation in COMPLEMENTS:
            neighbours = self._shelf.view.neighbours[relation]
            rows = np.flatnonzero(neighbours.candidate == product)
            rows = rows[np.argsort(-neighbours.strength[rows], kind="stable")][:limit]
            found |= dict.fromkeys((np.searchsorted(neighbours.start, rows, side="right") - 1).tolist())
        return list(found)[:limit]

    def _rows(self, asked: Asked, relation: str, item: int, seen: np.ndarray) -> IntArray:
        """Return the entries of open candidates that did not come before, the strongest first, each candidate once."""
        neighbours = self._shelf.view.neighbours[relation]
        entries = np.arange(neighbours.start[item], neighbours.start[item + 1])
        candidates = neighbours.candidate[entries]
        _, first = np.unique(candidates, return_index=True)
        kept = np.zeros(len(entries), bool)
        kept[first] = True
        entries = entries[kept & asked.open[candidates] & ~seen[candidates]]
        seen[neighbours.candidate[entries]] = True
        return np.asarray(entries)

    def _suggestions(self, relation: str, item: int, rows: IntArray) -> Iterator[Suggestion]:
        neighbours = self._shelf.view.neighbours[relation]
        for row in rows.tolist():
            yield Suggestion(
                product=int(neighbours.candidate[row]),
                score=float(neighbours.strength[row]),
                kind="relations",
                sources=(SOURCES[relation],),
                tell=partial(self._told, relation, item, row),
            )

    def _told(self, relation: str, item: int, row: int) -> Told:
        view, neighbours = self._shelf.view, self._shelf.view.neighbours[relation]
        candidate = int(neighbours.candidate[row])
        hop = view.relation(relation, int(neighbours.row[row]), item, candidate)
        words = WORDS[relation].format(candidate=view.product(candidate).display_name, item=view.product(item).display_name)
        strength = float(neighbours.strength[row])
        path = RecommendationPath((hop,), strength, "relations", strength)
        factors = one_factor("relations", strength, [FactorValue(f"{relation} strength", strength, strength)])
        names = view.product(candidate).display_name, view.product(item).display_name
        explanation = RecommendationExplanation(words, (path,), factors, strength, 1.0)
        return Told(explanation, customer_text(REASONS[relation], *names))
