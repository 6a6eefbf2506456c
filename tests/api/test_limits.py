"""Limits at n and n + 1, and a static cost that is never below what an answer holds."""

import random

import pytest

from api.errors import QueryRefused
from api.graphql.cost import LIST_BOUNDS, CostModel
from api.graphql.documents import DocumentStore, Limits
from api.graphql.schema import build_schema

SMALL = "query($first: Int!) { products(first: $first) { edges { node { productId } } } }"


def code(answer):
    return answer["errors"][0]["extensions"]["code"]


def refused(shop, query, expected, **variables):
    answer = shop.ask(query, 400, **variables)
    assert code(answer) == expected, answer
    assert "data" not in answer
    assert shop.graph.calls == {}
    assert shop.log.verify().entries == 0


def fragment_chain(count):
    """Fragments that each spread the next twice: 2 to the power of `count` when spread out naively."""
    parts = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(count)]
    return "{ ...f0 } " + " ".join(parts) + f" fragment f{count} on Query {{ health {{ status }} }}"


@pytest.mark.requirement("R-API-03")
@pytest.mark.parametrize(
    ("at_the_limit", "beyond", "expected"),
    [
        ("{ health { status } }" + " " * (15_000 - 21), "{ health { status } }" + " " * (15_001 - 21), "DOCUMENT_TOO_LARGE"),
        ("{ " + " ".join(f"a{n}: health {{ status }}" for n in range(10)) + " }",
         "{ " + " ".join(f"a{n}: health {{ status }}" for n in range(11)) + " }", "LIMIT_EXCEEDED"),
        ("{ health { " + " ".join(f"a{n}: status" for n in range(15)) + " } }",
         "{ health { " + " ".join(f"a{n}: status" for n in range(16)) + " } }", "LIMIT_EXCEEDED"),
        ("{ health { ...f } } fragment f on Health { " + " ".join(f"a{n}: status" for n in range(15)) + " }",
         "{ health { ...f } } fragment f on Health { " + " ".join(f"a{n}: status" for n in range(16)) + " }", "LIMIT_EXCEEDED"),
        ("{ health { " + "... on Health @include(if: true) { asOf } " * 50 + "} }",
         "{ health { " + "... on Health @include(if: true) { asOf } " * 51 + "} }", "LIMIT_EXCEEDED"),
        ("{ " + "health { status } " * 10 + "}", "{ " + "health { status } " * 11 + "}", "LIMIT_EXCEEDED"),
    ],
)  # fmt: skip
def test_documents_at_a_limit_run_and_beyond_it_do_not(shop, at_the_limit, beyond, expected):
    assert shop.ask(at_the_limit)["data"]["health" if "a0: health" not in at_the_limit else "a0"]
    shop.graph.calls.clear()
    refused(shop, beyond, expected)


DEPTH_8 = (
    """{ products(first: 1) { edges { node { substitutes(first: 1) { edges { explanation { paths { contribution } } } } } } } }"""
)


@pytest.mark.requirement("R-API-03")
def test_depth_counts_fields_through_fragments(shop):
    assert "errors" not in shop.ask(DEPTH_8)
    shop.graph.calls.clear()
    before = shop.log.verify().entries
    deeper = DEPTH_8.replace("paths { contribution }", "paths { hops { relation } }")
    hidden = (
        deeper.replace("paths { hops { relation } }", "...x")
        + " fragment x on Explanation { ... { paths { hops { relation } } } }"
    )
    for query in (deeper, hidden):
        assert code(shop.ask(query, 400)) == "LIMIT_EXCEEDED"
    assert (shop.graph.calls, shop.log.verify().entries) == ({}, before)


@pytest.mark.requirement("R-API-03")
def test_tokens_are_limited_before_the_document_is_parsed_to_its_end(shop):
    basket = "{{ recommendations(first: 1, basket: [{}]) {{ __typename }} }}"  # 15 tokens and those of the list
    assert shop.ask(basket.format('"x" ' * 985))["data"]["recommendations"]["__typename"] == "InvalidRequest"
    refused(shop, basket.format('"x" ' * 986), "SYNTAX_ERROR")
    refused(shop, "{" * 7000, "SYNTAX_ERROR")
    refused(shop, "{ a(b: " + "[" * 900 + "]" * 90, "SYNTAX_ERROR")


@pytest.mark.requirement("R-API-03")
def test_fragments_that_spread_each_other_twice_are_measured_once(shop):
    assert shop.ask(fragment_chain(1))["data"]["health"]["status"] == "ok"
    shop.graph.calls.clear()
    refused(shop, fragment_chain(60), "LIMIT_EXCEEDED")


@pytest.mark.requirement("R-API-04")
def test_cost_uses_the_real_values_of_variables_and_their_defaults(shop):
    def cost(query, **variables):
        return shop.ask(query, **variables)["extensions"]["cost"]["objects"]

    assert cost(SMALL, first=3) == 1 + 3 * 2
    assert cost(SMALL, first=50) == 1 + 50 * 2
    assert cost(SMALL.replace("Int!", "Int! = 9")) == 1 + 9 * 2
    assert cost(SMALL.replace("Int!", "Int! = 9"), first=4) == 1 + 4 * 2
    assert cost("{ products(first: 7) { edges { node { productId } } } }") == 1 + 7 * 2


