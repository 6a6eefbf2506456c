"""Graph algorithms behind one port: Graph Data Science on Neo4j, sparse matrices everywhere else."""

from kg.algorithms.gds import GdsAlgorithms
from kg.algorithms.gds_projecting import ServerProjection
from kg.algorithms.portable import PortableAlgorithms
from kg.algorithms.ports import GivenEdges, GraphAlgorithms, HouseholdProducts, NetworkProjection, Projection, RelationGraph
from kg.algorithms.projection_info import ProjectionInfo, info_of, plain_of, projection_of

__all__ = [
    "GdsAlgorithms",
    "GivenEdges",
    "GraphAlgorithms",
    "HouseholdProducts",
    "NetworkProjection",
    "PortableAlgorithms",
    "Projection",
    "ProjectionInfo",
    "RelationGraph",
    "ServerProjection",
    "info_of",
    "plain_of",
    "projection_of",
]
