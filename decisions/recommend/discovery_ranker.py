"""The ranker of discovery: LambdaRank over candidates that a household never bought, and what each group of figures brought."""

from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt

from decisions.recommend.discovery_examples import DiscoveryExamples
from features.discovery_candidates import GROUPS
from features.discovery_transform import COLUMNS, GROUP_OF_COLUMN
from features.repertoire import FloatArray
from kit.threads import threads_for

__all__ = ["DISCOVERY_RANKER", "DiscoveryRanker", "fit_discovery_ranker"]

DISCOVERY_RANKER = "shelfgraph"
"""The name of the ranker among the systems that may serve discovery."""
ROUNDS = 130
SMALL_ROWS = 50_000
PARAMETERS = {
    "objective": "lambdarank",
    "learning_rate": 0.07,
    "num_leaves": 8,
    "min_data_in_leaf": 300,
    "lambdarank_truncation_level": 20,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.6,
    "bagging_freq": 3,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_FIRST_OF_GROUP = np.searchsorted(GROUP_OF_COLUMN, np.arange(len(GROUPS)))


@dataclass(frozen=True, slots=True)
class DiscoveryRanker:
    """A trained ranker. `base` is what every score starts from: a score is `base` plus its contributions."""

    booster: lightgbm.Booster
    base: float

    def scores(self, values: npt.NDArray[np.float32]) -> FloatArray:
        """Return the score of each row; only their order within one household means something."""
        if not len(values):
            return np.empty(0)
        return np.asarray(self.booster.predict(values, num_threads=_threads(values)), dtype=np.float64)

    def contributions(self, values: npt.NDArray[np.float32]) -> FloatArray:
        """Return what each of `GROUPS` brought to the score of each row (Shapley values of the trees, summed by group)."""
        if not len(values):
            return np.empty((0, len(GROUPS)))
        brought = np.asarray(self.booster.predict(values, pred_contrib=True, num_threads=_threads(values)), dtype=np.float64)
        return np.asarray(np.add.reduceat(brought[:, :-1], _FIRST_OF_GROUP, axis=1))

    def text(self) -> bytes:
        """Return the model as LightGBM writes it."""
        return str(self.booster.model_to_string()).encode()


def fit_discovery_ranker(examples: DiscoveryExamples, seed: int, groups: tuple[str, ...] = GROUPS) -> DiscoveryRanker:
    """Train on household-weeks, each with a hit. Equal examples and seed give equal bytes.

    `groups` names the groups of figures that may be looked at: a measurement of what a group buys leaves it out here.
    """
    looked_at = np.isin(GROUP_OF_COLUMN, [GROUPS.index(group) for group in groups])
    threads = {"num_threads": threads_for(len(examples.label), small=SMALL_ROWS)}
    data = lightgbm.Dataset(
        examples.values,
        examples.label,
        group=examples.queries,
        feature_name=list(COLUMNS),
        params={"max_bin": PARAMETERS["max_bin"], "verbosity": -1, **threads},
        free_raw_data=True,
    )
    shut = {} if looked_at.all() else {"feature_contri": looked_at.astype(float).tolist()}
    booster = lightgbm.train({**PARAMETERS, **shut, **threads, "seed": seed}, data, num_boost_round=ROUNDS)
    return _with_base(booster)


def _threads(values: npt.NDArray[np.float32]) -> int:
    return threads_for(len(values), small=SMALL_ROWS)


def _with_base(booster: lightgbm.Booster) -> DiscoveryRanker:
    nothing = np.full((1, len(COLUMNS)), np.nan, np.float32)
    return DiscoveryRanker(booster, float(np.asarray(booster.predict(nothing, pred_contrib=True, num_threads=1))[0, -1]))
