"""How many times an operation asks the graph where nothing is kept yet: the same for a page of two as for a page of ten."""

import pytest

from api.decisions_made import answer_bytes, request_of
from decisions.relations import RelatedRequest, UnknownProduct

QUERIES = {
    "product": ('{ product(id: "P007") { ... on Product { displayName size } } }', {"nodes": 1}),
    "product_around": (
        '{ product(id: "P007") { ... on Product { categoryPath { level } brand { id } suppliers { id } promotions { id } } } }',
        {"nodes": 7, "related": 7},
    ),
    "products": ("query($n: Int!) { products(first: $n) { edges { node { displayName } } } }", {"nodes": 1}),
    "products_with_suppliers": (
        "query($n: Int!) { products(first: $n) { edges { node { size suppliers { displayName } brand { displayName } } } } }",
        {"nodes": 3, "related": 2},
    ),
    "products_with_categories": (
        "query($n: Int!) { products(first: $n) { edges { node { categoryPath { displayName } } } } }",
        {"nodes": 4, "related": 4},
    ),
    "search": ('query($n: Int!) { search(text: "milk", first: $n) { edges { node { displayName } } } }', {"nodes": 1}),
    "recommendations": (
        "query($n: Int!) { recommendations(first: $n) { ... on RecommendationConnection { edges { node { displayName } } } } }",
        {"nodes": 1},
    ),
    "forecast": ('{ forecast(productId: "P007") { ... on Forecast { product { displayName } } } }', {"nodes": 1}),
    "node": ('{ node(id: "U3VwcGxpZXI6czE") { displayName } }', {"nodes": 1}),
    "health": ("{ health { status } }", {}),
}


@pytest.mark.parametrize("name", QUERIES)
def test_reads_of_an_operation_are_pinned_and_constant_in_the_page(open_shop, name):
    query, expected = QUERIES[name]
    for size in (2, 10, 50) if "$n" in query else (1,):
        shop = open_shop()
        answer = shop.ask(query, **({"n": size} if "$n" in query else {}))
        assert "errors" not in answer, answer
        assert dict(shop.graph.calls) == expected, size


RELATED = """query($n: Int!, $k: Int!) { products(first: $n) { edges { node {
  substitutes(first: $k) { edges { node { displayName suppliers { displayName } } evidence { strength }
                                   explanation { text } } pageInfo { hasNextPage } decision { id } }
  complements(first: $k) { edges { node { displayName } explanation { text } } pageInfo { hasNextPage } } } } } }"""
DECIDING = {"related": 1 + 1 + 3 + 1, "nodes": 2}
"""Of one relation for a page: edges, categories, three levels above, companions; names of products and of categories."""


def test_related_products_of_a_whole_page_are_read_together(open_shop):
    expected = {
        "nodes": 1 + 2 * DECIDING["nodes"] + 2 + 1,  # the page, the decisions, the products they name, the suppliers
        "related": 2 * DECIDING["related"] + 1,
    }
    for size, related in ((1, 3), (2, 3), (10, 3), (10, 10), (30, 2)):
        shop = open_shop()
        answer = shop.ask(RELATED, n=size, k=related)
        assert "errors" not in answer, answer
        assert len(answer["data"]["products"]["edges"]) == size
        assert dict(shop.graph.calls) == expected, (size, related)


def test_a_page_of_decisions_is_logged_one_by_one_and_each_as_if_asked_alone(shop):
    shop.ask(RELATED, n=5, k=3)
    entries = list(shop.log.entries())
    assert len(entries) == len({entry.id for entry in entries}) == 10
    for entry in entries:
        request = request_of(entry.kind, entry.request)
        assert entry.answer == answer_bytes(shop.services.relations.related(request))


def test_many_answers_are_those_asked_for_one_by_one_in_their_order(shop):
    relations = shop.services.relations
    asked = [
        RelatedRequest(f"P{n:03d}", relation, limit)
        for n in (7, 3, 7, 59)
        for relation in ("isSubstituteFor", "isComplementTo", "isBoughtWith")
        for limit in (2, 12)
    ]
    assert relations.related_many(asked) == tuple(relations.related(one) for one in asked)
    assert relations.related_many([]) == ()
    with pytest.raises(UnknownProduct):
        relations.related_many([*asked, RelatedRequest("nope", "isSubstituteFor")])
