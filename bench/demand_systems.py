"""The learned systems that the demand benchmark compares: the two that may be served, the placebo, and a plain model as floor.

The floor (`lightgbm`) is what one fits first: Poisson, raw lags, means, price and the promotion plan, without a level
to depart from and without weeks promoted alike. `shelfgraph-permuted-graph` is the placebo: the same edges and sibling groups
with the products' places shuffled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import lightgbm
import numpy as np

from decisions.forecast.model import PARAMETERS, ROUNDS, DemandModel, TrainingRows, training_rows
from features.demand import FEATURE_GROUPS, DemandTransform
from features.demand_neighbours import Neighbours
from features.demand_panel import MAXIMUM_HORIZON_WEEKS

__all__ = ["SYSTEMS", "WITHOUT_NEIGHBOURS", "WITH_NEIGHBOURS", "DemandSystem", "PreparedVariant"]

WITH_NEIGHBOURS, WITHOUT_NEIGHBOURS = "shelfgraph-with-neighbours", "shelfgraph-without-neighbours"
Predictor = Callable[[np.ndarray], np.ndarray]
SERVED_HORIZONS = range(1, MAXIMUM_HORIZON_WEEKS + 1)
PLAIN_FEATURES = (
    "last_1", "last_2", "last_3", "mean_4", "mean_8", "mean_13", "mean_26", "zero_share_13", "price_last",
    "display_last", "mailer_last", "display_target", "mailer_target", "horizon", "day_of_month",
)  # fmt: skip
CATEGORY_FEATURES = ("category_trend", "category_surprise", "category_mailer", "category_display")


@dataclass(frozen=True, slots=True)
class DemandSystem:
    """One learned system: which features it may use. `plain` names the columns of a floor model; None is the served recipe."""

    name: str
    with_neighbours: bool = True
    with_plan: bool = True
    permuted: bool = False
    plain: tuple[str, ...] | None = None
    every_seed: bool = False
    """Whether it is fitted once per seed; the others are fitted for the first seed alone."""

    def variant(self, transform: DemandTransform) -> DemandTransform:
        """Return the transform with permuted neighbours or without the plan, where this system wants it so."""
        relations = transform.relations
        if self.permuted and relations is not None:
            relations = _permuted(relations, len(transform.chain.product_ids))
        if self.with_plan:
            return DemandTransform(transform.panel, transform.chain, relations)
        chain = replace(transform.chain, planned_weeks=0)
        panel = chain if transform.panel is transform.chain else replace(transform.panel, planned_weeks=0)
        return DemandTransform(panel, chain, relations)

    def columns(self, names: Sequence[str]) -> list[int]:
        """Return the positions of the features that this system uses."""
        if self.plain is not None:
            return [names.index(name) for name in self.plain]
        wanted = [self.with_neighbours or FEATURE_GROUPS.get(name) != "neighbours" for name in names]
        return [position for position, kept in enumerate(wanted) if kept]

    def fitted(self, rows: TrainingRows, names: tuple[str, ...], seed: int) -> Predictor:
        """Return what maps feature rows (n x F) to units (n), fitted on `rows`."""
        chosen = self.columns(names)
        narrow = replace(rows, features=rows.features[:, chosen])
        used = tuple(names[position] for position in chosen)
        predict = DemandModel.train(narrow, used, seed=seed).predict if self.plain is None else _plain(narrow, used, seed)
        return lambda features: predict(features[:, chosen])


@dataclass(frozen=True, slots=True)
class PreparedVariant:
    """One variant's training rows, and feature rows of every series per horizon (horizons * N x F), shared by its systems."""

    transform: DemandTransform
    rows: TrainingRows
    ahead: np.ndarray

    @staticmethod
    def of(transform: DemandTransform, horizons: Sequence[int], seed: int, maximum_rows: int) -> "PreparedVariant":
        """Return the variant drawn with `seed`."""
        rows = training_rows(transform, SERVED_HORIZONS, seed=seed, maximum_rows=maximum_rows)
        everyone = np.arange(len(transform.panel.product_ids))
        features = transform.features(transform.panel.week_count, everyone, horizons)
        return PreparedVariant(transform, rows, features.reshape(-1, features.shape[2]))

    def forecast(self, system: DemandSystem, seed: int, horizons: Sequence[int]) -> np.ndarray:
        """Return a system's expected units, len(horizons) x N."""
        return system.fitted(self.rows, self.transform.names, seed)(self.ahead).reshape(len(horizons), -1)


SYSTEMS = (
    DemandSystem(WITH_NEIGHBOURS, every_seed=True),
    DemandSystem(WITHOUT_NEIGHBOURS, with_neighbours=False, every_seed=True),
    DemandSystem("lightgbm", plain=PLAIN_FEATURES, every_seed=True),
    DemandSystem("lightgbm-with-category-neighbours", plain=PLAIN_FEATURES + CATEGORY_FEATURES),
    DemandSystem("shelfgraph-permuted-graph", permuted=True),
    DemandSystem("shelfgraph-without-promotion-plan", with_neighbours=False, with_plan=False, every_seed=True),
)


def _permuted(relations: Neighbours, count: int) -> Neighbours:
    order = np.random.default_rng(0).permutation(count)
    weights = {name: matrix[order][:, order] for name, matrix in relations.weights.items()}
    return Neighbours(weights, {name: codes[order] for name, codes in relations.siblings.items()})


def _plain(rows: TrainingRows, names: tuple[str, ...], seed: int) -> Predictor:
    parameters = {name: value for name, value in PARAMETERS.items() if name != "tweedie_variance_power"}
    data = lightgbm.Dataset(rows.features, rows.targets, feature_name=list(names))
    booster = lightgbm.train({**parameters, "objective": "poisson", "seed": seed, "num_threads": 2}, data, 2 * ROUNDS)
    return lambda features: np.asarray(booster.predict(features, num_threads=2), dtype=np.float64)
