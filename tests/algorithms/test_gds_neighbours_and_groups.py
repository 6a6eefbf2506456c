"""Neighbours and communities of Graph Data Science on the real server against those of the sparse matrices."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from kg.algorithms import GivenEdges, HouseholdProducts, RelationGraph, projection_of
from kg.algorithms.ports import embedding_schema
from tests.algorithms.small_world import DAY, LATER, modularity, planted_partition

MINIMUM_RECALL = 0.99
"""Share of the exact nearest neighbours that the server's search finds; it starts at random and is not exact."""
MODULARITY_TOLERANCE = 0.02
"""How much worse the communities of one engine may be by the measure that both raise."""
EMBEDDED = 300


@pytest.fixture(scope="module")
def embeddings() -> pa.Table:
    vectors = np.random.default_rng(4).normal(size=(EMBEDDED, 16)).astype(np.float32)
    vectors[5] = 0.0
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), 16)
    return pa.Table.from_arrays([pa.array([f"e{i:03d}" for i in range(EMBEDDED)]), lists], schema=embedding_schema(16))


def pairs(rows: pa.Table) -> dict[tuple[str, str], float]:
    return {(row["source"], row["target"]): row["similarity"] for row in rows.to_pylist()}


def communities(rows: pa.Table) -> dict[str, str]:
    return dict(zip(rows["id"].to_pylist(), rows["community"].to_pylist(), strict=True))


def test_nearest_neighbours_are_nearly_all_found_with_their_cosines(both, embeddings) -> None:
    found, exact = (pairs(engine.knn(embeddings, top_k=10, seed=3)) for engine in both)
    every = pairs(both[1].knn(embeddings, top_k=EMBEDDED, seed=3))
    assert len(exact) == 10 * (EMBEDDED - 1)
    assert len(found.keys() & exact.keys()) >= MINIMUM_RECALL * len(exact)
    assert found == {pair: pytest.approx(every[pair], abs=1e-6) for pair in found}


def test_opposites_are_found_where_nothing_nearer_is(both) -> None:
    lists = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 0.0, -2.0, 0.0], pa.float32()), 2)
    two = pa.Table.from_arrays([pa.array(["a", "b"]), lists], schema=embedding_schema(2))
    found, expected = (engine.knn(two, top_k=5, seed=3) for engine in both)
    assert found.equals(expected)
    assert expected["similarity"].to_pylist() == [-1.0, -1.0]


def test_neighbours_of_one_seed_are_the_same_and_below_the_bound_none(both, embeddings) -> None:
    gds, portable = both
    once = gds.knn(embeddings, top_k=5, minimum_similarity=0.5, seed=3)
    assert gds.knn(embeddings, top_k=5, minimum_similarity=0.5, seed=3).equals(once)
    exact = pairs(portable.knn(embeddings, top_k=5, minimum_similarity=0.5, seed=3))
    assert len(pairs(once).keys() & exact.keys()) >= MINIMUM_RECALL * len(exact)
    assert min(pairs(once).values()) >= 0.5
    assert min(pairs(gds.knn(embeddings, top_k=5, seed=3)).values()) < 0.5


def test_planted_groups_are_found_by_both(both) -> None:
    edges = planted_partition()
    found, expected = (communities(engine.leiden(GivenEdges(edges, DAY), seed=3)) for engine in both)
    assert expected == {f"n{i:02d}": f"n{i % 4:02d}" for i in range(80)}
    assert adjusted_rand_score([expected[name] for name in expected], [found[name] for name in expected]) > 0.9


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0, 4.0])
def test_communities_are_as_good_by_the_measure_that_both_raise(both, resolution: float) -> None:
    edges = planted_partition(6, 15, seed=9)
    given = GivenEdges(edges, DAY)
    found, expected = (communities(engine.leiden(given, resolution=resolution, seed=3)) for engine in both)
    measures = [modularity(edges, one, resolution) for one in (found, expected)]
    assert measures[0] == pytest.approx(measures[1], abs=MODULARITY_TOLERANCE)
    assert communities(both[0].leiden(given, resolution=resolution, seed=3)) == found


