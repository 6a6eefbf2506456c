"""The second stage on baskets without a catalogue: LambdaRank over candidates, its rounds chosen on users of their own."""

from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy import sparse

from bench.basket_candidates import CandidateFigures
from bench.list_scores import list_scores
from features.repertoire import FloatArray, IntArray

__all__ = ["ROUNDS", "BasketRanker", "fit_basket_ranker", "ranked_lists"]

ROUNDS = (40, 60, 80, 100)
PARAMETERS = {
    "objective": "lambdarank",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 200,
    "lambdarank_truncation_level": 20,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class BasketRanker:
    """A trained ranker and how many of its trees are listened to."""

    booster: lightgbm.Booster
    rounds: int

    def scores(self, values: npt.NDArray[np.float32]) -> FloatArray:
        """Return the score of each row."""
        return np.asarray(self.booster.predict(values, num_iteration=self.rounds, num_threads=1), dtype=np.float64)


def fit_basket_ranker(
    train: CandidateFigures, valid: CandidateFigures, wanted: sparse.csr_array, seed: int, rounds: tuple[int, ...] = ROUNDS
) -> BasketRanker:
    """Train on some users' next baskets and choose the number of trees by NDCG@10 on others'.

    Args:
        train: candidates of the users to learn from; those without a hit teach nothing and are left out.
        valid: candidates of the users to choose by.
        wanted: users x items, 1 where the next basket held the item.
        seed: of the trees.
        rounds: numbers of trees to choose from.
    """
    label = _labels(train, wanted)
    kept = (np.bincount(train.user, weights=label, minlength=wanted.shape[0]) > 0)[train.user]
    data = lightgbm.Dataset(
        train.values[kept],
        label[kept].astype(np.int32),
        group=np.unique(train.user[kept], return_counts=True)[1],
        feature_name=list(train.names),
        params={name: PARAMETERS[name] for name in ("max_bin", "verbosity", "num_threads")},
    )
    booster = lightgbm.train({**PARAMETERS, "seed": seed}, data, num_boost_round=max(rounds))
    quality = {}
    for some in rounds:
        users, lists = ranked_lists(valid, BasketRanker(booster, some).scores(valid.values), 10)
        quality[some] = float(list_scores(lists, wanted[users], (10,))["ndcg@10"].mean())
    return BasketRanker(booster, max(rounds, key=lambda some: quality[some]))


def _labels(figures: CandidateFigures, wanted: sparse.csr_array) -> npt.NDArray[np.bool_]:
    return np.asarray(wanted[figures.user, figures.item] > 0)


def ranked_lists(figures: CandidateFigures, scores: FloatArray, k: int) -> tuple[IntArray, IntArray]:
    """Return the users, ascending, and users x k: the best candidates of each, equals by position; -1 where they are fewer."""
    order = np.lexsort((figures.item, -scores, figures.user))
    users, first, many = np.unique(figures.user, return_index=True, return_counts=True)
    place = np.arange(k)
    there = place < many[:, None]
    rows = order[np.where(there, first[:, None] + place, 0)]
    return users, np.where(there, figures.item[rows], -1)
