"""Projections on a server with Graph Data Science: made under a name of their own, dropped whatever happens.

A projection left by a process that died keeps server memory; the next call drops those that are older than an hour.

A whole call has one limit. Our own statements carry it to the server; the library's statements cannot, so they run on a
connection of the call's own, which a watchdog ends when the time is over (`kg.algorithms.watchdog`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from graphdatascience import GraphDataScience
from neo4j import Driver, GraphDatabase, Query
from pandas import DataFrame

from kg.algorithms.limits import Limit
from kg.algorithms.ports import GivenEdges, HouseholdProducts, NetworkProjection, Projection, RelationGraph
from kg.algorithms.projecting import check_given_edges, check_relation_graph, described
from kg.algorithms.projection_info import ProjectionInfo, ProjectionLog
from kg.algorithms.watchdog import Call, watched
from kg.neo4j_store.border import translated
from kg.neo4j_store.cypher import Statement
from kg.neo4j_store.projections import (
    DROP_PROJECTION,
    LIST_PROJECTIONS,
    PROJECT_EMBEDDINGS,
    PROJECT_GIVEN_EDGES,
    PUBLISHED_GENERATION,
    SERVER_VERSION,
    internal_ids,
    project_household_products,
    project_relation,
)
from kg.neo4j_store.settings import Neo4jSettings
from kg.visibility import visibility_of
from kit.clock import Clock
from kit.progress import Progress
from ontology.schema_types import GraphSchema

__all__ = ["LEFTOVER_SECONDS", "OnServer", "Server", "ServerProjection", "weight_of"]

PREFIX = "shelfgraph-"
LEFTOVER_SECONDS = 3_600.0
PRODUCT = "Product"
Ids: TypeAlias = pa.Table
"""The server's number of each node (`node`, int64) and its id."""
Made: TypeAlias = tuple[tuple[int, int], Ids]
"""How many nodes and relationships a projection has, and the ids of the nodes that answer."""


@dataclass(frozen=True, slots=True)
class ServerProjection:
    """A projection that a server holds in memory: its name, size and age."""

    name: str
    nodes: int
    edges: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class OnServer:
    """A projection that is there for one call: the library, its handle, and the ids of the nodes that answer.

    The handle is None where there was nothing to project: the server makes no projection of nothing.
    """

    library: GraphDataScience
    graph: Any
    ids: Ids
    info: ProjectionInfo

    def stream(self, run: Callable[[GraphDataScience, Any], DataFrame], *columns: str) -> tuple[np.ndarray, ...]:
        """Run an algorithm and return columns of what it streams."""
        if self.graph is None:
            return tuple(np.empty(0) for _ in columns)
        frame = run(self.library, self.graph)
        return tuple(frame[name].to_numpy() for name in columns)

    def named(self, nodes: Any) -> pa.Array:
        """Return the ids of the server's numbers; null for nodes that do not answer."""
        positions = pc.index_in(pa.array(nodes, pa.int64()), value_set=self.ids.column("node"))
        return self.ids.column("id").combine_chunks().take(positions)


