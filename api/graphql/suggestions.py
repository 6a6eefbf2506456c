"""Suggestions as GraphQL shows them: a ranked list page by page, a page of placements, and why a product is not there."""

from dataclasses import replace
from typing import Any, cast

from api.asked import Asked
from api.decisions_made import Made
from api.errors import CursorInvalid
from api.graphql.envelope_types import Degradation, PageInfo, decision_of, explanation_of
from api.graphql.node_types import Household, node_of
from api.graphql.product_types import MAXIMUM_FIRST, Product, check_first, load_products, rank_after
from api.graphql.recommend_types import (
    PlacementList,
    RecommendationConnection,
    RecommendationEdge,
    RecommendationItem,
    RecommendationPage,
    RuleCheck,
    RungUsed,
    WhyNotRecommended,
    Withheld,
)
from api.loaders import Page
from decisions.recommend.contract import (
    PageAnswer,
    PageRequest,
    PlacementAnswer,
    RecommendationAnswer,
    RecommendationRequest,
    RecommendedProduct,
    WhyNotAnswer,
    WhyNotRequest,
)

__all__ = ["recommendation_connection", "recommendation_page", "why_not_recommended"]


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
    products = _products(asked, shown)
    edges = [
        RecommendationEdge(cursor=asked.front.cursors.give(scope, [item.rank, item.product_id]), **_item(item, products))
        for item in shown
        if item.product_id in products
    ]
    return RecommendationConnection(
        system=answer.system, surface=answer.surface, household=_household(asked, request.household_id),
        edges=edges, page_info=PageInfo.of(edges, seen=seen, more=len(answer.items) > seen + first),
        discovery_share=answer.discovery_share, withheld=cast("list[Withheld]", list(answer.withheld)),
        rungs=cast("list[RungUsed]", list(answer.rungs)), unused_context=list(answer.unused_context),
        newest_event=answer.newest_event, decision=decision_of(made),
    )  # fmt: skip


def recommendation_page(asked: Asked, request: PageRequest) -> RecommendationPage:
    """Return the placements of a page, their products read at once. Raises: the errors of `decisions.recommend`."""
    made = asked.desk.decide("recommendation_page", request)
    answer: PageAnswer = made.answer
    products = _products(asked, tuple(item for one in answer.placements for item in one.answer.items))
    return RecommendationPage(placements=[_placement(one, products) for one in answer.placements], decision=decision_of(made))


def why_not_recommended(asked: Asked, request: WhyNotRequest) -> WhyNotRecommended:
    """Return what became of a product. Raises: the errors of `decisions.recommend`."""
    made: Made = asked.desk.decide("why_not_recommended", request)
    answer: WhyNotAnswer = made.answer
    product = load_products(asked, Page("Product", (answer.product_id,)))[answer.product_id]
    return WhyNotRecommended(
        product=product, outcome=answer.outcome, text=answer.text, rank=answer.rank, score=answer.score,
        needed=answer.needed, change=answer.change, checks=cast("list[RuleCheck]", list(answer.checks)),
        decision=decision_of(made),
    )  # fmt: skip


def _placement(one: PlacementAnswer, products: dict[str, Product]) -> PlacementList:
    answer = one.answer
    items = [RecommendationItem(**_item(item, products)) for item in answer.items if item.product_id in products]
    return PlacementList(
        name=one.name, surface=answer.surface, system=answer.system, items=items,
        rungs=cast("list[RungUsed]", list(answer.rungs)), degraded=cast("Degradation | None", answer.degraded),
    )  # fmt: skip


def _item(item: RecommendedProduct, products: dict[str, Product]) -> dict[str, Any]:
    return {
        "node": products[item.product_id],
        "rank": item.rank,
        "score": item.score,
        "sources": list(item.sources),
        "explanation": explanation_of(item.explanation),
        "kind": item.kind,
        "customer_text": item.customer_text,
        "p_accept": item.p_accept,
        "propensity": item.propensity,
        "base_score": item.base_score,
        "checks": list(item.checks),
    }


def _products(asked: Asked, items: tuple[RecommendedProduct, ...]) -> dict[str, Product]:
    ids = tuple(dict.fromkeys(item.product_id for item in items))
    return load_products(asked, Page("Product", ids)) if ids else {}


def _scope(request: RecommendationRequest) -> str:
    """The list and its filters; a basket is a set."""
    return f"recommendations:{replace(request, basket=tuple(sorted(set(request.basket))), limit=0)}"


def _household(asked: Asked, household_id: str | None) -> Household | None:
    if household_id is None:
        return None
    found = asked.loaders.nodes_by_id.load(Page("Household", (household_id,)))
    return cast("Household", node_of(found[0])) if found else None
