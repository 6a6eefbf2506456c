"""The questions about suggestions: a list for a surface, a page of placements, and why a product is not among them."""

from datetime import date
from typing import Annotated, TypeAlias, cast

import strawberry

from api.errors import ArgumentInvalid
from api.graphql import problems
from api.graphql.node_types import Ask
from api.graphql.questions import question
from api.graphql.recommend_types import (
    ConstraintsInput,
    ContextInput,
    RecommendationConnection,
    RecommendationPage,
    WhyNotRecommended,
    constraints_of,
    context_of,
)
from api.graphql.suggestions import recommendation_connection, recommendation_page, why_not_recommended
from api.identifiers import plain_id
from api.recommending import completed, page_asked, why_not_asked
from decisions.recommend.contract import RecommendationRequest, Surface
from governance.policy import Operation

__all__ = ["RecommendQuestions"]

MAXIMUM_BASKET = 50
_P = problems
_OUTCOMES = (_P.UnknownHousehold, _P.UnknownProduct, _P.UnknownStore, _P.InvalidRequest, _P.NotAuthorised)
RecommendationsResult: TypeAlias = Annotated[
    RecommendationConnection | _P.UnknownHousehold | _P.UnknownProduct | _P.UnknownStore | _P.InvalidRequest | _P.NotAuthorised,
    strawberry.union("RecommendationsResult", description="Suggestions, or why not."),
]  # fmt: skip
RecommendationPageResult: TypeAlias = Annotated[
    RecommendationPage | _P.UnknownPlacement | _P.UnknownHousehold | _P.UnknownProduct | _P.UnknownStore | _P.InvalidRequest
    | _P.NotAuthorised,
    strawberry.union("RecommendationPageResult", description="A page of placements, or why not."),
]  # fmt: skip
WhyNotRecommendedResult: TypeAlias = Annotated[
    WhyNotRecommended | _P.UnknownHousehold | _P.UnknownProduct | _P.UnknownStore | _P.InvalidRequest | _P.NotAuthorised,
    strawberry.union("WhyNotRecommendedResult", description="Why a product is not suggested, or why that cannot be said."),
]  # fmt: skip


@strawberry.input(description="Who is shown suggestions, where, and what lies in the basket.")
class VisitInput:
    """What the placements of a page share."""

    household_id: strawberry.ID | None = None
    session_id: strawberry.ID | None = None
    basket: list[strawberry.ID] = strawberry.field(default_factory=list, description="At most 50 products.")
    store_id: strawberry.ID | None = None
    product_id: strawberry.ID | None = strawberry.field(default=None, description="The product of the page, for `item`.")
    exclude: list[strawberry.ID] = strawberry.field(default_factory=list)
    context: ContextInput | None = None
    constraints: ConstraintsInput | None = None
    purpose: str = "personalisation"


@strawberry.type
class RecommendQuestions:
    """A part of the root."""

    @question(
        "What to suggest on a surface: for a household, beside a basket or a product, again, new, trending, or of your own.",
        Operation.RECOMMEND,
        *_OUTCOMES,
    )
    def recommendations(
        self, info: Ask, *, first: int, after: str | None = None, household_id: strawberry.ID | None = None,
        basket: list[strawberry.ID] | None = None, store_id: strawberry.ID | None = None, as_of: date | None = None,
        surface: Surface = Surface.HOUSEHOLD, session_id: strawberry.ID | None = None, product_id: strawberry.ID | None = None,
        candidates: list[strawberry.ID] | None = None, exclude: list[strawberry.ID] | None = None,
        discovery_share: float | None = None, context: ContextInput | None = None,
        constraints: ConstraintsInput | None = None, purpose: str = "personalisation",
    ) -> RecommendationsResult:  # fmt: skip
        request = RecommendationRequest(
            _plain("Household", household_id),
            _basket(basket or []),
            _plain("Store", store_id),
            as_of=as_of,
            surface=surface,
            session_id=str(session_id) if session_id is not None else None,
            product_id=_plain("Product", product_id),
            candidates=_products(candidates or []),
            exclude=_products(exclude or []),
            discovery_share=discovery_share,
            context=context_of(context),
            constraints=constraints_of(constraints),
            purpose=purpose,
        )
        return recommendation_connection(info.context, completed(info.context, request), first, after)

    @question(
        "Several placements of a page at once, filled from the first to the last: no product comes twice.",
        Operation.RECOMMEND,
        _P.UnknownPlacement,
        *_OUTCOMES,
    )
    def recommendation_page(
        self, info: Ask, *, placements: list[str], visit: VisitInput | None = None,
    ) -> RecommendationPageResult:  # fmt: skip
        asked = info.context
        shared = _visit(visit or VisitInput())
        return recommendation_page(asked, page_asked(asked, tuple(placements), asked.services.placements, shared))

    @question(
        "Why a product is not among the suggestions: the failing rule, or the smallest change that would bring it in.",
        Operation.RECOMMEND,
        *_OUTCOMES,
    )
    def why_not_recommended(
        self, info: Ask, *, product_id: strawberry.ID, first: int = 10, surface: Surface = Surface.HOUSEHOLD,
        visit: VisitInput | None = None,
    ) -> WhyNotRecommendedResult:  # fmt: skip
        asked = info.context
        request = _visit(visit or VisitInput(), surface, first)
        asked_after = str(_plain("Product", product_id))
        return cast("WhyNotRecommendedResult", why_not_recommended(asked, why_not_asked(asked, asked_after, request)))


def _visit(visit: VisitInput, surface: Surface = Surface.HOUSEHOLD, limit: int = 10) -> RecommendationRequest:
    return RecommendationRequest(
        _plain("Household", visit.household_id),
        _basket(visit.basket),
        _plain("Store", visit.store_id),
        limit,
        surface=surface,
        session_id=str(visit.session_id) if visit.session_id is not None else None,
        product_id=_plain("Product", visit.product_id),
        exclude=_products(visit.exclude),
        context=context_of(visit.context),
        constraints=constraints_of(visit.constraints),
        purpose=visit.purpose,
    )


def _plain(label: str, id: strawberry.ID | None) -> str | None:
    """An empty id is no id: it is looked up, and not found."""
    return plain_id(label, str(id)) if id is not None else None


def _basket(ids: list[strawberry.ID]) -> tuple[str, ...]:
    if len(ids) > MAXIMUM_BASKET:
        raise ArgumentInvalid("basket", f"at most {MAXIMUM_BASKET} products")
    return _products(ids)


def _products(ids: list[strawberry.ID]) -> tuple[str, ...]:
    return tuple(plain_id("Product", str(one)) for one in ids)
