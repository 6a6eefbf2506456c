"""Paths behind a forecast: every hop is an edge of the pinned graph version, looked up, never composed.

Own history, price and calendar are the product's own record: their trail starts and ends at the product and has no
hop. Promotions lead over `promotes`, neighbours over their relation, siblings over `inCategory`. A driver with several
edges is shared out over them by coverage or strength. A driver for which the graph has no edge joins the product's own record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from decisions.envelope import Evidence, Explanation, ExplanationPath, Hop, NodeName
from decisions.forecast.contributions import OWN_HISTORY, SIBLINGS
from features.demand_neighbours import NEIGHBOUR_RELATIONS
from kg.ports import ArrayGraph, Direction, Edge, NodeRef, PropertyValue

__all__ = ["ForecastExplainer"]

SHOWN_EDGES = 3
MAXIMUM_PROMOTIONS = 400
OWN_DRIVERS = (OWN_HISTORY, "price", "calendar")
WORDS = {
    OWN_HISTORY: "own sales history",
    "price": "price",
    "calendar": "calendar",
    "promotion": "promotions",
    SIBLINGS: "products of its category",
    "isSubstituteFor": "its substitutes",
    "isComplementTo": "its complements",
    "isBoughtWith": "products bought with it",
}


@dataclass(frozen=True, slots=True)
class _Weighted:
    edge: Edge
    weight: float


class ForecastExplainer:
    """Builds explanations from one graph version."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph

    def explain(
        self, product_id: str, units: Mapping[str, float], *, weeks: tuple[date, date], as_of: date, summary: str
    ) -> Explanation:
        """Return paths whose contributions sum to the sum of `units`.

        Args:
            product_id: the product, known to the graph.
            units: contribution of each driver over the whole horizon.
            weeks: the first day of the horizon and the day after its last.
            as_of: the release's day: neighbour edges valid on it are used.
            summary: the sentence that the drivers' figures are appended to.
        """
        edges = {driver: self._edges(driver, product_id, weeks, as_of) for driver in units if driver not in OWN_DRIVERS}
        linked = {driver: found for driver, found in edges.items() if found}
        names = self._names([item.edge for found in linked.values() for item in found])
        paths = [
            ExplanationPath((_hop(item.edge, names, product_id),), units[driver] * item.weight)
            for driver, found in linked.items()
            for item in found
        ]
        own = ExplanationPath((), sum(units.values()) - sum(path.contribution for path in paths))
        ordered = sorted([own, *paths], key=lambda path: -abs(path.contribution))
        return Explanation(f"{summary} {_in_words(units)}".strip(), tuple(ordered))

    def _edges(self, driver: str, product_id: str, weeks: tuple[date, date], as_of: date) -> Sequence[_Weighted]:
        if driver == "promotion":
            return self._promotions(product_id, weeks, as_of)
        if driver == SIBLINGS:
            found = self._graph.related("inCategory", [product_id], direction=Direction.OUT, limit=1)
            return _shares(found[product_id], [1.0])
        if driver in NEIGHBOUR_RELATIONS:
            return self._neighbours(driver, product_id, as_of)
        return ()

    def _neighbours(self, relation: str, product_id: str, as_of: date) -> Sequence[_Weighted]:
        found = self._graph.related(relation, [product_id], direction=Direction.IN, limit=SHOWN_EDGES, as_of=as_of)
        return _shares(found[product_id], [_number(edge.properties.get("strength")) for edge in found[product_id]])

    def _promotions(self, product_id: str, weeks: tuple[date, date], as_of: date) -> Sequence[_Weighted]:
        # asked without a day: a plan's promotions begin after `as_of`
        found = self._graph.related("promotes", [product_id], direction=Direction.IN, limit=MAXIMUM_PROMOTIONS)[product_id]
        nodes = self._graph.nodes("Promotion", [edge.source.id for edge in found])
        dated = [(edge, nodes[edge.source.id].properties) for edge in found]
        coming = [item for item in dated if _begins(item[1]) < weeks[1] and _ends(item[1]) > weeks[0]]
        past = sorted((item for item in dated if _begins(item[1]) <= as_of), key=lambda item: (_ends(item[1]), item[0].source.id))
        shown = sorted(coming, key=lambda item: (-_coverage(item[1]), item[0].source.id))[:SHOWN_EDGES] or past[-1:]
        return _shares([edge for edge, _ in shown], [_coverage(properties) for _, properties in shown])

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


def _shares(edges: Sequence[Edge], weights: Sequence[float]) -> Sequence[_Weighted]:
    total = sum(weights)
    if not edges:
        return ()
    if total <= 0:
        return tuple(_Weighted(edge, 1.0 / len(edges)) for edge in edges)
    return tuple(_Weighted(edge, weight / total) for edge, weight in zip(edges, weights, strict=True))


def _hop(edge: Edge, names: Mapping[NodeRef, str], product_id: str) -> Hop:
    source, target = (NodeName(end.label, end.id, names.get(end, end.id)) for end in (edge.source, edge.target))
    return Hop(source, edge.relation, target, _evidence(edge.properties), walked_backwards=edge.target.id == product_id)


def _evidence(properties: Mapping[str, PropertyValue]) -> Evidence:
    sources = properties.get("sources")
    return Evidence(
        strength=_optional_number(properties.get("strength")),
        low=_optional_number(properties.get("low")),
        high=_optional_number(properties.get("high")),
        unit=_text(properties.get("unit")),
        events=_count(properties.get("events")),
        support=_count(properties.get("support")),
        first_observed=_day(properties.get("first_observed")),
        last_observed=_day(properties.get("last_observed")),
        grade=_text(properties.get("grade")) or "fact",
        sources=tuple(sources) if isinstance(sources, tuple) else (),
        assertion_id=_text(properties.get("assertion_id")),
        scope=_text(properties.get("scope")),
        run_id=_text(properties.get("run_id")),
        model_version=_text(properties.get("model_version")),
    )


def _in_words(units: Mapping[str, float]) -> str:
    ranked = sorted(units.items(), key=lambda item: (-abs(item[1]), item[0]))
    parts = [f"{WORDS[driver]} {value:+.1f}" for driver, value in ranked if abs(value) >= 0.05]
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


def _count(value: PropertyValue) -> int | None:
    return value if isinstance(value, int) else None


def _text(value: PropertyValue) -> str | None:
    return value if isinstance(value, str) else None


def _day(value: PropertyValue) -> date | None:
    return value if isinstance(value, date) else None
