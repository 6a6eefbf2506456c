"""Paths behind a launch: to its promotions, to its place in the catalogue and, through what they share, to its donors.

A product and a donor share a type, a supplier or a brand, or at least a category above their types. A donor that shares none of
these is shown at its own place. Every hop is an edge of the pinned graph version.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow as pa

from decisions.envelope import Explanation, ExplanationPath, Hop, NodeName, evidence_of
from decisions.forecast.explain import ForecastExplainer
from features.demand_launch_features import DONORS
from features.demand_launches import grouped
from kg.ports import ArrayGraph, Direction, Edge

__all__ = ["LaunchExplainer", "ProductPlace"]

SHARED = ("inCategory", "suppliedBy")
BRAND = "ofBrand"
"""Told last: a retailer may tell brands of makers from his own alone, and then half of the range shares one."""
BROADER = "broader"
LEVELS = ("department", "category", "type")
_Step = tuple[Edge, bool]


class ProductPlace:
    """What the graph says a product is."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph

    def groups(self, product_id: str) -> Mapping[str, str]:
        """Return the name of a product's group by grouping (`features.demand_launches.GROUPINGS`)."""
        levels = {self._level(category): category for category in self.categories(product_id)}
        department = levels.get("department", "")
        category = levels.get("category", department)
        told = {
            "department": department,
            "category": category,
            "type": levels.get("type", category),
            "brand": self._first("ofBrand", product_id),
            "supplier": self._first("suppliedBy", product_id),
            "size": self._size(product_id),
        }
        return {name: value[0].as_py() for name, value in grouped({k: pa.array([v]) for k, v in told.items()}).items()}

    def categories(self, product_id: str) -> Sequence[str]:
        """Return its categories, the narrowest first."""
        return [edge.target.id for edge in self.climbed(product_id)]

    def climbed(self, product_id: str) -> Sequence[Edge]:
        """Return the edges from a product to its category and from there to the wider ones."""
        found = list(self.edges("inCategory", product_id))
        while found and len(found) <= len(LEVELS):
            wider = self.edges(BROADER, found[-1].target.id)
            if not wider:
                break
            found += wider
        return found

    def edges(self, relation: str, id: str) -> Sequence[Edge]:
        """Return the one edge of a relation that leads away from a node, where there is one."""
        return self._graph.related(relation, [id], direction=Direction.OUT, limit=1)[id][:1]

    def _first(self, relation: str, product_id: str) -> str:
        return next((edge.target.id for edge in self.edges(relation, product_id)), "")

    def _level(self, category_id: str) -> str:
        return str(self._graph.nodes("ProductCategory", [category_id])[category_id].properties.get("level", ""))

    def _size(self, product_id: str) -> str:
        return str(self._graph.nodes("Product", [product_id])[product_id].properties.get("size") or "")


class LaunchExplainer:
    """Builds the explanations of launches from one graph version."""

    def __init__(self, graph: ArrayGraph, place: ProductPlace, explainer: ForecastExplainer) -> None:
        self._graph = graph
        self._place = place
        self._explainer = explainer

    def explain(
        self,
        product_id: str,
        units: Mapping[str, float],
        donors: Sequence[str],
        *,
        weeks: tuple[date, date],
        as_of: date,
        summary: str,
    ) -> Explanation:
        """Return paths whose contributions sum to the sum of `units`.

        Args:
            product_id: the product.
            units: contribution of each driver over the asked weeks.
            donors: products whose launches it is taken to be like; their driver is shared out over them evenly.
            weeks: the first day of the launch and the day after its last asked week.
            as_of: the release's day.
            summary: the sentence that the drivers' figures are appended to.
        """
        others = {driver: value for driver, value in units.items() if driver != DONORS or not donors}
        told = self._explainer.explain(product_id, None, others, {}, weeks=weeks, as_of=as_of, summary=summary)
        if not donors:
            return told
        brought = units.get(DONORS, 0.0)
        walks = [self._walk(product_id, donor) for donor in donors]
        names = self._names([edge for walk in walks for edge, _ in walk])
        paths = [ExplanationPath(tuple(_hop(*step, names) for step in walk), brought / len(donors)) for walk in walks]
        ordered = sorted([*told.paths, *paths], key=lambda path: -abs(path.contribution))
        called = ", ".join(self._called(donor) for donor in donors)
        # adding 0.0 turns the zero that is written with a minus into the plain one
        text = f"{told.text} {round(brought, 1) + 0.0:+.1f} units: launched like {called}."
        return Explanation(text.strip(), tuple(ordered))

    def _walk(self, product_id: str, donor_id: str) -> list[_Step]:
        """Return the edges from a product to a donor, and which are walked backwards."""
        up, down = self._place.climbed(product_id), self._place.climbed(donor_id)
        return (
            next((walk for walk in (self._shared(one, product_id, donor_id) for one in SHARED) if walk), None)
            or _over_categories(up, down)
            or self._shared(BRAND, product_id, donor_id)
            or [(one, True) for one in down[:1]]
        )

    def _shared(self, relation: str, product_id: str, donor_id: str) -> list[_Step]:
        """Return the edges over what both have by a relation; none where it is not the same."""
        ours, theirs = (self._place.edges(relation, one) for one in (product_id, donor_id))
        if ours and theirs and ours[0].target.id == theirs[0].target.id:
            return [(ours[0], False), (theirs[0], True)]
        return []

    def _names(self, edges: Sequence[Edge]) -> Mapping[tuple[str, str], str]:
        wanted: dict[str, set[str]] = {}
        for edge in edges:
            for end in (edge.source, edge.target):
                wanted.setdefault(end.label, set()).add(end.id)
        return {
            (label, node.id): str(node.properties.get("display_name", node.id))
            for label, ids in wanted.items()
            for node in self._graph.nodes(label, sorted(ids)).values()
        }

    def _called(self, product_id: str) -> str:
        return str(self._graph.nodes("Product", [product_id])[product_id].properties.get("display_name", product_id))


def _over_categories(up: Sequence[Edge], down: Sequence[Edge]) -> list[_Step]:
    """Return the edges over the narrowest category that both lie in, up to that above their types; none where there is none."""
    for step, edge in enumerate(up[:2]):
        meeting = [back for back, other in enumerate(down[:2]) if other.target.id == edge.target.id]
        if meeting:
            there = [(one, True) for one in reversed(down[: meeting[0] + 1])]
            return [*((one, False) for one in up[: step + 1]), *there]
    return []


def _hop(edge: Edge, walked_backwards: bool, names: Mapping[tuple[str, str], str]) -> Hop:
    source, target = (NodeName(end.label, end.id, names.get((end.label, end.id), end.id)) for end in (edge.source, edge.target))
    return Hop(source, edge.relation, target, evidence_of(edge.properties), walked_backwards=walked_backwards)
