"""The systems that the forecast benchmark compares, at one origin and with one seed.

`shelfgraph` is what would have been served: fitted, back-tested and made to add up on what was known. Beside it the two models
that it chooses between, the placebo (`shelfgraph-permuted-graph`: the same edges and groups of siblings with the products' places
shuffled), a plain model as one fits it first (`lightgbm`: Poisson, raw lags, means, price and plan), and the simple methods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import lightgbm
import numpy as np

from decisions.forecast.backtest import MODEL_SYSTEM, PULL_SYSTEM, TWIN_SYSTEM, predicted
from decisions.forecast.baseline import baseline_forecasts, year_before
from decisions.forecast.classical import classical_forecasts
from decisions.forecast.levels import SeriesLevel
from decisions.forecast.model import PARAMETERS, ROUNDS, DemandModel, TrainingRows, training_rows
from features.demand import DemandTransform
from features.demand_neighbours import Neighbours, NeighbourVintages
from features.demand_panel import MAXIMUM_HORIZON_WEEKS
from features.demand_pull import PULL_FEATURES

__all__ = [
    "PERMUTED",
    "PLAIN",
    "WITH_NEIGHBOURS",
    "Asked",
    "learned_systems",
    "permuted",
    "permuted_system",
    "plain_system",
    "simple_systems",
]

WITH_NEIGHBOURS, PERMUTED, PLAIN = "shelfgraph-with-neighbours", "shelfgraph-permuted-graph", "lightgbm"
SERVED_HORIZONS = range(1, MAXIMUM_HORIZON_WEEKS + 1)
PLAIN_FEATURES = (
    "last_1", "last_2", "last_3", "mean_4", "mean_8", "mean_13", "mean_26", "zero_share_13", "price_last",
    "display_last", "mailer_last", "display_target", "mailer_target", "horizon", "day_of_month",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is forecast: rows of the panel, and for how many weeks."""

    rows: np.ndarray
    horizons: int


def learned_systems(level: SeriesLevel, asked: Asked) -> dict[str, np.ndarray]:
    """Return the forecasts (horizons x rows) of the model with neighbours and of the one without, whoever serves."""
    features = _ahead(level.transform, asked)
    named = {MODEL_SYSTEM: WITH_NEIGHBOURS, TWIN_SYSTEM: TWIN_SYSTEM, PULL_SYSTEM: PULL_SYSTEM}
    return {named[system]: predicted(model, level.transform, features) for system, model in level.models.items()}


def permuted_system(transform: DemandTransform, asked: Asked, *, seed: int, maximum_rows: int, members: int) -> np.ndarray:
    """Return the forecasts of the model that learned from neighbours in shuffled places."""
    if transform.relations is None:
        raise ValueError("a placebo needs neighbours to permute")
    count = len(transform.chain.product_ids)
    vintages = {week: permuted(known, count, seed) for week, known in transform.relations.by_week}
    shuffled = replace(transform, relations=NeighbourVintages.of(vintages))
    rows = training_rows(shuffled, SERVED_HORIZONS, seed=seed, maximum_rows=maximum_rows)
    names = tuple(name for name in shuffled.names if name not in PULL_FEATURES)
    columns = [shuffled.names.index(name) for name in names]
    model = DemandModel.train(replace(rows, features=rows.features[:, columns]), names, seed=seed, members=members)
    return predicted(model, shuffled, _ahead(shuffled, asked))


def plain_system(transform: DemandTransform, asked: Asked, *, seed: int, maximum_rows: int) -> np.ndarray:
    """Return the forecasts of a model as one fits it first."""
    alone = replace(transform, relations=None)
    rows = training_rows(alone, SERVED_HORIZONS, seed=seed, maximum_rows=maximum_rows)
    columns = [alone.names.index(name) for name in PLAIN_FEATURES]
    booster = _poisson(replace(rows, features=rows.features[:, columns]), seed)
    features = _ahead(alone, asked)[:, :, columns]
    raw = booster.predict(features.reshape(-1, len(columns)), num_threads=2)
    return np.asarray(raw, dtype=np.float64).reshape(features.shape[:2])


def simple_systems(units: np.ndarray, origin: int, horizons: int, classical: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Return the forecasts of the simple methods from past weeks (series x weeks; later columns are not read)."""
    known = units[:, :origin]
    return {
        **baseline_forecasts(known, year_before(known, origin, horizons)),
        **classical_forecasts(known, horizons, classical),
    }


def _ahead(transform: DemandTransform, asked: Asked) -> np.ndarray:
    return transform.features(transform.panel.week_count, asked.rows, range(1, asked.horizons + 1))


def permuted(relations: Neighbours, count: int, seed: int) -> Neighbours:
    """Return the same edges and groups with the places of `count` products shuffled."""
    order = np.random.default_rng(seed).permutation(count)
    weights, strengths, returned = (
        {name: matrix[order][:, order] for name, matrix in part.items()}
        for part in (relations.weights, relations.strengths, relations.returned)
    )
    return Neighbours(weights, {name: codes[order] for name, codes in relations.siblings.items()}, strengths, returned)


def _poisson(rows: TrainingRows, seed: int) -> lightgbm.Booster:
    parameters = {name: value for name, value in PARAMETERS.items() if name != "tweedie_variance_power"}
    data = lightgbm.Dataset(rows.features, rows.targets, feature_name=list(PLAIN_FEATURES))
    return lightgbm.train({**parameters, "objective": "poisson", "seed": seed, "num_threads": 2}, data, 2 * ROUNDS)
