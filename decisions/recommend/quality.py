"""What an answer's explanations are like: how recent, how popular and how varied the paths are that they cite.

The three views are those of Balloccu, Boratto, Fenu and Marras (2022), "Post processing recommender systems with knowledge
graphs for recency, popularity, and diversity of explanations".
"""

from collections.abc import Sequence
from datetime import date
from math import fsum

import numpy as np

from decisions.envelope import ExplanationPath, NodeName
from decisions.recommend.contract import PathQuality, RecommendationExplanation, RecommendationPath, RecommendedProduct
from decisions.recommend.shelf import Shelf
from features.repertoire import FloatArray
from kg.ports import Direction

__all__ = ["KINDS_OF_PATHS", "PathMeasures"]

KINDS_OF_PATHS = 7
"""A purchase, one of the kind, a promotion, a purchase behind a taste, and three relations."""


class PathMeasures:
    """Measures paths on one release.

    Args:
        shelf: what sells, by product; a category sells what its products do.
        as_of: the day of the release, from which ages count.
    """

    def __init__(self, shelf: Shelf, as_of: date) -> None:
        self._as_of = as_of
        sold = shelf.features.population.baskets_in_28_days.astype(np.float64)
        ids = shelf.features.product_ids.to_pylist()
        self._percentile = {
            "Product": dict(zip(ids, _percentiles(sold).tolist(), strict=True)),
            "ProductCategory": _of_categories(shelf, sold),
        }

    def of(self, items: Sequence[RecommendedProduct]) -> PathQuality | None:
        """Return the quality of an answer's explanations; None for an answer without suggestions."""
        if not items:
            return None
        paths = [(item.product_id, path) for item in items for path in item.explanation.paths]
        told = [one.explanation for one in items if isinstance(one.explanation, RecommendationExplanation)]
        kinds = {_kind(path) for _, path in paths}
        return PathQuality(
            cited_share=sum(bool(item.explanation.paths) for item in items) / len(items),
            recency_days=_mean([self._age(path) for _, path in paths]),
            popularity_percentile=_mean([self._popularity(path, product_id) for product_id, path in paths]),
            diversity=len(kinds) / min(len(paths), KINDS_OF_PATHS) if paths else None,
            fidelity=_mean([one.fidelity for one in told]),
        )

    def _age(self, path: ExplanationPath) -> float | None:
        newest = max((hop.evidence.last_observed for hop in path.hops if hop.evidence.last_observed), default=None)
        return None if newest is None else float(max((self._as_of - newest).days, 0))

    def _popularity(self, path: ExplanationPath, product_id: str) -> float | None:
        node = _shared(path, product_id)
        return None if node is None else self._percentile[node.label].get(node.id)


def _shared(path: ExplanationPath, product_id: str) -> NodeName | None:
    """Return the last product or category on the way that is not what is suggested; what is suggested where there is none."""
    nodes = [node for hop in path.hops for node in _walked(hop.source, hop.target, backwards=hop.walked_backwards)]
    goods = [node for node in nodes if node.label in {"Product", "ProductCategory"}]
    others = [node for node in goods if node.id != product_id]
    return others[-1] if others else goods[-1] if goods else None


def _walked(source: NodeName, target: NodeName, *, backwards: bool) -> tuple[NodeName, NodeName]:
    return (target, source) if backwards else (source, target)


def _kind(path: ExplanationPath) -> tuple[str, str]:
    return path.factor if isinstance(path, RecommendationPath) else "", path.hops[-1].relation


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None


def _percentiles(sold: FloatArray) -> FloatArray:
    """Return for each the share of all that sell no better."""
    return np.asarray(np.searchsorted(np.sort(sold), sold, side="right") / max(len(sold), 1))


def _of_categories(shelf: Shelf, sold: FloatArray) -> dict[str, float]:
    ids = shelf.graph.ids("ProductCategory")
    up = shelf.graph.adjacency("inCategory", Direction.OUT)
    place = shelf.view.place[shelf.view.present]
    first, last = np.asarray(up.indptr)[place], np.asarray(up.indptr)[place + 1]
    category = np.asarray(up.neighbours)[first[first < last]].astype(np.int64)
    total = np.bincount(category, weights=sold[shelf.view.present][first < last], minlength=len(ids))
    there = np.unique(category)
    return {ids[one]: share for one, share in zip(there.tolist(), _percentiles(total[there]).tolist(), strict=True)}
