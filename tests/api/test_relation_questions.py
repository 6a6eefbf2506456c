"""Relations by scope, why two products are related, what changed between versions, and how good it all is: to the letter."""

from types import SimpleNamespace

import orjson
import pytest
from graphql.execution import get_variable_values

from api.asked import Front
from api.catalogue import Catalogue
from api.cursors import CursorMint
from api.decisions_made import answer_bytes, compute, request_of
from api.error_map import LOGGED_REFUSALS
from api.graphql.documents import DocumentStore, Limits
from api.graphql.schema import build_schema
from api.identifiers import global_id
from decisions.relations import RelationService
from governance.policy import development_principal
from tests.api import scoped_shop, small_shop


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("versions")
    return SimpleNamespace(graph=scoped_shop.publish(root), root=root)


@pytest.fixture
def shop(open_shop, published):
    graph = small_shop.CountingGraph(published.graph)
    return open_shop(replaced=scoped_shop.replaced(graph, published.root))


RELATED = """query($id: ID!, $first: Int!, $after: String, $scope: RelationScopeInput) {
  substitutes(productId: $id, first: $first, after: $after, scope: $scope) { __typename
    ... on RelatedConnection { askedScope answeredScope insufficient { message remedy scope parentScope parentEdges scopes }
      edges { cursor node { productId } source { id } target { id } evidence { strength scope status } explanation { text } }
      pageInfo { hasNextPage endCursor } decision { id } }
    ... on ScopeWithoutData { scope scopes } ... on Problem { message } } }"""


def related(shop, product="P007", first=10, **variables):
    return shop.ask(RELATED, id=product, first=first, **variables)["data"]["substitutes"]


def listed(answer):
    return [(edge["node"]["productId"], edge["evidence"]["strength"], edge["evidence"]["scope"]) for edge in answer["edges"]]


CHAIN = [("P008", 1.0, "chain"), ("P009", 0.5, "chain"), ("P010", 1 / 3, "chain")]


def test_without_a_scope_the_chain_answers_alone(shop):
    for scope in (None, {}, {"orParent": False}):
        answer = related(shop, scope=scope)
        assert listed(answer) == CHAIN
        assert (answer["askedScope"], answer["answeredScope"], answer["insufficient"]) == ("chain", "chain", None)
    edge = answer["edges"][0]
    assert (edge["source"]["id"], edge["target"]["id"], edge["evidence"]["status"]) == ("P008", "P007", "active")


def test_each_scope_has_its_own_edges_and_says_so_in_words(shop):
    summer, cluster = related(shop, scope={"season": "SUMMER"}), related(shop, scope={"storeCluster": "2"})
    assert listed(summer) == [("P020", 0.9, "season:summer")]
    assert listed(cluster) == [("P008", 0.4, "store_cluster:2")]
    assert (summer["answeredScope"], cluster["answeredScope"]) == ("season:summer", "store_cluster:2")
    assert summer["edges"][0]["explanation"]["text"].startswith("In summer: ")
    assert cluster["edges"][0]["explanation"]["text"].startswith("In stores of cluster 2: ")
    assert related(shop, scope={"storeCluster": global_id("StoreCluster", "2")}) | {"decision": cluster["decision"]} == cluster


def test_a_scope_that_is_too_thin_says_so_and_names_who_answered_instead(shop):
    answer = related(shop, "P012", scope={"season": "SUMMER"})
    assert answer["insufficient"] == {
        "message": "Insufficient evidence in scope season:summer; parent scope chain has 3.",
        "remedy": "Scopes with evidence for this product: chain.",
        "scope": "season:summer", "parentScope": "chain", "parentEdges": 3, "scopes": ["chain"],
    }  # fmt: skip
    assert (answer["askedScope"], answer["answeredScope"]) == ("season:summer", "chain")
    assert [product for product, _, _ in listed(answer)] == ["P013", "P014", "P015"]
    strict = related(shop, "P012", scope={"season": "SUMMER", "orParent": False})
    assert (strict["edges"], strict["answeredScope"]) == ([], None)
    assert strict["insufficient"] == answer["insufficient"]