class Server:
    """Connections to a server with Graph Data Science, and what they project on it."""

    def __init__(
        self, address: tuple[str, str, str], schema: GraphSchema, limits: Neo4jSettings, clock: Clock, progress: Progress
    ) -> None:
        self._address = address
        self._schema = schema
        self._limits = limits
        self._clock = clock
        self._progress = progress
        with translated("open Graph Data Science", limits.connect_timeout_seconds):
            self.driver = self._opened()
            self.driver.verify_connectivity()

    def close(self) -> None:
        """Close all connections; closing twice is allowed."""
        self.driver.close()

    @cached_property
    def log(self) -> ProjectionLog:
        """What was projected, under the server's own version."""
        limit = Limit("ask for the version", self._limits.read_timeout_seconds)
        with translated(limit.operation, limit.seconds):
            [[server_version]] = self.rows(SERVER_VERSION, {}, limit)
        return ProjectionLog("neo4j-gds", f"graphdatascience {version('graphdatascience')}", self._clock, str(server_version))

    def held(self) -> tuple[ServerProjection, ...]:
        """Return what the server holds for us, oldest first."""
        limit = Limit("list projections", self._limits.read_timeout_seconds)
        with translated(limit.operation, limit.seconds):
            held = self.rows(LIST_PROJECTIONS, {"prefix": PREFIX}, limit)
        return tuple(ServerProjection(*one) for one in held)

    def drop_leftovers(self, older_than_seconds: float) -> tuple[ServerProjection, ...]:
        """Drop projections that a process must have left behind, and return them."""
        old = tuple(one for one in self.held() if one.age_seconds > older_than_seconds)
        for one in old:
            self._drop(one.name)
        return old

    @contextmanager
    def projected(self, algorithm: str, projection: Projection, *, undirected: bool) -> Iterator[OnServer]:
        """Project a part of the graph for one algorithm. Raises: as `kg.algorithms.ports.GraphAlgorithms`."""

        def project(name: str, limit: Limit) -> Made:
            return self._project(name, projection, limit, undirected=undirected)

        content, as_of = described(projection)
        with self._held(algorithm, content, as_of, project) as on_server:
            yield on_server

    @contextmanager
    def projected_embeddings(
        self, algorithm: str, ids: pa.Array, vectors: np.ndarray, origin: ProjectionInfo | None
    ) -> Iterator[OnServer]:
        """Project nodes without edges, each with its embedding."""

        def project(name: str, limit: Limit) -> Made:
            sent = [[number, vector] for number, vector in enumerate(vectors.tolist())]
            return self._made(PROJECT_EMBEDDINGS, {"name": name, "embeddings": sent}, limit), _numbered(ids)

        content = f"embeddings of {origin.content}" if origin else "given embeddings"
        with self._held(algorithm, content, origin.as_of if origin else None, project) as on_server:
            yield on_server

    @contextmanager
    def _held(self, algorithm: str, content: str, as_of: Any, project: Callable[[str, Limit], Made]) -> Iterator[OnServer]:
        self.drop_leftovers(LEFTOVER_SECONDS)
        name = f"{PREFIX}{uuid4().hex}"
        limit = Limit("graph algorithm", self._limits.bulk_timeout_seconds)
        with self._progress.stage(algorithm), self.log.noting(algorithm, content, as_of) as noted:
            try:
                with (
                    translated(limit.operation, limit.seconds),
                    self._opened() as own,
                    watched(Call(name, own, self.driver, self._limits.database), limit),
                ):
                    (nodes, relationships), ids = project(name, limit)
                    noted.sized(nodes, relationships)
                    library = GraphDataScience(own, database=self._limits.database, arrow=False, show_progress=False)
                    yield OnServer(library, library.graph.get(name) if nodes else None, ids, noted.info)
            finally:
                self._drop(name)

    def _opened(self) -> Driver:
        limits, (uri, user, password) = self._limits, self._address
        return GraphDatabase.driver(
            uri,
            auth=(user, password),
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
            self.rows(DROP_PROJECTION, {"name": name}, limit)

    def _project(self, name: str, projection: Projection, limit: Limit, *, undirected: bool) -> Made:
        """Project under `name`; return how large it is, and the ids of the nodes that answer."""
        parameters: dict[str, Any] = {"name": name, "undirected": ["*"] if undirected else []}
        if isinstance(projection, HouseholdProducts):
            parameters |= {"as_of": projection.as_of, "minimum": projection.minimum_households}
            statement = project_household_products(merchandise_only=projection.merchandise_only)
            return self._made(statement, parameters, limit), self._ids(PRODUCT, limit)
        return self._project_network(projection, parameters, limit)

    def _project_network(self, projection: NetworkProjection, parameters: dict[str, Any], limit: Limit) -> Made:
        if isinstance(projection, GivenEdges):
            ids, sent = _sent_edges(check_given_edges(projection))
            return self._made(PROJECT_GIVEN_EDGES, parameters | {"edges": sent}, limit), ids
        definition = check_relation_graph(self._schema, projection)
        published = self.rows(PUBLISHED_GENERATION, {"relation": definition.name}, limit)
        parameters |= {"generation": published[0][0] if published else 0, "as_of": projection.as_of}
        dated = projection.as_of is not None and visibility_of(self._schema, definition.name).edge_window
        statement = project_relation(definition, projection.weight_property, dated=dated)
        return self._made(statement, parameters, limit), self._ids(definition.source, limit)

    def _made(self, statement: Statement, parameters: Mapping[str, Any], limit: Limit) -> tuple[int, int]:
        """Project; return how many nodes and relationships there are. Of nothing the server makes no projection."""
        [[projected]] = self.rows(statement, parameters, limit)
        return (projected["nodeCount"], projected["relationshipCount"]) if projected else (0, 0)

    def _ids(self, label: str, limit: Limit) -> Ids:
        rows = self.rows(internal_ids(self._schema.nodes[label]), {}, limit)
        nodes, ids = zip(*rows, strict=True) if rows else ((), ())
        return pa.table({"node": pa.array(nodes, pa.int64()), "id": pa.array(ids, pa.string())})

    def rows(self, statement: Statement, parameters: Mapping[str, Any], limit: Limit) -> list[tuple[Any, ...]]:
        """Run one statement that the server ends when the limit is over."""
        query = Query(str(statement), timeout=limit.left_seconds())
        records, _, _ = self.driver.execute_query(query, dict(parameters), database_=self._limits.database)
        return [tuple(record) for record in records]


def weight_of(projection: Projection) -> str | None:
    """Return the property that weighs the projected edges, None where all count as 1."""
    weighted = isinstance(projection, GivenEdges) or (isinstance(projection, RelationGraph) and projection.weight_property)
    return "weight" if weighted else None


def _numbered(ids: pa.Array) -> Ids:
    return pa.table({"node": pa.array(np.arange(len(ids)), pa.int64()), "id": ids})


def _sent_edges(edges: pa.Table) -> tuple[Ids, list[list[float]]]:
    """Return the ids of the ends with a number each, and the edges in these numbers."""
    ends = [edges[name].combine_chunks() for name in ("source", "target")]
    ids = pc.unique(pa.concat_arrays(ends)).sort()
    columns = [pc.index_in(end, value_set=ids).to_pylist() for end in ends]
    sent = [list(row) for row in zip(*columns, edges["weight"].to_pylist(), strict=True)]
    return _numbered(ids), sent
