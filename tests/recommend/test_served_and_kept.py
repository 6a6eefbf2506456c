"""What is kept of answers never answers for another one: every thing that can change an answer does so, kept or not."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import orjson
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.decisions_made import KINDS, answer_bytes
from api.kept import KeptAnswers
from decisions.recommend import RecommendService
from decisions.recommend.contract import RecommendationAnswer, RecommendationRequest, Surface
from decisions.recommend.live import NOTHING_SINCE, LiveFacts
from decisions.search import ProductSearch
from governance.policy import Principal, Role
from governance.policy import authorisation as policy
from governance.records import SqliteDecisionLog
from tests.api import small_shop
from tests.tiny_retailer import household

QUESTION = """
query R($household: ID, $basket: [ID!], $constraints: ConstraintsInput, $session: ID, $surface: Surface! = HOUSEHOLD) {
  recommendations(
    first: 5, householdId: $household, basket: $basket, constraints: $constraints, sessionId: $session, surface: $surface
  ) { __typename ... on RecommendationConnection {
    edges { rank score node { productId displayName } explanation { text } checks { rule } }
    rungs { name } newestEvent decision { id policyDigest degraded { cause } } } } }
"""
CLIENT = Principal("app", frozenset({Role.RECOMMENDATION_CLIENT}))
AUDITOR = Principal("auditor", frozenset({Role.AUDITOR}))


@dataclass
class Happened:
    """Events by number: each tells all that is known since the release."""

    events: list[LiveFacts] = field(default_factory=list)

    def newest(self, *_keys) -> int:
        return len(self.events)

    def facts(self, _household, _session, _store, until: int) -> LiveFacts:
        return NOTHING_SINCE if until == 0 else self.events[until - 1]

    def happen(self, **facts) -> None:
        self.events.append(LiveFacts(**facts, newest_event=len(self.events) + 1))


@pytest.fixture
def served(recommend_shop, tmp_path):
    """The tiny shop behind the application, its caller and its events in the test's hands."""
    happened, caller = Happened(), [CLIENT]
    service = RecommendService(recommend_shop.graph, recommend_shop.snapshot, recommend_shop.artefact, happened)
    finder = ProductSearch.build(recommend_shop.graph)
    services = replace(
        small_shop.services(recommend_shop.graph, finder), recommender=service, online=happened, discovery_share=0.0
    )
    log = SqliteDecisionLog(tmp_path / "log.db")
    app = create_app(services, log, principal_of=lambda _: caller[0])
    computed = []
    plain = service._compute
    service._compute = lambda request: computed.append(request) or plain(request)
    with TestClient(app, base_url="http://localhost") as client:

        def ask(**variables):
            answer = client.post("/graphql", json={"query": QUESTION, "variables": variables}).json()
            assert "errors" not in answer, answer
            return answer["data"]["recommendations"]

        yield SimpleNamespace(
            ask=ask, client=client, log=log, service=service, happened=happened, caller=caller, computed=computed
        )


def ids(answer):
    return [edge["node"]["productId"] for edge in answer["edges"]]


def without_decision(answer):
    return {name: value for name, value in answer.items() if name != "decision"}


def test_the_same_question_is_computed_once_and_logged_each_time(served):
    answers = [served.ask(household=household(3)) for _ in range(4)]
    assert len(served.computed) == 1
    assert all(without_decision(one) == without_decision(answers[0]) for one in answers)
    entries = list(served.log.entries())
    assert [entry.id for entry in entries] == [one["decision"]["id"] for one in answers]
    assert len({entry.id for entry in entries}) == 4
    rest = [served.client.get(f"/v1/recommendations?household={household(3)}&limit=6").json() for _ in range(2)]
    again = list(served.log.entries())
    assert {orjson.dumps(orjson.loads(entry.answer)["items"]) for entry in again} == {orjson.dumps(rest[0]["answer"]["items"])}
    assert rest[0]["decision"]["id"] != rest[1]["decision"]["id"]
    assert len(served.computed) == 1  # five and one more is what six are
    for entry in again:
        assert entry.answer == answer_bytes(
            served.service.recommend(RecommendationRequest(household(3), limit=6, discovery_share=0.0))
        )


def test_a_rule_that_is_asked_for_is_held_whatever_was_kept(served):
    first = served.ask(household=household(3))
    ruled = served.ask(household=household(3), constraints={"withoutAllergens": ["nuts"]})
    assert ids(first)
    assert ids(ruled) == []  # nothing in the tiny shop states what it is free of
    assert ids(served.ask(household=household(3))) == ids(first)


def test_what_lies_in_the_basket_is_not_suggested_from_memory(served):
    first = served.ask(household=household(3))
    assert ids(first)[0] not in ids(served.ask(household=household(3), basket=[ids(first)[0]]))


def test_a_shelf_that_became_empty_empties_the_kept_answer(served):
    first = served.ask(household=household(3))
    gone = ids(first)[0]
    served.happened.happen(out_of_stock=frozenset({gone}))
    second = served.ask(household=household(3))
    assert gone not in ids(second)
    assert (first["newestEvent"], second["newestEvent"]) == (0, 1)
    served.happened.happen(back_in_stock=frozenset({gone}))
    assert ids(served.ask(household=household(3)))[0] == gone
    assert served.client.get(f"/v1/recommendations?household={household(3)}&limit=6").json()["answer"]["newest_event"] == 2


