"""Closeness from an engine's answers, joined to positions by id."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from decisions.relations.closeness import DIMENSIONS, measure_closeness, no_closeness
from kg.algorithms.ports import SIMILARITY_SCHEMA, embedding_schema
from tests.relation_worlds import FIRST_DAY


class WrittenEngine:
    """Answers with tables written by hand, and keeps what it was asked."""

    engine = "written"

    def __init__(self, embeddings, similarities):
        self.embeddings, self.similarities, self.asked = embeddings, similarities, []

    def fast_rp(self, projection, *, dimensions, iteration_weights, normalization_strength, seed):
        self.asked.append((projection.as_of, seed))
        padded = [vector + [0.0] * (dimensions - len(vector)) for vector in self.embeddings.values()]
        return pa.table(
            [list(self.embeddings), pa.array(padded, pa.list_(pa.float32(), dimensions))], schema=embedding_schema(dimensions)
        )

    def node_similarity(self, projection, *, top_k, minimum_similarity):
        self.asked.append((projection.as_of, None))
        return pa.Table.from_pylist(
            [{"source": a, "target": b, "similarity": value} for (a, b), value in self.similarities.items()], SIMILARITY_SCHEMA
        )


def test_closeness_is_the_mean_of_cosine_and_root_of_shared_buyers():
    engine = WrittenEngine(
        {"z": [9.0], "a": [2.0, 0.0], "b": [3.0, 3.0], "c": [-1.0, 0.0]},
        {("a", "b"): 0.25, ("b", "a"): 0.25, ("c", "a"): 0.04, ("z", "a"): 1.0},
    )
    observed = SimpleNamespace(as_of=FIRST_DAY, ids=pa.array(["a", "b", "c", "d"]))
    near = measure_closeness(engine, observed, 7)
    first, second = np.array([0, 1, 0, 2, 0, 1]), np.array([1, 0, 2, 0, 3, 2])
    expected = [(0.5**0.5 + 0.5) / 2] * 2 + [(0.0 + 0.2) / 2] * 2 + [0.0, 0.0]
    assert near.of(first, second).tolist() == pytest.approx(expected, abs=1e-6)
    assert near.vectors.shape == (4, DIMENSIONS)
    assert engine.asked == [(FIRST_DAY, 7), (FIRST_DAY, None)]


def test_without_an_engine_nothing_is_close():
    assert no_closeness(3).of(np.array([0, 1]), np.array([1, 2])).tolist() == [0.0, 0.0]
    assert no_closeness(0).of(np.zeros(0, dtype=int), np.zeros(0, dtype=int)).size == 0
