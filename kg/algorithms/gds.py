"""The algorithms on Neo4j, through Graph Data Science. Each call projects what it needs and drops it afterwards."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from graphdatascience import GraphDataScience
from neo4j.exceptions import Neo4jError
from pandas import DataFrame

from kg.algorithms.communities import check_leiden, smallest_ids
from kg.algorithms.gds_projecting import LEFTOVER_SECONDS, OnServer, Server, ServerProjection, weight_of
from kg.algorithms.nearest import best_of_each, directions
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
from kg.algorithms.projection_info import ProjectionInfo, projection_of, stamped
from kg.neo4j_store.settings import Neo4jSettings
from kit.clock import Clock, SystemClock
from kit.progress import Progress, SilentProgress
from ontology.schema_types import GraphSchema

__all__ = ["GdsAlgorithms"]

TOLERANCE = 1e-12
SEARCHED = 3
LEAST_SEARCHED = 30
"""The server looks for so many times the neighbours that are wanted, and for so many at least: its search goes from neighbour to
neighbour, and with ten it found half of the exact ones on the demo data, with thirty 95 %."""
NEIGHBOUR_ROUNDS = 100
"""The search for neighbours ends earlier, when a round finds no nearer one."""
LEIDEN_LEVELS = 20
NOTHING_JOINED = 'LeidenResult.dendrogramManager()" is null'
"""How Leiden of 2.13 fails where it has nothing to join: the right answer is that every node is alone."""
PAIR = ("node1", "node2", "similarity")


class GdsAlgorithms:
    """Implements `kg.algorithms.ports.GraphAlgorithms`.

    Args:
        uri: address of a server with Graph Data Science.
        user: database user.
        password: the user's password.
        schema: the graph's schema.
        settings: limits; a whole call has `bulk_timeout_seconds`, then it raises GraphTimeout and the server stops working on it.
        clock: says when a projection was made.
        progress: who watches; a stage per call.
    """

    def __init__(
        self,
        uri: str,
        user: str,
        password: str,
        schema: GraphSchema,
        *,
        settings: Neo4jSettings | None = None,
        clock: Clock | None = None,
        progress: Progress | None = None,
    ) -> None:
        watching, limits = progress or SilentProgress(), settings or Neo4jSettings()
        self._server = Server((uri, user, password), schema, limits, clock or SystemClock(), watching)

    def close(self) -> None:
        """Close all connections; closing twice is allowed."""
        self._server.close()

    def projections(self) -> tuple[ProjectionInfo, ...]:
        return self._server.log.made()

    def held_projections(self) -> tuple[ServerProjection, ...]:
        """Return what the server holds in memory for us, oldest first: nothing, unless a call is under way or a process died."""
        return self._server.held()

    def drop_leftovers(self, *, older_than_seconds: float = LEFTOVER_SECONDS) -> tuple[ServerProjection, ...]:
        """Drop projections that a process must have left behind, and return them."""
        return self._server.drop_leftovers(older_than_seconds)

    def node_similarity(self, projection: HouseholdProducts, *, top_k: int, minimum_similarity: float) -> pa.Table:
        with self._server.projected("node similarity", projection, undirected=False) as on:
            # its cut-off keeps equal values; zero is refused, and pairs without a common household are never looked at
            cutoff = max(minimum_similarity, 1e-42)
            sources, targets, similarity = on.stream(
                lambda gds, graph: gds.node_similarity.stream(graph, top_k=top_k, similarity_cutoff=cutoff), *PAIR
            )
        return stamped(_ranked(on, sources, targets, similarity), on.info)

    def fast_rp(
        self,
        projection: Projection,
        *,
        dimensions: int,
        iteration_weights: tuple[float, ...],
        normalization_strength: float,
        seed: int,
    ) -> pa.Table:
        with self._server.projected("FastRP", projection, undirected=True) as on:
            nodes, vectors = on.stream(
                lambda gds, graph: gds.fast_rp.stream(
                    graph,
                    embedding_dimension=dimensions,
                    iteration_weights=list(iteration_weights),
                    normalization_strength=normalization_strength,
                    random_seed=seed,
                    relationship_weight_property=weight_of(projection),
                ),
                "nodeId",
                "embedding",
            )
        names, flat = on.named(nodes), np.concatenate([np.empty(0), *vectors])
        lists = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), dimensions)
        # households have no name among the products' and fall away
        rows = pa.Table.from_arrays([names, lists], schema=embedding_schema(dimensions))
        return stamped(rows.filter(pc.is_valid(rows.column("id"))).sort_by("id"), on.info)

    def knn(self, embeddings: pa.Table, *, top_k: int, minimum_similarity: float = -1.0, seed: int) -> pa.Table:
        ids, unit = directions(embeddings)
        with self._server.projected_embeddings("kNN", ids, unit, projection_of(embeddings)) as on:
            sources, targets, shifted = on.stream(
                lambda gds, graph: gds.knn.stream(
                    graph,
                    # measured as (1 + cosine) / 2
                    {"embedding": "COSINE"},
                    top_k=max(SEARCHED * top_k, LEAST_SEARCHED),
                    similarity_cutoff=max((1.0 + minimum_similarity) / 2.0, 0.0),
                    sample_rate=1.0,
                    delta_threshold=0.0,
                    max_iterations=NEIGHBOUR_ROUNDS,
                    random_seed=seed,
                    # a seed counts for nothing with more
                    concurrency=1,
                ),
                *PAIR,
            )
        nearest = best_of_each(sources.astype(np.int64), targets.astype(np.int64), 2.0 * shifted - 1.0, top_k)
        return stamped(_ranked(on, *nearest), on.info)

    def leiden(self, projection: NetworkProjection, *, resolution: float = 1.0, seed: int) -> pa.Table:
        check_leiden(projection, resolution)
        with self._server.projected("Leiden", projection, undirected=True) as on:
            settings = {"gamma": resolution, "random_seed": seed, "relationship_weight_property": weight_of(projection)}
            nodes, numbers = on.stream(partial(_leiden, on, settings), "nodeId", "communityId")
        return stamped(_grouped(on.named(nodes), numbers), on.info)

    def page_rank(self, projection: NetworkProjection, *, damping: float = 0.85, maximum_iterations: int = 100) -> pa.Table:
        with self._server.projected("PageRank", projection, undirected=projection.undirected) as on:
            nodes, scores = on.stream(
                lambda gds, graph: gds.page_rank.stream(
                    graph,
                    damping_factor=damping,
                    max_iterations=maximum_iterations,
                    tolerance=TOLERANCE,
                    relationship_weight_property=weight_of(projection),
                ),
                "nodeId",
                "score",
            )
        columns = [on.named(nodes), pa.array(scores, pa.float64())]
        return stamped(pa.Table.from_arrays(columns, schema=RANK_SCHEMA).sort_by("id"), on.info)

    def weakly_connected_components(self, projection: NetworkProjection) -> pa.Table:
        with self._server.projected("components", projection, undirected=projection.undirected) as on:
            nodes, numbers = on.stream(lambda gds, graph: gds.wcc.stream(graph), "nodeId", "componentId")
        rows = _grouped(on.named(nodes), numbers)
        return stamped(rows.rename_columns(COMPONENT_SCHEMA.names), on.info)


def _ranked(on: OnServer, sources: np.ndarray, targets: np.ndarray, similarity: np.ndarray) -> pa.Table:
    columns = [on.named(sources), on.named(targets), pa.array(similarity, pa.float64())]
    rows = pa.Table.from_arrays(columns, schema=SIMILARITY_SCHEMA)
    return rows.sort_by([("source", "ascending"), ("similarity", "descending"), ("target", "ascending")])


def _leiden(on: OnServer, settings: Mapping[str, Any], library: GraphDataScience, graph: Any) -> DataFrame:
    try:
        return library.leiden.stream(graph, max_levels=LEIDEN_LEVELS, concurrency=1, **settings)
    except Neo4jError as error:
        if NOTHING_JOINED not in str(error):
            raise
        nodes = on.ids["node"].to_numpy()
        return DataFrame({"nodeId": nodes, "communityId": nodes})


def _grouped(ids: pa.Array, groups: np.ndarray) -> pa.Table:
    """Return the ids, ascending, each with the smallest id of its group (columns `id`, `community`)."""
    order = pc.sort_indices(ids)
    ascending = ids.take(order)
    return pa.table([ascending, smallest_ids(ascending, groups[order.to_numpy()])], schema=COMMUNITY_SCHEMA)
