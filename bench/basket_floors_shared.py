"""The floors of the next basket that look at what users share: likeness of items, factors, and embeddings of the graph.

Each learns from users x items, `Baskets.bought()` or `.counts()`, or any other weights, and returns a `Floor`. None knows the
order of baskets. `implicit` learns the factors, on one thread: only so does its seed give the same numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from scipy import linalg, sparse

from bench.basket_floors import CHUNK_USERS, Floor
from features.repertoire import FloatArray, IntArray
from kg.algorithms.embedding import fast_random_projection
from kg.algorithms.limits import Limit

__all__ = ["MOST_ITEMS", "als", "als_factors", "bpr", "ease", "ease_weights", "fastrp_knn", "item_knn", "item_likeness"]

CHUNK_ITEMS = 1000
"""Items compared with all others at once: 20,000 items make 160 MB."""
MOST_ITEMS = 12_500
"""The best sold items whose pairs are looked at: as a matrix 12,500 make 625 MB, and EASE holds two."""
LIMIT_SECONDS = 600.0
FASTRP_WEIGHTS = (0.8, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class _Linear:
    """Own items times the weights between items; `kept` are the items that the weights speak of."""

    bought: sparse.csr_array
    weights: sparse.csr_array | FloatArray
    kept: IntArray
    items: int

    def scores(self, users: IntArray) -> FloatArray:
        found = self.bought[users] @ self.weights
        scores = np.zeros((len(users), self.items))
        scores[:, self.kept] = found.toarray() if sparse.issparse(found) else found
        return scores


@dataclass(frozen=True, slots=True)
class _Factors:
    user: FloatArray
    item: FloatArray

    def scores(self, users: IntArray) -> FloatArray:
        return np.asarray(self.user[users] @ self.item.T, dtype=np.float64)


def item_knn(bought: sparse.csr_array, *, neighbours: int = 100, shrinkage: float = 20.0, most_items: int = MOST_ITEMS) -> Floor:
    """Cosine between items over the users that bought them (Sarwar et al., WWW 2001).

    Args:
        bought: users x items.
        neighbours: of each item only its so many most alike count.
        shrinkage: added to the product of the lengths: what few users share is drawn towards nothing.
        most_items: only the best sold are known; the rest score 0.
    """
    kept = _best_sold(bought, most_items)
    known = sparse.csr_array(bought[:, kept])
    return _Linear(known, item_likeness(known, neighbours=neighbours, shrinkage=shrinkage), kept, bought.shape[1])


def _best_sold(bought: sparse.csr_array, most_items: int) -> IntArray:
    return np.sort(np.argsort(-np.asarray(bought.sum(axis=0)), kind="stable")[:most_items])


def item_likeness(bought: sparse.csr_array, *, neighbours: int, shrinkage: float) -> sparse.csr_array:
    """Return items x items: the shrunk cosine of each row's nearest items, 0 elsewhere and with itself."""
    turned = sparse.csr_array(bought.T)
    lengths = np.sqrt(np.asarray(bought.power(2).sum(axis=0), dtype=np.float64))
    parts = []
    for first in range(0, bought.shape[1], CHUNK_ITEMS):
        shared = (turned[first : first + CHUNK_ITEMS] @ bought).toarray()
        own = np.arange(len(shared))
        shared[own, own + first] = 0.0
        shared /= np.maximum(lengths[first : first + len(shared), None] * lengths[None, :] + shrinkage, 1e-12)
        if neighbours < bought.shape[1]:
            last = np.partition(shared, -neighbours, axis=1)[:, [-neighbours]]
            shared[shared < last] = 0.0
        parts.append(sparse.csr_array(shared))
    return sparse.csr_array(sparse.vstack(parts))


def ease(bought: sparse.csr_array, *, regularization: float = 500.0, most_items: int = MOST_ITEMS) -> Floor:
    """The linear model of items by all others with a closed form (Steck, Embarrassingly Shallow Autoencoders, WWW 2019).

    With fewer users than items it is solved between users, for all items and without holding a pair of them.
    """
    if bought.shape[0] < bought.shape[1]:
        return _ease_of_users(bought, regularization)
    weights, kept = ease_weights(bought, regularization=regularization, most_items=most_items)
    # of one precision with the weights: otherwise each product would copy all of them
    return _Linear(sparse.csr_array(bought[:, kept]).astype(np.float32), weights, kept, bought.shape[1])


def ease_weights(bought: sparse.csr_array, *, regularization: float, most_items: int) -> tuple[FloatArray, IntArray]:
    """Return the weights between the items that are known, and which these are, ascending.

    Args:
        bought: users x items.
        regularization: the ridge of the regression.
        most_items: only the best sold are known, the price of holding all pairs; the rest score 0.

    Raises: ValueError where the ridge is not above 0.
    """
    _check_ridge(regularization)
    kept = _best_sold(bought, most_items)
    known = sparse.csr_array(bought[:, kept]).astype(np.float32)
    gram = (known.T @ known).toarray()
    own = np.arange(len(kept))
    gram[own, own] += regularization
    # in single precision and in place: half the memory, and the order of the lists stays
    lower, _ = linalg.lapack.spotrf(gram.T, lower=1, overwrite_a=1)
    weights, _ = linalg.lapack.spotri(lower, lower=1, overwrite_c=1)
    for first in range(0, len(kept), CHUNK_ITEMS):
        last = first + CHUNK_ITEMS
        block = np.tril(weights[first:last, first:last])
        weights[first:last, first:last] = block + np.tril(block, -1).T
        weights[first:last, last:] = weights[last:, first:last].T
    # symmetric so far: turned round it lies row by row, as products with it want it
    weights = weights.T
    weights /= -np.diag(weights).copy()[None, :]
    weights[own, own] = 0.0
    return weights, kept


