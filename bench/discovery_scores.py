"""Figures of discovery lists: 90 % intervals that draw households and weeks, both with all their lists, and paired ratios."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.frame import BenchRow
from bench.next_basket_scores import DRAWS, Judged
from features.repertoire import FloatArray, IntArray

__all__ = ["Draws", "discovery_slice"]

SEED = 7


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Whose list each is and of which week, and how often each household and week is drawn: (draws, households or weeks)."""

    household: IntArray
    week: IntArray
    households: IntArray
    weeks: IntArray

    @classmethod
    def of(cls, household: IntArray, week: IntArray) -> "Draws":
        """Draw as many households and weeks as there are, with replacement, `DRAWS` times."""
        random = np.random.default_rng(SEED)
        whose, which = (np.unique(codes, return_inverse=True)[1] for codes in (household, week))
        drawn = [
            np.stack([np.bincount(random.integers(0, count, count), minlength=count) for _ in range(DRAWS)])
            for count in (int(whose.max()) + 1, int(which.max()) + 1)
        ]
        return cls(whose, which, *drawn)

    def interval(self, above: FloatArray, below: FloatArray) -> tuple[float, float]:
        """Return the 90 % interval of the ratio of two sums over lists."""
        sums = [self._sums(values) for values in (above, below)]
        some = sums[1] > 0
        low, high = np.quantile(sums[0][some] / sums[1][some], (0.05, 0.95)).tolist() if some.any() else (0.0, 0.0)
        return low, high

    def _sums(self, values: FloatArray) -> FloatArray:
        table = np.zeros((self.households.shape[1], self.weeks.shape[1]))
        np.add.at(table, (self.household, self.week), values)
        return np.asarray(((self.households @ table) * self.weeks).sum(axis=1), dtype=np.float64)


def discovery_slice(
    name: str, systems: Mapping[str, Judged], draws: Draws, against: Sequence[str], ours: str = "shelfgraph"
) -> Iterator[BenchRow]:
    """Return every metric of every system; of ours the ratio to each of `against`, of ablations that to ours, too.

    An ablation is compared with our first trainings, as many as it has itself.
    """
    for system, judged in systems.items():
        for metric, values in judged.values.items():
            mean = values.mean(axis=0)
            low, high = draws.interval(mean, np.ones(len(mean)))
            yield BenchRow(system, metric, name, float(mean.mean()), low, high, len(mean), judged.seeds)
        if judged.seeds > 1:
            by_seed = judged.values["ndcg@10"].mean(axis=1)
            spread = float(by_seed.max() - by_seed.min())
            yield BenchRow(system, "ndcg@10_seed_spread", name, spread, n=judged.values["ndcg@10"].shape[1], seeds=judged.seeds)
        if system.startswith(ours):
            yield from (_ratio(name, system, judged, floor, systems[floor], draws) for floor in against)
        if system.startswith(f"{ours}-"):
            yield _ratio(name, system, judged, ours, systems[ours], draws)


def _ratio(name: str, system: str, judged: Judged, other: str, theirs: Judged, draws: Draws) -> BenchRow:
    above, below = (_mean(one, judged.seeds) for one in (judged, theirs))
    low, high = draws.interval(above, below)
    value = float(above.mean() / below.mean()) if below.any() else 0.0
    return BenchRow(system, f"ndcg@10_ratio_to_{other}", name, value, low, high, len(above), judged.seeds)


def _mean(judged: Judged, seeds: int) -> FloatArray:
    values: npt.NDArray[np.float64] = judged.values["ndcg@10"][:seeds]
    return np.asarray(values.mean(axis=0))
