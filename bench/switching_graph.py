"""What other parts of the product say of candidates, for `bench switching`: FastRP with nearest neighbours, the graph neural
network, and responses to promotions; alone, or joined to the model of choice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import minimize

from bench.costs import Cost, run_module
from bench.frame import BenchContext
from bench.switching_cases import Case
from bench.switching_scores import Scored
from features.category_lines import CategoryLines
from features.graph_features import FastRpKnn
from features.promotion_response import promotion_response
from gnn.export import ProductVectors, load_vectors
from kg.algorithms.portable import PortableAlgorithms
from kg.algorithms.ports import EMBEDDING_ID, HouseholdProducts
from kg.snapshot import current_folder, open_snapshot
from lake import Lake
from ontology.schema import load_schema
from pipeline.layout import HomeLayout

__all__ = ["FastRp", "Signal", "for_all", "joined", "network_signal", "promotion_signal", "trained"]

SEED = 7
EPOCH = date(1970, 1, 1)
MOST_WEIGHT = 3.0

Signal = Callable[[Case, CategoryLines], np.ndarray]
"""Returns a score of every candidate as a replacement of the missing product, in standard deviations from the mean."""


@dataclass(slots=True)
class FastRp:
    """Cosine to the missing product in FastRP embeddings as of the last month's end before each case."""

    engine: PortableAlgorithms
    vectors: dict[date, tuple[pa.Array, np.ndarray]] = field(default_factory=dict)

    @classmethod
    def of(cls, context: BenchContext) -> "FastRp":
        """Open the published graph."""
        return cls(PortableAlgorithms(open_snapshot(current_folder(HomeLayout(context.home).snapshots)), load_schema()))

    def __call__(self, case: Case, lines: CategoryLines) -> np.ndarray:
        """Return the cosines, standardised."""
        known, unit = self.month(_month_end(case.missing.day))
        place = pc.index_in(_ids(lines, case), value_set=known)
        at = np.asarray(pc.fill_null(place, -1).to_numpy(zero_copy_only=False))
        own = np.where((at >= 0)[:, None], unit[np.maximum(at, 0)], 0.0)
        return _standard(own @ own[case.choices.missing])

    def month(self, day: date) -> tuple[pa.Array, np.ndarray]:
        """Return the ids and unit vectors of a day, computed once."""
        if day not in self.vectors:
            recipe = FastRpKnn()
            found = self.engine.fast_rp(
                HouseholdProducts(day, recipe.minimum_households),
                dimensions=recipe.dimensions,
                iteration_weights=recipe.iteration_weights,
                normalization_strength=recipe.normalization_strength,
                seed=SEED,
            )
            flat = found["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, recipe.dimensions)
            unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
            self.vectors[day] = found[EMBEDDING_ID].combine_chunks(), unit
        return self.vectors[day]


def network_signal(vectors: ProductVectors) -> Signal:
    """Return the network's scores by its decoder of substitutes."""

    def scored(case: Case, lines: CategoryLines) -> np.ndarray:
        place = pc.index_in(_ids(lines, case), value_set=pa.array(vectors.product_ids))
        at = np.asarray(pc.fill_null(place, -1).to_numpy(zero_copy_only=False))
        score = vectors.score("substitute", np.maximum(at, 0), np.full(at.size, max(at[case.choices.missing], 0)))
        return _standard(np.where(at >= 0, score, score.min()))

    return scored


def promotion_signal(lake: Lake, as_of: date) -> Signal:
    """Return how strongly each product lost purchases while the missing one was promoted, as measured up to a day; what was not
    measured is at the mean.
    """
    measured = promotion_response(lake, as_of)
    rows = measured.filter(measured["same_category"])
    found: dict[str, dict[str, float]] = {}
    columns = (rows[name].to_pylist() for name in ("promoted", "responding", "response"))
    for promoted, responding, response in zip(*columns, strict=True):
        found.setdefault(promoted, {})[responding] = -response

    def scored(case: Case, lines: CategoryLines) -> np.ndarray:
        ids = _ids(lines, case).to_pylist()
        of_missing = found.get(ids[case.choices.missing], {})
        told = np.array([of_missing.get(one, np.nan) for one in ids])
        if np.isnan(told).all():
            return np.zeros(told.size)
        return _standard(np.where(np.isnan(told), np.nanmean(told), told))

    return scored


def joined(
    served: Scored, signals: Sequence[tuple[Signal, Signal]], tried: Sequence[Case], known: CategoryLines, lines: CategoryLines
) -> Scored:
    """Return the served model's chances, times exp(weights x signals): the weights were learned before the cases.

    Args:
        served: the chances of the model that is served.
        signals: each as of a day before `tried`, and as of the day before the cases.
        tried: the weights, none below 0, are those that make their choices likeliest.
        known: lines of `tried`.
        lines: of the cases that are asked about.
    """
    parts = [(served(case), np.stack([one(case, known) for one, _ in signals]), case.choices.share) for case in tried]

    def loss(weights: np.ndarray) -> float:
        return sum(-float((share * np.log(_weighed(chance, weights @ near) + 1e-9)).sum()) for chance, near, share in parts)

    nothing = np.zeros(len(signals))
    found = minimize(loss, nothing + 0.05, bounds=[(0.0, MOST_WEIGHT)] * len(signals), method="L-BFGS-B").x if parts else nothing
    return lambda case: _weighed(served(case), found @ np.stack([today(case, lines) for _, today in signals]))


def trained(context: BenchContext, as_of: date) -> tuple[ProductVectors, Cost]:
    """Train a network on what was known on a day, and say what it took."""
    with TemporaryDirectory() as folder, context.progress.stage(f"Training the network as of {as_of}"):
        # in a process of its own: torch is not for who only measures, and its memory goes when it ends
        facts = HomeLayout(context.home).lake
        cost = run_module("gnn", ["--lake", str(facts), "--as-of", as_of.isoformat(), "--folder", folder])
        return load_vectors(Path(folder) / "vectors.safetensors"), cost


def for_all(signal: Signal, lines: CategoryLines) -> Scored:
    """Return a signal as scores of cases: the same for all buyers, the missing product last."""

    def scored(case: Case) -> np.ndarray:
        ranked = signal(case, lines).astype(np.float64)
        ranked[case.choices.missing] = ranked.min() - 1
        return np.tile(ranked, (case.choices.buyers.size, 1))

    return scored


def _weighed(chance: np.ndarray, near: np.ndarray) -> np.ndarray:
    odds = chance * np.exp(near)[None, :]
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _standard(score: np.ndarray) -> np.ndarray:
    return np.asarray((score - score.mean()) / max(float(score.std()), 1e-6), dtype=np.float64)


def _ids(lines: CategoryLines, case: Case) -> pa.Array:
    return lines.product_ids.take(pa.array(lines.product_start[case.missing.category] + case.state.products))


def _month_end(day: int) -> date:
    return (EPOCH + timedelta(days=day)).replace(day=1) - timedelta(days=1)
