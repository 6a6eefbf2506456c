"""What the small shop answers, to the letter."""

from dataclasses import replace

import pytest

from api.examples import build_examples
from api.graphql.envelope_types import explanation_of
from api.identifiers import global_id, node_ref, plain_id
from cli.demo import SHOWN_EXAMPLES, answered
from decisions.envelope import Explanation, ExplanationPath

RELATED = """query($id: ID!, $first: Int!, $after: String) { substitutes(productId: $id, first: $first, after: $after) {
  __typename
  ... on RelatedConnection { edges { cursor node { productId } evidence { strength } } pageInfo { hasNextPage hasPreviousPage endCursor } decision { id kind } }
  ... on Problem { message remedy } } }"""  # noqa: E501 - one query


def product_ids(answer, field="substitutes"):
    return [edge["node"]["productId"] for edge in answer["data"][field]["edges"]]


def test_a_product_with_all_that_is_around_it(shop):
    answer = shop.ask(
        """query($id: ID!) { product(id: $id) { ... on Product {
          id productId displayName productType size merchandise lastSold
          category { displayName level } categoryPath { displayName } brand { displayName } suppliers { displayName }
          promotions { mechanic locations validTo stores coverage } } } }""",
        id="P007",
    )
    assert "errors" not in answer
    assert answer["data"]["product"] == {
        "id": global_id("Product", "P007"), "productId": "P007", "displayName": "Chocolate milk · 7 oz · P007",
        "productType": "CHOCOLATE MILK", "size": "7 OZ", "merchandise": True, "lastSold": "2017-12-01",
        "category": {"displayName": "Chocolate milk", "level": "type"},
        "categoryPath": [{"displayName": "Grocery"}, {"displayName": "Dairy"}, {"displayName": "Chocolate milk"}],
        "brand": {"displayName": "Private"}, "suppliers": [{"displayName": "Supplier s1"}],
        "promotions": [
            {"mechanic": "display", "locations": ["1", "2"], "validTo": "2018-01-01", "stores": 4, "coverage": 0.5}
        ],
    }  # fmt: skip


@pytest.mark.parametrize("id_of", [str, lambda p: global_id("Product", p)])
def test_substitutes_come_strongest_first_with_evidence_and_a_decision(shop, id_of):
    answer = shop.ask(RELATED, id=id_of("P007"), first=3)
    assert product_ids(answer) == ["P008", "P009", "P010"]
    assert [e["evidence"]["strength"] for e in answer["data"]["substitutes"]["edges"]] == [1.0, 0.5, 1 / 3]
    decision = answer["data"]["substitutes"]["decision"]
    assert shop.log.get(decision["id"]).kind == decision["kind"] == "substitutes"


def test_pages_of_substitutes_join_to_the_whole(shop):
    seen, after, pages = [], None, 0
    while True:
        answer = shop.ask(RELATED, id="P007", first=5, after=after)["data"]["substitutes"]
        assert answer["pageInfo"]["hasPreviousPage"] is (pages > 0)
        seen += [edge["node"]["productId"] for edge in answer["edges"]]
        pages += 1
        if not answer["pageInfo"]["hasNextPage"]:
            break
        after = answer["pageInfo"]["endCursor"]
    assert (seen, pages) == ([f"P{n:03d}" for n in range(8, 20)], 3)


@pytest.mark.parametrize(("first", "pages"), [(11, [11, 1]), (12, [12]), (6, [6, 6]), (4, [4, 4, 4]), (100, [12])])
def test_the_last_page_knows_that_it_is_the_last(shop, first, pages):
    seen, after = [], None
    while True:
        page = shop.ask(RELATED, id="P007", first=first, after=after)["data"]["substitutes"]
        seen.append(len(page["edges"]))
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == pages


OFFERS = """query($first: Int!, $after: String, $basket: [ID!], $household: ID) {
  recommendations(first: $first, after: $after, basket: $basket, householdId: $household) { __typename
    ... on RecommendationConnection { edges { cursor rank node { productId } }
                                      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
    ... on Problem { message } } }"""


@pytest.mark.parametrize(("first", "pages"), [(25, [25, 25, 10]), (20, [20, 20, 20]), (60, [60]), (100, [60])])
def test_pages_of_suggestions_join_to_the_whole(shop, first, pages):
    seen, sizes, after = [], [], None
    while True:
        page = shop.ask(OFFERS, first=first, after=after)["data"]["recommendations"]
        assert page["pageInfo"]["hasPreviousPage"] is bool(seen)
        cursors = [edge["cursor"] for edge in page["edges"]]
        assert (page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]) == (cursors[0], cursors[-1])
        seen += [(edge["rank"], edge["node"]["productId"]) for edge in page["edges"]]
        sizes.append(len(page["edges"]))
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert sizes == pages
    assert seen == [(n + 1, f"P{n:03d}") for n in range(60)]


