"""Paths behind a forecast: every hop is an edge of the pinned graph version, looked up, never composed.

Promotions lead over `promotes`, neighbours over their relation, siblings over `inCategory`. A driver with several promotions is
shared out over them by coverage; a neighbour's path has what that neighbour brought (`news`). A driver for which the graph has no
edge joins the product's own record.

Own history, price and calendar are that record: their trail starts and ends at the product and has no hop. Where it is all
there is, as when a baseline answers, it leads to the product's place in the catalogue.

Without a promotion in the weeks ahead, the promotion driver rests on the last one among the weeks that its features look
back on; older ones moved nothing, and then no promotion is shown.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from decisions.envelope import Explanation, ExplanationPath, Hop, NodeName, evidence_of
from decisions.forecast.contributions import COHERENCE, OWN_HISTORY, SIBLINGS
from decisions.forecast.news import NeighbourShare
from features.demand_history import PROMOTION_MEMORY_WEEKS
from features.demand_neighbours import NEIGHBOUR_RELATIONS
from kg.ports import CHAIN, ArrayGraph, Direction, Edge, NodeRef, PropertyValue

__all__ = ["ForecastExplainer", "Shares", "words_of"]

WEEK = timedelta(days=7)
SHOWN_EDGES = 3
MAXIMUM_EDGES = 60
TOLD_UNITS = 0.5
Shares = Mapping[str, Sequence[NeighbourShare]]
"""By relation: who brought how much of its driver."""
OF_RELATION = {"isSubstituteFor": "a substitute", "isComplementTo": "a complement", "isBoughtWith": "bought with it"}
MAXIMUM_PROMOTIONS = 400
CATALOGUE_RELATIONS = ("inCategory", "ofBrand", "suppliedBy")
"""The product's place in the catalogue: the first of these that the graph has."""
WORDS = {
    OWN_HISTORY: "own sales history",
    "price": "price",
    "calendar": "calendar",
    "promotion": "promotions",
    "past_promotion": "earlier promotions",
    "no_promotion": "no known promotion",
    SIBLINGS: "products of its category",
    COHERENCE: "agreement with stores, category and chain",
    "usual_launch": "a launch that nothing more is known of",
    "sibling_launches": "what its siblings sold when they were launched",
    "donors": "the launches of its donors",
    "isSubstituteFor": "its substitutes",
    "isComplementTo": "its complements",
    "isBoughtWith": "products bought with it",
}


@dataclass(frozen=True, slots=True)
class _Weighted:
    edge: Edge
    units: float


@dataclass(frozen=True, slots=True)
class _Told:
    """How a driver is told: in which words, and by which edges; none where the graph has none."""

    words: str
    edges: Sequence[_Weighted]


