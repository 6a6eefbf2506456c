"""Compiled documents give, byte for byte, what graphql-core's executor gives: the first time, and from what was kept."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import orjson
import pytest
from graphql.execution import get_variable_values
from hypothesis import HealthCheck, given, settings

from api.asked import Front
from api.catalogue import Catalogue
from api.cursors import CursorMint
from api.errors import QueryRefused
from api.graphql.documents import DocumentStore, Limits
from api.graphql.endpoint import located
from api.graphql.schema import build_schema
from api.kept import KeptAnswers
from decisions.envelope import Degradation
from decisions.recommend.contract import (
    PageRequest,
    RecommendationAnswer,
    RecommendationRequest,
    RuleCheck,
    RungUsed,
    WhyNotRequest,
    Withheld,
)
from decisions.recommend.errors import UnknownProducts
from governance.policy import development_principal
from tests.api import small_shop
from tests.api.document_maker import documents

SCHEMA = build_schema({})
WIDE = Limits(15_000, 5_000, 30, 1_000, 1_000, 100, 10**9, 10**9)
seen: Counter[str] = Counter()


@dataclass
class RememberingRecommender(small_shop.FixedRecommender):
    """Gives the same object for the same request, as the real service does, with every field of an answer filled."""

    known: dict[Any, Any] = field(default_factory=dict)

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        if request not in self.known:
            answer = super().recommend(request)
            check = RuleCheck("in_stock", passed=True, proof='4 "left"', source="stock", observed_on=date(2017, 12, 30))
            items = tuple(replace(one, p_accept=1e-5 * one.rank, checks=(check,)) for one in answer.items)
            self.known[request] = replace(
                answer, items=items, withheld=(Withheld("allergen", 3),), rungs=(RungUsed("habit", 2), RungUsed("other", 1, "ü")),
                unused_context=("hour",), degraded=Degradation("stale", "popularity"),
            )  # fmt: skip
        return self.known[request]

    def why_not(self, request: WhyNotRequest):
        if request.product_id not in map(small_shop.name, range(small_shop.PRODUCTS)):
            raise UnknownProducts((request.product_id,))
        return super().why_not(request)

    def page(self, request: PageRequest):
        if request not in self.known:
            self.known[request] = super().page(request)
        return self.known[request]


@pytest.fixture(scope="module")
def front(shop_graph, finder):
    services = replace(small_shop.services(shop_graph, finder), recommender=RememberingRecommender())
    mint = CursorMint(b"k", shop_graph.version.id)
    return Front(services, Catalogue(shop_graph), mint, None, lambda: True, kept=KeptAnswers())


def _bytes(result) -> bytes:
    errors = [{**located(one), "extensions": None} for one in result.errors or []]
    return orjson.dumps([result.data, errors])


def _has_kept(data: Any) -> bool:
    if isinstance(data, dict | list):
        return any(map(_has_kept, data.values() if isinstance(data, dict) else data))
    return isinstance(data, orjson.Fragment)


@given(made=documents(SCHEMA.compiled))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def _both_executors_agree(front, store, made):
    try:
        prepared = store.prepare(made.text, None)
    except QueryRefused as refused:
        seen[refused.code] += 1
        return
    values = get_variable_values(SCHEMA.compiled, prepared.operation.variable_definitions or (), made.variables)
    assert not isinstance(values, list), (values, made.text)
    assert prepared.compiled is not None
    assert prepared.compiled.takes(values)
    arguments = {}
    for _ in range(3):  # anew, written, and from what was written; arguments anew, then as they were
        asked = front.ask(development_principal("localhost"))
        answered = prepared.compiled.run(asked, values, arguments)
        fast = _bytes(answered)
        slow = _bytes(SCHEMA.run(prepared.document, asked, made.variables, None))
        assert fast == slow, made.text
    seen["agreed"] += 1
    seen["from kept bytes"] += _has_kept(answered.data)
    seen["with directives"] += "@" in made.text
    seen["with fragments"] += "fragment" in made.text
    seen["with variables"] += bool(made.variables)
    seen["with errors"] += b'"message"' in slow


def test_compiled_documents_are_graphql_cores_byte_for_byte(front):
    seen.clear()
    store = DocumentStore(SCHEMA.compiled, WIDE, introspection=True)
    _both_executors_agree(front, store)
    assert seen["agreed"] >= 150, seen
    assert min(seen[name] for name in ("with directives", "with fragments", "with variables", "from kept bytes")) >= 30, seen
    assert seen["with errors"] >= 5, seen
