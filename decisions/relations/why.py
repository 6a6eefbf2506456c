"""Why two products are related, or why not: edges in both directions and all scopes, paths, and what they share in sales.

Paths go over what belongs to products alone (categories, suppliers, brands, needs, coupons, products bought with both). What
they share through baskets and buyers is counted, not walked: such a path would name a household. A count over fewer than ten
households is withheld.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from decisions.envelope import Evidence, Explanation, ExplanationPath, Hop, NodeName, evidence_of
from decisions.relations.errors import NeverSoldTogether
from decisions.relations.explain import SENTENCES, sentence_of
from decisions.relations.shared_sales import SharedCount, SharedSales
from decisions.relations.surroundings import names_of
from kg.ports import CHAIN, ArrayGraph, Direction, Edge, NodeRef, Path, PropertyValue

__all__ = ["PairRelation", "SellingPeriod", "WhyAnswer", "WhyRequest", "Witnesses", "unmet"]

MOST_RELATIONS = 100
STATED = {
    "neverSubstituteFor": "{other} is never to be given in place of {asked}.",
    "isDeclaredEquivalentTo": "{other} is declared equivalent to {asked}.",
    "isVariantOf": "{other} is a variant of {asked}.",
    "replaces": "{other} replaces {asked} in the range.",
    "requires": "{other} requires {asked}.",
    "similarTo": "{other} is described like {asked}.",
}


@dataclass(frozen=True, slots=True)
class _Template:
    """A kind of path: over which relations, of how many hops, how many are shown, and in what words."""

    relations: tuple[str, ...]
    hops: tuple[int, ...]
    shown: int
    words: str


TEMPLATES = (
    _Template(("inCategory",), (2,), 1, "both are in {through}"),
    _Template(("inCategory", "broader"), (3, 4), 1, "their categories meet"),
    _Template(("suppliedBy",), (2,), 1, "both come from {through}"),
    _Template(("ofBrand",), (2,), 1, "both are of the brand {through}"),
    _Template(("servesNeed",), (2,), 1, "both serve {through}"),
    _Template(("appliesTo",), (2,), 1, "one coupon is for both ({through})"),
)
COMPANION = "isBoughtWith"
COMPANION_WORDS = "both are bought with {through}"
SHOWN_COMPANIONS = 3
MOST_COMPANIONS = 100


@dataclass(frozen=True, slots=True)
class WhyRequest:
    """Why `product_id` and `other_id` are related. `as_of` None: the release's day."""

    product_id: str
    other_id: str
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class PairRelation:
    """One edge between the two, in its stored direction, in words."""

    relation: str
    scope: str
    source: NodeName
    target: NodeName
    evidence: Evidence
    text: str


@dataclass(frozen=True, slots=True)
class SellingPeriod:
    """From the first to the last day on which a product was sold; None where it never was."""

    product: NodeName
    first_sold: date | None
    last_sold: date | None


@dataclass(frozen=True, slots=True)
class WhyAnswer:
    """All that the graph holds between two products; `missing` says in sentences what stands against a relation.

    `days_together` is for how many days both were on sale, by their first and last sales; None where one was never sold.
    """

    as_of: date
    related: bool
    relations: tuple[PairRelation, ...]
    shared: tuple[SharedCount, ...]
    periods: tuple[SellingPeriod, SellingPeriod]
    days_together: int | None
    explanation: Explanation
    missing: tuple[str, ...]


def unmet(answer: WhyAnswer) -> NeverSoldTogether | None:
    """Return the refusal that an answer comes to when the two were never sold at the same time and nothing joins them."""
    if answer.relations or answer.days_together != 0:
        return None
    first, second = answer.periods
    return NeverSoldTogether(first.product.id, second.product.id, _gap(answer.periods))