def _check_ridge(regularization: float) -> None:
    if regularization <= 0.0:
        raise ValueError("EASE needs a regularization above 0: without it the pairs of items may have no inverse.")


def _ease_of_users(bought: sparse.csr_array, regularization: float) -> Floor:
    # with P = (X'X + r)^-1 the weights are I - P / diag P, and XP = (XX' + r)^-1 X, which is between users
    _check_ridge(regularization)
    gram = (bought @ bought.T).toarray()
    own = np.arange(len(gram))
    gram[own, own] += regularization
    # in single precision: half the time, and the order of the lists stays
    inverse = linalg.inv(gram, overwrite_a=True).astype(np.float32)
    known = sparse.csr_array(bought).astype(np.float32)
    turned = sparse.csr_array(known.T)
    taken = np.zeros(bought.shape[1])
    for first in range(0, len(gram), CHUNK_USERS):
        some = slice(first, first + CHUNK_USERS)
        taken += np.asarray(known[some].multiply((turned @ inverse[:, some]).T).sum(axis=0), dtype=np.float64).ravel()
    return _OfUsers(known, turned, inverse, regularization / (1.0 - taken))


@dataclass(frozen=True, slots=True)
class _OfUsers:
    bought: sparse.csr_array
    turned: sparse.csr_array
    inverse: npt.NDArray[np.float32]
    worth: FloatArray

    def scores(self, users: IntArray) -> FloatArray:
        # the inverse is symmetric
        return np.asarray(self.bought[users].toarray() - (self.turned @ self.inverse[:, users]).T * self.worth)


def als(weights: sparse.csr_array, **settings: Any) -> Floor:
    """Factors of implicit feedback by alternating least squares. `settings`: those of `als_factors`."""
    return _Factors(*als_factors(weights, **settings))


def als_factors(
    weights: sparse.csr_array,
    *,
    factors: int = 64,
    regularization: float = 0.05,
    alpha: float = 10.0,
    rounds: int = 15,
    seed: int = 7,
) -> tuple[FloatArray, FloatArray]:
    """Return the factors of users and of items (Hu, Koren and Volinsky, ICDM 2008; library `implicit`)."""
    model = AlternatingLeastSquares(
        factors=factors, regularization=regularization, alpha=alpha, iterations=rounds, random_state=seed, num_threads=1
    )
    return _learned(model, weights)


def bpr(
    weights: sparse.csr_array,
    *,
    factors: int = 64,
    learning_rate: float = 0.05,
    regularization: float = 0.01,
    rounds: int = 60,
    seed: int = 7,
) -> Floor:
    """Factors that order bought before not bought (Rendle et al., BPR, UAI 2009; library `implicit`)."""
    model = BayesianPersonalizedRanking(
        factors=factors,
        learning_rate=learning_rate,
        regularization=regularization,
        iterations=rounds,
        random_state=seed,
        num_threads=1,
    )
    return _Factors(*_learned(model, weights))


def _learned(model: Any, weights: sparse.csr_array) -> tuple[FloatArray, FloatArray]:
    model.fit(sparse.csr_matrix(weights, dtype=np.float32), show_progress=False)
    return np.asarray(model.user_factors), np.asarray(model.item_factors)


def fastrp_knn(bought: sparse.csr_array, *, dimensions: int = 64, neighbours: int = 20, seed: int = 7) -> Floor:
    """What the users nearest by FastRP bought: the recipe of Neo4j's product recommendation example.

    The embeddings are those of the portable engine (`kg.algorithms`), which agrees with Graph Data Science as two seeds of one
    engine do. Nearest is by cosine, and a neighbour counts by it.
    """
    users = bought.shape[0]
    graph = sparse.csr_array(sparse.block_array([[None, bought], [bought.T, None]], format="csr"))
    embedding = fast_random_projection(
        graph,
        np.diff(graph.indptr).astype(np.float64),
        dimensions=dimensions,
        iteration_weights=FASTRP_WEIGHTS,
        normalization_strength=0.0,
        seed=seed,
        limit=Limit("FastRP", LIMIT_SECONDS),
    )[:users]
    lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
    return _NearUsers(embedding / np.where(lengths > 0, lengths, 1.0), bought, min(neighbours, users - 1))


@dataclass(frozen=True, slots=True)
class _NearUsers:
    unit: FloatArray
    bought: sparse.csr_array
    neighbours: int

    def scores(self, users: IntArray) -> FloatArray:
        cosine = self.unit[users] @ self.unit.T
        cosine[np.arange(len(users)), users] = -np.inf
        near = np.argpartition(-cosine, self.neighbours - 1, axis=1)[:, : self.neighbours]
        rows = np.repeat(np.arange(len(users)), self.neighbours)
        worth = np.maximum(np.take_along_axis(cosine, near, axis=1), 0.0).ravel().astype(np.float64)
        heard = sparse.csr_array((worth, (rows, near.ravel())), shape=cosine.shape)
        return np.asarray((heard @ self.bought).toarray())
