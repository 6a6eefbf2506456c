"""Graph Data Science on the real server against the sparse matrices, on the same world."""

import time
from collections import defaultdict
from contextlib import closing

import numpy as np
import pyarrow as pa
import pytest
from neo4j import GraphDatabase
from scipy.stats import spearmanr

from kg.algorithms import GdsAlgorithms, HouseholdProducts, RelationGraph, watchdog
from kg.algorithms.limits import Limit
from kg.errors import GraphTimeout
from kg.neo4j_store import Neo4jSettings
from kg.neo4j_store.border import translated
from kg.neo4j_store.cypher import Statement
from ontology.schema import load_schema
from tests.algorithms.small_world import DAY, LATER

FAST_RP = {"dimensions": 128, "iteration_weights": (0.0, 1.0, 1.0), "normalization_strength": -0.5}
NEIGHBOURS = 10
PATIENCE_SECONDS = 3.0
MINIMUM_RANK_CORRELATION = 0.8
MINIMUM_OVERLAP = 0.55
"""Two seeds of one engine reach no more on this world: the engines draw other random numbers, so they agree as two seeds do."""


@pytest.mark.parametrize("as_of", [DAY, LATER])
def test_similarity_is_equal_pair_by_pair(both, as_of):
    found, expected = (engine.node_similarity(HouseholdProducts(as_of, 5), top_k=1000, minimum_similarity=0.1) for engine in both)
    assert (
        found.select(["source", "target"])
        .sort_by([("source", "ascending"), ("target", "ascending")])
        .equals(expected.select(["source", "target"]).sort_by([("source", "ascending"), ("target", "ascending")]))
    )
    assert _by_pair(found) == pytest.approx(_by_pair(expected), abs=1e-9)
    assert found.num_rows > 200


def test_top_k_has_equal_values_at_every_rank(both):
    every = _by_pair(both[1].node_similarity(HouseholdProducts(LATER, 5), top_k=1000, minimum_similarity=0.0))
    found, expected = (engine.node_similarity(HouseholdProducts(LATER, 5), top_k=4, minimum_similarity=0.0) for engine in both)
    assert _values_by_source(found) == {key: pytest.approx(v, abs=1e-9) for key, v in _values_by_source(expected).items()}
    assert all(every[pair] == pytest.approx(value, abs=1e-9) for pair, value in _by_pair(found).items())


def test_fast_rp_agrees_in_structure_as_two_seeds_do(both):
    gds, portable = both
    projection = HouseholdProducts(LATER, 1)
    # what the server draws depends on its own numbers of the nodes: several seeds side by side leave less to chance
    one, other = (_side_by_side(engine, projection, (11, 12, 13)) for engine in both)
    assert one["id"].equals(other["id"])
    correlation, overlap = _agreement(one, other)
    own_correlation, own_overlap = _agreement(other, _side_by_side(portable, projection, (14, 15, 16)))
    assert correlation > min(MINIMUM_RANK_CORRELATION, own_correlation - 0.05)
    assert overlap > min(MINIMUM_OVERLAP, own_overlap - 0.1)
    assert gds.fast_rp(projection, **FAST_RP, seed=11).equals(gds.fast_rp(projection, **FAST_RP, seed=11))


def _side_by_side(engine, projection, seeds: tuple[int, ...]) -> pa.Table:
    """Embeddings of several seeds as one, so that a cosine is nearly the mean of theirs."""
    tables = [engine.fast_rp(projection, **FAST_RP, seed=seed) for seed in seeds]
    joined = list(np.concatenate([_vectors(rows) for rows in tables], axis=1))
    return pa.table({"id": tables[0]["id"], "embedding": pa.array(joined)})


def test_fast_rp_lengths_agree(both):
    # each iteration adds a vector of length one: what is left to chance is the angle between them
    lengths = [np.linalg.norm(_vectors(engine.fast_rp(RelationGraph("similarTo"), **FAST_RP, seed=3)), axis=1) for engine in both]
    assert (lengths[0] > 0).tolist() == (lengths[1] > 0).tolist()
    assert lengths[0].max() <= 2.0 + 1e-5
    assert lengths[1].max() <= 2.0 + 1e-5


@pytest.mark.parametrize(("weight", "undirected"), [(None, True), (None, False), ("strength", True), ("strength", False)])
def test_page_rank_is_equal(both, weight, undirected):
    found, expected = (engine.page_rank(RelationGraph("similarTo", weight, undirected=undirected)) for engine in both)
    assert found["id"].equals(expected["id"])
    assert found["score"].to_pylist() == pytest.approx(expected["score"].to_pylist(), abs=1e-6)


def test_components_are_equal(both):
    found, expected = (engine.weakly_connected_components(RelationGraph("similarTo")) for engine in both)
    assert found.equals(expected)