class Witnesses:
    """Reads what one published version holds between two products."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph
        self._sales = SharedSales(graph)

    def between(self, product_id: str, other_id: str) -> WhyAnswer:
        """Return everything between two products that the graph has: a fixed number of reads, however much they share."""
        ends = NodeRef("Product", product_id), NodeRef("Product", other_id)
        edges = self._edges(*ends)
        trails = [(template.words, path) for template in TEMPLATES for path in self._paths(template, *ends)]
        trails += [(COMPANION_WORDS, path) for path in self._companions(*ends)]
        names = self._names(ends, [path for _, path in trails])
        relations = tuple(_relation(edge, names) for edge in edges)
        shared = self._sales.of(product_id, other_id)
        periods = self._period(ends[0], names), self._period(ends[1], names)
        together = _days_together(*periods)
        paths = tuple(ExplanationPath(tuple(_hops(path, names)), 0.0) for _, path in trails)
        related = any(edge.relation in SENTENCES for edge in edges)
        return WhyAnswer(
            self._graph.version.as_of,
            related,
            relations,
            shared,
            periods,
            together,
            Explanation(_summary(relations, trails, names, ends), paths),
            () if related else tuple(_missing(periods, together, shared, [words for words, _ in trails])),
        )

    def _edges(self, one: NodeRef, other: NodeRef) -> list[Edge]:
        """Return the edges between the two that hold on the day: by relation as listed, the chain first, then by direction."""
        relations = (*SENTENCES, *STATED)
        found = self._graph.paths(one, other, relations=relations, maximum_hops=1, limit=MOST_RELATIONS)
        held = [path.edges[0] for path in found if self._holds(path.edges[0])]
        return sorted(held, key=lambda edge: (relations.index(edge.relation), *_scope_order(edge), edge.source != other))

    def _paths(self, template: _Template, one: NodeRef, other: NodeRef) -> Sequence[Path]:
        found = self._graph.paths(one, other, relations=template.relations, maximum_hops=template.hops[-1], limit=MOST_RELATIONS)
        kept: dict[tuple[NodeRef, ...], Path] = {}
        for path in found:
            if len(path.edges) in template.hops and all(self._holds(edge) and _in_chain(edge) for edge in path.edges):
                kept.setdefault(path.nodes, path)
        return list(kept.values())[: template.shown]

    def _companions(self, one: NodeRef, other: NodeRef) -> Sequence[Path]:
        """Return the trails over products that are bought with both, those first whose weaker edge is the strongest."""
        found = self._graph.related(
            COMPANION,
            [one.id, other.id],
            direction=Direction.OUT,
            limit=MOST_COMPANIONS,
            as_of=self._graph.version.as_of,
            scope=CHAIN,
        )
        second = {edge.target: edge for edge in found[other.id]}
        pairs = [(edge, second[edge.target]) for edge in found[one.id] if edge.target in second]
        pairs.sort(key=lambda pair: (-min(_strength(edge) for edge in pair), pair[0].target.id))
        return [Path((one, first.target, other), (first, last)) for first, last in pairs[:SHOWN_COMPANIONS]]

    def _holds(self, edge: Edge) -> bool:
        """Whether an edge is valid on the graph's day: a path search knows no days."""
        day = self._graph.version.as_of
        start, end = (_day(edge.properties.get(name)) for name in ("valid_from", "valid_to"))
        return (start is None or start <= day) and (end is None or day < end)

    def _names(self, ends: Iterable[NodeRef], paths: Iterable[Path]) -> dict[tuple[str, str], str]:
        by_label: dict[str, list[str]] = {}
        for node in (*ends, *(node for path in paths for node in path.nodes)):
            by_label.setdefault(node.label, []).append(node.id)
        names: dict[tuple[str, str], str] = {}
        for label, ids in by_label.items():
            names |= names_of(self._graph, label, ids)
        return names

    def _period(self, product: NodeRef, names: dict[tuple[str, str], str]) -> SellingPeriod:
        held = self._graph.nodes("Product", [product.id])[product.id].properties
        return SellingPeriod(_name(product, names), _day(held.get("first_sold")), _day(held.get("last_sold")))


def _relation(edge: Edge, names: dict[tuple[str, str], str]) -> PairRelation:
    source, target = _name(edge.source, names), _name(edge.target, names)
    stated = STATED.get(edge.relation)
    text = stated.format(other=source.display_name, asked=target.display_name) if stated else sentence_of(edge, source, target)
    return PairRelation(edge.relation, str(edge.properties["scope"]), source, target, evidence_of(edge.properties), text)


def _summary(
    relations: Sequence[PairRelation],
    trails: Sequence[tuple[str, Path]],
    names: dict[tuple[str, str], str],
    ends: tuple[NodeRef, NodeRef],
) -> str:
    first, second = (_name(end, names).display_name for end in ends)
    if relations:
        named = dict.fromkeys(f"{one.source.display_name} {one.relation} {one.target.display_name}" for one in relations)
        head = f"{len(relations)} relations hold between {first} and {second}: {'; '.join(named)}."
    else:
        head = f"No relation holds between {first} and {second} in any scope."
    told = dict.fromkeys(words.format(through=_name(path.nodes[1], names).display_name) for words, path in trails)
    return head + (f" In the catalogue {'; '.join(told)}." if told else "")


def _missing(
    periods: tuple[SellingPeriod, SellingPeriod],
    together: int | None,
    shared: Sequence[SharedCount],
    found: Sequence[str],
) -> Iterable[str]:
    yield "No edge of a derived relation joins them, in any scope: the evidence is too thin or there is none."
    for period in periods:
        if period.first_sold is None:
            yield f"{period.product.display_name} was never sold."
    if together == 0:
        yield f"They were never sold at the same time: {_gap(periods)}."
    for count in shared:
        if count.shared is None or count.shared == 0:
            yield f"{count.text[0].upper()}{count.text[1:]}."
    if TEMPLATES[0].words not in found:
        yield "They are not in the same category."


def _gap(periods: tuple[SellingPeriod, SellingPeriod]) -> str:
    return ", ".join(f"{p.product.display_name} from {p.first_sold} to {p.last_sold}" for p in periods)


def _days_together(one: SellingPeriod, other: SellingPeriod) -> int | None:
    known = (one.first_sold, one.last_sold, other.first_sold, other.last_sold)
    starts, ends = [day for day in known[::2] if day], [day for day in known[1::2] if day]
    if len(starts) < 2 or len(ends) < 2:
        return None
    return max(0, (min(ends) - max(starts)).days + 1)


def _hops(path: Path, names: dict[tuple[str, str], str]) -> Iterable[Hop]:
    for start, edge in zip(path.nodes, path.edges, strict=False):
        backwards = edge.source != start
        yield Hop(_name(edge.source, names), edge.relation, _name(edge.target, names), evidence_of(edge.properties), backwards)


def _name(node: NodeRef, names: dict[tuple[str, str], str]) -> NodeName:
    return NodeName(node.label, node.id, names[(node.label, node.id)])


def _strength(edge: Edge) -> float:
    return evidence_of(edge.properties).strength or 0.0


def _in_chain(edge: Edge) -> bool:
    return edge.properties.get("scope", CHAIN) == CHAIN


def _scope_order(edge: Edge) -> tuple[bool, str]:
    scope = str(edge.properties.get("scope", CHAIN))
    return scope != CHAIN, scope


def _day(value: PropertyValue) -> date | None:
    return value if isinstance(value, date) else None
