"""How alike products are by who buys them, as graph algorithms see it: shared buyers, and embeddings of the buying graph."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from decisions.relations.observed import Observed
from kg.algorithms.ports import EMBEDDING_ID, GraphAlgorithms, HouseholdProducts

__all__ = ["Closeness", "measure_closeness", "no_closeness"]

PAIRS_AT_ONCE = 100_000
DIMENSIONS = 64
ITERATION_WEIGHTS = (0.0, 1.0, 1.0)
NORMALIZATION_STRENGTH = -0.5
EMBEDDED_HOUSEHOLDS = 10
SIMILAR_HOUSEHOLDS = 60
"""Node similarity compares every pair: with fewer buyers it would take longer than all the rest, and rest on chance."""
SIMILAR_PRODUCTS = 20
LEAST_SIMILARITY = 0.05
DECIMALS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Closeness:
    """The closeness of two products: the mean of two figures between 0 and 1, 0 where an algorithm says nothing of them.

    One is the square root of the households that bought both over those that bought either (node similarity, symmetric),
    the other the cosine of the embeddings (FastRP), negative ones as 0. Node similarity is the same on every engine but
    for ties at the last place; embeddings agree in structure only, since engines draw other random numbers. So closeness
    only moves priors: the more was observed of a pair, the less an engine can change its strength.

    Args:
        vectors: unit vectors (float32, one row per position), zeros where a product has none.
        similar: node similarity by position and position, symmetric.
    """

    vectors: np.ndarray
    similar: sparse.csr_array

    def of(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the closeness of each pair of positions, rounded to 6 decimals."""
        chunks = [slice(at, at + PAIRS_AT_ONCE) for at in range(0, first.size, PAIRS_AT_ONCE)]
        return np.concatenate([np.zeros(0), *(self._some(first[part], second[part]) for part in chunks)])

    def _some(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        cosine = np.einsum("ij,ij->i", self.vectors[first], self.vectors[second]).astype(np.float64)
        shared = np.sqrt(np.asarray(self.similar[first, second], dtype=np.float64).reshape(-1))
        return np.asarray(np.round((np.maximum(cosine, 0.0) + shared) / 2, DECIMALS))


def no_closeness(products: int) -> Closeness:
    """Return the closeness that says nothing of any pair."""
    return Closeness(np.zeros((products, 1), dtype=np.float32), sparse.csr_array((products, products)))


def measure_closeness(algorithms: GraphAlgorithms, observed: Observed, seed: int) -> Closeness:
    """Ask an engine for node similarity and embeddings of the products, as known on `observed.as_of`."""
    embedded = algorithms.fast_rp(
        HouseholdProducts(observed.as_of, EMBEDDED_HOUSEHOLDS),
        dimensions=DIMENSIONS,
        iteration_weights=ITERATION_WEIGHTS,
        normalization_strength=NORMALIZATION_STRENGTH,
        seed=seed,
    )
    similar = algorithms.node_similarity(
        HouseholdProducts(observed.as_of, SIMILAR_HOUSEHOLDS), top_k=SIMILAR_PRODUCTS, minimum_similarity=LEAST_SIMILARITY
    )
    return Closeness(_unit_vectors(embedded, observed.ids), _symmetric(similar, observed.ids))


def _unit_vectors(embedded: pa.Table, ids: pa.Array) -> np.ndarray:
    rows = pc.index_in(ids, value_set=embedded[EMBEDDING_ID].combine_chunks())
    known = rows.is_valid().to_numpy(zero_copy_only=False)
    vectors = np.zeros((len(ids), DIMENSIONS), dtype=np.float32)
    stored = embedded["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, DIMENSIONS)
    vectors[known] = stored[rows.drop_null().to_numpy()]
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0))


def _symmetric(similar: pa.Table, ids: pa.Array) -> sparse.csr_array:
    """Return similarities by position. A pair may be among the best of one end only, so each is put in both ways."""
    ends = [pc.index_in(similar[name].combine_chunks(), value_set=ids) for name in ("source", "target")]
    known = pc.and_(ends[0].is_valid(), ends[1].is_valid())
    source, target = (end.filter(known).to_numpy() for end in ends)
    one_way = sparse.csr_array((similar["similarity"].filter(known).to_numpy(), (source, target)), shape=(len(ids), len(ids)))
    return sparse.csr_array(one_way.maximum(one_way.T))
