"""What is read of a release and understood of a body is kept: within bounds, for everybody, and past no limit or rule."""

import orjson
import pytest

from api import kept_reads
from api.graphql import endpoint
from api.graphql.documents import Limits
from api.kept_reads import KeptReads
from governance.policy import Principal, Role
from kg.ports import Direction
from tests.api import small_shop

QUERY = "query P($id: ID!) { product(id: $id) { __typename ... on Product { displayName suppliers { displayName } } } }"


def test_a_second_request_reads_nothing_again(shop):
    first = shop.ask(QUERY, id=small_shop.name(1))
    assert first["data"]["product"]["suppliers"]
    read = shop.graph.calls.total()
    assert read > 0
    assert shop.ask(QUERY, id=small_shop.name(1)) == first
    assert shop.graph.calls.total() == read
    shop.ask(QUERY, id=small_shop.name(2))
    assert shop.graph.calls.total() > read


def test_what_is_not_there_is_asked_for_again_and_never_kept(shop_graph):
    graph = small_shop.CountingGraph(shop_graph)
    reads = KeptReads(graph)
    for _ in range(2):
        assert set(reads.nodes("Product", ["unheard", small_shop.name(1)])) == {small_shop.name(1)}
    assert graph.calls.total() == 2


def test_kept_reads_are_bounded_and_give_what_the_graph_gives(shop_graph, monkeypatch):
    monkeypatch.setattr(kept_reads, "KEPT_NODES", 3)
    monkeypatch.setattr(kept_reads, "KEPT_EDGES", 6)
    reads, ids = KeptReads(shop_graph), [small_shop.name(number) for number in range(6)]
    for asked in (ids, ids[::-1], ids[2:4]):
        assert reads.nodes("Product", asked) == shop_graph.nodes("Product", asked)
        for direction, limit in ((Direction.OUT, 5), (Direction.IN, 5), (Direction.OUT, 1)):
            told = {"direction": direction, "limit": limit}
            assert reads.related("isSubstituteFor", asked, **told) == shop_graph.related("isSubstituteFor", asked, **told)
    assert len(reads._nodes) <= 3
    assert reads._edges.weight <= 6


def test_equal_bytes_by_another_principal_are_judged_for_that_one(open_shop):
    who = [Principal("keeper", frozenset(Role))]
    shop = open_shop(principal_of=lambda _: who[0])
    assert shop.ask(QUERY, id=small_shop.name(1))["data"]["product"]["__typename"] == "Product"
    who[0] = Principal("nobody", frozenset())
    assert shop.ask(QUERY, id=small_shop.name(1))["data"]["product"]["__typename"] == "NotAuthorised"


def test_a_refused_body_is_refused_each_time_and_not_kept(open_shop):
    shop = open_shop(limits=Limits(depth=1))
    for _ in range(2):
        assert shop.ask(QUERY, status=400, id=small_shop.name(1))["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    for body in (b"{", b"[]", b'{"query": 1}', b'{"query": "{ health { status } }", "more": 1}'):
        for _ in range(2):
            assert shop.client.post("/graphql", content=body, headers={"content-type": "application/json"}).status_code == 400


def test_kept_questions_are_bounded(open_shop, monkeypatch):
    monkeypatch.setattr(endpoint, "KEPT_BYTES", 20_000)
    shop = open_shop()
    for number in range(40):
        shop.ask(f"query Q{number} {{ health {{ status }} }}")
    (held,) = (
        route.endpoint for route in shop.app.routes if getattr(route, "path", "") == "/graphql" and hasattr(route, "methods")
    )
    questions = held.__closure__[0].cell_contents._questions
    assert questions.weight <= 20_000
    assert 0 < len(questions) < 40


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_operation_that_is_named_is_asked(shop, name):
    text = "query a { health { status } } query b { health { __typename } }"
    for _ in range(2):
        body = orjson.dumps({"query": text, "operationName": name})
        answer = shop.client.post("/graphql", content=body, headers={"content-type": "application/json"}).json()
        assert list(answer["data"]["health"]) == ["status" if name == "a" else "__typename"]


def test_equal_queries_are_read_once_and_refused_ones_each_time(shop):
    first, again = (shop.client.get("/v1/recommendations?limit=3&store=31") for _ in range(2))
    assert first.status_code == again.status_code
    assert first.json()["answer"] == again.json()["answer"]
    assert first.json()["decision"]["id"] != again.json()["decision"]["id"]
    for _ in range(2):
        assert shop.client.get("/v1/recommendations?limit=0").status_code == 400
        assert shop.client.get("/v1/recommendations?limit=1&limit=2").status_code == 400
