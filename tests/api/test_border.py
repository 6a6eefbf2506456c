"""The outermost layer: faults are masked, hosts are checked, roles are asked for, and nothing secret is counted."""

import importlib
import logging

import pytest
import strawberry

from api import error_map
from api.answers import error_body
from api.cursors import CursorMint
from api.errors import CursorInvalid, CursorOfAnotherVersion
from api.graphql.described import described
from api.graphql.node_types import Ask
from api.graphql.questions import BACKREF, OPERATION, question
from api.graphql.schema import RetailSchema, build_schema
from api.identifiers import global_id
from api.settings import Settings
from api.wiring import Installation
from decisions.relations import RelationService
from governance.policy import GRANTS, IdentityNotAvailable, Principal, Role
from kit.errors import ShelfgraphError
from tests.api import small_shop

CANARY = "canary-7f3a"
FORECAST = '{ forecast(productId: "P007") { __typename ... on Forecast { system } } }'


class Faulty:
    """Fails as it is told."""

    def __init__(self, error):
        self._error = error

    def forecast(self, request):
        raise self._error

    recommend = related = related_many = forecast


@pytest.mark.requirement("R-API-07")
@pytest.mark.parametrize(
    "error",
    [ValueError(CANARY), KeyError(CANARY), RecursionError(CANARY), ShelfgraphError(CANARY, CANARY), OSError(5, CANARY)],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_ours_is_masked_and_logged_under_its_correlation_id(open_shop, error, caplog):
    shop = open_shop(replaced={"forecaster": Faulty(error), "recommender": Faulty(error)})
    with caplog.at_level(logging.ERROR, "shelfgraph.api"):
        answer = shop.ask(FORECAST)
        plain = shop.client.get("/v1/recommendations")
    assert CANARY not in str(answer) + plain.text
    shown = answer["errors"][0]
    assert shown["extensions"]["code"] == "INTERNAL"
    assert answer["data"] is None
    assert plain.status_code == 500
    assert plain.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    lines = [r.getMessage() for r in caplog.records]
    assert any(shown["extensions"]["correlationId"] in line and CANARY in line for line in lines)
    assert shop.log.verify().entries == 0


@pytest.mark.requirement("R-API-08")
def test_a_rejected_query_is_logged_in_less_than_its_own_size(shop, caplog):
    literal = "x" * 12_000
    with caplog.at_level(logging.DEBUG, "shelfgraph.api"):
        shop.ask(f'{{ nothing(a: "{literal}") }}', 400)
    logged = sum(len(r.getMessage()) for r in caplog.records if r.name.startswith(("shelfgraph", "strawberry", "graphql")))
    assert logged <= 2048
    assert literal[:50] not in caplog.text


def test_a_long_fault_is_logged_in_at_most_2_kib(caplog):
    with caplog.at_level(logging.ERROR, "shelfgraph.api"):
        error_body(ValueError("y" * 100_000))
    assert 0 < len(caplog.records[0].getMessage()) <= 2048


def room_errors():
    found = set()
    for room in ("api.errors", "decisions.forecast.errors", "decisions.recommend.errors", "decisions.relations.errors",
                 "decisions.search.errors", "decisions.scenarios.errors", "decisions.overrides.errors",
                 "governance.policy.errors", "governance.records.errors", "kg.errors"):  # fmt: skip
        module = importlib.import_module(room)
        found |= {c for n in module.__all__ if isinstance(c := getattr(module, n), type) and issubclass(c, ShelfgraphError)}
    return found


NOT_AT_REQUESTS = {
    "PlacementsUnreadable",
    "RunUnknown", "RunFinished", "NothingReleased", "ReleaseUnknown", "ReleaseConflict", "ArtefactUnknown", "ArtefactDamaged",
    "DecisionRepeated", "IdentityNotAvailable", "UnknownTerm", "InvalidBatch", "UnknownEndpoint", "ReplayImpossible",
    "TooLittleHistory", "NothingSold", "ProjectionRefused", "LeaseLost",
}  # fmt: skip


def test_every_error_a_request_can_meet_is_in_the_table():
    leaves = {e for e in room_errors() if not any(o is not e and issubclass(o, e) for o in room_errors())}
    assert len(leaves) > 25
    unnamed = {e.__name__ for e in leaves if error_map.answer_for_class(e) is error_map.INTERNAL} - NOT_AT_REQUESTS
    assert unnamed == set()


@pytest.mark.requirement("R-SEC-03")
def test_roles_are_asked_for_at_every_question(open_shop):
    nobody = open_shop(principal_of=lambda _: Principal("nobody", frozenset()))
    for query in ('{ substitutes(productId: "P007", first: 1) { __typename } }', FORECAST,
                  "{ recommendations(first: 1) { __typename } }", '{ decision(id: "x") { __typename } }',
                  '{ product(id: "P007") { __typename } }'):  # fmt: skip
        answer = nobody.ask(query)
        assert next(iter(answer["data"].values()))["__typename"] == "NotAuthorised"
    for query in ("{ products(first: 1) { totalCount } }", '{ search(text: "milk", first: 1) { totalCount } }',
                  "{ health { status } }", '{ node(id: "U3VwcGxpZXI6czE") { id } }'):  # fmt: skip
        answer = nobody.ask(query)
        assert answer["errors"][0]["extensions"]["code"] == "NOT_AUTHORISED"
    assert nobody.client.get("/v1/recommendations").status_code == 403
    assert nobody.graph.calls == {}
    assert nobody.log.verify().entries == 0


ROOT_FIELDS = build_schema({}).compiled.query_type.fields
NEEDED = {"productId": '"P007"', "id": f'"{global_id("Product", "P007")}"', "first": "1", "text": '"milk"',
          "a": '"P007"', "b": '"P008"', "relation": '"isSubstituteFor"', "scenarios": "[]",
          "placements": '["home"]', "productIds": '["P007"]', "categoryId": '"GROCERY"', "count": "1"}  # fmt: skip


@pytest.mark.requirement("R-SEC-03")
@pytest.mark.parametrize("name", ROOT_FIELDS)
def test_each_root_field_is_closed_to_roles_without_its_operation(open_shop, name):
    field = ROOT_FIELDS[name]
    operation = field.extensions[BACKREF].metadata[OPERATION]
    others = frozenset(Role) - GRANTS[operation]
    stranger = open_shop(principal_of=lambda _: Principal("stranger", others))
    given = ", ".join(f"{argument}: {NEEDED[argument]}" for argument in field.args if argument in NEEDED)
    answer = stranger.ask(f"{{ {name}{f'({given})' if given else ''} {{ __typename }} }}")
    if "errors" in answer:
        assert answer["errors"][0]["extensions"]["code"] == "NOT_AUTHORISED"
    else:
        assert answer["data"][name] == {"__typename": "NotAuthorised"}
    assert stranger.graph.calls == {}
    assert stranger.log.verify().entries == 0


@pytest.mark.requirement("R-SEC-03")
@pytest.mark.parametrize("declared", [strawberry.field, described("A question."), question("A question.", "no_such_operation")])
def test_a_schema_with_a_question_that_the_policy_does_not_know_cannot_be_built(declared):
    @strawberry.type
    class Planted:
        @declared
        def everything(self, info: Ask) -> str:
            return CANARY

    with pytest.raises(ValueError, match=r"Planted\.everything"):
        RetailSchema(query=Planted)


@pytest.mark.requirement("R-SEC-03")
def test_a_planner_forecasts_but_learns_nothing_of_households(open_shop):
    planner = open_shop(principal_of=lambda _: Principal("p", frozenset({Role.PLANNER})))
    assert planner.ask(FORECAST)["data"]["forecast"]["__typename"] == "Forecast"
    seller = open_shop(principal_of=lambda _: Principal("m", frozenset({Role.MERCHANDISER})))
    assert seller.client.get("/v1/recommendations?basket=P001").status_code == 200
    assert seller.client.get("/v1/recommendations?household=hh_a").status_code == 403
    household = '{ node(id: "SG91c2Vob2xkOmhoX2E") { id } }'
    assert seller.ask(household)["errors"][0]["extensions"]["code"] == "NOT_AUTHORISED"


def test_the_development_identity_needs_loopback(open_shop):
    with pytest.raises(IdentityNotAvailable):
        open_shop(host="0.0.0.0")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "localhost.evil:80"])
