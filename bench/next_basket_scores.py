"""Figures of next-basket lists: metrics at each length, means over seeds, paired intervals over households."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.frame import BenchRow
from decisions.recommend.scoring import ListQuality
from features.repertoire import FloatArray, IntArray

__all__ = ["LENGTHS", "METRICS", "Judged", "joined", "judged_floors", "rows_of"]

DRAWS = 1000
SEED = 7
LENGTHS = (10, 20)
METRICS = ("recall", "ndcg", "hit_rate")
FLOOR = "decayed_frequency"
OURS = "shelfgraph"


@dataclass(frozen=True, slots=True)
class Judged:
    """How good one system's lists are, by metric and length: a matrix (seeds, lists) each. A floor has one seed."""

    values: Mapping[str, FloatArray]

    @property
    def seeds(self) -> int:
        """How many trainings it is the mean of."""
        return len(self.values[f"ndcg@{LENGTHS[0]}"])


def joined(qualities: Sequence[Sequence[Mapping[int, ListQuality]]]) -> Judged:
    """Join what each seed's lists were worth, trial after trial. `qualities`: by seed, by trial, by length."""
    return Judged(
        {
            f"{metric}@{k}": np.stack([np.concatenate([getattr(trial[k], metric) for trial in seed]) for seed in qualities])
            for metric in METRICS
            for k in LENGTHS
        }
    )


def judged_floors(scores: Sequence[Mapping[str, Mapping[str, FloatArray]]]) -> dict[str, Judged]:
    """Return each floor's lists, trial after trial. `scores`: by trial, by floor, by metric."""
    wanted = [f"{metric}@{k}" for metric in METRICS for k in LENGTHS]
    return {
        name: Judged({metric: np.concatenate([trial[name][metric] for trial in scores])[None] for metric in wanted})
        for name in scores[0]
    }


def rows_of(name: str, systems: Mapping[str, Judged], household: IntArray) -> Iterator[BenchRow]:
    """Return the rows of a slice; `household` says whose each list is. Households are resampled, with all their lists."""
    counts = _resampled(household)
    floors = [system for system in systems if not system.startswith(OURS)]
    best = max(floors, key=lambda system: float(systems[system].values["ndcg@10"].mean()))
    for system, judged in systems.items():
        for metric, values in judged.values.items():
            mean = values.mean(axis=0)
            low, high = _interval(_totals(mean, household), _totals(np.ones(len(mean)), household), counts)
            yield BenchRow(system, metric, name, float(mean.mean()), low, high, len(mean), judged.seeds)
        if judged.seeds > 1:
            by_seed = judged.values["ndcg@10"].mean(axis=1)
            spread = float(by_seed.max() - by_seed.min())
            yield BenchRow(system, "ndcg@10_seed_spread", name, spread, n=judged.values["ndcg@10"].shape[1], seeds=judged.seeds)
        if system.startswith(OURS):
            yield from _ratios(name, system, judged, {FLOOR: systems[FLOOR], "best_floor": systems[best]}, household, counts)


def _ratios(
    name: str, system: str, judged: Judged, floors: Mapping[str, Judged], household: IntArray, counts: IntArray
) -> Iterator[BenchRow]:
    for (floor, its), k in itertools.product(floors.items(), LENGTHS):
        ours, theirs = (one.values[f"ndcg@{k}"].mean(axis=0) for one in (judged, its))
        low, high = _interval(_totals(ours, household), _totals(theirs, household), counts)
        value = float(ours.mean() / theirs.mean())
        yield BenchRow(system, f"ndcg@{k}_ratio_to_{floor}", name, value, low, high, len(ours), judged.seeds)


def _resampled(household: IntArray) -> IntArray:
    """Return how often each household is drawn: shape (draws, households)."""
    households = int(household.max()) + 1
    there = np.unique(household)
    random = np.random.default_rng(SEED)
    return np.stack([np.bincount(random.choice(there, len(there)), minlength=households) for _ in range(DRAWS)])


def _totals(values: FloatArray, household: IntArray) -> FloatArray:
    return np.asarray(np.bincount(household, weights=values), dtype=np.float64)


def _interval(above: FloatArray, below: FloatArray, counts: IntArray) -> tuple[float, float]:
    low, high = np.quantile((counts @ above) / (counts @ below), (0.05, 0.95)).tolist()
    return low, high
