"""Graph algorithms behind one port: Graph Data Science on Neo4j, sparse matrices everywhere else."""

from kg.algorithms.gds import GdsAlgorithms, ServerProjection
from kg.algorithms.portable import PortableAlgorithms
from kg.algorithms.ports import GraphAlgorithms, HouseholdProducts, Projection, RelationGraph

__all__ = [
    "GdsAlgorithms",
    "GraphAlgorithms",
    "HouseholdProducts",
    "PortableAlgorithms",
    "Projection",
    "RelationGraph",
    "ServerProjection",
]
