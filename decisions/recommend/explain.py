"""Sentences and paths for recommended products.

Each group of features (`features.recommend_transform.GROUPS`) that rests on edges is shown by one path: purchases by the latest
basket, rhythm by the latest purchase of the type, relations by the strongest edge, promotions by the promotion. Popularity has
none. Which of them are cited is measured (`decisions.recommend.fidelity`), and the sentence tells the first of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from decisions.envelope import Hop
from decisions.recommend.contract import FactorValue, RecommendationExplanation, RecommendationPath
from decisions.recommend.factors import one_factor
from decisions.recommend.graph_view import GraphView
from decisions.recommend.ranking import Ranked
from features.recommend_relations import RELATIONS
from features.recommend_tables import ServingFeatures
from features.recommend_transform import RHYTHM_COLUMNS, HouseholdKnowledge
from features.repertoire import IntArray

__all__ = ["Explainer", "RelationExplainer", "Spoken"]

_LEADS = {
    "habit": "{name} fits how the household shops.",
    "rhythm": "{name} fits what kinds of products the household buys.",
    "promotion": "{name} is promoted, or was sold for less of late.",
    "relations": "{name} goes with what is in the basket or was bought lately.",
}
"""What leads and has no path."""
NO_LEAD = "{name} is suggested though nothing speaks for it: more speaks against others."
STRONGEST = 2
"""Edges that are told as figures of their factor."""
_BASKETS, _DAYS, _GAP = (RHYTHM_COLUMNS.index(name) for name in ("baskets", "days_since", "mean_gap_days"))


@dataclass(frozen=True, slots=True)
class Spoken:
    """An edge from a product in hand to a candidate."""

    hop: Hop
    item: int


class Explainer:
    """Explains the ranked products of one household.

    Args:
        view: the published graph.
        features: what the release knows.
        household: its position; None for one without purchases in the release.
        live: what is known of it now, as origin 0, where it bought since the release. The graph holds none of that.
    """

    def __init__(
        self, view: GraphView, features: ServingFeatures, household: int | None, live: HouseholdKnowledge | None = None
    ) -> None:
        self._view = view
        self._features = features
        self._live = live
        self._first = 0 if household is None else household * features.knowledge.own.items
        self._buyer = None if household is None else view.household(household)

    def path(self, reason: str, ranked: Ranked, row: int) -> tuple[Hop, ...]:
        """Return the path that shows a reason of `fidelity.REASONS`, or nothing where the graph does not hold it."""
        product = int(ranked.product[row])
        if reason == "promotion":
            return self._view.promotion(product)
        if reason == "relations":
            spoken = self._spoken(ranked, row, product)
            return () if spoken is None else self._relation_hops(spoken, recent=bool(ranked.recent[row]))
        purchase = self._view.purchase(self._buyer, int(ranked.own[row]), product)
        return purchase if reason == "habit" else self._rhythm(int(ranked.alike[row]), product, purchase)

    def sentence(self, ranked: Ranked, row: int, lead: str) -> str:
        """Return why a row is suggested, for the retailer's own people. `lead`: the factor that is told."""
        product = int(ranked.product[row])
        name, habit = self._view.product(product).display_name, self._habit(product, int(ranked.own[row]))
        if lead == "relations" and (spoken := self._spoken(ranked, row, product)) is not None:
            item = self._view.product(spoken.item).display_name
            where = ", which was bought lately" if ranked.recent[row] else f" in the basket{habit}"
            return f"{name} goes with {item}{where}."
        if lead in {"habit", "rhythm"} and habit:
            return f"{name}: bought before{habit}."
        if lead == "rhythm" and ranked.alike[row] >= 0:
            alike = int(ranked.alike[row])
            other = int(self._features.knowledge.own.key[alike]) - self._first
            return f"{name} is of a kind with {self._view.name(other)}: bought{self._habit(other, alike)}."
        told = _sells_well(name, self._features, product) if lead == "popularity" else _LEADS.get(lead, NO_LEAD).format(name=name)
        return f"{told} Bought before{habit}." if habit else told

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
        own = self._features.knowledge.own
        row = int(own.rows(0, np.array([self._first + spoken.item]))[0])
        # what was bought since the release alone has no basket in its graph
        return (*self._view.purchase(self._buyer, row if row < len(own.key) else -1, spoken.item), spoken.hop)

    def _habit(self, product: int, row: int) -> str:
        """Say how often and when it was bought, "" for never. `row`: of the release, which knows no later purchase."""
        own = self._features.knowledge.own
        if self._live is not None:
            own = self._live.own
            row = int(own.rows(0, np.array([product]))[0])
        if not 0 <= row < len(own.key):
            return ""
        values = own.values[row].tolist()
        often = f", in {int(values[_BASKETS])} of the household's baskets, last {int(values[_DAYS])} days ago"
        return often if np.isnan(values[_GAP]) else f"{often}, about every {max(values[_GAP], 1):.0f} days"


