"""The algorithms on sparse matrices: any graph that can be exported, no database needed."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse import csgraph

from kg.algorithms.ports import (
    COMPONENT_SCHEMA,
    RANK_SCHEMA,
    SIMILARITY_SCHEMA,
    HouseholdProducts,
    Projection,
    RelationGraph,
    embedding_schema,
)
from kg.algorithms.projecting import Bipartite, bipartite_of, network_of
from kg.ports import GraphExporter
from ontology.schema_types import GraphSchema

__all__ = ["PortableAlgorithms"]

CHUNK_PAIRS = 4_000_000
"""Pairs of products in memory at once: some 100 MB."""
TOLERANCE = 1e-12
SPARSITY = 3
"""One random number in three is not zero: +√3 or −√3, which keeps distances in expectation (Achlioptas 2003)."""


class PortableAlgorithms:
    """Implements `kg.algorithms.ports.GraphAlgorithms`.

    Args:
        graph: what the algorithms read; each call exports what it needs.
        schema: the graph's schema.
    """

    def __init__(self, graph: GraphExporter, schema: GraphSchema) -> None:
        self._graph = graph
        self._schema = schema

    def node_similarity(self, projection: HouseholdProducts, *, top_k: int, minimum_similarity: float) -> pa.Table:
        bipartite = bipartite_of(self._graph, projection)
        parts = list(_similar_chunks(bipartite.matrix, top_k, minimum_similarity))
        sources, targets, values = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else ([], [], [])
        ids = bipartite.ids
        columns = [
            ids.take(pa.array(sources, pa.int64())),
            ids.take(pa.array(targets, pa.int64())),
            pa.array(values, pa.float64()),
        ]
        return pa.Table.from_arrays(columns, schema=SIMILARITY_SCHEMA)

    def fast_rp(
        self,
        projection: Projection,
        *,
        dimensions: int,
        iteration_weights: tuple[float, ...],
        normalization_strength: float,
        seed: int,
    ) -> pa.Table:
        if isinstance(projection, HouseholdProducts):
            bipartite = bipartite_of(self._graph, projection)
            ids, matrix = bipartite.ids, _both_sides(bipartite)
            degrees = np.diff(matrix.indptr).astype(np.float64)
        else:
            network = network_of(self._graph, self._schema, projection)
            ids, matrix, degrees = network.ids, network.matrix, network.degrees
        embedding = _fast_rp(matrix, degrees, dimensions, iteration_weights, normalization_strength, seed)
        flat = pa.array(embedding[: len(ids)].reshape(-1), pa.float32())
        lists = pa.FixedSizeListArray.from_arrays(flat, dimensions)
        return pa.Table.from_arrays([ids, lists], schema=embedding_schema(dimensions))

    def page_rank(self, projection: RelationGraph, *, damping: float = 0.85, maximum_iterations: int = 100) -> pa.Table:
        network = network_of(self._graph, self._schema, projection)
        scores = _page_rank(network.matrix, damping, maximum_iterations)
        return pa.Table.from_arrays([network.ids, pa.array(scores, pa.float64())], schema=RANK_SCHEMA)

    def weakly_connected_components(self, projection: RelationGraph) -> pa.Table:
        network = network_of(self._graph, self._schema, projection)
        _, numbers = csgraph.connected_components(network.matrix, directed=True, connection="weak")
        # ids ascend, so that the first node of each component has its smallest id
        _, first = np.unique(numbers, return_index=True)
        return pa.Table.from_arrays([network.ids, network.ids.take(pa.array(first[numbers]))], schema=COMPONENT_SCHEMA)


def _similar_chunks(matrix: sparse.csr_array, top_k: int, minimum: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (source, target, similarity) of some rows at a time: only a chunk of all pairs is in memory at once."""
    sizes = np.diff(matrix.indptr).astype(np.float64)
    turned = sparse.csr_array(matrix.T)
    count = matrix.shape[0]
    step = max(1, CHUNK_PAIRS // max(count, 1))
    for start in range(0, count, step):
        shared = (matrix[start : start + step] @ turned).toarray()
        rows = np.arange(len(shared))
        similarity = shared / (sizes[start : start + step, None] + sizes[None, :] - shared)
        similarity[rows, rows + start] = 0.0
        kept = (similarity >= np.maximum(_last_place(similarity, top_k), minimum)) & (similarity > 0)
        found, targets = np.nonzero(kept)
        yield _top(found + start, targets, similarity[found, targets], top_k)


def _last_place(similarity: np.ndarray, top_k: int) -> np.ndarray:
    """Return each row's `top_k`-th largest value as a column: only what reaches it has to be sorted, ties included."""
    if top_k >= similarity.shape[1]:
        return np.zeros((len(similarity), 1))
    return np.asarray(np.partition(similarity, -top_k, axis=1)[:, [-top_k]])


def _top(sources: np.ndarray, targets: np.ndarray, values: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the `top_k` largest values per source, ties by target position, which is the order of ids."""
    order = np.lexsort((targets, -values, sources))
    ordered = sources[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, dtype=np.int64)
    lengths = np.diff(np.r_[starts, len(ordered)])
    rank = np.arange(len(ordered)) - np.repeat(starts, lengths)
    best = order[rank < top_k]
    return sources[best], targets[best], values[best]


def _both_sides(bipartite: Bipartite) -> sparse.csr_array:
    """Return the square matrix over products, then households, with every purchase in both directions."""
    return sparse.csr_array(sparse.block_array([[None, bipartite.matrix], [bipartite.matrix.T, None]], format="csr"))


def _fast_rp(
    matrix: sparse.csr_array,
    degrees: np.ndarray,
    dimensions: int,
    iteration_weights: tuple[float, ...],
    normalization_strength: float,
    seed: int,
) -> np.ndarray:
    """Return one row per node: the weighted sum of its neighbourhood's averages, each scaled to length one."""
    present = np.where(degrees > 0, degrees, 1.0)
    averaging = sparse.diags_array(1.0 / present).astype(np.float32) @ matrix.astype(np.float32)
    scale = (present**normalization_strength)[:, None]
    state = (_very_sparse(len(degrees), dimensions, np.random.default_rng(seed)) * scale).astype(np.float32)
    total = np.zeros_like(state)
    for weight in iteration_weights:
        state = averaging @ state
        lengths = np.linalg.norm(state, axis=1, keepdims=True)
        total += np.float32(weight) * state / np.where(lengths > 0, lengths, 1.0)
    return total


def _very_sparse(rows: int, dimensions: int, random: np.random.Generator) -> np.ndarray:
    signs = random.choice(np.array([1.0, 0.0, -1.0], dtype=np.float32), size=(rows, dimensions), p=[1 / 6, 2 / 3, 1 / 6])
    return np.asarray(signs * np.sqrt(SPARSITY / dimensions))


def _page_rank(matrix: sparse.csr_array, damping: float, maximum_iterations: int) -> np.ndarray:
    out = np.asarray(matrix.sum(axis=1)).reshape(-1)
    passing = sparse.csr_array((sparse.diags_array(1.0 / np.where(out > 0, out, 1.0)) @ matrix).T)
    scores = np.full(matrix.shape[0], 1.0 - damping)
    for _ in range(maximum_iterations):
        following = (1.0 - damping) + damping * (passing @ scores)
        change = float(np.abs(following - scores).max(initial=0.0))
        scores = following
        if change < TOLERANCE:
            break
    return np.asarray(scores)