@pytest.mark.parametrize(("weight", "resolution"), [(1.0, 2.0), (0.0, 1.0)])
def test_where_nothing_is_worth_joining_every_node_is_alone(both, weight: float, resolution: float) -> None:
    pair = GivenEdges(pa.table({"source": ["a"], "target": ["b"], "weight": [weight]}), DAY)
    for engine in both:
        assert communities(engine.leiden(pair, resolution=resolution, seed=1)) == {"a": "a", "b": "b"}


def test_communities_of_a_published_relation_are_named_alike(both) -> None:
    found, expected = (communities(engine.leiden(RelationGraph("similarTo"), resolution=0.1, seed=1)) for engine in both)
    assert found == expected
    assert len(set(expected.values())) == 3 + 1 + 13


@pytest.mark.parametrize("undirected", [True, False])
def test_given_edges_rank_and_join_alike(both, undirected: bool) -> None:
    given = GivenEdges(planted_partition(), DAY, undirected=undirected)
    found, expected = (engine.page_rank(given) for engine in both)
    assert found["id"].equals(expected["id"])
    assert found["score"].to_pylist() == pytest.approx(expected["score"].to_pylist(), abs=1e-6)
    joined = [engine.weakly_connected_components(given) for engine in both]
    assert joined[0].equals(joined[1])


@pytest.mark.parametrize("as_of", [date(2017, 5, 31), DAY])
def test_a_relation_on_a_day_is_the_same(both, as_of: date) -> None:
    found, expected = (engine.page_rank(RelationGraph("similarTo", as_of=as_of)) for engine in both)
    assert found["score"].to_pylist() == pytest.approx(expected["score"].to_pylist(), abs=1e-6)
    assert (len(set(expected["score"].to_pylist())) == 1) is (as_of < DAY)


def test_nothing_to_project_is_an_empty_table(both) -> None:
    nobody, nothing = HouseholdProducts(date(2000, 1, 1), 1), GivenEdges(planted_partition().slice(0, 0), DAY)
    for engine in both:
        assert engine.node_similarity(nobody, top_k=3, minimum_similarity=0.0).num_rows == 0
        embedded = engine.fast_rp(nobody, dimensions=8, iteration_weights=(1.0,), normalization_strength=0.0, seed=1)
        assert embedded.num_rows == 0
        assert engine.knn(embedded, top_k=3, seed=1).num_rows == 0
        assert engine.leiden(nothing, seed=1).num_rows == 0
        assert engine.page_rank(nothing).num_rows == 0
        assert engine.weakly_connected_components(nothing).num_rows == 0


def test_both_say_what_they_projected(both, neo4j_server) -> None:
    asked = [
        lambda engine: engine.page_rank(RelationGraph("similarTo", "strength")),
        lambda engine: engine.leiden(GivenEdges(planted_partition(), DAY), seed=1),
        lambda engine: engine.node_similarity(HouseholdProducts(LATER, 5), top_k=3, minimum_similarity=0.1),
        lambda engine: engine.fast_rp(
            HouseholdProducts(LATER, 5), dimensions=8, iteration_weights=(1.0,), normalization_strength=0.0, seed=1
        ),
    ]
    gds, portable = both
    began = datetime.now(UTC)
    for ask in asked:
        found, expected = projection_of(ask(gds)), projection_of(ask(portable))
        assert (found.engine, found.server_version) == ("neo4j-gds", neo4j_server.gds_version)
        assert 0 <= found.age_seconds(datetime.now(UTC)) <= (datetime.now(UTC) - began).total_seconds()
        by_other = {name: getattr(found, name) for name in ("projected_at", "engine", "engine_version", "server_version")}
        assert replace(expected, **by_other) == found
        assert gds.projections()[-1] == found
