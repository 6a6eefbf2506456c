"""The algorithms on Neo4j, through Graph Data Science.

Each call projects what it needs under a name of its own, and drops it afterwards. A projection left by a process that died keeps
server memory; the next call drops those that are older than an hour.

A whole call has one limit. Our own statements carry it to the server; the library's statements cannot, so they run on a
connection of the call's own, which a watchdog ends when the time is over (`kg.algorithms.watchdog`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from graphdatascience import GraphDataScience
from neo4j import Driver, GraphDatabase, Query

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
from kg.algorithms.watchdog import Call, Limit, watched
from kg.neo4j_store.border import translated
from kg.neo4j_store.cypher import Statement
from kg.neo4j_store.projections import (
    DROP_PROJECTION,
    LIST_PROJECTIONS,
    PUBLISHED_GENERATION,
    internal_ids,
    project_household_products,
    project_relation,
)
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
        settings: limits; a whole call has `bulk_timeout_seconds`, then it raises GraphTimeout and the server stops working on it.
    """

    def __init__(self, uri: str, user: str, password: str, schema: GraphSchema, *, settings: Neo4jSettings | None = None) -> None:
        limits = settings or Neo4jSettings()
        self._schema = schema
        self._limits = limits
        self._address = (uri, (user, password))
        with translated("open Graph Data Science", limits.connect_timeout_seconds):
            self._driver = self._opened()
            self._driver.verify_connectivity()

    def close(self) -> None:
        """Close all connections; closing twice is allowed."""
        self._driver.close()

    def node_similarity(self, projection: HouseholdProducts, *, top_k: int, minimum_similarity: float) -> pa.Table:
        with self._projected(projection, undirected=False) as (library, graph, ids):
            # its cut-off keeps equal values; zero is refused, and pairs without a common household are never looked at
            cutoff = max(minimum_similarity, 1e-42)
            frame = library.node_similarity.stream(graph, top_k=top_k, similarity_cutoff=cutoff)
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
        with self._projected(projection, undirected=True) as (library, graph, ids):
            frame = library.fast_rp.stream(
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
        with self._projected(projection, undirected=projection.undirected) as (library, graph, ids):
            frame = library.page_rank.stream(
                graph,
                damping_factor=damping,
                max_iterations=maximum_iterations,
                tolerance=TOLERANCE,
                relationship_weight_property=_weight(projection),
            )
            columns = [_named(frame["nodeId"], ids), pa.array(frame["score"], pa.float64())]
        return pa.Table.from_arrays(columns, schema=RANK_SCHEMA).sort_by("id")

    def weakly_connected_components(self, projection: RelationGraph) -> pa.Table:
        with self._projected(projection, undirected=projection.undirected) as (library, graph, ids):
            frame = library.wcc.stream(graph)
            rows = pa.table({"id": _named(frame["nodeId"], ids), "number": pa.array(frame["componentId"], pa.int64())})
        smallest = rows.group_by("number").aggregate([("id", "min")])
        component = smallest.column("id_min").take(pc.index_in(rows.column("number"), value_set=smallest.column("number")))
        return pa.table([rows.column("id"), component], schema=COMPONENT_SCHEMA).sort_by("id")

    def projections(self) -> tuple[ServerProjection, ...]:
        """Return what the server holds for us, oldest first."""
        limit = Limit("list projections", self._limits.read_timeout_seconds)
        with translated(limit.operation, limit.seconds):
            held = self._rows(LIST_PROJECTIONS, {"prefix": PREFIX}, limit)
        return tuple(ServerProjection(*one) for one in held)

    def drop_leftovers(self, *, older_than_seconds: float = LEFTOVER_SECONDS) -> tuple[ServerProjection, ...]:
        """Drop projections that a process must have left behind, and return them."""
        old = tuple(one for one in self.projections() if one.age_seconds > older_than_seconds)
        for one in old:
            self._drop(one.name)
        return old

    @contextmanager
    def _projected(self, projection: Projection, *, undirected: bool) -> Iterator[tuple[GraphDataScience, Any, pa.Table]]:
        """Project, yield the library, the projection and the ids of its nodes, and drop it whatever happens."""
        self.drop_leftovers()
        name = f"{PREFIX}{uuid4().hex}"
        limit = Limit("graph algorithm", self._limits.bulk_timeout_seconds)
        try:
            with translated(limit.operation, limit.seconds), self._opened() as own:
                call = Call(name, own, self._driver, self._limits.database)
                with watched(call, limit):
                    label = self._project(name, projection, limit, undirected=undirected)
                    library = GraphDataScience(own, database=self._limits.database, arrow=False, show_progress=False)
                    yield library, library.graph.get(name), self._ids(label, limit)
        finally:
            self._drop(name)

    def _opened(self) -> Driver:
        limits, (uri, auth) = self._limits, self._address
        return GraphDatabase.driver(
            uri,
            auth=auth,
            connection_acquisition_timeout=limits.acquire_timeout_seconds,
            connection_timeout=limits.connect_timeout_seconds,
            max_transaction_retry_time=limits.retry_seconds,
            telemetry_disabled=True,
            # its client calls procedures by names that the server deprecates, and each call would say so
            notifications_min_severity="OFF",
        )

    def _drop(self, name: str) -> None:
        limit = Limit("drop projection", self._limits.read_timeout_seconds)
        with translated(limit.operation, limit.seconds):
            self._rows(DROP_PROJECTION, {"name": name}, limit)

    def _project(self, name: str, projection: Projection, limit: Limit, *, undirected: bool) -> str:
        """Project under `name`; return the label whose ids answer."""
        parameters: dict[str, Any] = {"name": name, "undirected": ["*"] if undirected else []}
        if isinstance(projection, HouseholdProducts):
            parameters |= {"as_of": projection.as_of, "minimum": projection.minimum_households}
            self._rows(project_household_products(merchandise_only=projection.merchandise_only), parameters, limit)
            return PRODUCT
        definition = check_relation_graph(self._schema, projection)
        published = self._rows(PUBLISHED_GENERATION, {"relation": definition.name}, limit)
        parameters["generation"] = published[0][0] if published else 0
        self._rows(project_relation(definition, projection.weight_property), parameters, limit)
        return definition.source

    def _ids(self, label: str, limit: Limit) -> pa.Table:
        rows = self._rows(internal_ids(self._schema.nodes[label]), {}, limit)
        nodes, ids = zip(*rows, strict=True) if rows else ((), ())
        return pa.table({"node": pa.array(nodes, pa.int64()), "id": pa.array(ids, pa.string())})

    def _rows(self, statement: Statement, parameters: Mapping[str, Any], limit: Limit) -> list[tuple[Any, ...]]:
        """Run one statement that the server ends when the limit is over."""
        query = Query(str(statement), timeout=limit.left_seconds())
        records, _, _ = self._driver.execute_query(query, dict(parameters), database_=self._limits.database)
        return [tuple(record) for record in records]


def _named(nodes: Any, ids: pa.Table) -> pa.Array:
    positions = pc.index_in(pa.array(nodes, pa.int64()), value_set=ids.column("node"))
    return ids.column("id").combine_chunks().take(positions)


def _weight(projection: Projection) -> str | None:
    weighted = isinstance(projection, RelationGraph) and projection.weight_property is not None
    return "weight" if weighted else None
