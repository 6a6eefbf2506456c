"""The questions that can be asked. Each is a few lines: check, decide or read, and shape the answer."""

from datetime import date
from typing import Annotated, Any, TypeAlias, TypeVar, cast

import orjson
import strawberry

from api.asked import Asked
from api.catalogue import CatalogueFilter
from api.decisions_made import Refused
from api.errors import ArgumentInvalid
from api.graphql import problems
from api.graphql.answer_types import (
    Forecast,
    ForecastDriver,
    ForecastPoint,
    Health,
    ProductConnection,
    SalesWeek,
    SearchConnection,
)
from api.graphql.envelope_types import LoggedDecision, decision_of, explanation_of
from api.graphql.launch_types import LaunchInput, launch_of
from api.graphql.lists import product_connection, search_connection
from api.graphql.node_types import NODE_TYPES, Ask, Node, ProductCategory, Store, node_of
from api.graphql.planning_questions import PlanningQuestions
from api.graphql.product_types import Product, load_product
from api.graphql.questions import question
from api.graphql.recommend_questions import RecommendQuestions
from api.graphql.relation_questions import RelationQuestions
from api.graphql.what_if_questions import WhatIfQuestions
from api.identifiers import node_ref, plain_id
from api.loaders import Page
from decisions.forecast.contract import ForecastAnswer, ForecastRequest
from governance.policy import Operation

__all__ = ["Query"]

MAXIMUM_SWITCHED_OFF = 30
_T = TypeVar("_T")

_P = problems
ProductResult: TypeAlias = Annotated[
    Product | _P.UnknownProduct | _P.NotAuthorised, strawberry.union("ProductResult", description="A product, or why not.")
]
ForecastResult: TypeAlias = Annotated[
    Forecast | _P.InsufficientEvidence | _P.UnknownProduct | _P.UnknownStore | _P.InvalidRequest | _P.NotAuthorised,
    strawberry.union("ForecastResult", description="A forecast, or why not."),
]
DecisionResult: TypeAlias = Annotated[
    LoggedDecision | _P.UnknownDecision | _P.NotAuthorised,
    strawberry.union("DecisionResult", description="A logged decision, or why not."),
]
FORECAST_OUTCOMES = (_P.UnknownStore, _P.UnknownProduct, _P.InvalidRequest, _P.NotAuthorised)
"""What an error may become in these fields. Too little evidence is none of them: it comes with its decision."""


@strawberry.type(description="All questions. Ids may be given as the retailer's own or as the opaque `id` of a node.")
class Query(RelationQuestions, RecommendQuestions, PlanningQuestions, WhatIfQuestions):
    """The root of the schema."""

    @question("One product with all that the graph knows around it.", Operation.READ_PRODUCT, _P.UnknownProduct, _P.NotAuthorised)
    def product(self, info: Ask, id: strawberry.ID) -> ProductResult:
        return cast("ProductResult", _product(info.context, str(id)))

    @question("All products in the order of their ids, filtered and page by page.", Operation.READ_PRODUCT)
    def products(
        self, info: Ask, first: int, after: str | None = None, category_id: strawberry.ID | None = None,
        supplier_id: strawberry.ID | None = None, merchandise_only: bool = True,
    ) -> ProductConnection:  # fmt: skip
        wanted = CatalogueFilter(
            plain_id("ProductCategory", str(category_id)) if category_id else None,
            plain_id("Supplier", str(supplier_id)) if supplier_id else None,
            merchandise_only,
        )
        return product_connection(info.context, wanted, first, after)

    @question("Products by words over type, category, brand, size and name; beginnings of words are enough.", Operation.SEARCH)
    def search(
        self, info: Ask, text: str, first: int, after: str | None = None,
        merchandise_only: bool = True,
    ) -> SearchConnection:  # fmt: skip
        return search_connection(info.context, text, first, after, merchandise_only=merchandise_only)

    @question(
        "Units in the next weeks of a product (in a store or the whole chain), of a category or, with neither, of everything.",
        Operation.FORECAST,
        *FORECAST_OUTCOMES,
    )
    def forecast(
        self, info: Ask, *, product_id: strawberry.ID | None = None, store_id: strawberry.ID | None = None,
        horizon_weeks: int = 4, as_of: date | None = None, category_id: strawberry.ID | None = None,
        without_promotions: list[date] | None = None, without_neighbours: list[strawberry.ID] | None = None,
        launch: LaunchInput | None = None,
    ) -> ForecastResult:  # fmt: skip
        request = ForecastRequest(
            plain_id("Product", str(product_id)) if product_id is not None else None,
            plain_id("Store", str(store_id)) if store_id is not None else None,
            horizon_weeks,
            as_of,
            plain_id("ProductCategory", str(category_id)) if category_id is not None else None,
            tuple(_few("withoutPromotions", without_promotions)),
            tuple(plain_id("Product", str(one)) for one in _few("withoutNeighbours", without_neighbours)),
            *launch_of(launch),
        )
        return cast("ForecastResult", _forecast(info.context, request))

    @question(
        "A decision as it was logged: who asked what, what was answered, and from which versions.",
        Operation.READ_DECISION,
        _P.UnknownDecision,
        _P.NotAuthorised,
    )
    def decision(self, info: Ask, id: strawberry.ID) -> DecisionResult:
        entry = info.context.front.log.get(str(id))
        header, request, answer = (orjson.loads(part) for part in (entry.header, entry.request, entry.answer))
        return LoggedDecision(
            id=strawberry.ID(entry.id), kind=entry.kind, recorded_at=entry.recorded_at, principal=entry.principal,
            release_id=entry.release_id, header=header, request=request, answer=answer,
        )  # fmt: skip

    @question("Any node by its opaque id; null when there is none.", Operation.READ_NODE)
    def node(self, info: Ask, id: strawberry.ID) -> Node | None:
        return cast("Node | None", _node(info.context, str(id)))

    @question("What is served, and whether it can answer.", Operation.READ_HEALTH)
    def health(self, info: Ask) -> Health:
        services, version = info.context.services, info.context.services.graph.version
        return Health(
            status="ok" if info.context.front.ready() else "unavailable", as_of=version.as_of, release_id=services.release.id,
            graph_version=version.id, graph_digest=version.digest, ontology_version=version.ontology_version,
            served_from=services.served_from,
        )  # fmt: skip


