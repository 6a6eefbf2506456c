"""What a place would have brought, as a model tells it: each row is judged by a model that has seen nothing of its household."""

from typing import Protocol

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from decisions.recommend.logged_places import Alternatives
from features.repertoire import FloatArray, IntArray

__all__ = ["told_rewards"]

FOLDS = 5
VALUE_MODEL = {
    "objective": "regression", "num_leaves": 15, "min_data_in_leaf": 50, "learning_rate": 0.1, "num_threads": 1,
    "deterministic": True, "verbose": -1,
}  # fmt: skip
VALUE_ROUNDS = 100


class _Told(Protocol):
    def __call__(self, features: FloatArray) -> FloatArray: ...


def told_rewards(
    features: FloatArray, reward: FloatArray, cluster: IntArray, alternatives: Alternatives, *, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return the rewards that a model tells of what was shown, and what it expects of the other policy at each place.

    Rewards of 0 and 1 are modelled by a logistic regression, which stays calm with few of them, other ones by gradient boosting.
    Clusters fall into five folds; a fold is told by the model of the other four (cross-fitting; Chernozhukov et al. 2018).
    """
    shown, told = np.zeros(len(reward)), np.zeros(len(alternatives.row))
    fold = _folds(cluster, seed)
    fold_of_alternative = fold[alternatives.row]
    for held in np.unique(fold):
        model = _fitted(features[fold != held], reward[fold != held], seed)
        shown[fold == held] = model(features[fold == held])
        told[fold_of_alternative == held] = model(alternatives.features[fold_of_alternative == held])
    expected = np.bincount(alternatives.row, alternatives.target * told, len(reward))
    return shown, np.asarray(expected, dtype=np.float64)


def _folds(cluster: IntArray, seed: int) -> IntArray:
    """Return a fold for each row, the same for all rows of a cluster."""
    ids, at = np.unique(cluster, return_inverse=True)
    return np.asarray(np.random.default_rng(seed).permutation(len(ids))[at] % FOLDS)


def _fitted(features: FloatArray, reward: FloatArray, seed: int) -> _Told:
    values = np.unique(reward)
    if len(values) <= 1:
        constant = float(values[0]) if len(values) else 0.0
        return lambda rows: np.full(len(rows), constant)
    if set(values.tolist()) == {0.0, 1.0}:
        binary = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(features, reward)
        return lambda rows: np.asarray(binary.predict_proba(rows)[:, 1]) if len(rows) else np.zeros(0)
    data = lightgbm.Dataset(features, reward, params={"seed": seed, **VALUE_MODEL}, free_raw_data=True)
    trees = lightgbm.train({"seed": seed, **VALUE_MODEL}, data, VALUE_ROUNDS)
    return lambda rows: np.asarray(trees.predict(rows)) if len(rows) else np.zeros(0)