def test_projections_left_behind_are_named_with_their_age_and_dropped(both):
    gds, _ = both
    project = "UNWIND [[0, 1]] AS e RETURN gds.graph.project($name, e[0], e[1]) AS projected"
    for name in ("shelfgraph-left", "another-product"):
        gds._server.driver.execute_query(project, {"name": name})
    try:
        (left,) = gds.held_projections()
        assert (left.name, left.nodes, left.edges) == ("shelfgraph-left", 2, 1)
        assert 0 <= left.age_seconds < 60
        assert gds.drop_leftovers() == ()
        assert [one.name for one in gds.drop_leftovers(older_than_seconds=-1)] == ["shelfgraph-left"]
        assert gds.held_projections() == ()
        names, _, _ = gds._server.driver.execute_query("CALL gds.graph.list() YIELD graphName RETURN graphName")
        assert [record["graphName"] for record in names] == ["another-product"]
    finally:
        gds._server.driver.execute_query("CALL gds.graph.drop('another-product', false)")


@pytest.fixture
def impatient(both, neo4j_server):
    limits = Neo4jSettings(bulk_timeout_seconds=PATIENCE_SECONDS)
    address = (neo4j_server.uri, neo4j_server.user, neo4j_server.password)
    with closing(GdsAlgorithms(*address, load_schema(), settings=limits)) as gds:
        yield gds


def rank_slowly(gds):
    """Some ten seconds of rounds: what is passed on shrinks by a ten-millionth each."""
    return gds.page_rank(RelationGraph("similarTo"), damping=0.999_999_9, maximum_iterations=200_000)


def running_on(server) -> list[str]:
    with GraphDatabase.driver(server.uri, auth=(server.user, server.password)) as driver:
        records, _, _ = driver.execute_query("SHOW TRANSACTIONS YIELD currentQuery AS text RETURN text")
    return [record["text"] for record in records if "pageRank" in record["text"]]


def test_an_algorithm_that_takes_too_long_is_ended_on_the_server(both, impatient, neo4j_server):
    began = time.monotonic()
    with pytest.raises(GraphTimeout, match="'graph algorithm' did not finish within 3 seconds") as caught:
        rank_slowly(impatient)
    assert PATIENCE_SECONDS - 0.1 < time.monotonic() - began < PATIENCE_SECONDS + watchdog.GRACE_SECONDS
    # the server itself says so: nothing had to be cut
    assert "terminated" in str(caught.value.__cause__)
    assert running_on(neo4j_server) == []
    assert impatient.held_projections() == ()
    # nothing of it is left behind: the next call has its own time
    assert impatient.page_rank(RelationGraph("similarTo")).equals(both[0].page_rank(RelationGraph("similarTo")))


def test_one_that_does_not_end_when_it_is_told_to_is_cut_off(both, impatient, monkeypatch):
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(GraphTimeout):
        rank_slowly(impatient)
    # an algorithm looks every ten seconds whether it is to end
    assert PATIENCE_SECONDS - 0.1 < time.monotonic() - began < PATIENCE_SECONDS + 7
    assert impatient.page_rank(RelationGraph("similarTo")).equals(both[0].page_rank(RelationGraph("similarTo")))


def test_a_statement_of_our_own_carries_its_limit_to_the_server(impatient):
    slow = Statement("UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b RETURN sum(a * b % 7)")
    with pytest.raises(GraphTimeout), translated("slow", 0.5):
        impatient._server.rows(slow, {}, Limit("slow", 0.5))
    with pytest.raises(GraphTimeout, match="'late' did not finish"):
        impatient._server.rows(slow, {}, Limit("late", 0.0))


def _by_pair(rows) -> dict[tuple[str, str], float]:
    return {(row["source"], row["target"]): row["similarity"] for row in rows.to_pylist()}


def _values_by_source(rows) -> dict[str, list[float]]:
    values = defaultdict(list)
    for row in rows.to_pylist():
        values[row["source"]].append(row["similarity"])
    return values


def _vectors(rows) -> np.ndarray:
    return np.stack(rows["embedding"].to_numpy())


def _agreement(one, other) -> tuple[float, float]:
    """Rank correlation of all pairs' cosines, and the mean share of common nearest neighbours."""
    cosines = []
    for rows in (one, other):
        vectors = _vectors(rows)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines.append(unit @ unit.T)
    upper = np.triu_indices(len(cosines[0]), 1)
    nearest = [np.argsort(-(matrix - 10 * np.eye(len(matrix))), axis=1)[:, :NEIGHBOURS] for matrix in cosines]
    overlap = np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(*nearest, strict=True)])
    return float(spearmanr(cosines[0][upper], cosines[1][upper]).statistic), float(overlap)