def _product(asked: Asked, id: str) -> Product | problems.UnknownProduct:
    product_id = plain_id("Product", id)
    found = load_product(asked, product_id)
    return found or _unknown_product(product_id)


def _unknown_product(product_id: str) -> problems.UnknownProduct:
    return problems.UnknownProduct(
        message=f"There is no product '{product_id[:80]}'.", remedy="Search for it by type, brand or size to find its id."
    )


def _few(argument: str, given: list[_T] | None) -> list[_T]:
    if given is not None and len(given) > MAXIMUM_SWITCHED_OFF:
        raise ArgumentInvalid(argument, f"at most {MAXIMUM_SWITCHED_OFF}")
    return given or []


def _forecast(asked: Asked, request: ForecastRequest) -> Any:
    made = asked.desk.decide("forecast", request)
    if isinstance(made.answer, Refused):
        return problems.refused_answer(made)
    answer: ForecastAnswer = made.answer
    product = load_product(asked, answer.product_id) if answer.product_id is not None else None
    if product is None and answer.product_id is not None:
        return _unknown_product(answer.product_id)
    return Forecast(
        product=product, store=cast("Store | None", _one(asked, "Store", answer.store_id)),
        category=cast("ProductCategory | None", _one(asked, "ProductCategory", answer.category_id)), as_of=answer.as_of,
        system=answer.system, why=answer.why, baseline=answer.baseline, drivers=cast("list[ForecastDriver]", answer.drivers),
        points=cast("list[ForecastPoint]", answer.points),
        history=[SalesWeek(week_start=week, units=units) for week, units in answer.history],
        explanation=explanation_of(answer.explanation), decision=decision_of(made), request=request,
    )  # fmt: skip


def _one(asked: Asked, label: str, id: str | None) -> Any:
    if id is None:
        return None
    found = asked.loaders.nodes_by_id.load(Page(label, (id,)))
    return node_of(found[0]) if found else None


SERVED_LABELS = frozenset({"Product", *NODE_TYPES})
NODE_OPERATIONS = {"Household": Operation.READ_HOUSEHOLD, "Basket": Operation.READ_HOUSEHOLD, "Product": Operation.READ_PRODUCT}


def _node(asked: Asked, id: str) -> Any:
    """Forbidden and absent look alike where the label is known; a label that is not served has no nodes."""
    ref = node_ref(id)
    if ref is None or ref.label not in SERVED_LABELS:
        return None
    asked.require(NODE_OPERATIONS.get(ref.label, Operation.READ_NODE))
    return load_product(asked, ref.id) if ref.label == "Product" else _one(asked, ref.label, ref.id)
