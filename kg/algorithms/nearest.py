"""The most similar rows of a matrix, a chunk at a time: only some of all pairs are in memory at once."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from scipy import sparse

from kg.algorithms.limits import MAXIMUM_NUMBERS
from kg.algorithms.ports import EMBEDDING_ID
from kg.errors import ProjectionRefused, QueryTooLarge

__all__ = ["Found", "best_of_each", "directions", "most_similar", "nearest"]

CHUNK_PAIRS = 4_000_000
"""Pairs of products in memory at once: some 100 MB."""

Found: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Positions of sources and of targets, and how alike they are."""


def most_similar(matrix: sparse.csr_array, top_k: int, minimum: float) -> Iterator[Found]:
    """Yield the rows' best by Jaccard's measure over the columns they share, of at least `minimum` and more than 0."""
    sizes = np.diff(matrix.indptr).astype(np.float64)
    turned = sparse.csr_array(matrix.T)

    def similarity(rows: slice) -> np.ndarray:
        shared = (matrix[rows] @ turned).toarray()
        return np.asarray(shared / (sizes[rows, None] + sizes[None, :] - shared))

    # a value of 0 is no similarity: the smallest number above it is the least that counts
    return _chunks(similarity, matrix.shape[0], top_k, max(minimum, float(np.nextafter(0.0, 1.0))))


def nearest(unit: np.ndarray, top_k: int, minimum: float) -> Iterator[Found]:
    """Yield the rows' best by cosine, of at least `minimum`. `unit` holds vectors of length one."""
    turned = unit.T
    return _chunks(lambda rows: (unit[rows] @ turned).astype(np.float64), len(unit), top_k, minimum)


def directions(embeddings: pa.Table) -> tuple[pa.Array, np.ndarray]:
    """Return the ids, ascending, and the unit vectors (float32) of what has a direction.

    Raises: ProjectionRefused, QueryTooLarge.
    """
    if len(set(embeddings[EMBEDDING_ID].to_pylist())) < embeddings.num_rows:
        raise ProjectionRefused("knn", "an id has two embeddings.", "Give one row per id.")
    rows = embeddings.sort_by(EMBEDDING_ID).combine_chunks()
    lists = rows["embedding"].combine_chunks()
    dimensions = lists.type.list_size
    if rows.num_rows * dimensions > MAXIMUM_NUMBERS:
        raise QueryTooLarge(f"embeddings of {dimensions} dimensions", rows.num_rows, MAXIMUM_NUMBERS // dimensions)
    vectors = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, dimensions)
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(lengths).all():
        raise ProjectionRefused("knn", "an embedding holds something that is no number.", "Leave such rows out.")
    directed = np.flatnonzero(lengths > 0)
    return rows[EMBEDDING_ID].combine_chunks().take(pa.array(directed)), vectors[directed] / lengths[directed, None]


def _chunks(similarity: Callable[[slice], np.ndarray], count: int, top_k: int, minimum: float) -> Iterator[Found]:
    step = max(1, CHUNK_PAIRS // max(count, 1))
    for start in range(0, count, step):
        values = similarity(slice(start, min(start + step, count)))
        own = np.arange(len(values))
        values[own, own + start] = -np.inf
        kept = (values >= np.maximum(_last_place(values, top_k), minimum)) & (values > -np.inf)
        found, targets = np.nonzero(kept)
        yield best_of_each(found + start, targets, values[found, targets], top_k)


def _last_place(values: np.ndarray, top_k: int) -> np.ndarray:
    """Return each row's `top_k`-th largest value as a column: only what reaches it has to be sorted, ties included."""
    if top_k >= values.shape[1]:
        return np.full((len(values), 1), -np.inf)
    return np.asarray(np.partition(values, -top_k, axis=1)[:, [-top_k]])


def best_of_each(sources: np.ndarray, targets: np.ndarray, values: np.ndarray, top_k: int) -> Found:
    """Return the `top_k` largest values per source, ties by target position, which is the order of ids."""
    order = np.lexsort((targets, -values, sources))
    ordered = sources[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, dtype=np.int64)
    lengths = np.diff(np.r_[starts, len(ordered)])
    rank = np.arange(len(ordered)) - np.repeat(starts, lengths)
    best = order[rank < top_k]
    return sources[best], targets[best], values[best]
