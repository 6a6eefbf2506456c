"""What is answered from a published graph, and that every path of it exists there."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from decisions.relations import (
    EDGE_SCHEMA,
    LimitOutOfRange,
    NotKnownYet,
    RelatedRequest,
    RelationService,
    UnknownProduct,
    UnknownRelation,
)
from decisions.relations.explain import SENTENCES, explain
from decisions.relations.service import SERVED
from decisions.relations.surroundings import look_around
from kg.ports import Direction
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from kit.ids import stable_id
from ontology import load_schema

AS_OF = date(2024, 6, 30)
MOMENT = datetime(2024, 7, 1, tzinfo=UTC)
PRODUCTS = {"a": "COLA", "b": "COLA", "c": "LEMONADE", "d": "SNACKS", "e": None}
CATEGORIES = {"DRINKS": None, "COLA": "DRINKS", "LEMONADE": "DRINKS", "FOOD": None, "SNACKS": "FOOD"}
DERIVED = {
    "isSubstituteFor": [("b", "a", 0.5), ("c", "a", 0.5), ("e", "a", 0.125), ("d", "a", 0.75)],
    "isComplementTo": [("d", "a", 0.25)],
    "isBoughtWith": [("a", "d", 3.0), ("d", "a", 3.0)],
}


def evidence_rows(relation, edges):
    rows = [
        {
            "source": source, "target": target, "assertion_id": stable_id(relation, source, target, "chain"),
            "strength": strength, "low": strength / 2, "high": strength * 2, "unit": "score", "scope": "chain",
            "events": 12, "support": 7, "first_observed": date(2024, 1, 5), "last_observed": date(2024, 6, 1),
            "sources": ["products", "sales_lines"], "run_id": "run_1", "model_version": "m", "grade": "association",
            "status": "active", "valid_from": AS_OF, "valid_to": None, "recorded_from": MOMENT, "recorded_to": None,
        }
        for source, target, strength in edges
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, EDGE_SCHEMA)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    root = tmp_path_factory.mktemp("snapshots")
    names = {product: f"Product {product.upper()}" for product in PRODUCTS}
    nodes = {
        "Product": pa.table({"id": list(PRODUCTS), "display_name": list(names.values()), "merchandise": [True] * len(PRODUCTS)}),
        "ProductCategory": pa.table(
            {
                "id": sorted(CATEGORIES), "display_name": [name.capitalize() for name in sorted(CATEGORIES)],
                "level": ["type"] * len(CATEGORIES), "notation": sorted(CATEGORIES),
            }
        ),
    }  # fmt: skip
    placed = [(product, category) for product, category in PRODUCTS.items() if category]
    above = [(category, parent) for category, parent in CATEGORIES.items() if parent]
    edges = {relation: evidence_rows(relation, rows) for relation, rows in DERIVED.items()}
    edges["inCategory"] = pa.table([*map(list, zip(*placed, strict=True))], names=["source", "target"])
    edges["broader"] = pa.table([*map(list, zip(*above, strict=True))], names=["source", "target"])
    schema = load_schema()
    publish_snapshot(TableGraph(schema, nodes, edges), root, schema=schema, as_of=AS_OF, clock=FixedClock(MOMENT))
    return open_current_snapshot(root)


def test_related_products_come_strongest_first_then_by_id(graph):
    answer = RelationService(graph).related(RelatedRequest("a", "isSubstituteFor"))
    assert [item.product_id for item in answer.items] == ["d", "b", "c", "e"]
    assert (answer.product_id, answer.relation, answer.as_of) == ("a", "isSubstituteFor", AS_OF)
    assert [item.product_id for item in RelationService(graph).related(RelatedRequest("a", "isSubstituteFor", 2)).items] == [
        "d",
        "b",
    ]


def test_the_direction_is_from_the_replacement(graph):
    assert RelationService(graph).related(RelatedRequest("b", "isSubstituteFor")).items == ()


def test_evidence_is_that_of_the_edge(graph):
    found = RelationService(graph).related(RelatedRequest("a", "isSubstituteFor")).items[0].evidence
    assert (found.strength, found.low, found.high, found.unit) == (0.75, 0.375, 1.5, "score")
    assert (found.events, found.support, found.grade, found.scope) == (12, 7, "association", "chain")
    assert (found.first_observed, found.last_observed) == (date(2024, 1, 5), date(2024, 6, 1))
    assert found.sources == ("products", "sales_lines")
    assert found.assertion_id == stable_id("isSubstituteFor", "d", "a", "chain")


@pytest.mark.parametrize("relation", list(DERIVED))
def test_every_hop_exists_and_paths_are_connected_and_contributions_sum(graph, relation):
    answer = RelationService(graph).related(RelatedRequest("a", relation))
    hops = 0
    for item in answer.items:
        assert sum(path.contribution for path in item.explanation.paths) == item.evidence.strength
        for path in item.explanation.paths:
            at = "a"
            for hop in path.hops:
                stored = graph.related(hop.relation, [hop.source.id], direction=Direction.OUT, limit=100)[hop.source.id]
                assert hop.target.id in [edge.target.id for edge in stored]
                start, end = (hop.target, hop.source) if hop.walked_backwards else (hop.source, hop.target)
                assert start.id == at
                at, hops = end.id, hops + 1
            assert at == item.product_id
    assert hops == {"isSubstituteFor": 1 + 2 + 1 + 4 + 1 + 1 + 1, "isComplementTo": 2, "isBoughtWith": 1}[relation]


def test_sentences_name_products_and_figures(graph):
    service = RelationService(graph)
    texts = {relation: service.related(RelatedRequest("a", relation)).items[0].explanation.text for relation in DERIVED}
    assert texts == {
        "isSubstituteFor": "Buyers of Product A give Product D an estimated 75.0% (37.5% to 150.0%) of what a purchase today "
        "would count, as far as it still sells: 12 baskets by 7 of them in 13 weeks.",
        "isComplementTo": "25.0 (12.5 to 50.0) of 100 baskets with Product A hold Product D beyond the households' habits: "
        "12 baskets in common of 7 households.",
        "isBoughtWith": "Product D and Product A meet 3.0 times (1.5 to 6.0) as often as their popularity explains: "
        "12 baskets in common of 7 households.",
    }


def test_a_relation_without_words_of_its_own_is_refused_and_never_put_into_those_of_another(graph):
    assert set(SENTENCES) == set(SERVED) == set(DERIVED)
    edge = graph.related("isBoughtWith", ["a"], direction=Direction.IN, limit=1, as_of=AS_OF)["a"][0]
    around = look_around(graph, {"a": [edge]})["a"]
    assert explain(edge, around).text
    with pytest.raises(UnknownRelation) as unknown:
        explain(replace(edge, relation="similarTo"), around)
    assert unknown.value.relation == "similarTo"
    assert "isBoughtWith" in unknown.value.remedy


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (RelatedRequest("nobody", "isSubstituteFor"), UnknownProduct),
        (RelatedRequest("a", "contains"), UnknownRelation),
        (RelatedRequest("a", "isBoughtWith", 0), LimitOutOfRange),
        (RelatedRequest("a", "isBoughtWith", 101), LimitOutOfRange),
        (RelatedRequest("a", "isBoughtWith", 5, date(2024, 6, 29)), NotKnownYet),
        (RelatedRequest("a", "isBoughtWith", 5, date(2024, 7, 1)), NotKnownYet),
    ],
)
def test_refusals_say_what_to_do_next(graph, request_, error):
    with pytest.raises(error) as caught:
        RelationService(graph).related(request_)
    assert caught.value.remedy


def test_an_answer_costs_a_fixed_number_of_reads(graph):
    class Counting:
        def __init__(self, inner):
            self.inner, self.calls = inner, []

        def __getattr__(self, name):
            self.calls.append(name)
            return getattr(self.inner, name)

    few, many = Counting(graph), Counting(graph)
    RelationService(few).related(RelatedRequest("a", "isSubstituteFor", 1))
    RelationService(many).related(RelatedRequest("a", "isSubstituteFor", 100))
    reads = [[name for name in counted.calls if name in ("related", "nodes")] for counted in (few, many)]
    assert len(reads[0]) == len(reads[1]) == 1 + 1 + 2 + 1 + 2


def test_ten_related_products_are_quick(graph):
    service = RelationService(graph)
    service.related(RelatedRequest("a", "isSubstituteFor"))
    started = time.process_time()
    for _ in range(50):
        service.related(RelatedRequest("a", "isSubstituteFor"))
    assert (time.process_time() - started) / 50 < 0.05
