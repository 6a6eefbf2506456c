"""Needs on planted occasions: who serves them, by how much, and how they are called."""

import math
from datetime import date, timedelta

import pyarrow as pa
import pytest

from features.needs import NEED_SCHEMA, SERVES_SCHEMA, NeedLimits, categories_of, derive_needs
from kg.algorithms import PortableAlgorithms
from kg.columns import edge_schema
from kit.ids import stable_id
from ontology.schema import load_schema
from ontology.validate import validate_edges, validate_nodes
from tests.algorithms.small_world import table_graph
from tests.features_graph.occasions import AS_OF, OCCASIONS, RECORDED_AT, bought_with, categories, planted_pairs, products

LIMITS = NeedLimits(resolution=1.0)


@pytest.fixture(scope="module")
def algorithms() -> PortableAlgorithms:
    return PortableAlgorithms(table_graph({}), load_schema())


def needs(algorithms, edges, *, as_of: date = AS_OF, known=None, limits: NeedLimits = LIMITS):
    asked = {"as_of": as_of, "run_id": "run", "recorded_at": RECORDED_AT, "seed": 1, "known": known, "limits": limits}
    return derive_needs(algorithms, edges, categories(), **asked)


def crossing() -> list[tuple[str, str, float, int]]:
    return [pair for pair in planted_pairs() if products()[pair[0]] != products()[pair[1]]]


def test_the_planted_occasions_are_the_needs(algorithms) -> None:
    found = needs(algorithms, bought_with(planted_pairs()))
    served = {row["source"]: row["target"] for row in found.edges.to_pylist()}
    assert sorted(served) == sorted(products())
    by_occasion = {product[:4]: {served[other] for other in served if other[:4] == product[:4]} for product in served}
    assert [len(targets) for targets in by_occasion.values()] == [1, 1, 1]
    assert sorted(found.nodes["id"].to_pylist()) == sorted(set(served.values()))
    named = dict(zip(found.nodes["id"].to_pylist(), found.nodes["display_name"].to_pylist(), strict=True))
    for occasion, kinds in OCCASIONS.items():
        [need] = by_occasion[occasion[:4]]
        # every category has as many products in its need, so they stand by name
        first, *others = sorted(kinds)
        assert named[need] == ", ".join([first, *(text.lower() for text in others)])


