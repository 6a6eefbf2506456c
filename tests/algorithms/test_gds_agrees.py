"""Graph Data Science on the real server against the sparse matrices, on the same world."""

from collections import defaultdict
from contextlib import closing

import numpy as np
import pytest
from scipy.stats import spearmanr

from kg.algorithms import GdsAlgorithms, HouseholdProducts, PortableAlgorithms, RelationGraph
from ontology.schema import load_schema
from tests.algorithms.small_world import DAY, LATER, planted_retailer, table_graph

FAST_RP = {"dimensions": 128, "iteration_weights": (0.0, 1.0, 1.0), "normalization_strength": -0.5}
NEIGHBOURS = 10
MINIMUM_RANK_CORRELATION = 0.8
MINIMUM_OVERLAP = 0.55
"""Two seeds of one engine reach no more on this world: the engines draw other random numbers, so they agree as two seeds do."""


@pytest.fixture(scope="module")
def both(neo4j_server, prepared_neo4j):
    tables = planted_retailer()
    prepared_neo4j.clear()
    schema = load_schema()
    for name, rows in tables.items():
        if name in schema.nodes:
            prepared_neo4j.upsert_nodes(name, rows)
    for name in ("madeBy", "contains"):
        prepared_neo4j.upsert_edges(name, tables[name])
    # replaced twice, so that algorithms that looked at unpublished edges would see some
    prepared_neo4j.replace_derived("similarTo", tables["similarTo"].slice(0, 5))
    prepared_neo4j.replace_derived("similarTo", tables["similarTo"])
    with closing(GdsAlgorithms(neo4j_server.uri, neo4j_server.user, neo4j_server.password, schema)) as gds:
        yield gds, PortableAlgorithms(table_graph(tables), schema)
        assert gds.projections() == ()


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
    one, other = (engine.fast_rp(projection, **FAST_RP, seed=11) for engine in both)
    assert one["id"].equals(other["id"])
    correlation, overlap = _agreement(one, other)
    own_correlation, own_overlap = _agreement(other, portable.fast_rp(projection, **FAST_RP, seed=12))
    assert correlation > min(MINIMUM_RANK_CORRELATION, own_correlation - 0.05)
    assert overlap > min(MINIMUM_OVERLAP, own_overlap - 0.1)
    assert correlation > 0.6
    assert gds.fast_rp(projection, **FAST_RP, seed=11).equals(one)


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
    gds._gds.run_cypher("UNWIND [[0, 1]] AS e RETURN gds.graph.project('shelfgraph-left', e[0], e[1]) AS projected")
    gds._gds.run_cypher("UNWIND [[0, 1]] AS e RETURN gds.graph.project('another-product', e[0], e[1]) AS projected")
    try:
        (left,) = gds.projections()
        assert (left.name, left.nodes, left.edges) == ("shelfgraph-left", 2, 1)
        assert 0 <= left.age_seconds < 60
        assert gds.drop_leftovers() == ()
        assert [one.name for one in gds.drop_leftovers(older_than_seconds=-1)] == ["shelfgraph-left"]
        assert gds.projections() == ()
        assert gds._gds.graph.exists("another-product")
    finally:
        gds._gds.graph.drop("another-product", fail_if_missing=False)


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
