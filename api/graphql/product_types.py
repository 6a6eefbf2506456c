"""A product as a GraphQL type, with all that the graph knows around it, and the lists of related products."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, cast

import strawberry

from api.asked import Asked
from api.decisions_made import Made, kind_of_relation
from api.errors import ArgumentInvalid, CursorInvalid
from api.graphql.described import described
from api.graphql.envelope_types import Decision, Evidence, Explanation, NodeName, PageInfo, decision_of, explanation_of
from api.graphql.node_types import Ask, Brand, Node, ProductCategory, Promotion, Supplier, node_of
from api.graphql.relation_types import InsufficientScope, RelationScopeInput, insufficient_scope, scope_asked
from api.identifiers import global_id
from api.kept import KeptAnswer, Written
from api.loaders import Page
from decisions.relations.contract import RelatedAnswer, RelatedProduct, RelatedRequest
from kg import ports as kg
from kg.ports import CHAIN, Direction

__all__ = [
    "MAXIMUM_FIRST",
    "Product",
    "Question",
    "RelatedConnection",
    "RelatedEdge",
    "check_first",
    "load_product",
    "load_products",
    "rank_after",
    "related_connection",
]

MAXIMUM_FIRST = 100
MAXIMUM_SUPPLIERS = 5
MAXIMUM_LEVELS = 6
MAXIMUM_PROMOTIONS = 10


@strawberry.type
class Product(Node):
    """A product."""

    product_id: strawberry.ID = strawberry.field(description="The retailer's own id.")
    page: strawberry.Private[Page]
    name: str | None
    product_type: str | None
    size: str | None
    merchandise: bool | None
    first_sold: date | None
    last_sold: date | None

    @described("The narrowest category that is known.")
    def category(self, info: Ask) -> ProductCategory | None:
        found = self.others(info.context, "inCategory", "ProductCategory", 1)
        return found[0] if found else None

    @described("The category and the wider ones above it, the widest first.")
    def category_path(self, info: Ask) -> list[ProductCategory]:
        return _category_path(info.context, self.page, str(self.product_id))

    @strawberry.field
    def brand(self, info: Ask) -> Brand | None:
        found = self.others(info.context, "ofBrand", "Brand", 1)
        return found[0] if found else None

    @strawberry.field
    def suppliers(self, info: Ask) -> list[Supplier]:
        return self.others(info.context, "suppliedBy", "Supplier", MAXIMUM_SUPPLIERS)

    @described("Promotions that run on the day of the graph, at most ten.")
    def promotions(self, info: Ask) -> list[Promotion]:
        as_of = info.context.services.graph.version.as_of
        others = info.context.loaders.others
        found = others("promotes", self.page, "Promotion", direction=Direction.IN, limit=MAXIMUM_PROMOTIONS, as_of=as_of)
        return [node_of(node) for node in found[str(self.product_id)]]

    @described("What can be taken in place of this product, the strongest first.")
    def substitutes(
        self, info: Ask, first: int, after: str | None = None, scope: RelationScopeInput | None = None
    ) -> "RelatedConnection | None":
        return self.related(info.context, "isSubstituteFor", first, after, scope)

    @described("What goes with this product, the strongest first.")
    def complements(
        self, info: Ask, first: int, after: str | None = None, scope: RelationScopeInput | None = None
    ) -> "RelatedConnection | None":
        return self.related(info.context, "isComplementTo", first, after, scope)

    @described("What lies in the same baskets more often than by chance, the strongest first.")
    def bought_with(
        self, info: Ask, first: int, after: str | None = None, scope: RelationScopeInput | None = None
    ) -> "RelatedConnection | None":
        return self.related(info.context, "isBoughtWith", first, after, scope)

    def related(
        self, asked: Asked, relation: str, first: int, after: str | None, scope: RelationScopeInput | None
    ) -> "RelatedConnection":
        wanted = Question(relation, first, after, None, *scope_asked(scope))
        return related_connection(asked, wanted, self.page, str(self.product_id))

    def others(self, asked: Asked, relation: str, label: str, limit: int) -> list[Any]:
        found = asked.loaders.others(relation, self.page, label, direction=Direction.OUT, limit=limit)
        return [node_of(node) for node in found[str(self.product_id)]]


@strawberry.type(description="One related product, with the evidence of its edge and the paths behind it.")
class RelatedEdge:
    """One related product."""

    cursor: str
    node: Product
    source: NodeName = strawberry.field(description="Where the edge begins: the related product, which replaces or goes with.")
    target: NodeName = strawberry.field(description="Where the edge ends: the product that was asked about.")
    evidence: Evidence
    explanation: Explanation
    written: strawberry.Private[Written]


@strawberry.type(description="Related products, strongest first, and the decision that chose them.")
class RelatedConnection:
    """A page of related products."""

    relation: str
    asked_scope: str = strawberry.field(
        description="Where the relation was to hold: `chain`, or `store_cluster:ID` and the like."
    )
    answered_scope: str | None = strawberry.field(description="Where these edges hold: the asked scope, its parent, or none.")
    insufficient: InsufficientScope | None = strawberry.field(
        description="Set when the asked scope has no edge for this product: too little evidence there."
    )
    edges: list[RelatedEdge]
    page_info: PageInfo
    decision: Decision
    written: strawberry.Private[Written]


def check_first(first: int) -> None:
    """Refuse a page size outside of 1 to 100. Raises: ArgumentInvalid."""
    if not 1 <= first <= MAXIMUM_FIRST:
        raise ArgumentInvalid("first", f"between 1 and {MAXIMUM_FIRST}")


def rank_after(asked: Asked, scope: str, after: str | None) -> tuple[int, str | None]:
    """Return how many items of a ranked list were seen, and the last one's id. Raises: CursorInvalid and its kin."""
    if after is None:
        return 0, None
    rank, last_id = asked.front.cursors.read(scope, after)
    if not 1 <= rank < MAXIMUM_FIRST:
        raise CursorInvalid
    return rank, last_id