def test_an_edge_says_how_much_of_a_product_lies_within_and_on_what_it_rests(algorithms) -> None:
    found = needs(algorithms, bought_with(planted_pairs()))
    within_need, pairs = {}, crossing()
    for row in found.edges.to_pylist():
        links = [pair for pair in pairs if row["source"] in pair[:2]]
        inside = [pair for pair in links if pair[0][:4] == pair[1][:4]]
        weight = math.fsum(math.log(pair[2]) for pair in inside)
        share = weight / math.fsum(math.log(pair[2]) for pair in links)
        within_need[row["source"]] = weight
        assert row["strength"] == pytest.approx(share, abs=1e-6)
        assert (row["low"], row["high"]) == pytest.approx(wilson(share, len(links)), abs=1e-6)
        assert row["events"] == sum(pair[3] for pair in inside)
        assert row["support"] == max(pair[3] // 2 for pair in inside)
        assert row["first_observed"] == min(date(2017, 1, 1 + pair[3] % 20) for pair in inside)
        assert row["assertion_id"] == stable_id("servesNeed", row["source"], row["target"], "chain")
    for row in found.edges.to_pylist():
        heaviest = max((name for name in within_need if name[:4] == row["source"][:4]), key=within_need.__getitem__)
        assert row["target"] == f"need-{heaviest}"


def wilson(share: float, count: int) -> tuple[float, float]:
    """Both ends solve (share - p)² = z² p (1 - p) / count."""
    z = 1.6448536
    a, b, c = 1 + z * z / count, -(2 * share + z * z / count), share * share
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def test_the_batches_are_what_the_graph_takes(algorithms) -> None:
    found = needs(algorithms, bought_with(planted_pairs()))
    assert found.nodes.schema.equals(NEED_SCHEMA)
    assert found.edges.schema.equals(SERVES_SCHEMA)
    assert set(SERVES_SCHEMA.names) == set(edge_schema(load_schema().relations["servesNeed"]).names) - {"valid_to", "recorded_to"}
    ids = {"Product": pa.chunked_array([list(products())]), "Need": found.nodes["id"]}
    assert len(validate_edges("servesNeed", found.edges, ids).faulty_rows) == 0
    assert len(validate_nodes("Need", found.nodes).faulty_rows) == 0
    constants = {
        name: set(found.edges[name].to_pylist()) for name in ("unit", "scope", "grade", "status", "run_id", "valid_from")
    }
    assert constants == {
        "unit": {"link_share"}, "scope": {"chain"}, "grade": {"association"}, "status": {"active"}, "run_id": {"run"},
        "valid_from": {AS_OF},
    }  # fmt: skip


def test_pairs_of_one_category_make_no_occasion(algorithms) -> None:
    alike = [pair for pair in planted_pairs() if products()[pair[0]] == products()[pair[1]]]
    assert len(alike) > 20
    found = needs(algorithms, bought_with(alike))
    assert (found.nodes.num_rows, found.edges.num_rows) == (0, 0)
    assert needs(algorithms, bought_with(crossing())).edges.equals(needs(algorithms, bought_with(planted_pairs())).edges)


def test_a_community_too_small_or_too_alike_is_no_need(algorithms) -> None:
    edges = bought_with(planted_pairs())
    for limits in (NeedLimits(resolution=1.0, products=13), NeedLimits(resolution=1.0, categories=4)):
        assert needs(algorithms, edges, limits=limits).nodes.num_rows == 0


def test_later_facts_change_nothing(algorithms) -> None:
    edges = bought_with(planted_pairs())
    names = sorted(products())
    strange = [(names[i], names[-1 - i], 9.0, 50) for i in range(10)]
    tomorrow = AS_OF + timedelta(days=1)
    for later in (bought_with(strange, valid_from=tomorrow), bought_with(strange, last=tomorrow)):
        found = needs(algorithms, pa.concat_tables([edges, later]))
        assert found.edges.equals(needs(algorithms, edges).edges)
        assert not needs(algorithms, pa.concat_tables([edges, later]), as_of=tomorrow).edges.equals(found.edges)


def test_needs_that_nothing_serves_any_more_keep_their_node(algorithms) -> None:
    edges = bought_with(planted_pairs())
    alone = needs(algorithms, edges)
    before = pa.table({"id": ["need-old", alone.nodes["id"][0].as_py()], "display_name": ["Fondue", "Another name"]})
    found = needs(algorithms, edges, known=before)
    assert found.edges.equals(alone.edges)
    kept = [*alone.nodes.to_pylist(), {"id": "need-old", "display_name": "Fondue"}]
    assert found.nodes.to_pylist() == sorted(kept, key=lambda row: row["id"])
    assert needs(algorithms, edges, known=found.nodes).nodes.equals(found.nodes)


def test_a_products_category_is_looked_for_above_its_narrowest() -> None:
    nodes = pa.table(
        {
            "id": ["G", "G > C", "G > C > T"],
            "display_name": ["Grocery", "Cheese", "Shredded"],
            "level": ["department", "category", "type"],
            "notation": ["G", "C", "T"],
        }
    )
    broader = pa.table({"source": ["G > C", "G > C > T"], "target": ["G", "G > C"]})
    filed = pa.table({"source": ["p1", "p2", "p3"], "target": ["G > C > T", "G > C", "G"]})
    assert categories_of(nodes, broader, filed).to_pylist() == [
        {"product_id": "p1", "category": "Cheese"},
        {"product_id": "p2", "category": "Cheese"},
    ]
