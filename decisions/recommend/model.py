"""The ranker: LambdaRank over the candidates of each origin, and what each group of features brought to a score."""

from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt

from decisions.recommend.errors import RecommendationArtefactError
from decisions.recommend.examples import Examples
from features.recommend_transform import FEATURES, GROUP_OF_FEATURE, GROUPS
from features.repertoire import FloatArray
from kit.canonical import digest_of_bytes
from kit.threads import threads_for

__all__ = ["ARTEFACT_FORMAT", "MODEL_SYSTEM", "MOVERS", "Moved", "Ranker", "as_told", "fit_ranker", "open_ranker"]

ARTEFACT_FORMAT = "recommend-5"
"""Of the files that `fit` gives: a release of another one is refused."""
MODEL_SYSTEM = "shelfgraph"
"""The name of the ranker among the systems that may be served."""
ROUNDS = 130
SMALL_TRAINING_ROWS = 50_000
SMALL_PREDICTION_ROWS = 5_000
"""Rows below which one thread trains, or tells what groups brought (`kit.threads`)."""
PARAMETERS = {
    "objective": "lambdarank",
    "learning_rate": 0.12,
    "num_leaves": 16,
    "max_depth": 5,
    "min_data_in_leaf": 100,
    "lambdarank_truncation_level": 20,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.6,
    "bagging_freq": 5,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
MOVERS = 2
"""Features that are told of each group: those that moved a score most."""
TOLD_DIGITS = 6
"""Behind the point, of figures and of what each brought."""
_BY_GROUP = np.argsort(GROUP_OF_FEATURE, kind="stable")
_FIRST_OF_GROUP = np.searchsorted(GROUP_OF_FEATURE[_BY_GROUP], np.arange(len(GROUPS)))


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved each row's score: `brought` (rows, groups) by each of `GROUPS`, and of each group the features that moved most.

    `feature` (rows, groups * MOVERS) is a position in `FEATURES`, -1 for none; `figure` is its value and `share` what it brought,
    both `as_told`. What groups brought is told whole, so that it sums to the score.
    """

    brought: FloatArray
    feature: npt.NDArray[np.int16]
    figure: FloatArray
    share: FloatArray


@dataclass(frozen=True, slots=True)
class Ranker:
    """A trained ranker. `base` is what every score starts from: a score is `base` plus its contributions."""

    booster: lightgbm.Booster
    base: float

    def scores(self, figures: npt.NDArray[np.float32]) -> FloatArray:
        """Return the score of each row; only their order within one origin means something."""
        if not len(figures):
            return np.empty(0)
        return np.asarray(self.booster.predict(figures, num_threads=1), dtype=np.float64)

    def moved(self, figures: npt.NDArray[np.float32]) -> Moved:
        """Return what moved the score of each row: Shapley values of the trees, summed by group, and the largest of each."""
        values = self._shapley(figures)
        # row by row, so that a row's sums do not depend on how many rows are asked for; a matrix product's may
        brought = np.asarray(np.add.reduceat(np.take(values, _BY_GROUP, axis=1), _FIRST_OF_GROUP, axis=1))
        largest = [
            columns[np.argsort(-np.abs(values[:, columns]), axis=1, kind="stable")[:, :MOVERS]]
            for columns in (np.flatnonzero(group == GROUP_OF_FEATURE) for group in range(len(GROUPS)))
        ]
        feature = np.concatenate(largest, axis=1)
        figure, share = (as_told(np.take_along_axis(part, feature, axis=1)) for part in (figures, values))
        return Moved(brought, feature.astype(np.int16), figure, share)

    def _shapley(self, figures: npt.NDArray[np.float32]) -> FloatArray:
        if not len(figures):
            return np.empty((0, len(FEATURES)))
        threads = threads_for(len(figures), small=SMALL_PREDICTION_ROWS)
        values = np.asarray(self.booster.predict(figures, pred_contrib=True, num_threads=threads), dtype=np.float64)
        return values[:, :-1]

    def text(self) -> bytes:
        """Return the model as LightGBM writes it."""
        return str(self.booster.model_to_string()).encode()


def fit_ranker(examples: Examples, seed: int, groups: tuple[str, ...] = GROUPS) -> Ranker:
    """Train on examples each of whose origins has a hit. Equal examples and seed give equal bytes.

    `groups` names the groups of features that may be looked at: a measurement of what a group buys leaves it out here.
    """
    looked_at = np.isin(GROUP_OF_FEATURE, [GROUPS.index(group) for group in groups])
    queries = np.unique(examples.origin, return_counts=True)[1]
    threads = {"num_threads": threads_for(len(examples.label), small=SMALL_TRAINING_ROWS)}
    data = lightgbm.Dataset(
        examples.figures,
        examples.label,
        group=queries,
        feature_name=list(FEATURES),
        params={"max_bin": PARAMETERS["max_bin"], "verbosity": -1, **threads},
        free_raw_data=True,
    )
    shut = {} if looked_at.all() else {"feature_contri": looked_at.astype(float).tolist()}
    booster = lightgbm.train({**PARAMETERS, **shut, **threads, "seed": seed}, data, num_boost_round=ROUNDS)
    return _with_base(booster)


def as_told(figures: npt.NDArray[np.floating]) -> FloatArray:
    """Return figures as explanations tell them: rounded, and the same whether they were kept in single or double precision."""
    single: FloatArray = figures.astype(np.float32).astype(np.float64)
    return np.round(single, TOLD_DIGITS)


def open_ranker(text: bytes, digest: str) -> Ranker:
    """Read a model after checking its digest: a damaged one must never reach LightGBM, which ends the process on it.

    Raises: RecommendationArtefactError.
    """
    if digest_of_bytes(text) != digest:
        raise RecommendationArtefactError("the model's text was changed after training.")
    booster = lightgbm.Booster(model_str=text.decode())
    if tuple(booster.feature_name()) != FEATURES:
        raise RecommendationArtefactError("it was trained on other features than this version computes.")
    return _with_base(booster)


def _with_base(booster: lightgbm.Booster) -> Ranker:
    nothing = np.full((1, len(FEATURES)), np.nan, np.float32)
    return Ranker(booster, float(np.asarray(booster.predict(nothing, pred_contrib=True, num_threads=1))[0, -1]))
