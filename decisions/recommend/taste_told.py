"""Explanations of discoveries: a taste is a sum over what was bought, so it is told by the purchases that brought most of it.

A purchase is cited when the score falls without it, by the same solve with the household's basket of that product taken away.
No edge leads from there to what is suggested, and none is made up: the path ends at what was bought.
"""

from functools import cached_property

import numpy as np

from decisions.envelope import NodeName
from decisions.recommend.contract import FactorValue, RecommendationExplanation, RecommendationPath
from decisions.recommend.factors import one_factor
from decisions.recommend.fidelity import LEAST_FALL
from decisions.recommend.shelf import Shelf
from features.collaborative import Influence, Tastes, weight_of
from features.recommend_transform import OWN_COLUMNS
from features.repertoire import FloatArray, IntArray

__all__ = ["TastesTold", "bought_by"]

CITED = 2
"""Purchases cited of one taste: the share of each is small, and more of them say less."""
_BASKETS = OWN_COLUMNS.index("baskets")


def bought_by(shelf: Shelf, household: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Return what a household bought: rows of the features' latest purchases, positions of products, and in how many baskets."""
    own = shelf.features.knowledge.own
    first, last = np.searchsorted(own.key, (household * own.items, (household + 1) * own.items)).tolist()
    rows = np.arange(first, last)
    return rows, own.key[rows] - household * own.items, own.values[rows, _BASKETS].astype(np.float64)


class TastesTold:
    """Explains discoveries of one answer. What was bought is taken apart once, when the first of them is told.

    Args:
        shelf: the release's products and households.
        tastes: what ranked.
        products: what is suggested (positions).
        household: whose tastes; None for those of a basket of nobody known.
        hand: positions of what lies in that basket.
    """

    def __init__(self, shelf: Shelf, tastes: Tastes, products: list[int], household: int | None, hand: IntArray) -> None:
        self._shelf = shelf
        self._tastes = tastes
        self._products = products
        self._household = household
        self._hand = hand

    @cached_property
    def _bought(self) -> tuple[IntArray, IntArray, FloatArray]:
        if self._household is None:
            return np.full(len(self._hand), -1), self._hand, np.ones(len(self._hand))
        return bought_by(self._shelf, self._household)

    @cached_property
    def _influence(self) -> Influence:
        _, product, baskets = self._bought
        return self._tastes.influence(product, weight_of(baskets), np.array(self._products, dtype=np.int64))

    def explain(self, product: int, score: float, text: str) -> RecommendationExplanation:
        """Explain one of the products; `score` is what it was ranked by."""
        asked, (_, bought, baskets) = self._products.index(product), self._bought
        shares = self._influence.shares[:, asked]
        strongest = np.argsort(-np.abs(shares), kind="stable")[:CITED].tolist()
        values = [self._value(int(bought[row]), float(baskets[row]), float(shares[row])) for row in strongest]
        cited = self._cited(asked, shares)
        paths, rows = tuple(path for _, path in cited), np.array([row for row, _ in cited], dtype=np.int64)
        fall = self._influence.together(asked, rows, self._left(rows)) if paths else None
        fidelity = None if fall is None or score <= 0 else fall / score
        return RecommendationExplanation(text, paths, one_factor("taste", score, values), fall, fidelity)

    def _value(self, bought: int, baskets: float, share: float) -> FactorValue:
        where = "own_baskets of" if self._household is not None else "in the basket:"
        return FactorValue(f"{where} {self._shelf.view.name(bought)}", baskets, share)

    def _cited(self, asked: int, shares: FloatArray) -> list[tuple[int, RecommendationPath]]:
        """Return the purchases with the largest shares that the graph holds and without which the score falls."""
        if self._household is None:
            return []
        view, (own, bought, _) = self._shelf.view, self._bought
        rows = np.argsort(-shares, kind="stable")[: 2 * CITED]
        falls = self._influence.alone(asked, rows, self._left(rows))
        found: list[tuple[int, RecommendationPath]] = []
        for row, fall in zip(rows.tolist(), falls.tolist(), strict=True):
            hops = view.purchase(self._buyer, int(own[row]), int(bought[row])) if fall > LEAST_FALL else ()
            if hops:
                found.append((row, RecommendationPath(hops, float(shares[row]), "taste", fall)))
            if len(found) == CITED:
                break
        return found

    @cached_property
    def _buyer(self) -> tuple[int, NodeName] | None:
        return None if self._household is None else self._shelf.view.household(self._household)

    def _left(self, rows: IntArray) -> FloatArray:
        """Return the weights without one basket of each, 0 for what would never have been bought."""
        baskets = self._bought[2][rows]
        return np.where(baskets > 1, weight_of(np.maximum(baskets - 1, 1.0)), 0.0)