def load_products(asked: Asked, page: Page) -> dict[str, Product]:
    """Return the products of a page by their ids: one read for the page."""
    return {node.id: _product(node, page) for node in asked.loaders.nodes_by_id.load(page)}


def load_product(asked: Asked, product_id: str) -> Product | None:
    """Return one product, or None when the graph does not have it."""
    return load_products(asked, Page("Product", (product_id,))).get(product_id)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a product's related products."""

    relation: str
    first: int
    after: str | None = None
    as_of: date | None = None
    scope: str = CHAIN
    or_parent: bool = True


def related_connection(asked: Asked, question: Question, page: Page, product_id: str) -> RelatedConnection:
    """Return a page of related products.

    All products of `page` are asked together, since GraphQL asks each of them the same: their related products are read
    at once, so that the number of reads does not grow with the page. The decision looks one further than the page, to know
    whether more follow; a list ends at `MAXIMUM_FIRST`.
    """
    check_first(question.first)
    scope = f"{question.relation}:{product_id}:{question.as_of}:{question.scope}:{question.or_parent}"
    seen, last_id = rank_after(asked, scope, question.after)
    limit = min(seen + question.first + 1, MAXIMUM_FIRST)
    siblings = page.ids if question.after is None else (product_id,)
    made = _decide_together(asked, question, siblings, limit)
    answer: RelatedAnswer = made[product_id].answer
    items = answer.items
    if last_id is not None and (len(items) < seen or items[seen - 1].product_id != last_id):
        raise CursorInvalid
    last = seen + question.first
    # siblings load what lies below their edges together, so what one of them shows is not kept beside its own answer
    kept = made[product_id].kept if siblings == (product_id,) else made[product_id].kept.passing()
    told = partial(_connection_fields, asked, question, (scope, siblings), made, kept, range(seen, last))
    return RelatedConnection(decision=decision_of(made[product_id]), **kept.part(("connection", question), told))


