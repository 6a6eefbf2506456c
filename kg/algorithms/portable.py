"""The algorithms on sparse matrices: any graph that can be exported, no database needed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse import csgraph

from kg.algorithms.communities import check_leiden, leiden_groups, smallest_ids
from kg.algorithms.embedding import both_sides, fast_random_projection
from kg.algorithms.limits import Limit
from kg.algorithms.nearest import Found, directions, most_similar, nearest
from kg.algorithms.ports import (
    COMMUNITY_SCHEMA,
    COMPONENT_SCHEMA,
    RANK_SCHEMA,
    SIMILARITY_SCHEMA,
    HouseholdProducts,
    NetworkProjection,
    Projection,
    embedding_schema,
)
from kg.algorithms.projecting import Bipartite, Network, bipartite_of, described, network_of
from kg.algorithms.projection_info import Projected, ProjectionInfo, ProjectionLog, projection_of, stamped
from kg.ports import GraphExporter
from kit.clock import Clock, SystemClock
from kit.progress import Progress, SilentProgress
from ontology.schema_types import GraphSchema

__all__ = ["PortableAlgorithms"]

TOLERANCE = 1e-12
LIMIT_SECONDS = 900.0


class PortableAlgorithms:
    """Implements `kg.algorithms.ports.GraphAlgorithms`.

    Args:
        graph: what the algorithms read; each call exports what it needs.
        schema: the graph's schema.
        limit_seconds: how long a call may take; looked at between its steps.
        clock: says when a projection was made.
        progress: who watches; a stage per call.
    """

    def __init__(
        self,
        graph: GraphExporter,
        schema: GraphSchema,
        *,
        limit_seconds: float = LIMIT_SECONDS,
        clock: Clock | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._graph = graph
        self._schema = schema
        self._limit_seconds = limit_seconds
        self._progress = progress or SilentProgress()
        self._log = ProjectionLog("portable", f"scipy {version('scipy')}", clock or SystemClock())

    def projections(self) -> tuple[ProjectionInfo, ...]:
        return self._log.made()

    def node_similarity(self, projection: HouseholdProducts, *, top_k: int, minimum_similarity: float) -> pa.Table:
        with self._call("node similarity", projection) as (projected, limit):
            bipartite = self._bipartite(projection, projected)
            limit.left_seconds()
            rows = _pairs(bipartite.ids, most_similar(bipartite.matrix, top_k, minimum_similarity), limit)
        return stamped(rows, projected.info)

    def fast_rp(
        self,
        projection: Projection,
        *,
        dimensions: int,
        iteration_weights: tuple[float, ...],
        normalization_strength: float,
        seed: int,
    ) -> pa.Table:
        with self._call("FastRP", projection) as (projected, limit):
            ids, matrix, degrees = self._square(projection, projected)
            embedding = fast_random_projection(
                matrix,
                degrees,
                dimensions=dimensions,
                iteration_weights=iteration_weights,
                normalization_strength=normalization_strength,
                seed=seed,
                limit=limit,
            )
            flat = pa.array(embedding[: len(ids)].reshape(-1), pa.float32())
            lists = pa.FixedSizeListArray.from_arrays(flat, dimensions)
            rows = pa.Table.from_arrays([ids, lists], schema=embedding_schema(dimensions))
        return stamped(rows, projected.info)

    def knn(self, embeddings: pa.Table, *, top_k: int, minimum_similarity: float = -1.0, seed: int) -> pa.Table:
        ids, unit = directions(embeddings)
        origin = projection_of(embeddings)
        content = f"embeddings of {origin.content}" if origin else "given embeddings"
        limit = Limit("kNN", self._limit_seconds)
        with self._log.noting("kNN", content, origin.as_of if origin else None) as projected, self._progress.stage("kNN"):
            projected.sized(len(ids), 0)
            rows = _pairs(ids, nearest(unit, top_k, minimum_similarity), limit)
        return stamped(rows, projected.info)

    def leiden(self, projection: NetworkProjection, *, resolution: float = 1.0, seed: int) -> pa.Table:
        check_leiden(projection, resolution)
        with self._call("Leiden", projection) as (projected, limit):
            network = self._network(projection, projected)
            limit.left_seconds()
            community = smallest_ids(network.ids, leiden_groups(network, resolution, seed))
        return stamped(pa.Table.from_arrays([network.ids, community], schema=COMMUNITY_SCHEMA), projected.info)

    def page_rank(self, projection: NetworkProjection, *, damping: float = 0.85, maximum_iterations: int = 100) -> pa.Table:
        with self._call("PageRank", projection) as (projected, limit):
            network = self._network(projection, projected)
            scores = _page_rank(network.matrix, damping, maximum_iterations, limit)
        rows = pa.Table.from_arrays([network.ids, pa.array(scores, pa.float64())], schema=RANK_SCHEMA)
        return stamped(rows, projected.info)

    def weakly_connected_components(self, projection: NetworkProjection) -> pa.Table:
        with self._call("components", projection) as (projected, _):
            network = self._network(projection, projected)
            _, numbers = csgraph.connected_components(network.matrix, directed=True, connection="weak")
            component = smallest_ids(network.ids, numbers)
        return stamped(pa.Table.from_arrays([network.ids, component], schema=COMPONENT_SCHEMA), projected.info)

    @contextmanager
    def _call(self, algorithm: str, projection: Projection) -> Iterator[tuple[Projected, Limit]]:
        limit = Limit(algorithm, self._limit_seconds)
        with self._progress.stage(algorithm), self._log.noting(algorithm, *described(projection)) as projected:
            yield projected, limit

    def _bipartite(self, projection: HouseholdProducts, projected: Projected) -> Bipartite:
        bipartite = bipartite_of(self._graph, projection)
        projected.sized(bipartite.nodes, int(bipartite.matrix.nnz))
        return bipartite

    def _network(self, projection: NetworkProjection, projected: Projected) -> Network:
        network = network_of(self._graph, self._schema, projection)
        projected.sized(len(network.ids), int(network.degrees.sum()))
        return network

    def _square(self, projection: Projection, projected: Projected) -> tuple[pa.Array, sparse.csr_array, np.ndarray]:
        """Return the ids that answer, the matrix with them first, and how many edges each row has."""
        if not isinstance(projection, HouseholdProducts):
            network = self._network(projection, projected)
            return network.ids, network.matrix, network.degrees
        bipartite = self._bipartite(projection, projected)
        matrix = both_sides(bipartite)
        projected.sized(bipartite.nodes, int(matrix.nnz))
        return bipartite.ids, matrix, np.diff(matrix.indptr).astype(np.float64)


def _pairs(ids: pa.Array, chunks: Iterable[Found], limit: Limit) -> pa.Table:
    parts = []
    for part in chunks:
        parts.append(part)
        limit.left_seconds()
    sources, targets, values = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else ([], [], [])
    ends = [ids.take(pa.array(positions, pa.int64())) for positions in (sources, targets)]
    return pa.Table.from_arrays([*ends, pa.array(values, pa.float64())], schema=SIMILARITY_SCHEMA)


def _page_rank(matrix: sparse.csr_array, damping: float, maximum_iterations: int, limit: Limit) -> np.ndarray:
    out = np.asarray(matrix.sum(axis=1)).reshape(-1)
    passing = sparse.csr_array((sparse.diags_array(1.0 / np.where(out > 0, out, 1.0)) @ matrix).T)
    scores = np.full(matrix.shape[0], 1.0 - damping)
    for _ in range(maximum_iterations):
        limit.left_seconds()
        following = (1.0 - damping) + damping * (passing @ scores)
        change = float(np.abs(following - scores).max(initial=0.0))
        scores = following
        if change < TOLERANCE:
            break
    return np.asarray(scores)
