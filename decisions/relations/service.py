"""Answers questions about related products from the published graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pyarrow.compute as pc

from decisions.envelope import evidence_of
from decisions.relations.compare import Comparison, DiffAnswer, DiffRequest, OnlyVersion
from decisions.relations.contract import RelatedAnswer, RelatedProduct, RelatedRequest, ThinScope
from decisions.relations.errors import (
    BeforeFirstSale,
    LimitOutOfRange,
    NotKnownYet,
    QualityNotMeasured,
    SameProduct,
    ScopeWithoutData,
    UnknownProduct,
    UnknownRelation,
)
from decisions.relations.explain import explain
from decisions.relations.measured import QualityAnswer, QualityRequest, quality_answer
from decisions.relations.quality import RelationQuality
from decisions.relations.scopes import parent_of, scopes_of
from decisions.relations.surroundings import Surroundings, look_around
from decisions.relations.why import WhyAnswer, WhyRequest, Witnesses
from kg.ports import CHAIN, ArrayGraph, Direction, Edge, GraphVersions
from kit.bounded import BoundedMemory

__all__ = ["RelationService"]

LARGEST_LIMIT = 100
MOST_EDGES = 10_000
KEPT_ITEMS = 15_000
"""Related products in the answers that are kept, some 100 MB of them."""
SERVED = ("isSubstituteFor", "isComplementTo", "isBoughtWith")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is the same for all products that are asked about together."""

    relation: str
    limit: int
    scope: str
    or_parent: bool


