"""Bodies that are nonsense, too large or hostile: always a 4xx, never a fault of ours."""

import gzip
import json
import random

import pytest
from starlette.websockets import WebSocketDisconnect

GOOD = {"query": "query($n: Int!) { products(first: $n) { edges { node { productId } } } }", "variables": {"n": 2}}
JSON = {"content-type": "application/json"}


def post(shop, content, headers=JSON):
    return shop.client.post("/graphql", content=content, headers=headers)


NAMED = {
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 40_000,
    "deep variables": b'{"query":"{health{status}}","variables":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "bad utf-8": b'{"query":"\xff\xfe"}',
    "lone surrogate": b'{"query":"\\ud800"}',
    "5,000 digits": b'{"query":"{health{status}}","variables":{"n":' + b"9" * 5000 + b"}}",
    "5,000 digits in the query": b'{"query":"{products(first:' + b"9" * 5000 + b'){totalCount}}"}',
    "not a number": b'{"query":"{health{status}}","variables":{"n":NaN}}',
    "nothing": b"",
    "null": b"null",
    "a list": b'[{"query":"{health{status}}"}]',
    "a number": b"1e400",
    "no query": b"{}",
    "empty query": b'{"query":""}',
    "query of another type": b'{"query":["{health{status}}"]}',
    "variables of another type": b'{"query":"{health{status}}","variables":[1]}',
    "name of another type": b'{"query":"{health{status}}","operationName":5}',
    "unknown key": b'{"query":"{health{status}}","map":{}}',
    "unknown operation": b'{"query":"query a {health{status}} query b {health{status}}"}',
    "no such operation": b'{"query":"query a {health{status}}","operationName":"b"}',
    "mutation": b'{"query":"mutation { x }"}',
    "subscription": b'{"query":"subscription { x }"}',
    "type definitions": b'{"query":"type A { b: Int }"}',
    "fragment in itself": b'{"query":"{...a} fragment a on Query {...a}"}',
    "huge float": b'{"query":"{products(first: 1e999){totalCount}}"}',
    "int beyond 32 bits": b'{"query":"{products(first: 4294967296){totalCount}}"}',
    "variable of another type": b'{"query":"query($n: Int!) {products(first: $n){totalCount}}","variables":{"n":"1"}}',
    "int beyond 64 bits": b'{"query":"query($n: Int!) {products(first: $n){totalCount}}","variables":{"n":99999999999999999999}}',
    "missing variable": b'{"query":"query($n: Int!) {products(first: $n){totalCount}}"}',
}


@pytest.mark.requirement("R-API-02")
@pytest.mark.parametrize("name", NAMED)
def test_named_nonsense_is_refused(shop, name):
    answer = post(shop, NAMED[name])
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    assert answer.json()["errors"][0]["extensions"]["code"]
    assert len(answer.content) < 4000


def mutated(rng):
    body = bytearray(json.dumps(GOOD).encode())
    kind = rng.randrange(6)
    if kind == 0:
        for _ in range(rng.randint(1, 8)):
            body[rng.randrange(len(body))] = rng.randrange(256)
    elif kind == 1:
        at = rng.randrange(len(body))
        body[at:at] = rng.randbytes(rng.randint(1, 40))
    elif kind == 2:
        del body[rng.randrange(len(body)) :]
    elif kind == 3:
        return bytes(rng.randbytes(rng.randint(0, 300)))
    elif kind == 4:
        values = [None, True, -1, 0, 2**31, 2**63, 1e308, "", "x" * 3000, [], {}, [[]], {"n": {}}, "\x00", "\ud800"]
        mutant = {rng.choice(["query", "variables", "operationName", "extensions", "x"]): rng.choice(values) for _ in range(3)}
        return json.dumps(mutant | ({"query": "{ health { status } }"} if rng.random() < 0.6 else {})).encode()
    else:
        pieces = [
            "{",
            "}",
            "(",
            ")",
            "...",
            "on",
            "Query",
            "products",
            "first:",
            "1",
            "$n",
            '"',
            '"""',
            "@skip(if:true)",
            "\\",
            "#",
            "é",
        ]
        return json.dumps({"query": " ".join(rng.choices(pieces, k=rng.randint(1, 40))), "variables": {"n": 1}}).encode()
    return bytes(body)


@pytest.mark.requirement("R-API-02")
def test_2500_random_bodies_never_cause_a_fault_of_ours(shop):
    rng, seen = random.Random(13), {}
    for _ in range(2500):
        body = mutated(rng)
        answer = post(shop, body)
        assert answer.status_code < 500, (body, answer.text)
        if answer.status_code == 200:
            assert "INTERNAL" not in answer.text, (body, answer.text)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
    assert sum(seen.values()) == 2500
    assert seen[400] > 1500
    assert seen[200] > 20
    assert shop.log.verify().entries == 0


@pytest.mark.requirement("R-API-01")
def test_bodies_beyond_256_kib_are_refused_before_they_are_parsed(shop):
    fits = json.dumps(GOOD).encode().ljust(256 * 1024)
    assert post(shop, fits).status_code == 200
    assert post(shop, fits + b" ").status_code == 413

    def chunks():
        for _ in range(300):
            yield b" " * 1024

    answer = shop.client.post("/graphql", content=chunks(), headers=JSON)
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 413
    assert post(shop, b"{}", {**JSON, "content-length": "9" * 30}).status_code in (400, 413)


@pytest.mark.requirement("R-API-01")
@pytest.mark.parametrize("headers", [{"content-type": "text/plain"}, {"content-type": "multipart/form-data; boundary=x"}, {},
                                     {"content-type": "application/graphql"},
                                     {"content-type": "application/json", "content-encoding": "gzip"}])  # fmt: skip
def test_other_types_and_compressed_bodies_are_refused(shop, headers):
    body = json.dumps(GOOD).encode()
    answer = post(shop, gzip.compress(body) if "content-encoding" in headers else body, headers)
    assert answer.status_code == 415


@pytest.mark.requirement("R-API-06")
def test_what_is_not_offered_is_not_there(open_shop):
    shop = open_shop(introspection=False)
    assert shop.client.get("/graphql?query={health{status}}").status_code == 405
    for path in ("/docs", "/redoc", "/openapi.json", "/graphiql"):
        assert shop.client.get(path).status_code == 404
    for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Query") { name } }',
                  "{ ...a } fragment a on Query { x: __schema { queryType { name } } }"):  # fmt: skip
        assert shop.ask(query, 400)["errors"][0]["extensions"]["code"] == "INVALID_DOCUMENT"
    assert shop.ask("{ __typename health { __typename } }")["data"] == {"__typename": "Query", "health": {"__typename": "Health"}}
    wrong = shop.ask("{ prodct }", 400)["errors"][0]["message"]
    assert "Did you mean" not in wrong
    assert "product" not in wrong.replace("prodct", "")
    with pytest.raises(WebSocketDisconnect), shop.client.websocket_connect("/graphql", ["graphql-ws"]):
        pass
