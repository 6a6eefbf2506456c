"""Answers questions about related products from the published graph."""

from collections.abc import Sequence

from decisions.envelope import Explanation, evidence_of
from decisions.relations.contract import RelatedAnswer, RelatedProduct, RelatedRequest
from decisions.relations.errors import LimitOutOfRange, NotKnownYet, UnknownProduct, UnknownRelation
from decisions.relations.explain import explain
from decisions.relations.surroundings import Surroundings, look_around
from kg.ports import ArrayGraph, Direction, Edge

__all__ = ["RelationService"]

LARGEST_LIMIT = 100
SERVED = ("isSubstituteFor", "isComplementTo", "isBoughtWith")


class RelationService:
    """Related products of one published graph version.

    The related products are the sources of the edges into the product that is asked about: its replacements, what goes
    with it, what is bought with it.
    """

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph

    def related(self, request: RelatedRequest) -> RelatedAnswer:
        """Return related products, strongest first, then by id; none when no edge has enough evidence.

        Raises:
            UnknownRelation, LimitOutOfRange, UnknownProduct: the request cannot be answered.
            NotKnownYet: `as_of` is another day than the graph's.
        """
        return self.related_many((request,))[0]

    def related_many(self, requests: Sequence[RelatedRequest]) -> tuple[RelatedAnswer, ...]:
        """Return the answer of each request, as `related` would: a fixed number of reads per relation and limit among them.

        Raises:
            UnknownRelation, LimitOutOfRange, UnknownProduct, NotKnownYet: the first request that cannot be answered.
        """
        asked: dict[tuple[str, int], list[str]] = {}
        for request in requests:
            self._check(request)
            asked.setdefault((request.relation, request.limit), []).append(request.product_id)
        answers = {kind: self._answers(*kind, list(dict.fromkeys(ids))) for kind, ids in asked.items()}
        return tuple(answers[request.relation, request.limit][request.product_id] for request in requests)

    def _answers(self, relation: str, limit: int, product_ids: Sequence[str]) -> dict[str, RelatedAnswer]:
        as_of = self._graph.version.as_of
        edges = self._graph.related(relation, product_ids, direction=Direction.IN, limit=limit, as_of=as_of)
        around = look_around(self._graph, edges)
        return {
            product: RelatedAnswer(product, relation, as_of, tuple(_item(edge, around[product]) for edge in found))
            for product, found in edges.items()
        }

    def _check(self, request: RelatedRequest) -> None:
        if request.relation not in SERVED:
            raise UnknownRelation(request.relation, SERVED)
        if not 1 <= request.limit <= LARGEST_LIMIT:
            raise LimitOutOfRange(request.limit, LARGEST_LIMIT)
        served = self._graph.version.as_of
        if request.as_of is not None and request.as_of != served:
            raise NotKnownYet(request.as_of, served)
        if self._graph.position("Product", request.product_id) is None:
            raise UnknownProduct(request.product_id)


def _item(edge: Edge, around: Surroundings) -> RelatedProduct:
    explanation: Explanation = explain(edge, around)
    return RelatedProduct(edge.source.id, evidence_of(edge.properties), explanation)