class RelationService:
    """Related products of one published graph version, why two products are related, what changed, and how good it all is.

    The related products are the sources of the edges into the product that is asked about: its replacements, what goes
    with it, what is bought with it.

    Args:
        graph: the version that is served.
        versions: the published versions that can be compared; without them only the served one is known.
        quality: the back-test of the release; None where it was made without one.
    """

    def __init__(
        self, graph: ArrayGraph, *, versions: GraphVersions | None = None, quality: RelationQuality | None = None
    ) -> None:
        self._graph = graph
        self._quality = quality
        self._comparison = Comparison(versions or OnlyVersion(graph), graph.version, SERVED)
        self._witnesses = Witnesses(graph)
        self._scopes: dict[str, tuple[str, ...]] = {}
        self._kept: BoundedMemory[RelatedRequest, RelatedAnswer] = BoundedMemory(KEPT_ITEMS)

    def related(self, request: RelatedRequest) -> RelatedAnswer:
        """Return related products, strongest first, then by id; none when no edge has enough evidence.

        Raises:
            UnknownRelation, LimitOutOfRange, UnknownProduct, ScopeWithoutData: the request cannot be answered.
            BeforeFirstSale, NotKnownYet: `as_of` is another day than the graph's.
        """
        return self.related_many((request,))[0]

    def related_many(self, requests: Sequence[RelatedRequest]) -> tuple[RelatedAnswer, ...]:
        """Return the answer of each request, as `related` would: a fixed number of reads per kind of question among them.

        Raises:
            The first request that cannot be answered: as `related`.
        """
        for request in requests:
            self._check(request)
        # a graph version never changes, so neither does its answer to a request
        known = {request: self._kept.get(request) for request in requests}
        asked: dict[_Kind, list[str]] = {}
        for request, answer in known.items():
            if answer is None:
                asked.setdefault(_kind_of(request), []).append(request.product_id)
        found = {kind: self._answers(kind, list(dict.fromkeys(ids))) for kind, ids in asked.items()}
        return tuple(known[one] or self._keep(one, found[_kind_of(one)][one.product_id]) for one in requests)

    def _keep(self, request: RelatedRequest, answer: RelatedAnswer) -> RelatedAnswer:
        self._kept.put(request, answer, len(answer.items) + 1)
        return answer

    def why(self, request: WhyRequest) -> WhyAnswer:
        """Return all that the graph holds between two products.

        Raises:
            UnknownProduct, SameProduct, BeforeFirstSale, NotKnownYet: the request cannot be answered.
        """
        self._check_day(request.as_of)
        self._check_product(request.product_id)
        self._check_product(request.other_id)
        if request.product_id == request.other_id:
            raise SameProduct(request.product_id)
        return self._witnesses.between(request.product_id, request.other_id)

    def compare(self, request: DiffRequest) -> DiffAnswer:
        """Return a page of what changed between two published versions, the largest changes first.

        Raises:
            UnknownVersion, UnknownRelation, LimitOutOfRange: the request cannot be answered.
        """
        if not 1 <= request.limit <= LARGEST_LIMIT + 1:
            raise LimitOutOfRange(request.limit, LARGEST_LIMIT)
        return self._comparison.page(request)

    def quality(self, request: QualityRequest) -> QualityAnswer:
        """Return what the back-test of the release measured.

        Raises:
            UnknownRelation, LimitOutOfRange: the request cannot be answered.
            QualityNotMeasured: there is no back-test, or none of that category.
        """
        if request.relation not in SERVED:
            raise UnknownRelation(request.relation, SERVED)
        if self._quality is None:
            raise QualityNotMeasured
        return quality_answer(self._quality, request)

    def pictures(self) -> Mapping[str, bytes]:
        """Return the pictures of the back-test by name, as SVG; none where there was no back-test."""
        return {} if self._quality is None else self._quality.pictures

    def _answers(self, kind: _Kind, product_ids: Sequence[str]) -> dict[str, RelatedAnswer]:
        as_of = self._graph.version.as_of
        found = dict(self._edges(kind.relation, product_ids, kind.limit, kind.scope))
        thin = self._thin(kind, [product for product, edges in found.items() if not edges])
        scopes: dict[str, str | None] = dict.fromkeys(found, kind.scope)
        for product, (_, instead) in thin.items():
            found[product] = instead[: kind.limit] if kind.or_parent else ()
            scopes[product] = parent_of(kind.scope) if found[product] else None
        around = look_around(self._graph, found)
        return {
            product: RelatedAnswer(
                product,
                kind.relation,
                as_of,
                tuple(_item(edge, around[product]) for edge in edges),
                scopes[product],
                thin[product][0] if product in thin else None,
            )
            for product, edges in found.items()
        }

    def _thin(self, kind: _Kind, product_ids: Sequence[str]) -> dict[str, tuple[ThinScope, tuple[Edge, ...]]]:
        """Return for products without an edge in the scope what there is elsewhere, and the parent's edges: one read."""
        if not product_ids:
            return {}
        parent = parent_of(kind.scope)
        thin = {}
        for product, edges in self._edges(kind.relation, product_ids, MOST_EDGES, None).items():
            instead = tuple(edge for edge in edges if edge.properties.get("scope") == parent) if parent else ()
            scopes = {str(edge.properties["scope"]) for edge in edges}
            ordered = tuple(sorted(scopes, key=lambda scope: (scope != CHAIN, scope)))
            thin[product] = ThinScope(kind.scope, parent, len(instead), ordered), instead
        return thin

    def _edges(self, relation: str, product_ids: Sequence[str], limit: int, scope: str | None) -> Mapping[str, tuple[Edge, ...]]:
        as_of = self._graph.version.as_of
        return self._graph.related(relation, product_ids, direction=Direction.IN, limit=limit, as_of=as_of, scope=scope)

    def _check(self, request: RelatedRequest) -> None:
        if request.relation not in SERVED:
            raise UnknownRelation(request.relation, SERVED)
        if not 1 <= request.limit <= LARGEST_LIMIT:
            raise LimitOutOfRange(request.limit, LARGEST_LIMIT)
        self._check_day(request.as_of)
        self._check_product(request.product_id)
        if request.scope != CHAIN and request.scope not in self._scopes_of(request.relation):
            raise ScopeWithoutData(request.relation, request.scope, self._scopes_of(request.relation))

    def _check_day(self, as_of: date | None) -> None:
        served = self._graph.version.as_of
        if as_of is None or as_of == served:
            return
        if self._first_sale is not None and as_of < self._first_sale:
            raise BeforeFirstSale(as_of, self._first_sale)
        raise NotKnownYet(as_of, served)

    def _check_product(self, product_id: str) -> None:
        if self._graph.position("Product", product_id) is None:
            raise UnknownProduct(product_id)

    def _scopes_of(self, relation: str) -> tuple[str, ...]:
        if relation not in self._scopes:
            self._scopes[relation] = scopes_of(self._graph, relation)
        return self._scopes[relation]

    @cached_property
    def _first_sale(self) -> date | None:
        """The first day on which the graph knows a sale: of a product, or of a basket."""
        columns = (("Product", "first_sold"), ("Basket", "business_date"))
        days = [pc.min(self._graph.column(label, name)).as_py() for label, name in columns]
        return min((day for day in days if day is not None), default=None)


def _kind_of(request: RelatedRequest) -> _Kind:
    return _Kind(request.relation, request.limit, request.scope, request.or_parent)


def _item(edge: Edge, around: Surroundings) -> RelatedProduct:
    return RelatedProduct(edge.source.id, evidence_of(edge.properties), explain(edge, around))
