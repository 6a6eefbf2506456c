"""What a household's purchases point at: through relations of the graph, through needs, and through a network's vectors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from features.discovery_facts import KnownBefore
from features.recommend_relations import Neighbours
from features.repertoire import FloatArray, IntArray

__all__ = ["LINKED", "LinkScores", "ProductVectors", "ServedNeeds", "link_scores", "needs_of_edges"]

Matrix = npt.NDArray[np.float32]

LINKED = ("isBoughtWith", "isComplementTo", "isSubstituteFor")
"""Relations that lead from what was bought to what may be bought next."""


@dataclass(frozen=True, slots=True, eq=False)
class ServedNeeds:
    """Which need each product serves (-1: none), and by how much."""

    need: IntArray
    strength: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class ProductVectors:
    """Two vectors of each product (products, columns): as what is bought next, and as what was bought before."""

    taken: Matrix
    held: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class LinkScores:
    """What one day knows of links. Relations that are not given, and a network that is not, have no scores."""

    known: KnownBefore
    relations: Mapping[str, csr_matrix]
    needs: csr_matrix
    vectors: ProductVectors | None

    def of(self, households: IntArray) -> dict[str, Matrix]:
        """Return matrices (households, live products): each relation by what was ever and lately bought, `need`, `network`."""
        faded, late, live = self.known.faded[households], self.known.late[households], self.known.live
        scores: dict[str, Matrix] = {}
        for name, links in self.relations.items():
            scores[name] = _dense(faded @ links)
            scores[f"{name}_late"] = _dense(late @ links)
        total = np.maximum(np.asarray(faded.sum(axis=1)), 1e-6)
        scores["need"] = (_dense((faded @ self.needs) @ self.needs[live].T) / total).astype(np.float32)
        if self.vectors is not None:
            held = (faded @ self.vectors.held) / total
            scores["network"] = np.asarray(held @ self.vectors.taken[live].T, dtype=np.float32)
        return scores


def link_scores(
    known: KnownBefore, relations: Mapping[str, Neighbours], needs: ServedNeeds, vectors: ProductVectors | None = None
) -> LinkScores:
    """Encode links towards live products. The caller answers for links being of a day before that of `known`."""
    links = {name: _links(relations[name], known) for name in LINKED if name in relations}
    served = np.flatnonzero(needs.need >= 0)
    shape = (known.products, int(needs.need.max(initial=0)) + 1)
    columns = (needs.strength[served].astype(np.float32), (served, needs.need[served]))
    return LinkScores(known, links, csr_matrix(columns, shape=shape), vectors)


def needs_of_edges(edges: pa.Table | None, product_ids: pa.Array) -> ServedNeeds:
    """Encode edges of servesNeed, of which a product has one at most; None: no product serves a need."""
    need, strength = np.full(len(product_ids), -1), np.zeros(len(product_ids))
    if edges is not None and edges.num_rows:
        product = pc.index_in(edges["source"].combine_chunks(), product_ids)
        there = pc.is_valid(product).to_numpy(zero_copy_only=False)
        at = pc.fill_null(product, 0).to_numpy().astype(np.int64)[there]
        target = edges["target"].combine_chunks()
        need[at] = pc.index_in(target, pc.unique(target).sort()).to_numpy().astype(np.int64)[there]
        strength[at] = edges["strength"].to_numpy()[there]
    return ServedNeeds(need, strength)


def _links(neighbours: Neighbours, known: KnownBefore) -> csr_matrix:
    item = np.repeat(np.arange(known.products), np.diff(neighbours.start))
    shape = (known.products, known.products)
    links = csr_matrix((neighbours.strength.astype(np.float32), (item, neighbours.candidate)), shape=shape)
    return links[:, known.live].tocsr()


def _dense(rows: csr_matrix) -> Matrix:
    return np.asarray(rows.toarray(), dtype=np.float32)
