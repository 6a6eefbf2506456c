"""The fast roads give what the slow ones give: compiled documents against graphql-core, fast bytes against canonical ones."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

import orjson
import pytest
from graphql.execution import get_variable_values
from hypothesis import given, settings
from hypothesis import strategies as st

from api.asked import Front
from api.catalogue import Catalogue
from api.cursors import CursorMint
from api.fast_bytes import fast_canonical_bytes
from api.graphql.documents import DocumentStore, Limits
from api.graphql.schema import build_schema
from decisions.forecast.contract import ForecastRequest
from decisions.recommend.contract import RecommendationRequest
from decisions.relations import RelatedRequest
from governance.policy import development_principal
from kit.canonical import canonical_bytes
from tests.api import small_shop
from tests.api.test_limits import random_query


class Shade(StrEnum):
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Leaf:
    text: str
    number: float | None
    shade: Shade
    day: date


@dataclass(frozen=True, slots=True)
class Branch:
    leaves: tuple[Leaf, ...]
    moment: datetime
    table: dict[str, float]
    counts: tuple[tuple[date, float], ...]
    anything: object


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e-5, 1e16, 1e22, 5e-324, 0.1 + 0.2, -0.0, 1e-4])
LEAVES = st.builds(Leaf, st.text(), st.none() | NUMBERS, st.just(Shade.DARK), st.dates())
ANYTHING = st.none() | st.booleans() | st.integers() | st.text() | NUMBERS | st.lists(NUMBERS) | LEAVES
BRANCHES = st.builds(
    Branch,
    st.lists(LEAVES, max_size=4).map(tuple),
    st.datetimes(timezones=st.just(UTC)),
    st.dictionaries(st.text(), NUMBERS, max_size=4),
    st.lists(st.tuples(st.dates(), NUMBERS), max_size=3).map(tuple),
    ANYTHING,
)


@given(BRANCHES | ANYTHING)
@settings(max_examples=400, deadline=None)
def test_fast_bytes_are_the_canonical_bytes(value):
    try:
        expected = canonical_bytes(value)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            fast_canonical_bytes(value)
        return
    assert fast_canonical_bytes(value) == expected


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused_wherever_they_hide(number):
    leaf = Leaf("a", number, Shade.DARK, date(2020, 1, 1))
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    for value in (number, [number], {"a": number}, leaf, Branch((leaf,), moment, {}, (), None),
                  Branch((), moment, {"x": number}, (), None), Branch((), moment, {}, ((date(2020, 1, 1), number),), None),
                  Branch((), moment, {}, (), [number])):  # fmt: skip
        with pytest.raises(ValueError, match=r"JSON compliant|canonical form"):
            fast_canonical_bytes(value)


def test_real_answers_have_the_same_bytes(shop):
    services = shop.services
    answers = [services.relations.related(RelatedRequest(small_shop.name(n), r, 10)) for n in range(20)
               for r in ("isSubstituteFor", "isComplementTo")]  # fmt: skip
    answers += [services.recommender.recommend(RecommendationRequest("hh_a", (), None, 10)),
                services.forecaster.forecast(ForecastRequest("P001"))]  # fmt: skip
    assert [fast_canonical_bytes(a) for a in answers] == [canonical_bytes(a) for a in answers]


EDGES = [
    ('{ a: product(id: "P007") { ...p } b: product(id: "nope") { __typename ...p ... on Problem { message t: __typename } } }'
    " fragment p on Product { displayName x: displayName brand { ...n } brand { displayName } }"
    " fragment n on Node { id ... on Brand { displayName } ... on Supplier { id } __typename }"),
    '{ node(id: "U3VwcGxpZXI6czE") { id ... on Supplier { displayName } ... on Product { size } } n: node(id: "x") { id } }',
    "{ products(first: 0) { totalCount } health { status } }",
    '{ health { status } product(id: "P007") { ... on Product { a: substitutes(first: 0) { relation } id } } }',
    '{ products(first: 2, after: "bad") { totalCount } }',
    '{ forecast(productId: "P059") { ... on InsufficientEvidence { message } ... on Forecast { asOf } } }',
    ('{ recommendations(householdId: "hh_a", first: 2) { ... on RecommendationConnection { quality { citedShare recencyDays'
     " popularityPercentile diversity fidelity } edges { score baseScore explanation { ...e } } } }"
     ' recommendationPage(placements: ["buy_again"], visit: {householdId: "hh_a"}) { ... on RecommendationPage {'
     " placements { quality { citedShare } items { explanation { ...e } } } } }"
     ' forecast(productId: "P001") { ... on Forecast { explanation { ...e } } } }'
     " fragment e on Explanation { fall fidelity factors { name words contribution values { name value contribution } }"
     " paths { factor fall contribution } }"),
    "query($first: Int = 2) { products(first: 3) { edges { node { boughtWith(first: $first) { edges { cursor } } } } } }",
]  # fmt: skip


def test_compiled_documents_answer_as_graphql_core_does(shop, shop_graph):
    schema = build_schema({})
    store = DocumentStore(schema.compiled, Limits(), introspection=True)
    front = Front(shop.services, Catalogue(shop_graph), CursorMint(b"k", shop_graph.version.id), shop.log, lambda: True)
    rng, errors = random.Random(17), 0
    for number in range(150 + len(EDGES)):
        query, uses_n = (EDGES[number], False) if number < len(EDGES) else random_query(rng)
        prepared = store.prepare(query.replace("decision { id freshness { table } }", "decision { kind }"), None)
        assert prepared.compiled is not None, query
        variables = {"n": 3} if uses_n else {}
        values = get_variable_values(schema.compiled, prepared.operation.variable_definitions or (), variables)
        asking = [front.ask(development_principal("localhost")) for _ in range(2)]
        fast = prepared.compiled.run(asking[0], values)
        slow = schema.run(prepared.document, asking[1], variables, None)
        assert orjson.dumps(fast.data) == orjson.dumps(slow.data), query
        told = [[(str(e.original_error), e.path) for e in result.errors or []] for result in (fast, slow)]
        assert told[0] == told[1], query
        errors += len(told[0])
    assert errors >= 3


@pytest.mark.parametrize("query", ["{ __schema { queryType { name } } }", '{ health { status } __type(name: "Query") { name } }'])
def test_introspection_is_left_to_graphql_core(shop, query):
    prepared = DocumentStore(build_schema({}).compiled, Limits(), introspection=True).prepare(query, None)
    assert prepared.compiled is None
    assert "errors" not in shop.ask(query)
