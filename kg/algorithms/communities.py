"""Leiden's communities of a sparse matrix, and names for groups of nodes."""

import graspologic_native
import numpy as np
import pyarrow as pa

from kg.algorithms.ports import NetworkProjection
from kg.algorithms.projecting import Network
from kg.errors import ProjectionRefused

__all__ = ["check_leiden", "leiden_groups", "smallest_ids"]

TRIALS = 3
ITERATIONS = 4
"""Independent starts, of which the best is kept, and rounds over the whole network in each."""
SWEEPS = 100
"""Bounds one round of moving nodes; it settles in far fewer."""
ALGORITHM = "leiden"


def check_leiden(projection: NetworkProjection, resolution: float) -> None:
    """Refuse what Leiden's method is not made for. Raises: ProjectionRefused."""
    if not projection.undirected:
        raise ProjectionRefused(ALGORITHM, "its edges go one way.", "Project them both ways (`undirected`).")
    if not 0.0 < resolution < np.inf:
        raise ProjectionRefused(ALGORITHM, f"the resolution {resolution:g} is not above 0.", "1 is the usual one.")


def leiden_groups(network: Network, resolution: float, seed: int) -> np.ndarray:
    """Return a number per node, the same within a community. Raises: ProjectionRefused."""
    matrix = network.matrix.astype(np.float64)
    if matrix.nnz and matrix.data.min() < 0:
        raise ProjectionRefused(ALGORITHM, "a weight is negative.", "Weigh edges by numbers from 0 on.")
    matrix.eliminate_zeros()
    if matrix.nnz == 0:
        return np.arange(matrix.shape[0])
    matrix.sort_indices()
    _, community = graspologic_native.leiden_csr(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32),
        matrix.data,
        matrix.shape[0],
        resolution=resolution,
        iterations=ITERATIONS,
        trials=TRIALS,
        max_local_moving_iterations=SWEEPS,
        seed=seed,
    )
    groups = np.empty(matrix.shape[0], dtype=np.int64)
    # the mapping comes in no order
    groups[np.fromiter(community.keys(), np.int64)] = np.fromiter(community.values(), np.int64)
    return groups


def smallest_ids(ids: pa.Array, groups: np.ndarray) -> pa.Array:
    """Return for each node the smallest id of its group. `ids` ascend, so that it is the group's first."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return ids.take(pa.array(first[group]))
