"""The graph in Neo4j: the adapter, and below `server` a launcher for a local one."""

from kg.neo4j_store.settings import Neo4jSettings
from kg.neo4j_store.store import Neo4jStore, open_neo4j

__all__ = ["Neo4jSettings", "Neo4jStore", "open_neo4j"]
