"""What one household's list costs, ranked when it is asked for, as serving does it: features read back from their tables."""

import time
from collections.abc import Mapping

import numpy as np

from bench.frame import BenchRow
from decisions.recommend.fitting import World
from decisions.recommend.model import MODEL_SYSTEM, Ranker
from decisions.recommend.ranking import Ranking, RankingSystem
from features import InMemory
from features.recommend_relations import Items
from features.recommend_tables import ServingFeatures, read_serving_features, serving_tables

__all__ = ["cost_rows"]

HOUSEHOLDS = 200
LISTED = 10


def cost_rows(world: World, rankers: Mapping[str, Ranker]) -> list[BenchRow]:
    """Return the median and the 99th percentile of milliseconds, with contributions, one household after another."""
    features = read_serving_features(InMemory(serving_tables(world.purchases, world.population)))
    rows = []
    for name, ranker in rankers.items():
        taken = _milliseconds(features, Ranking(features, world.neighbours, RankingSystem(MODEL_SYSTEM, ranker)))
        for metric, value in zip(("p50_ms", "p99_ms"), np.quantile(taken, (0.5, 0.99)).tolist(), strict=True):
            rows.append(BenchRow(name, metric, "one_list", value, n=len(taken)))
    return rows


def _milliseconds(features: ServingFeatures, ranking: Ranking) -> list[float]:
    nothing = Items(np.empty(0, np.int64), np.empty(0, np.int64))
    present = np.ones(len(features.product_ids), bool)
    taken = []
    for household in range(min(HOUSEHOLDS, len(features.household_ids))):
        began = time.perf_counter()
        knowledge = features.knowledge.of(household, int(features.knowledge.store[household]))
        ranking.rank(knowledge, nothing, present, LISTED)
        taken.append(1000 * (time.perf_counter() - began))
    return taken