def test_a_consent_that_was_withdrawn_is_heeded_by_the_next_answer(served):
    first = served.ask(household=household(3))
    nobody = served.ask()
    served.happened.happen(withdrawn=frozenset({"personalisation"}))
    after = served.ask(household=household(3))
    assert first["decision"]["degraded"] is None
    assert after["decision"]["degraded"] == {"cause": "no consent is known for this purpose"}
    assert ids(after) == ids(nobody) != ids(first)


def test_what_was_put_into_the_cart_changes_the_kept_answer(served):
    first = served.ask(household=household(3), session="s1")
    served.happened.happen(carted=(ids(first)[1],))
    assert ids(first)[1] not in ids(served.ask(household=household(3), session="s1"))


def test_who_may_not_ask_is_refused_what_is_kept_for_others(served):
    served.ask(household=household(3))
    served.caller[0] = AUDITOR
    refused = served.client.post("/graphql", json={"query": QUESTION, "variables": {"household": household(3)}}).json()
    assert refused["data"]["recommendations"] == {"__typename": "NotAuthorised"}
    assert served.client.get(f"/v1/recommendations?household={household(3)}&limit=6").status_code == 403
    assert served.log.verify().entries == 1


def test_a_policy_that_changed_counts_at_once_and_is_named(served, monkeypatch):
    first = served.ask(household=household(3))
    grants = {**policy.GRANTS, policy.Operation.RECOMMEND_FOR_HOUSEHOLD: frozenset({Role.OWNER})}
    monkeypatch.setattr(policy, "GRANTS", grants)
    refused = served.client.post("/graphql", json={"query": QUESTION, "variables": {"household": household(3)}}).json()
    assert refused["data"]["recommendations"] == {"__typename": "NotAuthorised"}
    assert served.ask()["decision"]["policyDigest"] != first["decision"]["policyDigest"]


def test_each_surface_and_each_document_gets_its_own_bytes(served):
    short = '{ recommendations(first: 5, householdId: "%s") { ... on RecommendationConnection { edges { %s } } } }'
    shown = {}
    for fields in ("rank", "rank score", "node { productId }", "a: node { displayName } node { size }", "explanation { text }"):
        answers = [served.client.post("/graphql", json={"query": short % (household(3), fields)}).json() for _ in range(3)]
        assert all(one["data"] == answers[0]["data"] for one in answers)
        shown[fields] = orjson.dumps(answers[0]["data"])
    assert len(set(shown.values())) == 5
    assert ids(served.ask(household=household(3), surface="DISCOVER")) != ids(served.ask(household=household(3)))


def test_only_rooms_that_give_the_same_object_again_have_something_kept():
    """A forecast may be overridden and a scenario lies over it: what is made of those is made anew."""
    assert {name for name, kind in KINDS.items() if kind.kept} == {
        "substitutes", "complements", "bought_with", "recommendations", "recommendation_page",
    }  # fmt: skip


def test_what_is_kept_is_bounded_in_bytes_however_much_is_asked(recommend_shop):
    kept = KeptAnswers(maximum_bytes=400_000)
    bytes_seen = 0
    for n in range(400):
        answer = recommend_shop.service.recommend(RecommendationRequest(household(n % 24), limit=1 + n // 24))
        one = kept.of(answer)
        assert one.content == answer_bytes(answer)
        written = one.written([answer.items])
        written.put(object(), answer.items, b"x" * 5_000)
        one.part(n, list)
        bytes_seen += len(one.content) + 5_000
        assert kept.weight <= 400_000
    assert bytes_seen > 3 * 400_000


def test_answers_of_a_service_are_bounded_by_what_they_say(recommend_shop, monkeypatch):
    monkeypatch.setattr("decisions.recommend.service.KEPT_PARTS", 600)
    service = RecommendService(recommend_shop.graph, recommend_shop.snapshot, recommend_shop.artefact)
    first = service.recommend(RecommendationRequest(household(0)))
    assert service.recommend(RecommendationRequest(household(0))) is first
    for n in range(1, 48):
        service.recommend(RecommendationRequest(household(n), surface=Surface.TRENDING, limit=8))
    assert len(first.items) * 2 < service._answers.weight <= 600
    assert service.recommend(RecommendationRequest(household(0))) is not first
    assert service.recommend(RecommendationRequest(household(0))) == first


def test_equal_answers_that_are_not_the_same_object_share_nothing(recommend_shop):
    answer = recommend_shop.service.recommend(RecommendationRequest(household(1)))
    twin = replace(answer)
    assert isinstance(twin, RecommendationAnswer)
    kept = KeptAnswers()
    assert kept.of(answer) is kept.of(answer)
    assert kept.of(twin) is not kept.of(answer)
    written = kept.of(answer).written([answer.items])
    assert written.holds(answer.items)
    assert not written.holds(list(answer.items))
