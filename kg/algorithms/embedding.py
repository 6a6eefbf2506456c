"""FastRP on a sparse matrix."""

import numpy as np
from scipy import sparse

from kg.algorithms.limits import Limit
from kg.algorithms.projecting import Bipartite

__all__ = ["both_sides", "fast_random_projection"]

SPARSITY = 3
"""One random number in three is not zero: +√3 or −√3, which keeps distances in expectation (Achlioptas 2003)."""


def both_sides(bipartite: Bipartite) -> sparse.csr_array:
    """Return the square matrix over products, then households, with every purchase in both directions."""
    return sparse.csr_array(sparse.block_array([[None, bipartite.matrix], [bipartite.matrix.T, None]], format="csr"))


def fast_random_projection(
    matrix: sparse.csr_array,
    degrees: np.ndarray,
    *,
    dimensions: int,
    iteration_weights: tuple[float, ...],
    normalization_strength: float,
    seed: int,
    limit: Limit,
) -> np.ndarray:
    """Return one row per node: the weighted sum of its neighbourhood's averages, each scaled to length one."""
    present = np.where(degrees > 0, degrees, 1.0)
    averaging = sparse.diags_array(1.0 / present).astype(np.float32) @ matrix.astype(np.float32)
    scale = (present**normalization_strength)[:, None]
    state = (_very_sparse(len(degrees), dimensions, np.random.default_rng(seed)) * scale).astype(np.float32)
    total = np.zeros_like(state)
    for weight in iteration_weights:
        limit.left_seconds()
        state = averaging @ state
        lengths = np.linalg.norm(state, axis=1, keepdims=True)
        total += np.float32(weight) * state / np.where(lengths > 0, lengths, 1.0)
    return total


def _very_sparse(rows: int, dimensions: int, random: np.random.Generator) -> np.ndarray:
    signs = random.choice(np.array([1.0, 0.0, -1.0], dtype=np.float32), size=(rows, dimensions), p=[1 / 6, 2 / 3, 1 / 6])
    return np.asarray(signs * np.sqrt(SPARSITY / dimensions))