@pytest.mark.requirement("R-API-15")
def test_a_cursor_of_suggestions_is_bound_to_what_was_asked(shop):
    asked = {"basket": ["P001", "P002"], "household": "hh_a"}
    page = shop.ask(OFFERS, first=3, **asked)["data"]["recommendations"]
    again = shop.ask(OFFERS, first=3, **asked)["data"]["recommendations"]
    assert again == page
    cursor = page["pageInfo"]["endCursor"]
    same_basket = shop.ask(OFFERS, first=3, after=cursor, basket=["P002", "P001", "P001"], household="hh_a")
    assert [edge["rank"] for edge in same_basket["data"]["recommendations"]["edges"]] == [4, 5, 6]
    before = shop.log.verify().entries
    for other in ({"basket": ["P001"]}, {"household": "hh_b", "basket": asked["basket"]}, {}):
        refused = shop.ask(OFFERS, first=3, after=cursor, **other)
        assert refused["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"
    assert shop.ask(RELATED, id="P007", first=3, after=cursor)["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"
    assert shop.log.verify().entries == before
    assert shop.ask(OFFERS, first=0)["data"]["recommendations"]["__typename"] == "InvalidRequest"


def test_the_paths_that_weigh_most_are_shown_for_or_against():
    given = [0.3, -4.0, 0.1, 2.0, -0.2, 0.0, -0.5]
    shown = explanation_of(Explanation("", tuple(ExplanationPath((), contribution) for contribution in given)))
    assert [path.contribution for path in shown.paths] == [-4.0, 2.0, -0.5, 0.3, -0.2]


def test_business_outcomes_are_types(shop):
    unknown = shop.ask(RELATED, id="nope", first=3)["data"]["substitutes"]
    assert unknown == {"__typename": "UnknownProduct", "message": "There is no product 'nope'.",
                       "remedy": "Search for it by type, brand or size to find its id."}  # fmt: skip
    product = shop.ask('{ product(id: "nope") { __typename ... on Problem { message } } }')["data"]["product"]
    assert product == {"__typename": "UnknownProduct", "message": "There is no product 'nope'."}
    for first in (0, 101, -5):
        assert shop.ask(RELATED, id="P007", first=first)["data"]["substitutes"]["__typename"] == "InvalidRequest"
    decision = shop.ask('{ decision(id: "dec_x") { __typename } }')["data"]["decision"]
    assert decision == {"__typename": "UnknownDecision"}
    assert shop.log.verify().entries == 0


FORECAST = """query($id: ID!, $weeks: Int! = 4) { forecast(productId: $id, horizonWeeks: $weeks) { __typename
  ... on Forecast { product { productId } points { weekStart units low high baselineUnits promoted } history { weekStart units }
                    explanation { text paths { contribution hops { relation walkedBackwards } } } decision { id modelVersion } }
  ... on InsufficientEvidence { message decision { id } } } }"""


def test_a_forecast_and_its_drivers(shop):
    answer = shop.ask(FORECAST, id="P007", weeks=2)["data"]["forecast"]
    point = {"weekStart": "2018-01-01", "units": 10.0, "low": 8.0, "high": 12.0, "baselineUnits": 9.5, "promoted": False}
    assert answer["points"] == [point, point]
    assert answer["history"] == [{"weekStart": "2017-12-18", "units": 9.0}, {"weekStart": "2017-12-25", "units": 11.0}]
    assert answer["decision"]["modelVersion"] == "m-fc"
    hops = answer["explanation"]["paths"][0]["hops"]
    assert hops == [{"relation": "madeBy", "walkedBackwards": True}, {"relation": "isBoughtWith", "walkedBackwards": False}]


def test_a_category_and_everything_are_forecast_too(shop):
    query = """query($category: ID, $product: ID, $without: [ID!]) {
        forecast(categoryId: $category, productId: $product, withoutNeighbours: $without, horizonWeeks: 1) { __typename
          ... on Forecast { product { productId } category { displayName } why drivers { name words units productId pastWeeks }
            points { low95 high95 } } ... on Problem { message } } }"""
    everything = shop.ask(query)["data"]["forecast"]
    assert (everything["product"], everything["category"], everything["why"]) == (None, None, "It won.")
    told = {"name": "own_history", "words": "own sales history", "units": 0.5, "productId": None, "pastWeeks": None}
    assert (everything["drivers"], everything["points"]) == ([told], [{"low95": 7.0, "high95": 13.0}])
    some = shop.ask('{ product(id: "P007") { ... on Product { category { id displayName } } } }')["data"]["product"]["category"]
    of_category = shop.ask(query, category=some["id"])["data"]["forecast"]
    assert of_category["category"]["displayName"] == some["displayName"]
    unclear = shop.ask(query, category=some["id"], product="P007")["data"]["forecast"]
    assert unclear["__typename"] == "InvalidRequest"
    crowd = shop.ask(query, product="P007", without=["P001"] * 31)["data"]["forecast"]
    assert (crowd["__typename"], "at most 30" in crowd["message"]) == ("InvalidRequest", True)


def test_too_little_evidence_is_an_answer_that_is_logged(shop):
    answer = shop.ask(FORECAST, id="P059")["data"]["forecast"]
    assert answer["__typename"] == "InsufficientEvidence"
    entry = shop.log.get(answer["decision"]["id"])
    assert entry.kind == "forecast"
    assert b'"outcome":"NoHistory"' in entry.answer


def test_recommendations_by_graphql_and_by_rest_are_the_same(shop):
    answer = shop.ask(
        """{ recommendations(householdId: "hh_a", basket: ["P007"], first: 3) { ... on RecommendationConnection {
             system household { displayName } edges { rank score node { productId } sources } } } }"""
    )["data"]["recommendations"]
    assert answer["household"] == {"displayName": "Household a"}
    plain = shop.client.get("/v1/recommendations?household=hh_a&basket=P007&limit=3")
    assert plain.status_code == 200
    items = plain.json()["answer"]["items"]
    assert [i["product_id"] for i in items] == [e["node"]["productId"] for e in answer["edges"]] == ["P000", "P001", "P002"]
    assert [i["score"] for i in items] == [e["score"] for e in answer["edges"]]
    assert plain.json()["names"]["P001"] == "Chocolate milk · 1 oz · P001"
    paged, plainly = shop.services.recommender.asked
    assert paged == replace(plainly, limit=plainly.limit + 1)  # a page looks one further
    entry = shop.log.get(plain.json()["decision"]["id"])
    assert plain.content.count(entry.answer) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=²", "limit=1&limit=2", "color=red", "limit=1e1",
                                   "basket=" + ",".join(["P001"] * 51), "basket=" + "x" * 5000])  # fmt: skip
