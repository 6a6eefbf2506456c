"""The algorithms on Neo4j, through Graph Data Science.

Each call projects what it needs under a name of its own, and drops it afterwards. A projection left by a process that died keeps
server memory; the next call drops those that are older than an hour.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from graphdatascience import GraphDataScience
from neo4j import GraphDatabase

from kg.algorithms.ports import (
    COMPONENT_SCHEMA,
    RANK_SCHEMA,
    SIMILARITY_SCHEMA,
    HouseholdProducts,
    Projection,
    RelationGraph,
    embedding_schema,
)
from kg.algorithms.projecting import check_relation_graph
from kg.neo4j_store.border import translated
from kg.neo4j_store.projections import PUBLISHED_GENERATION, internal_ids, project_household_products, project_relation
from kg.neo4j_store.settings import Neo4jSettings
from ontology.schema_types import GraphSchema

__all__ = ["GdsAlgorithms", "ServerProjection"]

PREFIX = "shelfgraph-"
LEFTOVER_SECONDS = 3_600.0
TOLERANCE = 1e-12
PRODUCT = "Product"


@dataclass(frozen=True, slots=True)
class ServerProjection:
    """A projection that a server holds in memory: its name, size and age."""

    name: str
    nodes: int
    edges: int
    age_seconds: float


class GdsAlgorithms:
    """Implements `kg.algorithms.ports.GraphAlgorithms`.

    Args:
        uri: address of a server with Graph Data Science.
        user: database user.
        password: the user's password.
        schema: the graph's schema.
        settings: limits; a whole call has `bulk_timeout_seconds`.
    """

    def __init__(self, uri: str, user: str, password: str, schema: GraphSchema, *, settings: Neo4jSettings | None = None) -> None:
        limits = settings or Neo4jSettings()
        self._schema = schema
        self._seconds = limits.bulk_timeout_seconds
        with translated("open Graph Data Science", limits.connect_timeout_seconds):
            self._driver = GraphDatabase.driver(
                uri,
                auth=(user, password),
                connection_acquisition_timeout=limits.acquire_timeout_seconds,
                connection_timeout=limits.connect_timeout_seconds,
                max_transaction_retry_time=limits.retry_seconds,
                telemetry_disabled=True,
                # its client calls procedures by names that the server deprecates, and each call would say so
                notifications_min_severity="OFF",
            )
            self._gds = GraphDataScience(self._driver, database=limits.database, arrow=False, show_progress=False)

    def close(self) -> None:
        """Close all connections; closing twice is allowed."""
        self._driver.close()

    def node_similarity(self, projection: HouseholdProducts, *, top_k: int, minimum_similarity: float) -> pa.Table:
        with self._projected(projection, undirected=False) as (graph, ids):
            # its cut-off keeps equal values; zero is refused, and pairs without a common household are never looked at
            cutoff = max(minimum_similarity, 1e-42)
            frame = self._gds.node_similarity.stream(graph, top_k=top_k, similarity_cutoff=cutoff)
            columns = [_named(frame["node1"], ids), _named(frame["node2"], ids), pa.array(frame["similarity"], pa.float64())]
        rows = pa.Table.from_arrays(columns, schema=SIMILARITY_SCHEMA)
        return rows.sort_by([("source", "ascending"), ("similarity", "descending"), ("target", "ascending")])

    def fast_rp(
        self,
        projection: Projection,
        *,
        dimensions: int,
        iteration_weights: tuple[float, ...],
        normalization_strength: float,
        seed: int,
    ) -> pa.Table:
        with self._projected(projection, undirected=True) as (graph, ids):
            frame = self._gds.fast_rp.stream(
                graph,
                embedding_dimension=dimensions,
                iteration_weights=list(iteration_weights),
                normalization_strength=normalization_strength,
                random_seed=seed,
                relationship_weight_property=_weight(projection),
            )
            names = _named(frame["nodeId"], ids)
            flat = np.concatenate(frame["embedding"].to_numpy()) if len(frame) else np.empty(0)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), dimensions)
        # households have no name among the products' and fall away
        rows = pa.Table.from_arrays([names, lists], schema=embedding_schema(dimensions))
        return rows.filter(pc.is_valid(rows.column("id"))).sort_by("id")

    def page_rank(self, projection: RelationGraph, *, damping: float = 0.85, maximum_iterations: int = 100) -> pa.Table:
        with self._projected(projection, undirected=projection.undirected) as (graph, ids):
            frame = self._gds.page_rank.stream(
                graph,
                damping_factor=damping,
                max_iterations=maximum_iterations,
                tolerance=TOLERANCE,
                relationship_weight_property=_weight(projection),
            )
            columns = [_named(frame["nodeId"], ids), pa.array(frame["score"], pa.float64())]
        return pa.Table.from_arrays(columns, schema=RANK_SCHEMA).sort_by("id")

    def weakly_connected_components(self, projection: RelationGraph) -> pa.Table:
        with self._projected(projection, undirected=projection.undirected) as (graph, ids):
            frame = self._gds.wcc.stream(graph)
            rows = pa.table({"id": _named(frame["nodeId"], ids), "number": pa.array(frame["componentId"], pa.int64())})
        smallest = rows.group_by("number").aggregate([("id", "min")])
        component = smallest.column("id_min").take(pc.index_in(rows.column("number"), value_set=smallest.column("number")))
        return pa.table([rows.column("id"), component], schema=COMPONENT_SCHEMA).sort_by("id")

    def projections(self) -> tuple[ServerProjection, ...]:
        """Return what the server holds for us, oldest first."""
        with translated("list projections", self._seconds):
            held = [info for info in self._gds.graph.list() if info.graph_name.startswith(PREFIX)]
        found = [ServerProjection(info.graph_name, info.node_count, info.relationship_count, _age(info)) for info in held]
        return tuple(sorted(found, key=lambda one: -one.age_seconds))

    def drop_leftovers(self, *, older_than_seconds: float = LEFTOVER_SECONDS) -> tuple[ServerProjection, ...]:
        """Drop projections that a process must have left behind, and return them."""
        old = tuple(one for one in self.projections() if one.age_seconds > older_than_seconds)
        with translated("drop projections", self._seconds):
            for one in old:
                self._gds.graph.drop(one.name, fail_if_missing=False)
        return old

    @contextmanager
    def _projected(self, projection: Projection, *, undirected: bool) -> Iterator[tuple[Any, pa.Table]]:
        """Project, yield the projection with the ids of its nodes, and drop it whatever happens."""
        self.drop_leftovers()
        name = f"{PREFIX}{uuid4().hex}"
        with translated("graph algorithm", self._seconds):
            try:
                label = self._project(name, projection, undirected=undirected)
                yield self._gds.graph.get(name), self._ids(label)
            finally:
                self._gds.graph.drop(name, fail_if_missing=False)

    def _project(self, name: str, projection: Projection, *, undirected: bool) -> str:
        """Project under `name`; return the label whose ids answer."""
        parameters: dict[str, Any] = {"name": name, "undirected": ["*"] if undirected else []}
        if isinstance(projection, HouseholdProducts):
            parameters |= {"as_of": projection.as_of, "minimum": projection.minimum_households}
            self._gds.run_cypher(str(project_household_products(merchandise_only=projection.merchandise_only)), parameters)
            return PRODUCT
        definition = check_relation_graph(self._schema, projection)
        published = self._gds.run_cypher(str(PUBLISHED_GENERATION), {"relation": definition.name})
        parameters["generation"] = published["generation"].tolist()[0] if len(published) else 0
        self._gds.run_cypher(str(project_relation(definition, projection.weight_property)), parameters)
        return definition.source

    def _ids(self, label: str) -> pa.Table:
        frame = self._gds.run_cypher(str(internal_ids(self._schema.nodes[label])))
        return pa.table({"node": pa.array(frame["node"], pa.int64()), "id": pa.array(frame["id"], pa.string())})


def _named(nodes: Any, ids: pa.Table) -> pa.Array:
    positions = pc.index_in(pa.array(nodes, pa.int64()), value_set=ids.column("node"))
    return ids.column("id").combine_chunks().take(positions)


def _weight(projection: Projection) -> str | None:
    weighted = isinstance(projection, RelationGraph) and projection.weight_property is not None
    return "weight" if weighted else None


def _age(info: Any) -> float:
    made = info.creation_time
    native = made.to_native() if hasattr(made, "to_native") else made
    return float((datetime.now(UTC) - native).total_seconds())
