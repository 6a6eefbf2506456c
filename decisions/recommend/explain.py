"""Sentences and paths for recommended products.

The contributions of an item's paths sum to its score less the score everything starts from. Each group of features
(`features.recommend_transform.GROUPS`) brings its Shapley value to the path that shows it: purchases to the latest basket,
rhythm to the latest purchase of the type, relations to the strongest edge, promotions to the promotion. What has no such path
in the graph, and popularity, is brought by the product's place in the catalogue.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from decisions.envelope import Explanation, ExplanationPath, Hop
from decisions.recommend.graph_view import GraphView
from decisions.recommend.ranking import Ranked
from features.recommend_relations import RELATIONS
from features.recommend_tables import ServingFeatures
from features.recommend_transform import GROUPS, RHYTHM_COLUMNS
from features.repertoire import IntArray

__all__ = ["Explainer", "RelationExplainer", "Spoken"]

_BASKETS, _DAYS, _GAP = (RHYTHM_COLUMNS.index(name) for name in ("baskets", "days_since", "mean_gap_days"))


@dataclass(frozen=True, slots=True)
class Spoken:
    """An edge from a product in hand to a candidate."""

    hop: Hop
    item: int


class Explainer:
    """Explains the ranked products of one household (position)."""

    def __init__(self, view: GraphView, features: ServingFeatures, household: int) -> None:
        self._view = view
        self._features = features
        self._first = household * features.knowledge.own.items
        self._buyer = view.household(household)

    def explain(self, ranked: Ranked, row: int) -> Explanation:
        """Return the sentence and paths of one row."""
        product, own, recent = int(ranked.product[row]), int(ranked.own[row]), bool(ranked.recent[row])
        spoken = self._spoken(ranked, row, product)
        purchase = self._view.purchase(self._buyer, own, product)
        found = {
            "habit": purchase,
            "rhythm": self._rhythm(int(ranked.alike[row]), product, purchase),
            "relations": () if spoken is None else self._relation_hops(spoken, recent=recent),
            "promotion": self._view.promotion(product),
            "popularity": self._view.category(product),
        }
        return Explanation(self._sentence(product, own, spoken, recent=recent), _paths(found, ranked.brought[row].tolist()))

    def _spoken(self, ranked: Ranked, row: int, product: int) -> Spoken | None:
        if ranked.relation[row] < 0:
            return None
        relation, item = RELATIONS[ranked.relation[row]], int(ranked.item[row])
        edge = int(self._view.neighbours[relation].row[ranked.entry[row]])
        return Spoken(self._view.relation(relation, edge, item, product), item)

    def _rhythm(self, alike: int, product: int, purchase: tuple[Hop, ...]) -> tuple[Hop, ...]:
        """Return the way from the latest purchase of the product's type over their common category to the product."""
        if alike < 0:
            return ()
        latest = int(self._features.knowledge.own.key[alike]) - self._first
        up = self._view.category(latest)
        if latest == product:
            return (*purchase, *up) if purchase else ()
        bought = self._view.purchase(self._buyer, alike, latest)
        if not bought or not up:
            return (*bought, *up) if bought else ()
        down = self._view.category(product)
        if not down or down[0].target != up[0].target:
            return ()
        return (*bought, *up, Hop(down[0].source, down[0].relation, down[0].target, down[0].evidence, walked_backwards=True))

    def _relation_hops(self, spoken: Spoken, *, recent: bool) -> tuple[Hop, ...]:
        if not recent:
            return (spoken.hop,)
        row = int(np.searchsorted(self._features.knowledge.own.key, self._first + spoken.item))
        return (*self._view.purchase(self._buyer, row, spoken.item), spoken.hop)

    def _sentence(self, product: int, own: int, spoken: Spoken | None, *, recent: bool) -> str:
        name = self._view.product(product).display_name
        if spoken is not None and not recent:
            return f"{name} goes with {self._view.product(spoken.item).display_name} in the basket{self._habit(own)}."
        if own >= 0:
            return f"{name}: bought before{self._habit(own)}."
        if spoken is not None:
            return f"{name} goes with {self._view.product(spoken.item).display_name}, which was bought lately."
        return _sells_well(name, self._features, product)

    def _habit(self, row: int) -> str:
        if row < 0:
            return ""
        values = self._features.knowledge.own.values[row].tolist()
        often = f", in {int(values[_BASKETS])} of the household's baskets, last {int(values[_DAYS])} days ago"
        return often if np.isnan(values[_GAP]) else f"{often}, about every {max(values[_GAP], 1):.0f} days"


class RelationExplainer:
    """Explains what the relations of a basket, or sales alone, brought."""

    def __init__(self, view: GraphView, features: ServingFeatures, basket: IntArray) -> None:
        self._view = view
        self._features = features
        self._entries = {}
        for relation in RELATIONS:
            entry, place = view.neighbours[relation].entries(basket)
            self._entries[relation] = entry, basket[place]

    def explain(self, product: int, edges: Sequence[tuple[Spoken, float]], popularity: float) -> Explanation:
        """Return the sentence and paths of a product. `edges`: what `edges_to` gave."""
        paths = [ExplanationPath((spoken.hop,), value) for spoken, value in edges]
        if popularity or not paths:
            paths.append(ExplanationPath(self._view.category(product), popularity))
        name = self._view.product(product).display_name
        if not edges:
            return Explanation(_sells_well(name, self._features, product), tuple(paths))
        item = self._view.product(edges[0][0].item).display_name
        return Explanation(f"{name} goes with {item} in the basket.", tuple(paths))

    def edges_to(self, product: int) -> list[tuple[Spoken, float]]:
        """Return the edges from the basket to the product, with their strength: by relation, the strongest first."""
        found: list[tuple[Spoken, float]] = []
        for relation, (entry, item) in self._entries.items():
            neighbours = self._view.neighbours[relation]
            hits = np.flatnonzero(neighbours.candidate[entry] == product)
            for hit in hits[np.argsort(-neighbours.strength[entry[hits]], kind="stable")].tolist():
                hop = self._view.relation(relation, int(neighbours.row[entry[hit]]), int(item[hit]), product)
                found.append((Spoken(hop, int(item[hit])), float(neighbours.strength[entry[hit]])))
        return found


def _sells_well(name: str, features: ServingFeatures, product: int) -> str:
    return f"{name} sells well: in {int(features.population.baskets_in_28_days[product])} baskets of the last 28 days."


def _paths(found: dict[str, tuple[Hop, ...]], contributions: Sequence[float]) -> tuple[ExplanationPath, ...]:
    """Give each group's contribution to its path; what has none goes to the catalogue's, or else to the first there is."""
    rest = next((group for group in ("popularity", "habit", "relations", "rhythm", "promotion") if found[group]), "popularity")
    brought = dict.fromkeys(found, 0.0)
    for group, value in zip(GROUPS, contributions, strict=True):
        brought[group if found[group] else rest] += float(value)
    paths = [
        ExplanationPath(found[group], value) for group, value in brought.items() if value and (found[group] or group == rest)
    ]
    if not paths:
        paths = [ExplanationPath(found[rest], 0.0)]
    return tuple(sorted(paths, key=lambda path: -abs(path.contribution)))