class ForecastExplainer:
    """Builds explanations from one graph version."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph

    def explain(
        self,
        product_id: str | None,
        category_id: str | None,
        units: Mapping[str, float],
        shares: Shares,
        *,
        weeks: tuple[date, date],
        as_of: date,
        summary: str,
    ) -> Explanation:
        """Return paths whose contributions sum to the sum of `units`.

        Args:
            product_id: the product, known to the graph; None: a category or all merchandise.
            category_id: the category, known to the graph, whose place among the wider ones is shown.
            units: contribution of each driver over the whole horizon.
            shares: by relation, which neighbour brought how much of it, the largest first.
            weeks: the first day of the horizon and the day after its last.
            as_of: the release's day: neighbour edges valid on it are used.
            summary: the sentence that the drivers' figures are appended to.
        """
        if product_id is None:
            return self._of_sum(category_id, units, summary)
        told = {driver: self._told(driver, value, product_id, weeks, as_of, shares) for driver, value in units.items()}
        linked = [(driver, item) for driver, one in told.items() for item in one.edges]
        place = () if linked else self._place(product_id)
        names = self._names([*(item.edge for _, item in linked), *place])
        paths = [ExplanationPath((_hop(item.edge, names, product_id),), item.units) for _, item in linked]
        hops = tuple(_hop(edge, names, product_id) for edge in place)
        own = ExplanationPath(hops, sum(units.values()) - sum(path.contribution for path in paths))
        ordered = sorted([own, *paths], key=lambda path: -abs(path.contribution))
        worded: dict[str, float] = defaultdict(float)
        for driver, value in units.items():
            # promotions that are over and a plan that is not known are told by the same words
            worded[told[driver].words] += value
        words = _in_words(worded)
        neighbours = _of_neighbours(shares, names)
        return Explanation(" ".join(part for part in (summary, words, neighbours) if part), tuple(ordered))

    def _of_sum(self, category_id: str | None, units: Mapping[str, float], summary: str) -> Explanation:
        wider: Sequence[Edge] = ()
        if category_id is not None:
            wider = self._graph.related("broader", [category_id], direction=Direction.OUT, limit=1)[category_id]
        hops = tuple(_hop(edge, self._names(wider), category_id or "") for edge in wider)
        words = _in_words({words_of(driver): value for driver, value in units.items()})
        return Explanation(f"{summary} {words}".strip(), (ExplanationPath(hops, sum(units.values())),))

    def _told(self, driver: str, units: float, product_id: str, weeks: tuple[date, date], as_of: date, shares: Shares) -> _Told:
        if driver == "promotion":
            return self._promotions(product_id, units, weeks)
        if driver == SIBLINGS:
            found = self._graph.related("inCategory", [product_id], direction=Direction.OUT, limit=1)
            return _Told(WORDS[driver], _shares(found[product_id], [1.0], units))
        if driver in NEIGHBOUR_RELATIONS:
            return _Told(WORDS[driver], self._neighbours(driver, product_id, as_of, shares.get(driver, ())))
        return _Told(WORDS[driver], ())

    def _place(self, product_id: str) -> Sequence[Edge]:
        for relation in CATALOGUE_RELATIONS:
            found = self._graph.related(relation, [product_id], direction=Direction.OUT, limit=1)[product_id]
            if found:
                return found[:1]
        return ()

    def _neighbours(self, relation: str, product_id: str, as_of: date, shares: Sequence[NeighbourShare]) -> Sequence[_Weighted]:
        """Return the edges of the neighbours that brought most, with their parts of the driver; what the others brought joins the
        product's own record.
        """
        found = self._graph.related(relation, [product_id], direction=Direction.IN, limit=MAXIMUM_EDGES, as_of=as_of, scope=CHAIN)
        edges = {edge.source.id: edge for edge in found[product_id]}
        shown = [one for one in shares if one.source_id in edges][:SHOWN_EDGES]
        return [_Weighted(edges[one.source_id], one.units) for one in shown]

    def _promotions(self, product_id: str, units: float, weeks: tuple[date, date]) -> _Told:
        # asked without a day: a plan's promotions begin after `as_of`
        found = self._graph.related("promotes", [product_id], direction=Direction.IN, limit=MAXIMUM_PROMOTIONS)[product_id]
        nodes = self._graph.nodes("Promotion", [edge.source.id for edge in found])
        dated = [(edge, nodes[edge.source.id].properties) for edge in found]
        coming = [item for item in dated if _begins(item[1]) < weeks[1] and _ends(item[1]) > weeks[0]]
        if coming:
            shown = sorted(coming, key=lambda item: (-_coverage(item[1]), item[0].source.id))[:SHOWN_EDGES]
            shares = _shares([edge for edge, _ in shown], [_coverage(properties) for _, properties in shown], units)
            return _Told(WORDS["promotion"], shares)
        remembered = weeks[0] - PROMOTION_MEMORY_WEEKS * WEEK
        past = [item for item in dated if _begins(item[1]) < weeks[0] and _ends(item[1]) > remembered]
        if not past:
            return _Told(WORDS["no_promotion"], ())
        last, _ = max(past, key=lambda item: (_ends(item[1]), item[0].source.id))
        return _Told(WORDS["past_promotion"], (_Weighted(last, units),))

    def _names(self, edges: Sequence[Edge]) -> Mapping[NodeRef, str]:
        wanted: dict[str, set[str]] = {}
        for edge in edges:
            for end in (edge.source, edge.target):
                wanted.setdefault(end.label, set()).add(end.id)
        return {
            NodeRef(label, node.id): str(node.properties.get("display_name", node.id))
            for label, ids in wanted.items()
            for node in self._graph.nodes(label, sorted(ids)).values()
        }


def _of_neighbours(shares: Shares, names: Mapping[NodeRef, str]) -> str:
    """Return a sentence for each neighbour that brought half a unit or more and is shown by a path."""
    sentences = []
    for relation, parts in shares.items():
        for one in parts[:SHOWN_EDGES]:
            name = names.get(NodeRef("Product", one.source_id))
            if name is not None and abs(one.units) >= TOLD_UNITS:
                sentences.append(f"{one.units:+.1f} units: {name}, {OF_RELATION[relation]}, {_news(one)}.")
    return " ".join(sentences)


def _news(one: NeighbourShare) -> str:
    if one.promoted:
        weeks = " and ".join(week.isoformat() for week in one.promoted)
        past = f"; {one.past_weeks} such weeks" if one.past_weeks else ""
        bounds = "" if one.low is None or one.high is None else f", {one.low:+.1f} to {one.high:+.1f}"
        return f"is promoted in the week{'s' if len(one.promoted) > 1 else ''} of {weeks}{past}{bounds}"
    if one.stopped:
        return "has stopped selling"
    return f"sells {one.trend - 1:+.0%} against what was expected"


def words_of(driver: str) -> str:
    """Return a driver in words."""
    return WORDS[driver]


def _shares(edges: Sequence[Edge], weights: Sequence[float], units: float) -> Sequence[_Weighted]:
    total = sum(weights)
    if not edges:
        return ()
    if total <= 0:
        return tuple(_Weighted(edge, units / len(edges)) for edge in edges)
    return tuple(_Weighted(edge, units * weight / total) for edge, weight in zip(edges, weights, strict=True))


def _hop(edge: Edge, names: Mapping[NodeRef, str], product_id: str) -> Hop:
    source, target = (NodeName(end.label, end.id, names.get(end, end.id)) for end in (edge.source, edge.target))
    return Hop(source, edge.relation, target, evidence_of(edge.properties), walked_backwards=edge.target.id == product_id)


def _in_words(units: Mapping[str, float]) -> str:
    """Return the drivers' sentence. `units` are by the driver's words."""
    ranked = sorted(units.items(), key=lambda item: (-abs(item[1]), item[0]))
    parts = [f"{words} {value:+.1f}" for words, value in ranked if abs(value) >= 0.05]
    return f"Drivers in units: {', '.join(parts)}." if parts else ""


def _begins(properties: Mapping[str, PropertyValue]) -> date:
    return _day(properties.get("valid_from")) or date.min


def _ends(properties: Mapping[str, PropertyValue]) -> date:
    return _day(properties.get("valid_to")) or date.max


def _coverage(properties: Mapping[str, PropertyValue]) -> float:
    return _number(properties.get("coverage"))


def _number(value: PropertyValue) -> float:
    return _optional_number(value) or 0.0


def _optional_number(value: PropertyValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _day(value: PropertyValue) -> date | None:
    return value if isinstance(value, date) else None
