"""Edges of a part of the chain: who answers, what is said where evidence is thin, and that no scope leaks into another."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from decisions.relations import BeforeFirstSale, NotKnownYet, RelatedRequest, RelationService, ScopeWithoutData
from decisions.relations.contract import ThinScope
from decisions.relations.edges import EDGE_SCHEMA
from decisions.relations.explain import sentence_of
from decisions.relations.scopes import parent_of, scope_name, scope_words, scopes_of
from features.recommend_relations import neighbours_of_edges
from kg.ports import Edge, NodeRef
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from ontology import load_schema
from tests.relations.test_compare import row

AS_OF = date(2024, 6, 30)
SUMMER, SECOND = "season:summer", "store_cluster:2"
EDGES = [
    row("b", "a", strength=0.3),
    row("c", "a", strength=0.2),
    row("c", "a", SUMMER, strength=0.9),
    row("b", "a", SECOND, strength=0.4),
    row("a", "c", SUMMER, strength=0.1, status="for_review"),
    row("b", "c", SUMMER, strength=0.8, status="retracted"),
    row("c", "b", strength=0.6),
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    schema, root = load_schema(), tmp_path_factory.mktemp("scoped")
    nodes = {"Product": pa.table({"id": list("abcd"), "display_name": list("ABCD"), "merchandise": [True] * 4,
                                  "first_sold": pa.array([date(2024, 1, 5)] * 4, pa.date32())})}  # fmt: skip
    edges = {"isSubstituteFor": pa.Table.from_pylist(EDGES, EDGE_SCHEMA)}
    clock = FixedClock(datetime(2024, 7, 1, tzinfo=UTC))
    publish_snapshot(TableGraph(schema, nodes, edges), root, schema=schema, as_of=AS_OF, clock=clock)
    return open_current_snapshot(root)


def ask(graph, product, scope="chain", **options):
    answer = RelationService(graph).related(RelatedRequest(product, "isSubstituteFor", scope=scope, **options))
    return [(item.product_id, item.evidence.strength) for item in answer.items], answer.scope, answer.thin


def test_each_scope_answers_with_its_own_edges(graph):
    assert ask(graph, "a") == ([("b", 0.3), ("c", 0.2)], "chain", None)
    assert ask(graph, "a", SUMMER) == ([("c", 0.9)], SUMMER, None)
    assert ask(graph, "a", SECOND) == ([("b", 0.4)], SECOND, None)
    assert ask(graph, "a", limit=1) == ([("b", 0.3)], "chain", None)


def test_the_parent_answers_a_thin_scope_and_is_named(graph):
    thin = ThinScope(SUMMER, "chain", 1, ("chain",))
    assert ask(graph, "b", SUMMER) == ([("c", 0.6)], "chain", thin)
    assert ask(graph, "b", SUMMER, or_parent=False) == ([], None, thin)


def test_the_chain_has_no_parent_and_a_retracted_edge_is_no_evidence(graph):
    assert ask(graph, "c") == ([], None, ThinScope("chain", None, 0, (SUMMER,)))
    assert ask(graph, "c", SECOND) == ([], None, ThinScope(SECOND, "chain", 0, (SUMMER,)))
    assert ask(graph, "d", SUMMER) == ([], None, ThinScope(SUMMER, "chain", 0, ()))


def test_an_edge_under_review_is_served_with_its_status(graph):
    answer = RelationService(graph).related(RelatedRequest("c", "isSubstituteFor", scope=SUMMER))
    assert [item.evidence.status for item in answer.items] == ["for_review"]


def test_many_answers_are_those_asked_for_one_by_one(graph):
    service = RelationService(graph)
    asked = [
        RelatedRequest(product, "isSubstituteFor", limit, scope=scope, or_parent=parent)
        for product in "abcd"
        for scope in ("chain", SUMMER, SECOND)
        for limit in (1, 5)
        for parent in (True, False)
    ]
    assert service.related_many(asked) == tuple(service.related(one) for one in asked)


def test_bad_questions_say_what_is_missing(graph):
    service = RelationService(graph)
    with pytest.raises(ScopeWithoutData) as without:
        service.related(RelatedRequest("a", "isSubstituteFor", scope="segment:1"))
    assert without.value.scopes == ("chain", SUMMER, SECOND)
    with pytest.raises(ScopeWithoutData, match="none at all"):
        service.related(RelatedRequest("a", "isBoughtWith", scope=SUMMER))
    with pytest.raises(BeforeFirstSale) as early:
        service.related(RelatedRequest("a", "isSubstituteFor", as_of=date(2024, 1, 4)))
    assert early.value.first_sale == date(2024, 1, 5)
    with pytest.raises(NotKnownYet):
        service.related(RelatedRequest("a", "isSubstituteFor", as_of=date(2024, 1, 5)))


def test_scopes_have_names_words_and_parents(graph):
    assert scopes_of(graph, "isSubstituteFor") == ("chain", SUMMER, SECOND)
    assert scope_name("season", "summer") == SUMMER
    assert (parent_of(SUMMER), parent_of("chain")) == ("chain", None)
    assert [scope_words(scope) for scope in (None, "chain", SUMMER, SECOND, "segment:x")] == [
        "", "", "In summer: ", "In stores of cluster 2: ", "Among households of segment x: ",
    ]  # fmt: skip


def test_recommendations_learn_from_the_chain_alone():
    edges = pa.Table.from_pylist(EDGES, EDGE_SCHEMA)
    found = neighbours_of_edges("isBoughtWith", edges, pa.array(["a", "b", "c"]), AS_OF)
    assert sorted(found.strength.tolist()) == [0.2, 0.3, 0.6]


def test_a_diversion_ratio_has_words_of_its_own():
    properties = {**row("b", "a", SUMMER, strength=0.25, low=0.125, high=0.5), "sources": ("sales_lines",)}
    names = [type("N", (), {"display_name": name}) for name in ("Cola", "Lemonade")]
    edge = Edge("isSubstituteFor", NodeRef("Product", "b"), NodeRef("Product", "a"), properties)
    assert sentence_of(edge, *names) == (
        "In summer: of 100 purchases of Lemonade that are lost, an estimated 25.0 (12.5 to 50.0) go to Cola, "
        "which its 7 buyers took in 12 baskets."
    )