def test_a_product_without_any_edge_says_so_too(shop):
    answer = shop.ask(
        """{ boughtWith(productId: "P007", first: 3) { ... on RelatedConnection {
             answeredScope edges { cursor } insufficient { message remedy parentScope parentEdges scopes } } } }"""
    )["data"]["boughtWith"]
    assert answer == {
        "answeredScope": None, "edges": [],
        "insufficient": {"message": "Insufficient evidence in scope chain.", "remedy": "No scope has any yet.",
                         "parentScope": None, "parentEdges": 0, "scopes": []},
    }  # fmt: skip


def test_a_scope_without_data_lists_those_that_have(shop):
    answer = related(shop, scope={"segment": "9"})
    assert answer == {
        "__typename": "ScopeWithoutData", "scope": "segment:9", "scopes": ["chain", "season:summer", "store_cluster:2"],
        "message": "No edge of isSubstituteFor has the scope 'segment:9'.",
    }  # fmt: skip
    inner = '{ product(id: "P007") { ... on Product { substitutes(first: 3, scope: {segment: "9"}) { relation } } } }'
    error = shop.ask(inner)["errors"][0]
    assert error["extensions"]["code"] == "SCOPE_WITHOUT_DATA"
    assert "season:summer" in error["message"]
    both = related(shop, scope={"segment": "9", "season": "WINTER"})
    assert both["__typename"] == "InvalidRequest"
    assert shop.log.verify().entries == 0


