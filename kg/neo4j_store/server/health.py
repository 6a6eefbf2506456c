"""Is a server fit for use? It answers over Bolt, and Graph Data Science projects and reads a small graph on it.

`gds.version()` alone proves little: with a library missing it answers while every projection fails.
"""

from dataclasses import dataclass
from uuid import uuid4

from neo4j import Driver, GraphDatabase
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from kg.neo4j_store.server.errors import UnhealthyServer

__all__ = ["ServerVersions", "check_health", "probe_versions"]

VERSION_OF_NEO4J = "CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel' RETURN versions[0] AS version"
VERSION_OF_GDS = "RETURN gds.version() AS version"
PROJECT_TWO_NODES = (
    "UNWIND [[0, 1], [1, 2]] AS edge WITH gds.graph.project($name, edge[0], edge[1]) AS projected "
    "RETURN projected.nodeCount AS nodes, projected.relationshipCount AS edges"
)
DROP_PROJECTION = "CALL gds.graph.drop($name, false) YIELD graphName RETURN graphName"


@dataclass(frozen=True, slots=True)
class ServerVersions:
    """Which Neo4j and which Graph Data Science answered."""

    neo4j: str
    gds: str


def probe_versions(driver: Driver) -> ServerVersions:
    """Return the versions after projecting a graph of three nodes. Raises: the driver's errors, UnhealthyServer."""
    neo4j = str(_single(driver, VERSION_OF_NEO4J)["version"])
    gds = str(_single(driver, VERSION_OF_GDS)["version"])
    name = f"health-{uuid4().hex}"
    found = _single(driver, PROJECT_TWO_NODES, name=name)
    _single(driver, DROP_PROJECTION, name=name)
    if (found["nodes"], found["edges"]) != (3, 2):
        raise UnhealthyServer("the server", f"a projection of 3 nodes and 2 edges came back as {found}.")
    return ServerVersions(neo4j, gds)


def check_health(uri: str, user: str, password: str) -> ServerVersions:
    """Return the versions of a healthy server.

    Raises:
        UnhealthyServer: it answers, yet a projection fails.
        neo4j.exceptions.ServiceUnavailable: nobody answers (yet).
        neo4j.exceptions.AuthError: it refuses the password.
    """
    with GraphDatabase.driver(
        uri, auth=(user, password), telemetry_disabled=True, connection_timeout=3.0, notifications_min_severity="OFF"
    ) as driver:
        driver.verify_connectivity()
        try:
            return probe_versions(driver)
        except AuthError:
            raise
        except (Neo4jError, DriverError) as error:
            raise UnhealthyServer(uri, str(error)[:500]) from error


def _single(driver: Driver, query: str, **parameters: object) -> dict[str, object]:
    records, _, _ = driver.execute_query(query, parameters_=dict(parameters), database_="neo4j")
    return dict(records[0].data()) if records else {}