def _connection_fields(
    asked: Asked, question: Question, place: tuple[str, tuple[str, ...]], made: dict[str, Made], kept: KeptAnswer, places: range
) -> dict[str, Any]:
    """Return all fields of a connection but the decision: they are the same whenever it is asked for."""
    scope, siblings = place
    answer: RelatedAnswer = kept.answer
    products = _products_of(asked, (question, siblings), made, places.stop)
    edges = [
        _edge(asked, scope, rank, item, products[item.product_id], kept)
        for rank, item in enumerate(answer.items[places.start : places.stop], places.start + 1)
        if item.product_id in products
    ]
    fields = {
        "relation": question.relation,
        "asked_scope": question.scope,
        "answered_scope": answer.scope,
        "insufficient": insufficient_scope(answer.thin),
        "edges": edges,
        "page_info": PageInfo.of(edges, seen=places.start, more=len(answer.items) > places.stop),
    }
    return {**fields, "written": kept.written(fields.values())}


def _decide_together(asked: Asked, question: Question, ids: tuple[str, ...], limit: int) -> dict[str, Made]:
    requests = [RelatedRequest(one, question.relation, limit, question.as_of, question.scope, question.or_parent) for one in ids]
    return dict(zip(ids, asked.desk.decide_related(kind_of_relation(question.relation), requests), strict=True))


def _products_of(asked: Asked, key: Any, made: dict[str, Made], last: int) -> dict[str, Product]:
    """Return the products that the answers name up to a rank, loaded as one page; siblings share it."""
    if key not in asked.pages:
        ids = dict.fromkeys(item.product_id for one in made.values() for item in one.answer.items[:last])
        asked.pages[key] = load_products(asked, Page("Product", tuple(ids))) if ids else {}
    products: dict[str, Product] = asked.pages[key]
    return products


def _edge(asked: Asked, scope: str, rank: int, item: RelatedProduct, product: Product, kept: KeptAnswer) -> RelatedEdge:
    own = item.explanation.paths[0].hops[0]  # the first path is the edge itself
    fields: dict[str, Any] = {
        "node": product,
        "source": own.source,
        "target": own.target,
        "evidence": item.evidence,
        "explanation": explanation_of(item.explanation),
    }
    cursor = asked.front.cursors.give(scope, [rank, item.product_id])
    return RelatedEdge(cursor=cursor, written=kept.written(fields.values()), **fields)


def _category_path(asked: Asked, page: Page, product_id: str) -> list[ProductCategory]:
    """Two reads per level of the hierarchy for the whole page."""
    key = ("category_path", page)
    if key not in asked.pages:
        asked.pages[key] = _category_paths(asked, page)
    return [node_of(node) for node in reversed(asked.pages[key][product_id])]


def _category_paths(asked: Asked, page: Page) -> dict[str, list[kg.Node]]:
    others = asked.loaders.others
    narrowest = others("inCategory", page, "ProductCategory", direction=Direction.OUT, limit=1)
    paths = {one: list(narrowest[one]) for one in page.ids}
    for _ in range(MAXIMUM_LEVELS - 1):
        tips = Page("ProductCategory", tuple(dict.fromkeys(path[-1].id for path in paths.values() if path)))
        wider = others("broader", tips, "ProductCategory", direction=Direction.OUT, limit=1) if tips.ids else {}
        if not any(wider.values()):
            break
        for path in paths.values():
            path.extend(wider[path[-1].id] if path else ())
    return paths


def _product(node: kg.Node, page: Page) -> Product:
    given = cast("dict[str, Any]", node.properties)
    return Product(
        id=strawberry.ID(global_id("Product", node.id)),
        display_name=given.get("display_name") or f"Product {node.id}",
        product_id=strawberry.ID(node.id),
        page=page,
        name=given.get("name"),
        product_type=given.get("product_type"),
        size=given.get("size"),
        merchandise=given.get("merchandise"),
        first_sold=given.get("first_sold"),
        last_sold=given.get("last_sold"),
    )
