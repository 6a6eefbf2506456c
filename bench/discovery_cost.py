"""What one household's discovery list costs, computed when it is asked for, with and without each group of figures."""

import time
from collections.abc import Mapping

import numpy as np

from bench.frame import BenchRow
from decisions.recommend.discovery_ranker import DiscoveryRanker
from features.discovery_candidates import DiscoveryDay
from features.discovery_transform import figures_of
from features.repertoire import IntArray

__all__ = ["discovery_cost_rows"]

HOUSEHOLDS = 100


def discovery_cost_rows(
    day: DiscoveryDay, households: IntArray, systems: Mapping[str, tuple[DiscoveryRanker, tuple[str, ...]]]
) -> list[BenchRow]:
    """Return the median and the 99th percentile of milliseconds by system, of which the groups that it looks at are told."""
    rows = []
    for name, (ranker, groups) in systems.items():
        taken = [_milliseconds(day, one, ranker, groups) for one in households[:HOUSEHOLDS].tolist()]
        for metric, value in zip(("p50_ms", "p99_ms"), np.quantile(taken, (0.5, 0.99)).tolist(), strict=True):
            rows.append(BenchRow(name, metric, "one_discovery_list", value, n=len(taken)))
    return rows


def _milliseconds(day: DiscoveryDay, household: int, ranker: DiscoveryRanker, groups: tuple[str, ...]) -> float:
    began = time.perf_counter()
    ranker.scores(figures_of(day, np.array([household]), groups).values)
    return 1000 * (time.perf_counter() - began)
