"""What else an explanation could have cited: facts drawn at random, and the most popular ones. Each stands in for a cited path.

A foil has as many paths as the explanation, of the same kinds: purchases of the same household, edges of the same relation from
the same products. What is cited itself may be drawn again.
"""

from collections.abc import Sequence

import numpy as np

from decisions.envelope import ExplanationPath, Hop
from decisions.recommend.graph_view import GraphView
from decisions.recommend.shelf import Shelf
from decisions.recommend.taste_told import bought_by
from features.recommend_relations import TOWARDS_ITEM
from features.repertoire import FloatArray, IntArray

__all__ = ["Foils"]


class Foils:
    """Paths that were not measured.

    Args:
        shelf: the release's products and households.
        seed: for what is drawn.
    """

    def __init__(self, shelf: Shelf, seed: int) -> None:
        self._shelf = shelf
        self._random = np.random.default_rng(seed)

    def random(self, household: str | None, paths: Sequence[ExplanationPath]) -> tuple[ExplanationPath, ...]:
        """Return a path for each of `paths`, drawn from those of its kind with equal chances."""
        return self._instead(household, paths, popular=False)

    def popular(self, household: str | None, paths: Sequence[ExplanationPath]) -> tuple[ExplanationPath, ...]:
        """Return a path for each of `paths`: purchases of what sells best, edges with the most events."""
        return self._instead(household, paths, popular=True)

    def _instead(self, household: str | None, paths: Sequence[ExplanationPath], *, popular: bool) -> tuple[ExplanationPath, ...]:
        found: list[ExplanationPath] = []
        purchases = sum(_is_purchase(path) for path in paths)
        if purchases and household is not None:
            found += self._purchases(household, purchases, popular=popular)
        for path in paths:
            if not _is_purchase(path) and path.hops[-1].relation in self._shelf.view.neighbours:
                found += self._edge(path, popular=popular)
        return tuple(found)

    def _purchases(self, household: str, count: int, *, popular: bool) -> list[ExplanationPath]:
        place, view = self._shelf.household[household], self._shelf.view
        rows, product, _ = bought_by(self._shelf, place)
        order = self._order(self._shelf.popularity[product], popular=popular)
        paths = (view.purchase(view.household(place), int(rows[one]), int(product[one])) for one in order.tolist())
        return [ExplanationPath(hops, 0.0) for hops in paths if hops][:count]

    def _edge(self, path: ExplanationPath, *, popular: bool) -> list[ExplanationPath]:
        hop, view = path.hops[-1], self._shelf.view
        neighbours = view.neighbours[hop.relation]
        item = self._shelf.product[hop.target.id if hop.relation in TOWARDS_ITEM else hop.source.id]
        first, last = int(neighbours.start[item]), int(neighbours.start[item + 1])
        entry = first + int(self._order(neighbours.events[first:last], popular=popular)[0])
        return [ExplanationPath((_hop(view, hop.relation, entry, item),), 0.0)]

    def _order(self, weight: FloatArray, *, popular: bool) -> IntArray:
        if popular:
            return np.argsort(-weight, kind="stable")
        return self._random.permutation(len(weight))


def _is_purchase(path: ExplanationPath) -> bool:
    return any(hop.relation == "contains" for hop in path.hops) and path.hops[-1].relation in {"contains", "inCategory"}


def _hop(view: GraphView, relation: str, entry: int, item: int) -> Hop:
    neighbours = view.neighbours[relation]
    return view.relation(relation, int(neighbours.row[entry]), item, int(neighbours.candidate[entry]))