@pytest.mark.requirement("R-API-04")
def test_what_costs_too_much_does_not_run(shop):
    wide = """query($a: Int!, $b: Int!) { products(first: $a) { edges { node { boughtWith(first: $b) { edges { node {
              productId } } } } } } }"""
    assert "errors" not in shop.ask(wide, a=40, b=1)
    shop.graph.calls.clear()
    assert code(shop.ask(wide, 400, a=100, b=1)) == "COST_EXCEEDED"  # 100 decisions are 1,000 points, and objects come on top
    assert code(shop.ask(wide, 400, a=60, b=100)) == "COST_EXCEEDED"  # 12,121 objects
    assert shop.graph.calls == {}


@pytest.mark.requirement("R-API-04")
@pytest.mark.parametrize("query", ["{ products { edges { cursor } } }", '{ search(text: "x") { totalCount } }',
                                   '{ substitutes(productId: "P007") { __typename } }'])  # fmt: skip
def test_first_is_required(shop, query):
    refused(shop, query, "INVALID_DOCUMENT")


def test_a_schema_with_an_unbounded_list_is_refused(monkeypatch):
    monkeypatch.delitem(LIST_BOUNDS, "Product.suppliers")
    with pytest.raises(ValueError, match=r"Product\.suppliers"):
        CostModel(build_schema({}).compiled)


# the oracle: random queries, and a count of the objects that came back


def product_selection(rng, depth):
    fields = ["productId", "displayName", "suppliers { displayName }", "brand { displayName }", "categoryPath { level }"]
    parts = rng.sample([*fields, "category { level }", "promotions { mechanic }"], rng.randint(1, 4))
    if depth > 0 and rng.random() < 0.8:
        relation = rng.choice(["substitutes", "complements", "boughtWith"])
        parts.append(f"{relation}(first: {rng.choice(['1', '2', '5', '$n'])}) {{ {related_selection(rng, depth - 1)} }}")
    return " ".join(parts)


def related_selection(rng, depth):
    inner = [f"node {{ {product_selection(rng, depth)} }}"]
    if rng.random() < 0.4:
        inner.append("evidence { strength }")
    if rng.random() < 0.4 and depth == 0:
        inner.append("explanation { text }")
    more = " decision { id freshness { table } }" if rng.random() < 0.3 else ""
    return f"edges {{ {' '.join(inner)} }} pageInfo {{ hasNextPage }}{more}"


def random_query(rng):
    root = rng.choice([
        lambda: f"products(first: $n) {{ edges {{ node {{ {product_selection(rng, 1)} }} }} }}",
        lambda: f'search(text: "milk", first: 3) {{ edges {{ node {{ {product_selection(rng, 1)} }} }} }}',
        lambda: f'product(id: "P007") {{ ... on Product {{ {product_selection(rng, 1)} }} }}',
        lambda: f'complements(productId: "P003", first: $n) {{ ... on RelatedConnection {{ {related_selection(rng, 0)} }} }}',
        lambda: "recommendations(first: $n) { ... on RecommendationConnection { edges { node { productId }"
                " explanation { paths { hops { source { id } } } } } } }",
        lambda: f'substitutes(productId: "P004", first: $n, scope: {{}}) {{ ... on RelatedConnection {{'
                f" insufficient {{ scope }} {related_selection(rng, 0)} }} }}",
        lambda: 'whyRelated(a: "P007", b: "P008") { ... on WhyRelated { relations { source { id } evidence { strength } }'
                " paths { hops { source { id } evidence { grade } } } shared { kind } periods { product { id } } } }",
        lambda: 'graphDiff(relation: "isSubstituteFor", first: $n) { ... on GraphDiff { edges { source { id } old { low } } } }',
        lambda: 'relationQuality(relation: "isSubstituteFor", first: $n) { ... on RelationQuality { figures { value }'
                " edges { product { id } } pictures { url } } }",
        lambda: 'forecast(productId: "P001") { ... on Forecast { points { units } history { units } } }',
    ])  # fmt: skip
    body = root()
    if rng.random() < 0.4:
        body = f"... on Query {{ {body} }}"
    use = "$n" in body
    return (f"query{'($n: Int!)' if use else ''} {{ {body} }}"), use


def objects(value):
    if isinstance(value, dict):
        return 1 + sum(objects(v) for v in value.values())
    return sum(objects(v) for v in value) if isinstance(value, list) else 0


@pytest.mark.requirement("R-API-04")
def test_the_static_cost_is_never_below_what_250_random_answers_hold(shop):
    rng, ran = random.Random(11), 0
    for _ in range(250):
        query, uses_n = random_query(rng)
        answer = shop.ask(query, **({"n": rng.randint(1, 5)} if uses_n else {}))
        assert "errors" not in answer, answer["errors"]
        held = objects(answer["data"]) - 1
        assert held <= answer["extensions"]["cost"]["objects"], query
        ran += held > 3
    assert ran >= 125


def test_kept_documents_are_bounded_and_bypass_no_limit():
    store = DocumentStore(build_schema({}).compiled, Limits(), introspection=True, maximum_documents=10, maximum_characters=400)
    for n in range(100):
        store.prepare(f"{{ a{n}: health {{ status }} }}", None)
    assert len(store._kept) == 10
    assert store._characters == sum(len(text) for text, _ in store._kept)
    store.prepare("{ health { status } }" + " " * 380, None)
    assert store._characters <= 400 + 400
    prepared = store.prepare(SMALL, None)
    assert store.prepare(SMALL, None) is prepared
    assert store.price(prepared, {"first": 10}).objects == 21
    with pytest.raises(QueryRefused, match="objects"):
        store.price(prepared, {"first": 10_000})
