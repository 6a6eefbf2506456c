"""What graph algorithms can be asked for, whichever engine answers.

Two engines stand behind it: Graph Data Science on Neo4j, and sparse matrices on any exported graph. Node similarity, PageRank and
components agree between them; FastRP draws other random numbers in each, so its embeddings agree in structure, not in value.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeAlias

import pyarrow as pa

__all__ = [
    "COMPONENT_SCHEMA",
    "EMBEDDING_ID",
    "RANK_SCHEMA",
    "SIMILARITY_SCHEMA",
    "GraphAlgorithms",
    "HouseholdProducts",
    "Projection",
    "RelationGraph",
    "embedding_schema",
]

EMBEDDING_ID = "id"
SIMILARITY_SCHEMA = pa.schema([("source", pa.string()), ("target", pa.string()), ("similarity", pa.float64())])
RANK_SCHEMA = pa.schema([("id", pa.string()), ("score", pa.float64())])
COMPONENT_SCHEMA = pa.schema([("id", pa.string()), ("component", pa.string())])


def embedding_schema(dimensions: int) -> pa.Schema:
    """Return the columns of embeddings: `id` and a fixed-size list of float32."""
    return pa.schema([(EMBEDDING_ID, pa.string()), ("embedding", pa.list_(pa.float32(), dimensions))])


@dataclass(frozen=True, slots=True)
class HouseholdProducts:
    """Which households bought which products on or before a day: products on one side, households on the other.

    Args:
        as_of: baskets after this day do not count.
        minimum_households: products with fewer buyers are left out.
        merchandise_only: fuel, coupons and miscellany are left out.
    """

    as_of: date
    minimum_households: int
    merchandise_only: bool = True


@dataclass(frozen=True, slots=True)
class RelationGraph:
    """One relation between nodes of one label, as it is published; retracted edges are left out.

    Args:
        relation: name of the relation.
        weight_property: a number on each edge; None counts every edge as 1. Missing weights count as 0.
        undirected: follow edges both ways.
    """

    relation: str
    weight_property: str | None = None
    undirected: bool = True


Projection: TypeAlias = HouseholdProducts | RelationGraph


class GraphAlgorithms(Protocol):
    """Algorithms over a projection. Rows come sorted by id (or source, then rank); ids compare by code point."""

    def node_similarity(self, projection: HouseholdProducts, *, top_k: int, minimum_similarity: float) -> pa.Table:
        """Return the most similar products of each product by Jaccard's measure over the households that bought them.

        At most `top_k` rows per source, of at least `minimum_similarity` and more than 0, most similar first, then by target id.
        Where several products tie for the last place, which of them is taken is the engine's choice.
        Columns: `source`, `target` (string), `similarity` (float64). Source: Jaccard 1912.
        """
        ...

    def fast_rp(
        self,
        projection: Projection,
        *,
        dimensions: int,
        iteration_weights: tuple[float, ...],
        normalization_strength: float,
        seed: int,
    ) -> pa.Table:
        """Return an embedding of each node; of household products, of the products alone.

        Columns: `id`, `embedding` (fixed-size list of `dimensions` float32). The same seed gives the same table on one engine.
        Source: Chen, Sultan, Tian, Chen, Skiena: Fast and Accurate Network Embeddings via Very Sparse Random Projection, 2019.
        """
        ...

    def page_rank(self, projection: RelationGraph, *, damping: float = 0.85, maximum_iterations: int = 100) -> pa.Table:
        """Return each node's score: (1 - damping) + damping x what its neighbours pass on. A node without edges out keeps it.

        Columns: `id`, `score` (float64); scores are not scaled to a sum of one. Source: Page, Brin, Motwani, Winograd 1998.
        """
        ...

    def weakly_connected_components(self, projection: RelationGraph) -> pa.Table:
        """Return each node with the smallest id of its component. Columns: `id`, `component` (string)."""
        ...
