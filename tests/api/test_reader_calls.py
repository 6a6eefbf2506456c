"""How many times an operation asks the graph: the same for a page of two as for a page of ten."""

import pytest

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
def test_reads_of_an_operation_are_pinned_and_constant_in_the_page(shop, name):
    query, expected = QUERIES[name]
    for size in (2, 10, 50) if "$n" in query else (1,):
        shop.graph.calls.clear()
        answer = shop.ask(query, **({"n": size} if "$n" in query else {}))
        assert "errors" not in answer, answer
        assert dict(shop.graph.calls) == expected, size


class NoReads:
    """The relations as computed before, so that only the reads of the API itself are counted."""

    def __init__(self, service):
        self._service, self.calls = service, 0

    def related(self, request):
        self.calls += 1
        return self._service.related(request)


def test_related_products_of_a_whole_page_are_read_together(open_shop, shop_graph):
    from decisions.relations import RelationService

    shop = open_shop(replaced={"relations": NoReads(RelationService(shop_graph))})
    query = """query($n: Int!, $k: Int!) { products(first: $n) { edges { node {
        substitutes(first: $k) { edges { node { displayName suppliers { displayName } } evidence { strength } } } } } } }"""
    for size, related in ((2, 3), (10, 3), (10, 10)):
        shop.graph.calls.clear()
        shop.services.relations.calls = 0
        assert "errors" not in shop.ask(query, n=size, k=related)
        assert dict(shop.graph.calls) == {"nodes": 3, "related": 1}
        assert shop.services.relations.calls == size
