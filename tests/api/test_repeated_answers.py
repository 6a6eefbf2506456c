"""An answer given again is what its plan would write, with decisions of its own; where that cannot be, the plan writes."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from graphql.execution import get_variable_values
from hypothesis import HealthCheck, given, settings

from api.asked import Front
from api.catalogue import Catalogue
from api.cursors import CursorMint
from api.errors import QueryRefused
from api.graphql import endpoint
from api.graphql.documents import DocumentStore, Limits
from api.graphql.repeated import PINNED, Repeated, repeated
from api.graphql.schema import build_schema
from api.kept import KeptAnswers
from governance.policy import Principal, Role, development_principal
from kit.clock import FixedClock
from tests.api import small_shop
from tests.api.document_maker import documents

SCHEMA = build_schema({})
WIDE = Limits(15_000, 5_000, 30, 1_000, 1_000, 100, 10**9, 10**9)
ROOTS = ("product", "products", "substitutes", "complements")
QUERY = """query P($id: ID!) { product(id: $id) { __typename ... on Product { displayName suppliers { displayName }
    substitutes(first: 3) { decision { id recordedAt kind } edges { cursor node { displayName } explanation { text } } }
    again: substitutes(first: 3) { decision { id } } complements(first: 2) { decision { recordedAt } } } } }"""
seen: Counter[str] = Counter()


@pytest.fixture
def given_again(monkeypatch):
    """Counts what was asked to be given again, and what was."""
    counted: Counter[bool] = Counter()
    again = Repeated.again

    def counting(self, asked):
        body = again(self, asked)
        counted[body is not None] += 1
        return body

    monkeypatch.setattr(Repeated, "again", counting)
    return counted


def masked(answer) -> str:
    return re.sub(r"dec_[0-9a-f]{28}|\d{4}-\d\d-\d\dT[\d:.+]+", "*", orjson.dumps(answer).decode())


def test_a_body_asked_again_is_the_same_but_for_its_decisions(shop, given_again):
    answers = [shop.ask(QUERY, id=small_shop.name(7)) for _ in range(5)]
    assert given_again == {True: 3}
    assert len({masked(answer) for answer in answers}) == 1
    ids = [answer["data"]["product"]["substitutes"]["decision"]["id"] for answer in answers]
    assert len(set(ids)) == 5
    for answer, decision in zip(answers, ids, strict=True):
        product = answer["data"]["product"]
        assert product["again"]["decision"]["id"] == decision
        logged = shop.log.get(decision)
        assert product["substitutes"]["decision"] == {
            "id": decision, "recordedAt": logged.recorded_at.isoformat(), "kind": "substitutes",
        }  # fmt: skip
    assert len(list(shop.log.entries())) == 10  # two decisions each
    assert len({entry.answer for entry in shop.log.entries() if entry.kind == "substitutes"}) == 1


def test_times_of_whole_seconds_are_written_as_the_plan_writes_them(open_shop, shop_graph, finder, given_again):
    for moment in (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)):
        shop = open_shop(replaced={"clock": FixedClock(moment)})
        times = {
            shop.ask(QUERY, id=small_shop.name(7))["data"]["product"]["complements"]["decision"]["recordedAt"] for _ in range(4)
        }
        assert times == {moment.isoformat()}
    assert given_again == {True: 4}


def test_who_may_not_is_refused_and_who_may_has_decisions_of_his_own(open_shop, given_again):
    who = [Principal("keeper", frozenset(Role))]
    shop = open_shop(principal_of=lambda _: who[0])
    for _ in range(3):
        shop.ask(QUERY, id=small_shop.name(7))
    before = len(list(shop.log.entries()))
    who[0] = Principal("nobody", frozenset())
    assert shop.ask(QUERY, id=small_shop.name(7))["data"]["product"]["__typename"] == "NotAuthorised"
    assert len(list(shop.log.entries())) == before
    who[0] = Principal("other", frozenset(Role))
    decision = shop.ask(QUERY, id=small_shop.name(7))["data"]["product"]["substitutes"]["decision"]["id"]
    assert shop.log.get(decision).principal == "other"
    who[0] = Principal("keeper", frozenset(Role))
    shop.ask(QUERY, id=small_shop.name(7))
    assert given_again == {True: 2, False: 2}


def test_an_answer_that_the_room_gives_anew_is_written_by_the_plan(shop, given_again):
    for _ in range(3):
        shop.ask(QUERY, id=small_shop.name(7))
    first = shop.ask(QUERY, id=small_shop.name(7))
    for asked in range(endpoint.REPEATING_TRIES + 2):
        shop.services.relations._kept._entries.clear()
        before = len(list(shop.log.entries()))
        assert masked(shop.ask(QUERY, id=small_shop.name(7))) == masked(first), asked
        assert len(list(shop.log.entries())) == before + 2
    assert given_again[False] == endpoint.REPEATING_TRIES


def test_what_reads_more_than_the_release_is_never_given_again(shop, given_again):
    for _ in range(4):
        shop.ask("{ health { status } }")
        shop.ask("query P($id: ID!) { product(id: $id) { __typename } health { status } }", id=small_shop.name(7))
        shop.ask('{ recommendations(first: 2, householdId: "hh_a") { __typename } }')
        shop.ask('{ product(id: "P007") { __typename ... on Product { substitutes(first: 1000) { relation } } } }')
    assert not given_again
    roots = {name for name in PINNED if name.startswith("Query.")}
    assert roots <= {f"Query.{name}" for name in SCHEMA.compiled.query_type.fields}
    named = {f"{kind}.{field}" for kind in ("Query", "Product") for field in SCHEMA.compiled.type_map[kind].fields}
    assert named >= PINNED


def test_kept_answers_count_in_the_bound_of_questions(open_shop, monkeypatch):
    monkeypatch.setattr(endpoint, "KEPT_BYTES", 30_000)
    shop = open_shop()
    for number in range(12):
        for _ in range(3):
            shop.ask(QUERY, id=small_shop.name(number))
    (held,) = (
        route.endpoint for route in shop.app.routes if getattr(route, "path", "") == "/graphql" and hasattr(route, "methods")
    )
    questions = held.__closure__[0].cell_contents._questions
    assert questions.weight <= 30_000
    assert 0 < len(questions) < 12


@pytest.fixture(scope="module")
def front(shop_graph, finder):
    services = replace(small_shop.services(shop_graph, finder))
    mint = CursorMint(b"k", shop_graph.version.id)
    return Front(services, Catalogue(shop_graph), mint, None, lambda: True, kept=KeptAnswers())


@given(made=documents(SCHEMA.compiled, ROOTS))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def _repeated_is_what_the_plan_writes(front, store, made):
    try:
        prepared = store.prepare(made.text, None)
    except QueryRefused:
        return
    values = get_variable_values(SCHEMA.compiled, prepared.operation.variable_definitions or (), made.variables)

    def write(asked) -> bytes | None:
        result = prepared.compiled.run(asked, values)
        return None if result.errors else orjson.dumps(result.data)

    first = front.ask(development_principal("localhost"))
    seen["with errors"] += write(first) is None
    found = repeated(first, write)
    if found is None or not prepared.compiled.resolved <= PINNED:
        return
    asked = front.ask(development_principal("localhost"))
    again = found.again(asked)
    assert again == write(asked)  # the plan finds the decisions of this request made
    assert [one.request for one in asked.desk.made()] == [one.request for one in first.desk.made()]
    seen["repeated"] += 1
    seen["with decisions"] += bool(asked.desk.made())
    seen["with holes"] += bool(found.holes)


def test_documents_are_repeated_byte_for_byte(front):
    seen.clear()
    _repeated_is_what_the_plan_writes(front, DocumentStore(SCHEMA.compiled, WIDE, introspection=True))
    assert seen["repeated"] >= 60, seen
    assert min(seen[name] for name in ("with decisions", "with holes", "with errors")) >= 5, seen