@dataclass(frozen=True, slots=True)
class Near:
    """A product in hand that lies in the same baskets as a candidate: the shrunk cosine, and how many baskets."""

    item: int
    cosine: float
    together: int


class RelationExplainer:
    """Explains what the relations of a basket, what lies in the same baskets, or sales alone, brought.

    Args:
        view: the published graph.
        features: what the release knows.
        basket: what is in hand.
        weight: what a unit of an edge's strength brings to a score.
        held: whether what is in hand lies in a basket; a product that is looked at does not.
    """

    def __init__(
        self, view: GraphView, features: ServingFeatures, basket: IntArray, weight: float = 1.0, *, held: bool = True
    ) -> None:
        self._where = " in the basket" if held else ""
        self._view = view
        self._features = features
        self._weight = weight
        self._entries = {}
        for relation in RELATIONS:
            entry, place = view.neighbours[relation].entries(basket)
            self._entries[relation] = entry, basket[place]

    def explain(
        self, product: int, edges: Sequence[tuple[Spoken, float]], popularity: float, near: Sequence[Near] = ()
    ) -> RecommendationExplanation:
        """Return the sentence, factors and paths of a product, the factor that weighs most first.

        Args:
            product: its position.
            edges: what `edges_to` gave.
            popularity: what sales brought.
            near: the products in hand that it accompanies, the nearest first.
        """
        weight = self._weight
        brought, together = weight * sum(value for _, value in edges), sum(one.cosine for one in near)
        sold = float(self._features.population.baskets_in_28_days[product])
        strongest = [FactorValue(f"{one.hop.relation} strength", value, weight * value) for one, value in edges[:STRONGEST]]
        nearest = [
            FactorValue(f"baskets with {self._view.product(one.item).display_name}", float(one.together), one.cosine)
            for one in near[:STRONGEST]
        ]
        factors = (
            *one_factor("relations", brought, strongest),
            *one_factor("companions", together, nearest),
            *one_factor("popularity", popularity, [FactorValue("product_sold_28", sold, popularity)]),
        )
        factors = tuple(sorted(factors, key=lambda one: -one.contribution)) if near else factors
        text = self._sentence(product, edges, near, factors[0].name if near else "relations")
        if not edges:
            return RecommendationExplanation(text, (), factors)
        paths = tuple(RecommendationPath((spoken.hop,), weight * value, "relations", weight * value) for spoken, value in edges)
        return RecommendationExplanation(text, paths, factors, brought, brought / (brought + together + popularity))

    def _sentence(self, product: int, edges: Sequence[tuple[Spoken, float]], near: Sequence[Near], lead: str) -> str:
        name = self._view.product(product).display_name
        if lead == "companions":
            item = self._view.product(near[0].item).display_name
            return f"{name} lies in the same baskets as {item}: in {near[0].together} so far."
        if lead == "relations" and edges:
            return f"{name} goes with {self._view.product(edges[0][0].item).display_name}{self._where}."
        return _sells_well(name, self._features, product)

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
