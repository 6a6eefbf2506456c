"""Typed product links as published: the graph to learn from, and labelled pairs to judge.

`train.txt` holds `kind source target`, `valid.txt` and `test.txt` hold `kind source target label`, half of them links and half
random pairs, balanced per kind. Direction is kept: a line says that `source` lists `target`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bench.errors import DataMissing
from gnn.link_scores import TypedLinks

__all__ = [
    "LabelledPairs",
    "LinkData",
    "adjacency",
    "known_codes",
    "pair_codes",
    "random_pairs",
    "read_links",
    "two_hop_pairs",
    "undirected",
]

IntArray = npt.NDArray[np.int64]
FILES = ("train.txt", "valid.txt", "test.txt")


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """Pairs of one kind to judge: `label` is 1 where the pair is a link."""

    source: IntArray
    target: IntArray
    label: IntArray

    def take(self, rows: npt.NDArray[np.bool_] | IntArray) -> "LabelledPairs":
        """Return the pairs of these rows alone."""
        return LabelledPairs(self.source[rows], self.target[rows], self.label[rows])


@dataclass(frozen=True, slots=True)
class LinkData:
    """The links to learn from, and per kind the pairs to choose settings by and to judge."""

    train: TypedLinks
    valid: Mapping[int, LabelledPairs]
    test: Mapping[int, LabelledPairs]


def read_links(folder: Path | None, *, share: float = 1.0) -> LinkData:
    """Read a folder of typed links; `share` keeps that part of the nodes, chosen by their ids, and what lies between them.

    Raises: DataMissing.
    """
    if folder is None or not all((folder / name).is_file() for name in FILES):
        raise DataMissing("links", "gatne_amazon", FILES)
    train, valid, test = (np.loadtxt(folder / name, dtype=np.int64, ndmin=2) for name in FILES)
    ids = np.unique(train[:, 1:3])
    # ids say nothing of what a product is: every so manieth of them is a sample
    ids = ids[:: max(round(1 / share), 1)]
    train, valid, test = (rows[np.isin(rows[:, 1:3], ids).all(axis=1)] for rows in (train, valid, test))
    ids = np.unique(train[:, 1:3])
    valid, test = (rows[np.isin(rows[:, 1:3], ids).all(axis=1)] for rows in (valid, test))
    kinds = np.unique(train[:, 0])
    links = TypedLinks(len(ids), len(kinds), np.searchsorted(kinds, train[:, 0]), *np.searchsorted(ids, train[:, 1:3].T))
    return LinkData(links, _by_kind(valid, kinds, ids), _by_kind(test, kinds, ids))


def _by_kind(rows: IntArray, kinds: IntArray, ids: IntArray) -> dict[int, LabelledPairs]:
    found = {}
    for position, kind in enumerate(kinds.tolist()):
        chosen = rows[rows[:, 0] == kind]
        source, target = np.searchsorted(ids, chosen[:, 1:3].T)
        found[position] = LabelledPairs(source, target, chosen[:, 3])
    return found


def adjacency(links: TypedLinks, kind: int) -> sparse.csr_array:
    """Return the 0/1 matrix of one kind: row lists column."""
    rows = links.kind == kind
    ones = np.ones(int(rows.sum()), dtype=np.float32)
    matrix = sparse.csr_array((ones, (links.source[rows], links.target[rows])), shape=(links.nodes, links.nodes))
    matrix.data[:] = 1
    return matrix


def undirected(*matrices: sparse.csr_array) -> sparse.csr_array:
    """Return the 0/1 matrix of pairs that any of the matrices links, in either direction."""
    total: sparse.csr_array = sum(matrix + matrix.T for matrix in matrices).tocsr()
    total.data[:] = 1
    return total


def pair_codes(nodes: int, source: IntArray, target: IntArray) -> IntArray:
    """Return one number per unordered pair."""
    return np.minimum(source, target) * nodes + np.maximum(source, target)


def random_pairs(
    links: TypedLinks, kind: int, count: int, known: IntArray, random: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Draw at most `count` pairs of nodes that have links of the kind, none of them among the `known` codes."""
    rows = links.kind == kind
    nodes = np.union1d(links.source[rows], links.target[rows])
    source, target = random.choice(nodes, (2, count))
    return _unknown(links.nodes, source, target, known)


def two_hop_pairs(
    links: TypedLinks, kind: int, sources: IntArray, known: IntArray, random: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Draw for each source one node two steps away in the kind's undirected graph, none of the pairs among the `known` codes.

    A source from which nothing lies two steps away gives no pair, and so does one whose draw is known.
    """
    near = undirected(adjacency(links, kind))
    far = (near @ near).tocsr()
    size = np.diff(far.indptr)[sources]
    sources = sources[size > 0]
    target = far.indices[far.indptr[sources] + (random.random(len(sources)) * size[size > 0]).astype(np.int64)].astype(np.int64)
    return _unknown(links.nodes, sources, target, known)


def _unknown(nodes: int, source: IntArray, target: IntArray, known: IntArray) -> tuple[IntArray, IntArray]:
    kept = (source != target) & ~np.isin(pair_codes(nodes, source, target), known)
    return source[kept], target[kept]


def known_codes(links: TypedLinks, kind: int, *more: LabelledPairs) -> IntArray:
    """Return the codes of all pairs that the links, and the positives among `more`, join by the kind."""
    rows = links.kind == kind
    parts: Sequence[IntArray] = [
        pair_codes(links.nodes, links.source[rows], links.target[rows]),
        *(pair_codes(links.nodes, p.source[p.label == 1], p.target[p.label == 1]) for p in more),
    ]
    return np.unique(np.concatenate(parts))
