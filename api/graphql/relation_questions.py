"""The questions about relations: what is related, why, what changed, and how good it all is."""

from datetime import date
from typing import Annotated, TypeAlias, cast

import strawberry

from api.asked import Asked
from api.graphql import problems
from api.graphql.node_types import Ask
from api.graphql.product_types import Question, RelatedConnection, related_connection
from api.graphql.questions import question
from api.graphql.relation_answers import graph_diff, relation_quality, why_related
from api.graphql.relation_types import GraphDiff, RelationQuality, RelationScopeInput, WhyRelated, scope_asked
from api.identifiers import plain_id
from api.loaders import Page
from decisions.relations.compare import DiffRequest
from decisions.relations.measured import QualityRequest
from decisions.relations.why import WhyRequest
from governance.policy import Operation

__all__ = ["RelationQuestions"]

_P = problems
RelatedResult: TypeAlias = Annotated[
    RelatedConnection | _P.UnknownProduct | _P.ScopeWithoutData | _P.BeforeFirstSale | _P.InvalidRequest | _P.NotAuthorised,
    strawberry.union("RelatedResult", description="Related products, or why not."),
]  # fmt: skip
WhyRelatedResult: TypeAlias = Annotated[
    WhyRelated | _P.NeverSoldTogether | _P.UnknownProduct | _P.BeforeFirstSale | _P.InvalidRequest | _P.NotAuthorised,
    strawberry.union("WhyRelatedResult", description="What holds between two products, or why nothing can be said."),
]  # fmt: skip
GraphDiffResult: TypeAlias = Annotated[
    GraphDiff | _P.UnknownVersion | _P.InvalidRequest | _P.NotAuthorised,
    strawberry.union("GraphDiffResult", description="What changed, or why it cannot be said."),
]
RelationQualityResult: TypeAlias = Annotated[
    RelationQuality | _P.QualityNotMeasured | _P.InvalidRequest | _P.NotAuthorised,
    strawberry.union("RelationQualityResult", description="The back-test of a relation, or why there is none."),
]
BASE_OUTCOMES = (_P.InvalidRequest, _P.NotAuthorised)
PRODUCT_OUTCOMES = (_P.UnknownProduct, _P.BeforeFirstSale, *BASE_OUTCOMES)
RELATED_OUTCOMES = (_P.ScopeWithoutData, *PRODUCT_OUTCOMES)
Version: TypeAlias = strawberry.ID | None


@strawberry.type
class RelationQuestions:
    """A part of the root."""

    @question("What can be taken in place of a product, with evidence and paths.", Operation.READ_RELATIONS, *RELATED_OUTCOMES)
    def substitutes(
        self, info: Ask, product_id: strawberry.ID, first: int, after: str | None = None, as_of: date | None = None,
        scope: RelationScopeInput | None = None,
    ) -> RelatedResult:  # fmt: skip
        wanted = Question("isSubstituteFor", first, after, as_of, *scope_asked(scope))
        return _related(info.context, wanted, str(product_id))

    @question("What goes with a product, with evidence and paths.", Operation.READ_RELATIONS, *RELATED_OUTCOMES)
    def complements(
        self, info: Ask, product_id: strawberry.ID, first: int, after: str | None = None, as_of: date | None = None,
        scope: RelationScopeInput | None = None,
    ) -> RelatedResult:  # fmt: skip
        wanted = Question("isComplementTo", first, after, as_of, *scope_asked(scope))
        return _related(info.context, wanted, str(product_id))

    @question(
        "What lies in the same baskets more often than by chance, with evidence and paths.",
        Operation.READ_RELATIONS,
        *RELATED_OUTCOMES,
    )
    def bought_with(
        self, info: Ask, product_id: strawberry.ID, first: int, after: str | None = None, as_of: date | None = None,
        scope: RelationScopeInput | None = None,
    ) -> RelatedResult:  # fmt: skip
        wanted = Question("isBoughtWith", first, after, as_of, *scope_asked(scope))
        return _related(info.context, wanted, str(product_id))

    @question(
        "Why two products are related, or what is missing: edges both ways and in all scopes, paths, what they share in sales.",
        Operation.READ_RELATIONS,
        *PRODUCT_OUTCOMES,
    )
    def why_related(
        self, info: Ask, a: strawberry.ID, b: strawberry.ID, as_of: date | None = None
    ) -> WhyRelatedResult:  # fmt: skip
        request = WhyRequest(plain_id("Product", str(a)), plain_id("Product", str(b)), as_of)
        return cast("WhyRelatedResult", why_related(info.context, request))

    @question(
        "What changed in a relation between two published graph versions; by default since the one before the served one.",
        Operation.READ_RELATIONS,
        _P.UnknownVersion,
        *BASE_OUTCOMES,
    )
    def graph_diff(
        self, info: Ask, relation: str, first: int, after: str | None = None,
        from_version: Annotated[Version, strawberry.argument(name="from", description="The older version.")] = None,
        to_version: Annotated[Version, strawberry.argument(name="to", description="The newer version.")] = None,
    ) -> GraphDiffResult:  # fmt: skip
        request = DiffRequest(relation, _text(from_version), _text(to_version))
        return cast("GraphDiffResult", graph_diff(info.context, request, first, after))

    @question(
        "How good a relation of the served release is: figures of its back-test beside the floors, and past events one by one.",
        Operation.READ_RELATIONS,
        _P.QualityNotMeasured,
        *BASE_OUTCOMES,
    )
    def relation_quality(
        self, info: Ask, *, relation: str, first: int, after: str | None = None, category: strawberry.ID | None = None,
        metric: str | None = None, system: str | None = None,
    ) -> RelationQualityResult:  # fmt: skip
        category_id = None if category is None else plain_id("ProductCategory", str(category))
        request = QualityRequest(relation, category_id, metric, system)
        return cast("RelationQualityResult", relation_quality(info.context, request, first, after))


def _related(asked: Asked, wanted: Question, id: str) -> RelatedConnection:
    product_id = plain_id("Product", id)
    return related_connection(asked, wanted, Page("Product", (product_id,)), product_id)


def _text(given: strawberry.ID | None) -> str | None:
    return None if given is None else str(given)
