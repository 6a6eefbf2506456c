"""How well the vectors foretell the pairs of later weeks, beside what popularity and common buyers foretell. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy import sparse
from sklearn.metrics import average_precision_score, roc_auc_score

from gnn.examples import Histories
from gnn.export import ProductVectors
from gnn.graph import ShopGraph, build_graph, read_nodes
from gnn.negatives import Negatives, draw_pairs
from gnn.supervision import DECODED, PairSet, observed_pairs
from lake.ports import Lake

__all__ = ["KINDS", "SYSTEMS", "LinkQuality", "evaluate"]

KINDS = ("random", "popular", "same_category", "two_hops")
"""Evenly among the products sold of late, and as `gnn.negatives` draws them."""
SYSTEMS = ("shelfgraph", "adamic_adar", "popularity")
METRICS = ("roc_auc", "pr_auc", "hits@10")
OTHERS = 50
"""Products that were not taken, for each pair: hits@10 is the share of pairs whose source is among the ten highest of 51."""

Scorer = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """One figure: `negatives` says against what (see `KINDS`), `pairs` how many were asked."""

    relation: str
    negatives: str
    system: str
    metric: str
    value: float
    pairs: int


def evaluate(lake: Lake, vectors: ProductVectors, *, until: date, seed: int, most: int = 1000) -> list[LinkQuality]:
    """Return the quality of the vectors and of the floors on `most` pairs of (vectors.as_of, until], by relation and negatives.

    Pairs are drawn by their weight (`gnn.supervision`), the same for all systems. Floors: popularity is the number of buyers of
    the source; adamic_adar weighs the buyers that source and target (or what the household bought) have in common.
    Source of the latter: Adamic and Adar, Friends and neighbors on the web, 2003.
    """
    nodes = read_nodes(lake, vectors.as_of, 1)
    graph = build_graph(lake, nodes, vectors.as_of)
    negatives, rows = Negatives(graph), []
    for relation, pairs in observed_pairs(lake, graph, until, seed).items():
        if len(pairs) and relation in vectors.relations:
            random = np.random.default_rng((seed, DECODED.index(relation)))
            rows += _of_relation(relation, pairs, negatives, _scorers(relation, vectors, graph), random, most)
    return rows


def _of_relation(
    relation: str, pairs: PairSet, negatives: Negatives, scorers: Mapping[str, Scorer], random: np.random.Generator, most: int
) -> list[LinkQuality]:
    source, target = draw_pairs(pairs, most, random)
    rows = []
    for kind in KINDS:
        others = _others(relation, kind, negatives, source, target, random)
        for system, score in scorers.items():
            taken = score(source, target)
            passed = score(others, np.repeat(target, OTHERS)).reshape(len(source), OTHERS)
            figures = zip(METRICS, _figures(taken, passed), strict=True)
            rows += [LinkQuality(relation, kind, system, metric, value, len(source)) for metric, value in figures]
    return rows


def _others(
    relation: str, kind: str, negatives: Negatives, source: np.ndarray, target: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    if kind == "random":
        return negatives.evenly(len(source) * OTHERS, random)
    if kind == "popular":
        return negatives.popular(len(source) * OTHERS, random)
    if kind == "same_category":
        return negatives.same_category(np.repeat(source, OTHERS), random)
    hop = negatives.taste_of_others if relation == "household_buys" else negatives.two_hops
    return hop(np.repeat(target, OTHERS), random)


def _figures(taken: np.ndarray, passed: np.ndarray) -> tuple[float, float, float]:
    """Return ROC-AUC, PR-AUC (one pair to `OTHERS`) and the share of pairs above all but nine; ties count half."""
    truth = np.r_[np.ones(len(taken)), np.zeros(passed.size)]
    scores = np.r_[taken, passed.ravel()]
    above = (passed > taken[:, None]).sum(axis=1) + 0.5 * (passed == taken[:, None]).sum(axis=1)
    return float(roc_auc_score(truth, scores)), float(average_precision_score(truth, scores)), float((above < 10).mean())


def _scorers(relation: str, vectors: ProductVectors, graph: ShopGraph) -> dict[str, Scorer]:
    bought, households = graph.edges["bought_by"], graph.nodes.count("household")
    shape = (graph.nodes.count("product"), households)
    buyers = sparse.csr_array((np.ones(len(bought.product)), (bought.product, bought.other)), shape=shape)
    popularity = np.diff(buyers.indptr)
    degree = np.bincount(bought.other, minlength=households)
    weighed = (buyers @ sparse.diags_array(1.0 / np.log(np.maximum(degree, 2)))).tocsr()
    if relation != "household_buys":
        return {
            "shelfgraph": lambda source, target: vectors.score(relation, source, target),
            "adamic_adar": lambda source, target: _dots(weighed, buyers, source, target),
            "popularity": lambda source, _: popularity[source].astype(np.float64),
        }
    household, product, weight = Histories(graph).of(np.arange(households), None)
    tastes = vectors.household_vectors(household, product, weight, households)
    return {
        "shelfgraph": lambda source, target: np.einsum("ij,ij->i", vectors.sources[relation][source], tastes[target]),
        "adamic_adar": lambda source, target: _through_households(weighed, buyers, source, target),
        "popularity": lambda source, _: popularity[source].astype(np.float64),
    }


def _through_households(
    weighed: sparse.csr_array, buyers: sparse.csr_array, source: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Return the sum of Adamic-Adar between the source and everything that the household bought."""
    asked, place = np.unique(target, return_inverse=True)
    alike = np.asarray((buyers.T @ buyers[:, asked]).todense(), dtype=np.float32)
    products, row = np.unique(source, return_inverse=True)
    scores = np.asarray(weighed[products] @ alike)
    return np.asarray(scores[row.reshape(-1), place.reshape(-1)])


def _dots(
    left: sparse.csr_array, right: sparse.csr_array, rows: np.ndarray, others: np.ndarray, at_once: int = 20_000
) -> np.ndarray:
    parts = [
        np.asarray(left[rows[at : at + at_once]].multiply(right[others[at : at + at_once]]).sum(axis=1)).reshape(-1)
        for at in range(0, len(rows), at_once)
    ]
    return np.concatenate([np.zeros(0), *parts])