def test_rest_refuses_what_it_cannot_use(shop, query):
    answer = shop.client.get(f"/v1/recommendations?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_REQUEST"
    assert shop.log.verify().entries == 0


def test_the_list_of_products_filters_and_pages(shop):
    query = """query($first: Int!, $after: String, $category: ID, $supplier: ID, $all: Boolean!) {
      products(first: $first, after: $after, categoryId: $category, supplierId: $supplier, merchandiseOnly: $all) {
        totalCount edges { node { productId } } pageInfo { hasNextPage endCursor } } }"""

    def listed(**variables):
        seen, after = [], None
        while True:
            page = shop.ask(query, first=7, after=after, **variables)["data"]["products"]
            seen += [e["node"]["productId"] for e in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                assert page["totalCount"] == len(seen)
                return seen

    every = [f"P{n:03d}" for n in range(60)]
    assert listed(all=False) == every
    assert listed(all=True) == [p for p in every if p != "P058"]
    assert listed(all=False, supplier="s1") == every[1::2]
    assert listed(all=False, category="GROCERY > DAIRY > CHOCOLATE MILK") == every[1::3]
    assert listed(all=False, category=global_id("ProductCategory", "GROCERY")) == every
    assert listed(all=True, category="GROCERY > DAIRY", supplier="s2") == [p for p in every[::2] if p != "P058"]
    assert listed(all=False, category="nope") == []


def test_search_pages_and_names_its_total(shop):
    query = """query($after: String) { search(text: "choc milk", first: 12, after: $after) {
      totalCount edges { node { productId } cursor } pageInfo { hasNextPage endCursor } } }"""
    first = shop.ask(query)["data"]["search"]
    second = shop.ask(query, after=first["pageInfo"]["endCursor"])["data"]["search"]
    ids = product_ids({"data": {"x": first}}, "x") + product_ids({"data": {"x": second}}, "x")
    assert first["totalCount"] == len(ids) == len(set(ids)) == 19
    assert (ids[0], first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == ("P007", True, False)


@pytest.mark.parametrize(
    ("label", "inner", "expected"),
    [
        ("Product", "P007", {"__typename": "Product", "displayName": "Chocolate milk · 7 oz · P007"}),
        ("Supplier", "s1", {"__typename": "Supplier", "displayName": "Supplier s1"}),
        ("ProductCategory", "GROCERY", {"__typename": "ProductCategory", "displayName": "Grocery"}),
        ("Household", "hh_a", {"__typename": "Household", "displayName": "Household a"}),
        ("Promotion", "P007:display:2017-12-25", {"__typename": "Promotion", "displayName": "now"}),
        ("Basket", "b1", {"__typename": "Basket", "displayName": "b1"}),
        ("Product", "nope", None),
        ("Nonsense", "x", None),
        ("Session", "x", None),
    ],
)
def test_any_node_by_its_opaque_id(shop, label, inner, expected):
    query = "query($id: ID!) { node(id: $id) { id __typename displayName } }"
    answer = shop.ask(query, id=global_id(label, inner))["data"]["node"]
    assert answer == (expected and expected | {"id": global_id(label, inner)})


def test_opaque_ids_round_trip_and_nothing_else_is_one():
    for label, inner in (("Product", "1"), ("Promotion", "P:display:2017-01-01"), ("Brand", "Größe界"), ("X", "")):
        ref = node_ref(global_id(label, inner))
        assert ref is not None
        assert (ref.label, ref.id) == (label, inner)
        assert plain_id(label, global_id(label, inner)) == inner
        assert plain_id("Other", global_id(label, inner)) == global_id(label, inner)
    for text in ("", "P007", "995242", "!!!", "UHJvZHVjdDpQMDA3=", "é", "x" * 5000, "____"):
        assert node_ref(text) is None
        assert plain_id("Product", text) == text


def test_a_logged_decision_is_shown_as_it_was_answered(shop):
    made = shop.ask(RELATED, id="P007", first=2)["data"]["substitutes"]["decision"]["id"]
    logged = shop.ask(
        "query($id: ID!) { decision(id: $id) { ... on LoggedDecision { id kind principal releaseId header request answer } } }",
        id=made,
    )["data"]["decision"]
    assert logged["request"] == {
        "product_id": "P007", "relation": "isSubstituteFor", "limit": 3, "as_of": None, "scope": "chain", "or_parent": True,
    }  # fmt: skip
    assert [item["product_id"] for item in logged["answer"]["items"]] == ["P008", "P009", "P010"]
    assert logged["header"]["graph_version"] == shop.graph.version.id
    assert (logged["id"], logged["principal"], logged["releaseId"]) == (made, "development", "rel_1")


def test_every_saved_query_runs_and_shows_rows(shop):
    examples = shop.client.get("/playground/examples.json").json()
    assert {e["role"] for e in examples} == {"merchandiser", "recommendation client", "planner", "data steward"}
    assert len(examples) == 9
    for example in examples:
        assert set(example) == {"role", "title", "description", "query", "variables"}
        answer = shop.ask(example["query"], **example["variables"])
        assert "errors" not in answer, answer
        assert "message" not in str(answer["data"]), answer


def test_the_demos_three_queries_show_paths_to_substitutes_and_complements(shop):
    first = build_examples(shop.graph)[:SHOWN_EXAMPLES]
    assert len(first) == 3
    data, *_ = [answered(example, shop.ask(example.query, **example.variables)) for example in first]
    for relation, stored in (("substitutes", "isSubstituteFor"), ("complements", "isComplementTo")):
        edges = data["product"][relation]["edges"]
        assert len(edges) == 5
        for edge in edges:
            hops = [hop["relation"] for path in edge["explanation"]["paths"] for hop in path["hops"]]
            assert stored in hops


def test_a_saved_query_is_far_from_the_limits(shop):
    for example in build_examples(shop.graph):
        cost = shop.ask(example.query, **example.variables)["extensions"]["cost"]
        assert cost["objects"] <= cost["maximumObjects"] / 4, example.title
        assert cost["points"] <= cost["maximumPoints"] / 4, example.title


def test_the_schema_speaks_the_ontologys_words(shop):
    from ontology import load_glossary

    described = shop.ask('{ __type(name: "Product") { description fields { name description } } }')["data"]["__type"]
    terms = load_glossary().terms
    assert described["description"] == terms["Product"].gloss
    fields = {f["name"]: f["description"] for f in described["fields"]}
    assert fields["productType"] == terms["product_type"].gloss
    evidence = shop.ask('{ __type(name: "Evidence") { fields { name description } } }')["data"]["__type"]["fields"]
    assert [f["name"] for f in evidence if not f["description"]] == []