def test_other_names_are_not_answered(shop, host):
    answer = shop.client.get("/health", headers={"host": host})
    assert answer.status_code == 421
    for name in ("localhost", "127.0.0.1:9", "[::1]:8080", "LOCALHOST:1"):
        assert shop.client.get("/health", headers={"host": name}).status_code == 200


@pytest.mark.requirement("R-API-15")
def test_2000_altered_cursors_are_refused():
    import random

    rng, mint = random.Random(5), CursorMint(b"k" * 32, "g1")
    cursor = mint.give("scope", [3, "P010"])
    assert mint.read("scope", cursor) == [3, "P010"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for _ in range(2000):
        altered = list(cursor)
        for _ in range(rng.randint(1, 3)):
            altered[rng.randrange(len(altered))] = rng.choice(alphabet)
        text = "".join(altered) if rng.random() < 0.8 else cursor[: rng.randrange(len(cursor))]
        if text == cursor:
            continue
        with pytest.raises(CursorInvalid):
            mint.read("scope", text)
    for other in (CursorMint(b"j" * 32, "g1").give("scope", 1), mint.give("other", 1), "", "é", "x" * 5000):
        with pytest.raises(CursorInvalid):
            mint.read("scope", other)
    with pytest.raises(CursorOfAnotherVersion, match="g0"):
        mint.read("scope", CursorMint(b"k" * 32, "g0").give("scope", 1))


PAGE = "query($c: String) { products(first: 2, after: $c) { pageInfo { endCursor } } }"


def test_a_cursor_of_another_list_is_a_typed_error(shop):
    cursor = shop.ask(PAGE)["data"]["products"]["pageInfo"]["endCursor"]
    other = shop.ask("query($c: String) { products(first: 2, merchandiseOnly: false, after: $c) { totalCount } }", c=cursor)
    assert other["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"


ENDS = {
    "products": PAGE,
    "search": 'query($c: String) { search(text: "milk", first: 2, after: $c) { pageInfo { endCursor } } }',
    "substitutes": """query($c: String) { substitutes(productId: "P007", first: 2, after: $c) {
      ... on RelatedConnection { pageInfo { endCursor } } } }""",
}


@pytest.mark.requirement("R-API-15")
@pytest.mark.parametrize("field", ENDS)
def test_a_cursor_of_the_release_before_says_so_in_the_next_one(open_shop, tmp_path, field):
    home = Installation.open(Settings(home=tmp_path / "home"))
    next_graph = small_shop.publish(tmp_path / "next", related=11)
    before = open_shop(cursor_key=home.cursor_key())
    cursor = before.ask(ENDS[field])["data"][field]["pageInfo"]["endCursor"]
    replica = open_shop(cursor_key=Installation.open(Settings(home=tmp_path / "home")).cursor_key())
    assert "errors" not in replica.ask(ENDS[field], c=cursor)
    after = open_shop(cursor_key=home.cursor_key(), replaced={"graph": next_graph, "relations": RelationService(next_graph)})
    assert next_graph.version.id != before.graph.version.id
    refused = after.ask(ENDS[field], c=cursor)["errors"][0]
    assert refused["extensions"]["code"] == "CURSOR_OF_ANOTHER_VERSION"
    assert before.graph.version.id in refused["message"]
    elsewhere = open_shop(cursor_key=Installation.open(Settings(home=tmp_path / "elsewhere")).cursor_key())
    assert elsewhere.ask(ENDS[field], c=cursor)["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"


def test_the_playground_is_served_or_explained_and_nothing_comes_from_elsewhere(open_shop, tmp_path):
    without = open_shop(playground=tmp_path / "missing")
    assert "make web" in without.client.get("/").text
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("<title>here</title>")
    (tmp_path / "dist" / "assets" / "a.js").write_text("1")
    (tmp_path / "secret.txt").write_text(CANARY)
    shop = open_shop(playground=tmp_path / "dist")
    assert shop.client.get("/").text == "<title>here</title>"
    assert shop.client.get("/assets/a.js").text == "1"
    assert shop.client.get("/playground/examples.json").json()[0]["role"] == "merchandiser"
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"):
        assert CANARY not in shop.client.get(path).text
    for path in ("/", "/assets/a.js", "/health", "/nowhere"):
        headers = shop.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_metrics_count_requests_and_decisions_without_ids(shop):
    shop.ask(FORECAST)
    shop.client.get("/v1/recommendations?household=hh_a&limit=2")
    shop.client.get("/some/path/hh_a")
    shop.ask("{ nothing }", 400)
    text = shop.client.get("/metrics").text
    for line in ('shelfgraph_requests_total{route="/graphql",status="200"} 1.0',
                 'shelfgraph_requests_total{route="/graphql",status="400"} 1.0',
                 'shelfgraph_requests_total{route="other",status="404"} 1.0',
                 'shelfgraph_decisions_total{kind="forecast"} 1.0', 'shelfgraph_decisions_total{kind="recommendations"} 1.0',
                 'shelfgraph_refused_total{code="QUERY_REFUSED"} 1.0'):  # fmt: skip
        assert line in text
    assert "hh_a" not in text
    assert "P00" not in text


def test_ready_follows_what_the_service_depends_on(open_shop):
    state = {"up": True}
    shop = open_shop(ready=lambda: state["up"])
    assert shop.client.get("/ready").status_code == 200
    state["up"] = False
    assert shop.client.get("/ready").status_code == 503
    assert shop.client.get("/health").status_code == 200
    assert shop.ask("{ health { status } }")["data"]["health"]["status"] == "unavailable"


def test_a_service_whose_log_takes_no_entries_is_not_ready(shop):
    assert shop.client.get("/ready").json()["status"] == "ready"
    assert shop.ask("{ health { status } }")["data"]["health"]["status"] == "ok"
    shop.log.close()
    answer = shop.client.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert shop.ask("{ health { status } }")["data"]["health"]["status"] == "unavailable"
    assert shop.client.get("/v1/recommendations").status_code == 503
