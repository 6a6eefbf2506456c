"""Nearest neighbours by cosine on sparse-matrix terms, against cosines written out pair by pair."""

import math

import numpy as np
import pyarrow as pa
import pytest

from kg.algorithms import PortableAlgorithms, nearest
from kg.algorithms.ports import embedding_schema
from kg.errors import GraphTimeout, ProjectionRefused, QueryTooLarge
from ontology.schema import load_schema
from tests.algorithms.small_world import table_graph

COUNT, DIMENSIONS = 40, 6


@pytest.fixture
def algorithms():
    return PortableAlgorithms(table_graph({}), load_schema())


@pytest.fixture
def embeddings():
    vectors = np.random.default_rng(2).normal(size=(COUNT, DIMENSIONS)).astype(np.float32)
    vectors[7] = 0.0
    vectors[9] = vectors[8] * 2
    return embedded([f"n{COUNT - 1 - i:02d}" for i in range(COUNT)], vectors)


def embedded(ids: list[str], vectors: np.ndarray) -> pa.Table:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), vectors.shape[1])
    return pa.Table.from_arrays([pa.array(ids), lists], schema=embedding_schema(vectors.shape[1]))


def cosines(embeddings: pa.Table) -> dict[tuple[str, str], float]:
    vectors = {row["id"]: row["embedding"] for row in embeddings.to_pylist() if any(row["embedding"])}
    return {
        (one, other): math.fsum(a * b for a, b in zip(left, right, strict=True)) / (math.hypot(*left) * math.hypot(*right))
        for one, left in vectors.items()
        for other, right in vectors.items()
        if one != other
    }


def test_the_nearest_are_the_largest_cosines_in_order(algorithms, embeddings) -> None:
    expected = cosines(embeddings)
    rows = algorithms.knn(embeddings, top_k=4, seed=1).to_pylist()
    sources = sorted({one for one, _ in expected})
    assert [row["source"] for row in rows] == [source for source in sources for _ in range(4)]
    assert len(sources) == COUNT - 1
    for source in sources:
        best = sorted((-value, target) for (one, target), value in expected.items() if one == source)[:4]
        found = [(row["target"], row["similarity"]) for row in rows if row["source"] == source]
        assert found == [(target, pytest.approx(-value, abs=1e-6)) for value, target in best]


def test_every_pair_of_at_least_the_bound_is_found_in_any_chunking(algorithms, embeddings, monkeypatch) -> None:
    expected = {pair: pytest.approx(value, abs=1e-6) for pair, value in cosines(embeddings).items() if value >= 0.25}
    whole = algorithms.knn(embeddings, top_k=1_000, minimum_similarity=0.25, seed=1)
    assert {(row["source"], row["target"]): row["similarity"] for row in whole.to_pylist()} == expected
    assert len(expected) > 100
    monkeypatch.setattr(nearest, "CHUNK_PAIRS", 3 * COUNT)
    assert algorithms.knn(embeddings, top_k=1_000, minimum_similarity=0.25, seed=1)["target"].equals(whole["target"])


def test_opposites_are_found_where_nothing_nearer_is(algorithms) -> None:
    rows = algorithms.knn(embedded(["a", "b"], np.array([[1.0, 0.0], [-2.0, 0.0]])), top_k=5, seed=1).to_pylist()
    assert rows == [
        {"source": "a", "target": "b", "similarity": -1.0},
        {"source": "b", "target": "a", "similarity": -1.0},
    ]


@pytest.mark.parametrize(("count", "length"), [(0, 1.0), (3, 0.0), (1, 1.0)])
def test_nothing_to_compare_is_an_empty_table(algorithms, count: int, length: float) -> None:
    rows = algorithms.knn(embedded([f"n{i}" for i in range(count)], np.full((count, 2), length)), top_k=3, seed=1)
    assert (rows.num_rows, rows.column_names) == (0, ["source", "target", "similarity"])


def test_what_cannot_be_compared_is_refused(algorithms, monkeypatch) -> None:
    with pytest.raises(ProjectionRefused, match="an id has two embeddings"):
        algorithms.knn(embedded(["a", "a"], np.ones((2, 2))), top_k=1, seed=1)
    with pytest.raises(ProjectionRefused, match="no number"):
        algorithms.knn(embedded(["a", "b"], np.array([[1.0, np.nan], [1.0, 1.0]])), top_k=1, seed=1)
    monkeypatch.setattr(nearest, "MAXIMUM_NUMBERS", 5)
    with pytest.raises(QueryTooLarge, match="3 embeddings of 2 dimensions were asked for, 2 are allowed"):
        algorithms.knn(embedded(["a", "b", "c"], np.ones((3, 2))), top_k=1, seed=1)


def test_a_call_ends_when_its_time_is_over(embeddings) -> None:
    impatient = PortableAlgorithms(table_graph({}), load_schema(), limit_seconds=0.0)
    with pytest.raises(GraphTimeout, match="'kNN' did not finish within 0 seconds"):
        impatient.knn(embeddings, top_k=3, seed=1)
    assert impatient.projections() == ()
