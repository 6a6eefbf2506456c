"""Every result says on which projection it rests, and an engine remembers its own."""

from datetime import UTC, datetime, timedelta

import pytest

from kg.algorithms import GivenEdges, HouseholdProducts, PortableAlgorithms, RelationGraph, projection_of
from kg.errors import UnknownTerm
from kit.clock import FixedClock
from ontology.schema import load_schema
from tests.algorithms.small_world import DAY, LATER, planted_partition, planted_retailer, table_graph

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAST_RP = {"dimensions": 8, "iteration_weights": (0.0, 1.0), "normalization_strength": 0.0, "seed": 1}


@pytest.fixture
def algorithms():
    return PortableAlgorithms(table_graph(planted_retailer()), load_schema(), clock=FixedClock(NOW))


def test_a_result_carries_when_and_from_what_it_was_projected(algorithms) -> None:
    info = projection_of(algorithms.page_rank(RelationGraph("similarTo", "strength", as_of=DAY)))
    assert (info.algorithm, info.content, info.as_of) == ("PageRank", "similarTo weighted by strength, both ways", DAY)
    # 30 edges of the rings, one of them twice, and a pair; the retracted one is not there
    assert (info.nodes, info.relationships) == (45, 2 * 32)
    assert (info.engine, info.projected_at, info.server_version) == ("portable", NOW, None)
    assert info.engine_version.startswith("scipy ")
    assert info.age_seconds(NOW + timedelta(minutes=2)) == 120.0


def test_households_and_products_are_counted_as_they_are_projected(algorithms) -> None:
    tables = planted_retailer()
    household = dict(zip(tables["madeBy"]["source"].to_pylist(), tables["madeBy"]["target"].to_pylist(), strict=True))
    lines = {(line["target"], household[line["source"]]) for line in tables["contains"].to_pylist() if line["target"] != "p044"}
    info = projection_of(algorithms.node_similarity(HouseholdProducts(LATER, 1), top_k=2, minimum_similarity=0.0))
    assert info.nodes == len({product for product, _ in lines}) + len({buyer for _, buyer in lines})
    assert info.relationships == len(lines)
    assert info.content == "households and products with at least 1 buyers, merchandise"


def test_neighbours_rest_on_the_projection_of_their_embeddings(algorithms) -> None:
    embedded = algorithms.fast_rp(HouseholdProducts(DAY, 1, merchandise_only=False), **FAST_RP)
    info = projection_of(algorithms.knn(embedded, top_k=3, seed=1))
    assert info.content == "embeddings of households and products with at least 1 buyers, all goods"
    assert (info.as_of, info.nodes, info.relationships) == (DAY, embedded.num_rows, 0)
    anonymous = projection_of(algorithms.knn(embedded.replace_schema_metadata(None), top_k=3, seed=1))
    assert (anonymous.content, anonymous.as_of) == ("given embeddings", None)


def test_an_engine_remembers_what_it_projected_in_order(algorithms) -> None:
    assert algorithms.projections() == ()
    given = GivenEdges(planted_partition(), DAY)
    results = [
        algorithms.leiden(given, seed=1),
        algorithms.weakly_connected_components(given),
        algorithms.page_rank(RelationGraph("similarTo", undirected=False)),
    ]
    assert algorithms.projections() == tuple(projection_of(rows) for rows in results)
    assert [(one.algorithm, one.content) for one in algorithms.projections()] == [
        ("Leiden", "given edges, both ways"),
        ("components", "given edges, both ways"),
        ("PageRank", "similarTo, one way"),
    ]


def test_what_was_refused_is_not_remembered(algorithms) -> None:
    with pytest.raises(UnknownTerm):
        algorithms.page_rank(RelationGraph("similarTo", "colour"))
    assert algorithms.projections() == ()


def test_rows_of_nobody_rest_on_nothing(algorithms) -> None:
    assert projection_of(planted_partition()) is None
