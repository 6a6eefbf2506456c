"""Graph systems of `bench switching`: the ready recipe of FastRP with nearest neighbours, and the graph neural network."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import minimize_scalar

from bench.frame import BenchContext
from bench.switching_cases import Case, open_cases
from bench.switching_scores import Scored
from features.category_lines import CategoryLines
from features.choice_occasions import passed_over
from features.graph_features import FastRpKnn
from gnn.export import ProductVectors, load_vectors
from kg.algorithms.portable import PortableAlgorithms
from kg.algorithms.ports import EMBEDDING_ID, HouseholdProducts
from kg.snapshot import current_folder, open_snapshot
from ontology.schema import load_schema
from pipeline.layout import HomeLayout

__all__ = ["fastrp_scores", "network_scored", "trained", "with_network"]

SEED = 7
EPOCH = date(1970, 1, 1)
TRIED_DAYS = 84
MOST_WEIGHT = 3.0


def fastrp_scores(context: BenchContext, cases: Sequence[Case], lines: CategoryLines) -> Scored:
    """Return the cosine to the missing product in FastRP embeddings as of the last month's end before each case."""
    recipe = FastRpKnn()
    snapshot = open_snapshot(current_folder(HomeLayout(context.home).snapshots))
    engine = PortableAlgorithms(snapshot, load_schema())
    vectors: dict[date, tuple[pa.Array, np.ndarray]] = {}
    for month in sorted({_month_end(case.missing.day) for case in cases}):
        found = engine.fast_rp(
            HouseholdProducts(month, recipe.minimum_households),
            dimensions=recipe.dimensions,
            iteration_weights=recipe.iteration_weights,
            normalization_strength=recipe.normalization_strength,
            seed=SEED,
        )
        flat = found["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, recipe.dimensions)
        unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
        vectors[month] = found[EMBEDDING_ID].combine_chunks(), unit

    def scored(case: Case) -> np.ndarray:
        known, unit = vectors[_month_end(case.missing.day)]
        place = pc.index_in(_ids(lines, case), value_set=known)
        at = np.asarray(pc.fill_null(place, -1).to_numpy(zero_copy_only=False))
        own = np.where((at >= 0)[:, None], unit[np.maximum(at, 0)], 0.0)
        return _for_all(case, own @ own[case.choices.missing])

    return scored


def network_scored(vectors: ProductVectors, lines: CategoryLines) -> Scored:
    """Return the network's own scores of candidates, by its decoder of substitutes alone."""
    return lambda case: _for_all(case, _network(vectors, case, lines))


def with_network(
    context: BenchContext, served: Scored, known: CategoryLines, lines: CategoryLines, vectors: ProductVectors
) -> Scored:
    """Return the served model's chances, times exp(weight x the network's score): the weight was learned before the cases.

    A network trained twelve weeks earlier scores products passed over since; the weight that makes their choices likeliest is
    used with the network of the day.

    Args:
        context: of the run.
        served: the chances of the model that is served.
        known: lines up to the day of `vectors`.
        lines: of the cases that are asked about.
        vectors: of the network of the day.
    """
    before = vectors.as_of - timedelta(days=TRIED_DAYS)
    earlier = trained(context, before)
    drawn = passed_over(known, seed=SEED + 1, days_per_category=3, products_per_day=1, horizon_days=28)
    tried = open_cases(known, [one for one in drawn if one.day >= (before - known.epoch).days], stayed=False)
    pairs = [(served(case), _network(earlier, case, known), case.choices.share) for case in tried]

    def loss(weight: float) -> float:
        return sum(-float((share * np.log(_weighed(chance, near, weight) + 1e-9)).sum()) for chance, near, share in pairs)

    weight = float(minimize_scalar(loss, bounds=(0.0, MOST_WEIGHT), method="bounded").x) if pairs else 0.0
    return lambda case: _weighed(served(case), _network(vectors, case, lines), weight)


def trained(context: BenchContext, as_of: date) -> ProductVectors:
    """Train a network on what was known on a day."""
    with TemporaryDirectory() as folder, context.progress.stage(f"Training the network as of {as_of}"):
        # in a process of its own: torch is not for who only measures, and its memory goes when it ends
        facts = HomeLayout(context.home).lake
        command = [sys.executable, "-m", "gnn", "--lake", str(facts), "--as-of", as_of.isoformat(), "--folder", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own module, paths of our own
        return load_vectors(Path(folder) / "vectors.safetensors")


def _weighed(chance: np.ndarray, near: np.ndarray, weight: float) -> np.ndarray:
    odds = chance * np.exp(weight * near)[None, :]
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _network(vectors: ProductVectors, case: Case, lines: CategoryLines) -> np.ndarray:
    """Return standardised scores of every candidate as a substitute of the missing product."""
    place = pc.index_in(_ids(lines, case), value_set=pa.array(vectors.product_ids))
    at = np.asarray(pc.fill_null(place, -1).to_numpy(zero_copy_only=False))
    score = vectors.score("substitute", np.maximum(at, 0), np.full(at.size, max(at[case.choices.missing], 0)))
    known = np.where(at >= 0, score, score.min())
    return np.asarray((known - known.mean()) / max(float(known.std()), 1e-6), dtype=np.float64)


def _ids(lines: CategoryLines, case: Case) -> pa.Array:
    return lines.product_ids.take(pa.array(lines.product_start[case.missing.category] + case.state.products))


def _for_all(case: Case, score: np.ndarray) -> np.ndarray:
    ranked = score.astype(np.float64)
    ranked[case.choices.missing] = ranked.min() - 1
    return np.tile(ranked, (case.choices.buyers.size, 1))


def _month_end(day: int) -> date:
    return (EPOCH + timedelta(days=day)).replace(day=1) - timedelta(days=1)
