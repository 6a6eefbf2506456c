"""What a graph of typed links says about a pair: degrees, walks of two and three steps, and positions in its spectrum.

Names begin with `undirected_` where direction plays no part, the rest reads who lists whom. Sources: Adamic and Adar (2003) for
the weights of two steps, item- and list-based collaborative filtering (Sarwar et al. 2001) for three, personalised PageRank and
heat kernels of the normalised adjacency (Chung 2007) for the spectrum.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import eigsh
from sklearn.utils.extmath import randomized_svd

from bench.links_data import IntArray, adjacency, undirected
from gnn.link_scores import TypedLinks

__all__ = ["PairView", "adamic_adar"]

FloatArray = npt.NDArray[np.float32]
Pairs = tuple[IntArray, IntArray]
Named = Iterator[tuple[str, npt.NDArray[np.floating]]]
ROWS_AT_ONCE = 4000
SPECTRUM, FACTORS, SHORT_FACTORS = 128, 96, 32
EXACT_ENOUGH = 1e-3
SHAPES: dict[str, Callable[[npt.NDArray[np.floating]], npt.NDArray[np.floating]]] = {
    "spectrum": lambda values: values,
    "spectrum_squared": lambda values: values**2,
    "heat": lambda values: np.exp(-3 * (1 - values)),
    "page_rank": lambda values: 1 / (1 - 0.85 * np.clip(values, -1, 1)),
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """The matrices of one kind, or of all kinds together."""

    lists: sparse.csr_array
    listed: sparse.csr_array
    near: sparse.csr_array
    like_source: sparse.csr_array
    like_target: sparse.csr_array
    like_near: sparse.csr_array
    spectrum: tuple[FloatArray, FloatArray]
    factors: tuple[FloatArray, FloatArray]


class PairView:
    """Figures of pairs, from these links and nothing else.

    Args:
        links: the graph; pairs asked for should not be among its links where their label is to be learned.
        seed: of the starting vectors of the spectra.
    """

    def __init__(self, links: TypedLinks, seed: int = 0) -> None:
        by_kind = [adjacency(links, kind) for kind in range(links.kinds)]
        self._kinds = [_kind(matrix, seed) for matrix in by_kind]
        self._all = _kind(sum(by_kind[1:], by_kind[0]), seed)
        degree = _degree(self._all.near)
        self._rarity = sparse.diags_array((1 / np.log(np.maximum(degree, 2))).astype(np.float32))
        self._reciprocal = sparse.diags_array((1 / np.maximum(degree, 1)).astype(np.float32))

    def figures(self, kind: int, source: IntArray, target: IntArray) -> tuple[list[str], FloatArray]:
        """Return the names and the matrix (pairs x names) for pairs of one of the two kinds."""
        pairs = source, target
        this, other = self._kinds[kind], self._kinds[1 - kind]
        named = [
            *self._degrees(this, other, pairs),
            *self._two_steps(this, other, pairs),
            *self._three_steps(this, other, pairs),
            *(
                part
                for label, one in (("this", this), ("other", other), ("all", self._all))
                for part in _positions(label, one, pairs)
            ),
        ]
        return [name for name, _ in named], np.stack(
            [values for _, values in named], axis=1, dtype=np.float32, casting="same_kind"
        )

    @staticmethod
    def _degrees(this: _Kind, other: _Kind, pairs: Pairs) -> Named:
        for label, one in (("this", this), ("other", other)):
            for name, matrix in (("out", one.lists), ("in", one.listed), ("undirected", one.near)):
                degree = _degree(matrix)
                for end, nodes in zip(("source", "target"), pairs, strict=True):
                    yield f"{name}_degree_{label}_{end}", degree[nodes]
        yield "undirected_attachment", _attachment(this.near, this.near, pairs)
        yield "attachment", _attachment(this.lists, this.listed, pairs)
        source, target = pairs
        yield "reverse", _entries(this.lists, target, source)
        yield "other_kind", _entries(other.lists, source, target)
        yield "other_kind_reverse", _entries(other.lists, target, source)

    def _two_steps(self, this: _Kind, other: _Kind, pairs: Pairs) -> Named:
        for label, one in (("this", this), ("other", other)):
            for name, left, right in (
                ("both_list", one.lists, one.lists),
                ("both_listed", one.listed, one.listed),
                ("chain", one.lists, one.listed),
                ("chain_back", one.listed, one.lists),
            ):
                yield f"{name}_{label}", _through(left @ self._rarity, right, pairs)
            common = _through(one.near, one.near, pairs)
            yield f"undirected_common_{label}", common
            yield f"undirected_adamic_adar_{label}", _through(one.near @ self._rarity, one.near, pairs)
            yield f"undirected_allocation_{label}", _through(one.near @ self._reciprocal, one.near, pairs)
            source, target = pairs
            either = _degree(one.near)[source] + _degree(one.near)[target] - common
            yield f"undirected_jaccard_{label}", common / np.maximum(either, 1)
        near = self._all.near
        yield "undirected_this_then_other", _through(this.near @ self._rarity, other.near, pairs)
        yield "undirected_other_then_this", _through(other.near @ self._rarity, this.near, pairs)
        yield "undirected_adamic_adar_all", _through(near @ self._rarity, near, pairs)

    def _three_steps(self, this: _Kind, other: _Kind, pairs: Pairs) -> Named:
        for name, left, right in (
            ("listed_by_like_source", this.like_source, this.listed),
            ("lists_like_target", this.lists, this.like_target),
            ("listed_by_like_source_other", other.like_source, this.listed),
            ("lists_like_target_other", this.lists, other.like_target),
            ("undirected_like_then_near", this.like_near, this.near),
            ("undirected_near_then_like", this.near, this.like_near),
            ("undirected_like_then_near_all", self._all.like_near, self._all.near),
            ("undirected_near_then_like_all", self._all.near, self._all.like_near),
            ("undirected_like_all_then_near", self._all.like_near, this.near),
            ("undirected_near_then_like_any", this.near, self._all.like_near),
            ("target_lists_like_source", this.like_target, this.lists),
        ):
            yield name, _through(left, right, pairs)
        yield "undirected_alike", _entries(this.like_near, *pairs)
        yield "undirected_alike_all", _entries(self._all.like_near, *pairs)


def adamic_adar(links: TypedLinks, source: IntArray, target: IntArray) -> npt.NDArray[np.float64]:
    """Return Adamic-Adar over the links of all kinds, undirected; equal values go by the product of the degrees."""
    near = undirected(*(adjacency(links, kind) for kind in range(links.kinds)))
    degree = _degree(near).astype(np.float64)
    rarity = sparse.diags_array((1 / np.log(np.maximum(degree, 2))).astype(np.float32))
    return _through(near @ rarity, near, (source, target)) + 1e-9 * degree[source] * degree[target]


def _kind(lists: sparse.csr_array, seed: int) -> _Kind:
    lists = lists.tocsr()
    near, listed = undirected(lists), lists.T.tocsr()
    return _Kind(lists, listed, near, _alike(lists), _alike(listed), _alike(near), _spectrum(near, seed), _factors(lists, seed))


def _alike(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return the cosines between rows, without those of a row with itself."""
    length = np.sqrt(np.asarray((matrix * matrix).sum(axis=1)))
    rows = sparse.diags_array((1 / np.maximum(length, 1e-12)).astype(np.float32)) @ matrix
    cosines: sparse.csr_array = (rows @ rows.T).tocsr()
    cosines.setdiag(0)
    cosines.eliminate_zeros()
    return cosines


