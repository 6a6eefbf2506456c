"""Answers questions about related products from the published graph."""

from decisions.envelope import Explanation
from decisions.relations.contract import RelatedAnswer, RelatedProduct, RelatedRequest
from decisions.relations.errors import LimitOutOfRange, NotKnownYet, UnknownProduct, UnknownRelation
from decisions.relations.explain import evidence_of, explain
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
        self._check(request)
        answers = self._graph.related(
            request.relation, [request.product_id], direction=Direction.IN, limit=request.limit, as_of=self._graph.version.as_of
        )
        edges = answers[request.product_id]
        around = look_around(self._graph, request.product_id, edges)
        items = tuple(_item(edge, around) for edge in edges)
        return RelatedAnswer(request.product_id, request.relation, self._graph.version.as_of, items)

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
    return RelatedProduct(edge.source.id, evidence_of(edge), explanation)