def test_pages_of_a_scope_join_and_their_cursors_are_its_own(shop):
    scope = {"season": "WINTER"}
    assert related(shop, scope=scope)["__typename"] == "ScopeWithoutData"
    scope = {"season": "SUMMER"}
    first = related(shop, "P012", 2, scope=scope)
    second = related(shop, "P012", 2, scope=scope, after=first["pageInfo"]["endCursor"])
    assert listed(first) + listed(second) == listed(related(shop, "P012", scope=scope))
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    wrong = shop.ask(RELATED, id="P012", first=2, after=first["pageInfo"]["endCursor"])
    assert wrong["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"


def test_a_scoped_page_of_products_is_read_together(shop):
    query = """query($n: Int!) { products(first: $n) { edges { node {
      substitutes(first: 2, scope: {season: SUMMER}) { answeredScope edges { node { displayName } } } } } } }"""
    for size in (9, 30):
        shop.graph.calls.clear()
        shop.services.relations._graph.calls.clear()
        answer = shop.ask(query, n=size)
        assert "errors" not in answer, answer
        scopes = [edge["node"]["substitutes"]["answeredScope"] for edge in answer["data"]["products"]["edges"]]
        assert scopes == ["season:summer" if n == 7 else "chain" for n in range(size)]
        # the scope's edges, those of the thin ones elsewhere, categories, three levels above, companions
        assert shop.services.relations._graph.calls["related"] == 1 + 1 + 1 + 3 + 1, size


WHY = """query($a: ID!, $b: ID!, $day: Date) { whyRelated(a: $a, b: $b, asOf: $day) { __typename
  ... on WhyRelated { related text daysTogether missing
    relations { relation scope source { id } target { id } text evidence { strength grade status } }
    paths { contribution hops { source { label id } relation target { label id } walkedBackwards } }
    shared { kind shared first second text } periods { product { id } firstSold lastSold } decision { id kind } }
  ... on NeverSoldTogether { periods { product { id } firstSold lastSold } decision { id kind } }
  ... on BeforeFirstSale { firstSale } ... on Problem { message remedy } } }"""


def why(shop, a, b, **variables):
    answer = shop.ask(WHY, a=a, b=b, **variables)
    assert "errors" not in answer, answer
    return answer["data"]["whyRelated"]


def test_why_two_products_are_related(shop):
    answer = why(shop, "P007", global_id("Product", "P008"))
    assert answer["related"] is True
    edges = [(e["relation"], e["scope"], e["source"]["id"], e["target"]["id"], e["evidence"]["strength"])
             for e in answer["relations"]]  # fmt: skip
    assert edges == [("isSubstituteFor", "chain", "P008", "P007", 1.0),
                     ("isSubstituteFor", "store_cluster:2", "P008", "P007", 0.4)]  # fmt: skip
    ways = [[(h["source"]["id"], h["relation"], h["target"]["id"], h["walkedBackwards"]) for h in path["hops"]]
            for path in answer["paths"]]  # fmt: skip
    milk, cheese = "GROCERY > DAIRY > CHOCOLATE MILK", "GROCERY > DAIRY > SHREDDED CHEESE"
    assert ways == [[("P007", "inCategory", milk, False), (milk, "broader", "GROCERY > DAIRY", False),
                     (cheese, "broader", "GROCERY > DAIRY", True), ("P008", "inCategory", cheese, True)]]  # fmt: skip
    assert answer["daysTogether"] == 335
    assert answer["periods"][0] == {"product": {"id": "P007"}, "firstSold": "2017-01-01", "lastSold": "2017-12-01"}
    assert answer["missing"] == []
    assert shop.log.get(answer["decision"]["id"]).kind == answer["decision"]["kind"] == "why_related"


def test_counts_over_few_households_are_withheld(shop):
    shared = {count["kind"]: count for count in why(shop, "P007", "P001")["shared"]}
    assert {kind: (count["shared"], count["first"], count["second"]) for kind, count in shared.items()} == {
        "baskets": (0, None, None), "households": (0, None, None), "promotion_days": (0, 14, 0),
    }  # fmt: skip
    assert shared["baskets"]["text"] == "no baskets hold both"


def test_both_directions_are_told_apart(shop):
    answer = why(shop, "P017", "P007")
    assert [(e["relation"], e["source"]["id"], e["target"]["id"]) for e in answer["relations"]] == [
        ("isComplementTo", "P017", "P007")
    ]
    assert [e["relation"] for e in why(shop, "P007", "P017")["relations"]] == ["isComplementTo"]


def test_unrelated_products_are_told_what_is_missing(shop):
    answer = why(shop, "P001", "P031")
    assert (answer["related"], answer["relations"]) == (False, [])
    assert "No edge of a derived relation joins them" in answer["missing"][0]
    assert [path["hops"][0]["relation"] for path in answer["paths"]] == ["inCategory", "suppliedBy", "ofBrand"]


def test_bad_questions_about_a_pair_are_typed(shop):
    never = why(shop, "P030", "P059")
    assert never["__typename"] == "NeverSoldTogether"
    assert [(p["product"]["id"], p["firstSold"], p["lastSold"]) for p in never["periods"]] == [
        ("P030", "2017-01-01", "2017-02-01"), ("P059", "2017-03-01", "2017-12-01"),
    ]  # fmt: skip
    assert "never sold at the same time" in never["message"]
    assert shop.log.get(never["decision"]["id"]).kind == "why_related"
    logged = shop.log.verify().entries
    assert why(shop, "P007", "nope")["__typename"] == "UnknownProduct"
    assert why(shop, "P007", "P007")["__typename"] == "InvalidRequest"
    early = why(shop, "P007", "P008", day="2016-12-31")
    assert (early["__typename"], early["firstSale"]) == ("BeforeFirstSale", "2017-01-01")
    assert why(shop, "P007", "P008", day="2017-12-30")["__typename"] == "InvalidRequest"
    assert why(shop, "P007", "P008", day="2017-12-31")["__typename"] == "WhyRelated"
    assert shop.log.verify().entries == logged + 1


DIFF = """query($first: Int!, $after: String, $from: ID, $to: ID, $relation: String!) {
  graphDiff(relation: $relation, first: $first, after: $after, from: $from, to: $to) { __typename
    ... on GraphDiff { relation fromVersion toVersion added removed changed unchanged
      edges { cursor kind source { id displayName } target { id } scope change old { strength } new { strength } }
      pageInfo { hasNextPage hasPreviousPage endCursor } decision { id kind } }
    ... on UnknownVersion { versions } ... on Problem { message } } }"""


def diff(shop, first=10, relation="isSubstituteFor", **variables):
    return shop.ask(DIFF, first=first, relation=relation, **variables)["data"]["graphDiff"]


def changes(answer):
    return [(e["kind"], e["source"]["id"], e["scope"], e["change"], e["old"] and e["old"]["strength"],
             e["new"] and e["new"]["strength"]) for e in answer["edges"]]  # fmt: skip


EXPECTED = [
    ("added", "P020", "season:summer", 0.9, None, 0.9),
    ("changed", "P008", "chain", 0.5, 0.5, 1.0),
    ("removed", "P040", "chain", -0.25, 0.25, None),
]


def test_what_changed_since_the_version_before(shop, published):
    answer = diff(shop)
    assert changes(answer) == EXPECTED
    assert (answer["added"], answer["removed"], answer["changed"], answer["unchanged"]) == (1, 1, 1, 180)
    assert answer["toVersion"] == published.graph.version.id != answer["fromVersion"]
    assert answer["edges"][0]["source"]["displayName"] == "Shredded cheese · 20 oz · P020"
    assert shop.log.get(answer["decision"]["id"]).kind == answer["decision"]["kind"] == "graph_diff"
    back = diff(shop, **{"from": answer["toVersion"], "to": answer["fromVersion"]})
    assert [(kind, change) for kind, _, _, change, _, _ in changes(back)] == [
        ("removed", -0.9), ("changed", -0.5), ("added", 0.25),
    ]  # fmt: skip
    same = diff(shop, **{"from": answer["toVersion"], "to": answer["toVersion"]})
    assert (same["edges"], same["unchanged"]) == ([], 182)
    assert diff(shop, relation="isComplementTo")["unchanged"] == 180


def test_pages_of_changes_join_to_the_whole(shop):
    seen, after = [], None
    while True:
        page = diff(shop, first=1, after=after)
        seen += changes(page)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == EXPECTED


@pytest.mark.parametrize("version", ["nope", "", "../versions", "CURRENT", "."])
def test_an_unknown_version_lists_the_known_ones(shop, version):
    answer = diff(shop, **{"from": version or "x"})
    assert answer["__typename"] == "UnknownVersion"
    assert len(answer["versions"]) == 2
    assert diff(shop, relation="contains")["__typename"] == "InvalidRequest"
    assert diff(shop, first=101)["__typename"] == "InvalidRequest"
    assert shop.log.verify().entries == 0


def test_where_one_version_is_all_there_is_none_before_it(open_shop, published):
    shop = open_shop(replaced={"graph": published.graph, "relations": RelationService(published.graph)})
    assert diff(shop)["versions"] == [published.graph.version.id]


QUALITY = """query($first: Int!, $after: String, $category: ID, $metric: String, $relation: String!) {
  relationQuality(relation: $relation, first: $first, after: $after, category: $category, metric: $metric) { __typename
    ... on RelationQuality { relation asOf modelVersion protocol figuresTotal categories eventsTotal covered pictureUrl
      figures { system metric category value low high events } pictures { name url }
      edges { cursor eventId product { id displayName } day predicted realised covered simulated }
      pageInfo { hasNextPage endCursor } decision { id kind } }
    ... on QualityNotMeasured { categories } ... on Problem { message remedy } } }"""


def quality(shop, first=10, relation="isSubstituteFor", **variables):
    return shop.ask(QUALITY, first=first, relation=relation, **variables)["data"]["relationQuality"]


def test_how_good_a_relation_is(shop):
    answer = quality(shop)
    assert [(f["system"], f["metric"], f["category"], f["value"]) for f in answer["figures"]] == [
        ("shelfgraph", "coverage_90", None, 0.9), ("shelfgraph", "log_loss", None, 4.5), ("repertoire", "log_loss", None, 5.0),
        ("shelfgraph", "log_loss", "GROCERY > DAIRY", 4.0),
    ]  # fmt: skip
    assert [e["eventId"] for e in answer["edges"]] == ["e4", "e2", "e3", "e0", "e1"]
    assert (answer["figuresTotal"], answer["eventsTotal"], answer["covered"]) == (4, 5, 4)
    assert [e["covered"] for e in answer["edges"]] == [False, True, True, True, True]
    assert answer["edges"][0]["product"] == {"id": "P004", "displayName": "Chocolate milk · 4 oz · P004"}
    assert answer["pictures"] == [{"name": "isSubstituteFor.calibration", "url": answer["pictureUrl"]}]
    assert answer["categories"] == ["GROCERY > DAIRY"]
    assert shop.log.get(answer["decision"]["id"]).kind == answer["decision"]["kind"] == "relation_quality"


def test_the_back_test_of_a_category_and_of_a_metric(shop):
    for category in ("GROCERY > DAIRY", global_id("ProductCategory", "GROCERY > DAIRY")):
        answer = quality(shop, category=category)
        assert ([f["value"] for f in answer["figures"]], answer["eventsTotal"]) == ([4.0], 2)
    assert [f["value"] for f in quality(shop, metric="log_loss")["figures"]] == [4.5, 5.0, 4.0]
    first = quality(shop, first=3)
    second = quality(shop, first=3, after=first["pageInfo"]["endCursor"])
    assert [e["eventId"] for e in first["edges"] + second["edges"]] == ["e4", "e2", "e3", "e0", "e1"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


def test_what_was_not_measured_is_said(shop, open_shop, published):
    assert quality(shop, category="GROCERY")["categories"] == ["GROCERY > DAIRY"]
    assert quality(shop, relation="isComplementTo")["__typename"] == "QualityNotMeasured"
    assert quality(shop, relation="contains")["__typename"] == "InvalidRequest"
    without = open_shop(replaced={"relations": RelationService(published.graph)})
    answer = quality(without)
    assert (answer["__typename"], answer["categories"]) == ("QualityNotMeasured", [])
    assert "shelfgraph train" in answer["remedy"]


def test_pictures_are_given_as_svg_that_cannot_run(shop):
    answer = shop.client.get(quality(shop)["pictureUrl"])
    assert (answer.status_code, answer.content) == (200, scoped_shop.PICTURE)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    for query, status in (
        ("picture=nope", 404),
        ("", 400),
        ("picture=learning&picture=learning", 400),
        ("picture=learning&x=1", 400),
    ):
        assert shop.client.get(f"/v1/relation-quality.svg?{query}").status_code == status, query


def test_every_answer_about_relations_is_logged_and_comes_out_the_same_again(shop):
    related(shop, scope={"season": "SUMMER"})
    related(shop, "P012", scope={"season": "SUMMER"})
    why(shop, "P007", "P008")
    why(shop, "P030", "P059")
    first = diff(shop, first=1)
    diff(shop, first=1, after=first["pageInfo"]["endCursor"])
    page = quality(shop, first=2)
    quality(shop, first=2, after=page["pageInfo"]["endCursor"])
    entries = list(shop.log.entries())
    assert len(entries) == 8
    for entry in entries:
        again = compute(shop.services, entry.kind, request_of(entry.kind, entry.request), LOGGED_REFUSALS)
        assert answer_bytes(again) == entry.answer, entry.kind


def test_compiled_documents_answer_as_graphql_core_does(shop, published):
    schema = build_schema({})
    store = DocumentStore(schema.compiled, Limits(), introspection=True)
    front = Front(shop.services, Catalogue(published.graph), CursorMint(b"k", published.graph.version.id), shop.log, lambda: True)
    asked = [
        (RELATED, {"id": "P007", "first": 3, "scope": {"season": "SUMMER"}}),
        (RELATED, {"id": "P012", "first": 3, "scope": {"storeCluster": "2", "orParent": False}}),
        (RELATED, {"id": "P012", "first": 3, "scope": {"segment": "9"}}),
        (WHY, {"a": "P007", "b": "P008"}),
        (WHY, {"a": "P030", "b": "P059"}),
        (WHY, {"a": "P007", "b": "P008", "day": "2016-01-01"}),
        (DIFF, {"first": 2, "relation": "isSubstituteFor"}),
        (DIFF, {"first": 2, "relation": "isSubstituteFor", "from": "nope"}),
        (QUALITY, {"first": 2, "relation": "isSubstituteFor"}),
    ]
    for query, variables in asked:
        # ids of decisions differ by design
        prepared = store.prepare(query.replace("decision { id kind }", "").replace("decision { id }", ""), None)
        values = get_variable_values(schema.compiled, prepared.operation.variable_definitions or (), variables)
        fast = prepared.compiled.run(front.ask(development_principal("localhost")), values)
        slow = schema.run(prepared.document, front.ask(development_principal("localhost")), variables, None)
        assert fast.errors is slow.errors is None
        assert orjson.dumps(fast.data) == orjson.dumps(slow.data), query
