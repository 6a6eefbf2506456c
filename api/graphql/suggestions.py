"""Suggestions as a connection: a ranked list, page by page."""

from dataclasses import replace
from typing import cast

from api.asked import Asked
from api.errors import CursorInvalid
from api.graphql.answer_types import RecommendationConnection, RecommendationEdge
from api.graphql.envelope_types import PageInfo, decision_of, explanation_of
from api.graphql.node_types import Household, node_of
from api.graphql.product_types import MAXIMUM_FIRST, Product, check_first, load_products, rank_after
from api.loaders import Page
from decisions.recommend.contract import RecommendationAnswer, RecommendationRequest, RecommendedProduct

__all__ = ["recommendation_connection"]


def recommendation_connection(
    asked: Asked, request: RecommendationRequest, first: int, after: str | None
) -> RecommendationConnection:
    """Return a page of suggestions; the limit of `request` is set here, one further than the page.

    A release gives the same list for the same request however long it is asked for, so pages join to it.

    Raises:
        ArgumentInvalid, CursorInvalid and its kin, and the errors of `decisions.recommend`.
    """
    check_first(first)
    scope = _scope(request)
    seen, last_id = rank_after(asked, scope, after)
    made = asked.desk.decide("recommendations", replace(request, limit=min(seen + first + 1, MAXIMUM_FIRST)))
    answer: RecommendationAnswer = made.answer
    if last_id is not None and (len(answer.items) < seen or answer.items[seen - 1].product_id != last_id):
        raise CursorInvalid
    shown = answer.items[seen : seen + first]
    products = load_products(asked, Page("Product", tuple(item.product_id for item in shown))) if shown else {}
    edges = [_edge(asked, scope, item, products[item.product_id]) for item in shown if item.product_id in products]
    return RecommendationConnection(
        system=answer.system, household=_household(asked, request.household_id), edges=edges,
        page_info=PageInfo.of(edges, seen=seen, more=len(answer.items) > seen + first), decision=decision_of(made),
    )  # fmt: skip


def _scope(request: RecommendationRequest) -> str:
    """The list and its filters; a basket is a set."""
    return f"recommendations:{replace(request, basket=tuple(sorted(set(request.basket))), limit=0)}"


def _edge(asked: Asked, scope: str, item: RecommendedProduct, product: Product) -> RecommendationEdge:
    return RecommendationEdge(
        cursor=asked.front.cursors.give(scope, [item.rank, item.product_id]), node=product, rank=item.rank, score=item.score,
        sources=list(item.sources), explanation=explanation_of(item.explanation),
    )  # fmt: skip


def _household(asked: Asked, household_id: str | None) -> Household | None:
    if household_id is None:
        return None
    found = asked.loaders.nodes_by_id.load(Page("Household", (household_id,)))
    return cast("Household", node_of(found[0])) if found else None
