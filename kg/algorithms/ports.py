"""What graph algorithms can be asked for, whichever engine answers.

Two engines stand behind it: Graph Data Science on Neo4j, and sparse matrices on any exported graph. Node similarity, PageRank and
components agree between them. FastRP draws other random numbers in each, so its embeddings agree in structure, not in value;
nearest neighbours are exact in one and nearly all found by the other; communities agree in how good they are.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeAlias

import pyarrow as pa

from kg.algorithms.projection_info import ProjectionInfo

__all__ = [
    "COMMUNITY_SCHEMA",
    "COMPONENT_SCHEMA",
    "EMBEDDING_ID",
    "GIVEN_EDGE_SCHEMA",
    "RANK_SCHEMA",
    "SIMILARITY_SCHEMA",
    "GivenEdges",
    "GraphAlgorithms",
    "HouseholdProducts",
    "NetworkProjection",
    "Projection",
    "RelationGraph",
    "embedding_schema",
]

EMBEDDING_ID = "id"
SIMILARITY_SCHEMA = pa.schema([("source", pa.string()), ("target", pa.string()), ("similarity", pa.float64())])
RANK_SCHEMA = pa.schema([("id", pa.string()), ("score", pa.float64())])
COMPONENT_SCHEMA = pa.schema([("id", pa.string()), ("component", pa.string())])
COMMUNITY_SCHEMA = pa.schema([("id", pa.string()), ("community", pa.string())])
GIVEN_EDGE_SCHEMA = pa.schema([("source", pa.string()), ("target", pa.string()), ("weight", pa.float64())])


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
        as_of: leave out edges that are not valid on this day, as a reader would not see them; None leaves none out.
    """

    relation: str
    weight_property: str | None = None
    undirected: bool = True
    as_of: date | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GivenEdges:
    """Edges that need not be in a graph yet, or no more: a relation under way, or as it was derived for an earlier day.

    Args:
        edges: columns of `GIVEN_EDGE_SCHEMA`; edges between the same two ids stand beside each other. Their ends are the nodes.
        as_of: the business day up to which they were derived.
        undirected: follow edges both ways.
    """

    edges: pa.Table
    as_of: date
    undirected: bool = True


NetworkProjection: TypeAlias = RelationGraph | GivenEdges
Projection: TypeAlias = HouseholdProducts | NetworkProjection


class GraphAlgorithms(Protocol):
    """Algorithms over a projection. Rows come sorted by id (or source, then rank); ids compare by code point.

    Every result carries the projection it rests on (`projection_info.projection_of`). The same question gives the same rows on
    one engine. Every call has the engine's limit of time; what needs more than `limits.MAXIMUM_NUMBERS` at once is refused.

    Raises:
        UnknownTerm: the relation, or its weight, is not in the ontology.
        ProjectionRefused: the projection does not fit the algorithm; a number is outside of what it takes.
        QueryTooLarge: there is more than may be held at once.
        GraphTimeout: the limit was over.
    """

    def projections(self) -> tuple[ProjectionInfo, ...]:
        """Return what this engine has projected since it was opened, oldest first; of very many the newest."""
        ...

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

    def knn(self, embeddings: pa.Table, *, top_k: int, minimum_similarity: float = -1.0, seed: int) -> pa.Table:
        """Return the nearest other nodes of each node by the cosine of their embeddings (`embedding_schema`, of any origin).

        At most `top_k` rows per source, of at least `minimum_similarity` (-1 to 1), nearest first, then by target id. Vectors of
        length zero have no direction: their nodes are left out. One engine compares all pairs, and the seed changes nothing;
        the other searches from a random start and may miss some of the nearest.
        Columns: `source`, `target` (string), `similarity` (float64, the cosine). Source of the search:
        Dong, Moses, Li: Efficient k-nearest neighbor graph construction for generic similarity measures, 2011.
        """
        ...

    def leiden(self, projection: NetworkProjection, *, resolution: float = 1.0, seed: int) -> pa.Table:
        """Return the community of each node, named by the smallest id in it: parts joined within more than chance would join
        them, every one of them connected. A node without edges is its own.

        A higher `resolution` (above 0) gives more and smaller communities. Weights must not be negative, edges go both ways.
        Columns: `id`, `community` (string). Source: Traag, Waltman, van Eck: From Louvain to Leiden, 2019; the measure is
        Newman's modularity with Reichardt and Bornholdt's resolution.
        """
        ...

    def page_rank(self, projection: NetworkProjection, *, damping: float = 0.85, maximum_iterations: int = 100) -> pa.Table:
        """Return each node's score: (1 - damping) + damping x what its neighbours pass on. A node without edges out keeps it.

        Columns: `id`, `score` (float64); scores are not scaled to a sum of one. Source: Page, Brin, Motwani, Winograd 1998.
        """
        ...

    def weakly_connected_components(self, projection: NetworkProjection) -> pa.Table:
        """Return each node with the smallest id of its component. Columns: `id`, `component` (string)."""
        ...
