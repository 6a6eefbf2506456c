"""A conditional logit of what households take when a product is missing, with boosted trees for what joins two products.

utility(household, candidate | missing) = w . household part + w . loyalty + w . pair part + trees(pair part). The linear part is
fitted first, drawn to weights that say: recent taste times availability, then popularity; the trees are fitted to what it leaves,
by the gradient of the same likelihood. Source of the model: McFadden, Conditional logit analysis of qualitative choice behavior,
1974; of the trees: Friedman, Greedy function approximation, 2001.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
from scipy.optimize import minimize

from features.choice_features import (
    HOUSEHOLD_FEATURES,
    LOYALTY_FEATURES,
    PAIR_FEATURES,
    household_utility,
    loyalty,
    pair_features,
)
from features.choice_occasions import ChoiceRows
from features.choice_state import ShelfState

__all__ = ["FEATURES", "SAME_TYPE", "ChoiceFit", "ChoiceModel", "fit_on_rows", "prior_model", "trees_that_pay"]

FEATURES = (*HOUSEHOLD_FEATURES, *LOYALTY_FEATURES, *PAIR_FEATURES)
OF_HOUSEHOLD = slice(0, len(HOUSEHOLD_FEATURES))
OF_LOYALTY = slice(len(HOUSEHOLD_FEATURES), len(HOUSEHOLD_FEATURES) + len(LOYALTY_FEATURES))
OF_PAIR = slice(len(HOUSEHOLD_FEATURES) + len(LOYALTY_FEATURES), len(FEATURES))
PRIOR = {"taste_on_shelf": 0.8, "sold_long": 0.5, "sold_short": 0.3, "same_type": 0.3}
"""Where the weights start from, and stay while there is nothing to fit on: `personal_available` with popularity."""
SAME_TYPE = PAIR_FEATURES.index("same_type")
SMALLEST_SPREAD = 1e-6
LEAST_LEAF = 60
TREE_STEP = 10


@dataclass(frozen=True, slots=True)
class ChoiceFit:
    """How the model is fitted.

    Args:
        horizon_days: how long a first choice is waited for.
        days_per_category, products_per_day: how many products passed over are drawn.
        choices_each, others_each: former buyers of each, and candidates not taken of each choice.
        gone_weight: what a choice after a product went away counts, against one in which it was passed over.
        drawn: the pull of the prior, on weights of features scaled to standard deviation 1.
        trees, learning_rate, leaves, threads: of the boosted trees.
    """

    horizon_days: int = 56
    days_per_category: int = 2
    products_per_day: int = 3
    choices_each: int = 12
    others_each: int = 48
    gone_weight: float = 3.0
    drawn: float = 30.0
    trees: int = 100
    learning_rate: float = 0.08
    leaves: int = 15
    threads: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceModel:
    """Weights by feature (float64, in the order of `FEATURES`), and the trees over pair features (None: no trees).

    `choices` counts what it was fitted on.
    """

    weights: np.ndarray
    trees: lightgbm.Booster | None
    choices: int

    @property
    def tree_count(self) -> int:
        """How many trees it has."""
        return 0 if self.trees is None else self.trees.num_trees()

    def losses_by_trees(self, rows: ChoiceRows, counts: Sequence[int]) -> np.ndarray:
        """Return each choice's negative log-likelihood among its sampled candidates, times its weight, with the first trees.

        Args:
            rows: the choices.
            counts: numbers of trees, in ascending order: no tree is asked twice.

        Returns:
            counts x choices (float64).
        """
        utility = (rows.features @ self.weights.astype(np.float32)).astype(np.float64)
        each = np.repeat(rows.weight, rows.size) * rows.taken
        start, asked, found = np.cumsum(rows.size) - rows.size, 0, []
        for count in counts:
            more = min(count, self.tree_count) - asked
            if more > 0 and self.trees is not None:
                added = self.trees.predict(
                    rows.features[:, OF_PAIR], start_iteration=asked, num_iteration=more, raw_score=True, num_threads=1
                )
                utility += np.asarray(added)
                asked += more
            chance = np.maximum(_softmax(utility.astype(np.float32), rows.size), 1e-12)
            found.append(-np.add.reduceat(each * np.log(chance), start, dtype=np.float64))
        return np.array(found)

    def with_trees(self, count: int) -> "ChoiceModel":
        """Return the model with its first `count` trees."""
        if self.trees is None or count >= self.tree_count:
            return self
        kept = lightgbm.Booster(model_str=self.trees.model_to_string(num_iteration=count)) if count else None
        return ChoiceModel(self.weights, kept, self.choices)

    def of_households(self, state: ShelfState, households: np.ndarray) -> np.ndarray:
        """Return the part of utility that does not depend on the missing product (float32, households x products)."""
        return household_utility(state, households, self.weights[OF_HOUSEHOLD])

    def linear_of_pairs(self, pairs: np.ndarray) -> np.ndarray:
        """Return `of_pairs` without the trees."""
        return np.asarray(pairs @ self.weights[OF_PAIR].astype(np.float32))

    def of_pairs(self, pairs: np.ndarray, worth: np.ndarray | None = None) -> np.ndarray:
        """Return the part of utility that households share (float32, missing x products).

        Args:
            pairs: as `features.choice_features.pair_features` gives them.
            worth: which pairs the trees look at (mask); others get the linear part alone. None: all.
        """
        utility = self.linear_of_pairs(pairs)
        if self.trees is None:
            return np.asarray(utility)
        chosen = np.ones(utility.shape, dtype=bool) if worth is None else worth
        if chosen.any():
            utility[chosen] += np.asarray(self.trees.predict(pairs[chosen], raw_score=True, num_threads=1), np.float32)
        return np.asarray(utility)

    def probabilities(
        self, utility: np.ndarray, missing: int, loyal: np.ndarray, same_type: np.ndarray, never: np.ndarray
    ) -> np.ndarray:
        """Return the probability that each buyer's next purchase of the category is each product (buyers x products).

        Args:
            utility: `of_households` of the buyers plus `of_pairs` of the missing product; it is overwritten.
            missing: the product that is not there.
            loyal: share of each buyer's purchases that it had (`features.choice_features.loyalty`).
            same_type: its row of the pair feature.
            never: ones where a buyer never took a product (buyers x products).
        """
        with_type, with_never = self.weights[OF_LOYALTY].astype(np.float32)
        utility += loyal[:, None].astype(np.float32) * (with_type * same_type + with_never * never)
        utility[:, missing] = -np.inf
        utility -= utility.max(axis=1, keepdims=True)
        odds = np.exp(utility)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def predict(self, state: ShelfState, missing: int, buyers: np.ndarray, pairs: np.ndarray | None = None) -> np.ndarray:
        """Return `probabilities` of one missing product, from its features on.

        Args:
            state: the category.
            missing: place of the product.
            buyers: places of households.
            pairs: products x `PAIR_FEATURES` of it, where they are at hand.
        """
        joined = pair_features(state, np.array([missing]))[0] if pairs is None else pairs
        utility = self.of_households(state, buyers) + self.of_pairs(joined)
        never = (state.taken[buyers].toarray() == 0).astype(np.float32)
        return self.probabilities(utility, missing, loyalty(state, buyers, missing), joined[:, SAME_TYPE], never)


def prior_model() -> ChoiceModel:
    """Return the model before any choice was seen."""
    return ChoiceModel(np.array([PRIOR.get(name, 0.0) for name in FEATURES]), None, 0)


def fit_on_rows(rows: ChoiceRows, *, seed: int, fit: ChoiceFit) -> ChoiceModel:
    """Fit on given choices."""
    if not rows.size.size:
        return prior_model()
    weights = _linear(rows, fit.drawn)
    if not fit.trees or not _can_split(rows.features[:, OF_PAIR]):
        return ChoiceModel(weights, None, rows.size.size)
    return ChoiceModel(weights, _trees(rows, rows.features @ weights.astype(np.float32), seed, fit), rows.size.size)


def trees_that_pay(tried: Sequence[tuple[ChoiceModel, ChoiceRows]]) -> int:
    """Return the smallest number of trees that foresees unseen choices as well as the best number, within a standard error.

    Args:
        tried: models, each with choices of categories that it was not fitted on. Choices of one category stand and fall together.
    """
    tried = [(model, rows) for model, rows in tried if rows.size.size]
    if not tried:
        return 0
    counts = range(0, max(model.tree_count for model, _ in tried) + 1, TREE_STEP)
    _, place = np.unique(np.concatenate([rows.category for _, rows in tried]), return_inverse=True)
    losses = np.concatenate([model.losses_by_trees(rows, counts) for model, rows in tried], axis=1)
    lost = np.array([np.bincount(place, of_count) for of_count in losses])
    more = lost - lost[lost.sum(axis=1).argmin()]
    error = np.sqrt(more.shape[1]) * more.std(axis=1)
    return int(counts[np.flatnonzero(more.sum(axis=1) <= error)[0]])


def _linear(rows: ChoiceRows, drawn: float) -> np.ndarray:
    spread = rows.features.std(axis=0).astype(np.float64)
    constant = spread < SMALLEST_SPREAD
    scale = np.where(constant, 1.0, spread)
    prior = prior_model().weights * scale
    # constant over all candidates: nothing to learn, the prior stays
    scaled = np.where(constant, 0.0, rows.features / scale.astype(np.float32)).astype(np.float32)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        chance = _softmax(scaled @ weights.astype(np.float32), rows.size)
        each = np.repeat(rows.weight, rows.size)
        value = -float(np.sum(each * rows.taken * np.log(np.maximum(chance, 1e-12)), dtype=np.float64))
        slope = scaled.T @ (each * (chance - rows.taken))
        away = weights - prior
        return value + drawn * float(away @ away) / 2, slope.astype(np.float64) + drawn * away

    found = minimize(loss, prior, jac=True, method="L-BFGS-B", options={"maxiter": 80})
    return np.asarray(found.x / scale)


def _can_split(features: np.ndarray) -> bool:
    """Return whether some feature parts the rows into two leaves that are large enough: without one there is no tree."""
    low, high = LEAST_LEAF - 1, features.shape[0] - LEAST_LEAF
    if high <= low:
        return False
    ordered = np.partition(features, (low, high), axis=0)
    return bool((ordered[low] < ordered[high]).any())


def _trees(rows: ChoiceRows, start: np.ndarray, seed: int, fit: ChoiceFit) -> lightgbm.Booster:
    each = np.repeat(rows.weight, rows.size)

    def gradient(score: np.ndarray, _: lightgbm.Dataset) -> tuple[np.ndarray, np.ndarray]:
        chance = _softmax(score.astype(np.float32) + start, rows.size)
        return each * (chance - rows.taken), each * np.maximum(chance * (1 - chance), 1e-6)

    settings = {
        "objective": gradient, "learning_rate": fit.learning_rate, "num_leaves": fit.leaves, "min_data_in_leaf": LEAST_LEAF,
        "min_sum_hessian_in_leaf": 2.0, "lambda_l2": 5.0, "feature_fraction": 0.7, "bagging_fraction": 0.7, "bagging_freq": 1,
        "max_bin": 127, "num_threads": fit.threads, "seed": seed, "deterministic": True, "force_row_wise": True, "verbose": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(rows.features[:, OF_PAIR], label=rows.taken, feature_name=list(PAIR_FEATURES))
    return lightgbm.train(settings, data, fit.trees)


def _softmax(utility: np.ndarray, size: np.ndarray) -> np.ndarray:
    start = np.cumsum(size) - size
    odds = np.exp(utility - np.repeat(np.maximum.reduceat(utility, start), size))
    return np.asarray(odds / np.repeat(np.add.reduceat(odds, start), size))