def _spectrum(near: sparse.csr_array, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return the largest eigenvalues of the symmetrically normalised adjacency, and their vectors (nodes x eigenvalues)."""
    root = sparse.diags_array((1 / np.sqrt(np.maximum(_degree(near), 1))).astype(np.float32))
    start = np.random.default_rng(seed).random(near.shape[0], dtype=np.float32)
    count = min(SPECTRUM, near.shape[0] - 2)
    values, vectors = eigsh((root @ near @ root).tocsr(), k=count, v0=start, tol=EXACT_ENOUGH)
    return values, vectors


def _factors(lists: sparse.csr_array, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return factors of sources and of targets, whose product is the normalised matrix of who lists whom, smoothed."""
    by_source, by_target = (
        sparse.diags_array((1 / np.sqrt(np.maximum(_degree(m), 1))).astype(np.float32)) for m in (lists, lists.T.tocsr())
    )
    count = min(FACTORS, lists.shape[0] - 1)
    left, values, right = randomized_svd((by_source @ lists @ by_target).tocsr(), count, n_iter=3, random_state=seed)
    return (left * values).astype(np.float32), right.T.astype(np.float32)


def _positions(label: str, one: _Kind, pairs: Pairs) -> Named:
    source, target = pairs
    values, vectors = one.spectrum
    product = vectors[source] * vectors[target]
    for name, shape in SHAPES.items():
        yield f"undirected_{name}_{label}", product @ shape(values)
    smooth = vectors * np.clip(values, 0, 1)
    length = np.maximum(np.linalg.norm(smooth, axis=1), 1e-9)
    yield f"undirected_cosine_{label}", (smooth[source] * smooth[target]).sum(axis=1) / (length[source] * length[target])
    left, right = one.factors
    yield f"short_factors_{label}", (left[source, :SHORT_FACTORS] * right[target, :SHORT_FACTORS]).sum(axis=1)
    yield f"factors_{label}", (left[source] * right[target]).sum(axis=1)
    yield f"factors_reverse_{label}", (left[target] * right[source]).sum(axis=1)


def _attachment(left: sparse.csr_array, right: sparse.csr_array, pairs: Pairs) -> FloatArray:
    return np.log1p(_degree(left)[pairs[0]]) + np.log1p(_degree(right)[pairs[1]])


def _degree(matrix: sparse.csr_array) -> FloatArray:
    return np.asarray(matrix.sum(axis=1), dtype=np.float32)


def _entries(matrix: sparse.csr_array, rows: IntArray, columns: IntArray) -> FloatArray:
    return np.asarray(matrix[rows, columns], dtype=np.float32).ravel()


def _through(left: sparse.csr_array, right: sparse.csr_array, pairs: Pairs) -> FloatArray:
    """Return for each pair the product of its source's row in `left` and its target's row in `right`."""
    source, target = pairs
    starts = range(0, len(source), ROWS_AT_ONCE)
    parts = [(left[source[at : at + ROWS_AT_ONCE]] * right[target[at : at + ROWS_AT_ONCE]]).sum(axis=1) for at in starts]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32)
