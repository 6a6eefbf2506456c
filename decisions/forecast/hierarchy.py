"""The whole tree at an origin: base forecasts of all levels, made to add up.

Total, categories, products and, below these, products in supported stores with one further node a product for all its other
stores, whose forecast is the product's own times their share of the last 13 weeks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from decisions.forecast.backtest import LevelVerdict, Trial, judge, trial_origins
from decisions.forecast.coherence import Level, reconciled
from decisions.forecast.levels import BOTTOM_UP, Base, SeriesLevel, Sums, base_forecasts, spread_of, sum_base, sum_trial
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, DemandPanel

__all__ = ["CATEGORY", "CHAIN", "STORE", "TOTAL", "Forecasts", "Hierarchy", "fit_hierarchy"]

TOTAL, CATEGORY, CHAIN, STORE = "total", "category", "chain", "store"
REST_WEEKS = 13


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """Base and coherent forecasts at one origin, by level; `final` is horizons x series as `base[level].units` is.

    Of the level `store` only supported series are in the tree: the others keep their base.
    """

    base: Mapping[str, Base]
    final: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """What is needed to forecast all levels: those of series, the verdicts on sums, and how far each is off.

    `spreads` are by level; `category/children` and `total/children` those of the sums of products.
    """

    chain: SeriesLevel
    store: SeriesLevel | None
    verdicts: Mapping[str, LevelVerdict]
    spreads: Mapping[str, float]

    def forecasts(self, origin: int, horizons: int) -> Forecasts:
        """Return the forecasts of all levels at an origin."""
        panel = self.chain.transform.panel
        chain = base_forecasts(self.chain, origin, horizons)
        base = {CHAIN: chain}
        for name in (CATEGORY, TOTAL):
            base[name] = sum_base(_sums(panel, name), panel.units, chain, origin, self.verdicts[name])
        if self.store is not None:
            base[STORE] = base_forecasts(self.store, origin, horizons)
        return Forecasts(base, self._final(base, origin))

    def _final(self, base: Mapping[str, Base], origin: int) -> dict[str, np.ndarray]:
        panel, spreads, chain = self.chain.transform.panel, self.spreads, base[CHAIN]
        levels = [
            Level(base[TOTAL].units, spreads[TOTAL], np.zeros(1, dtype=np.int64), spreads[f"{TOTAL}/children"]),
            Level(
                base[CATEGORY].units,
                spreads[CATEGORY],
                np.zeros(len(base[CATEGORY].rows), np.int64),
                spreads[f"{CATEGORY}/children"],
            ),
            Level(chain.units, spreads[CHAIN], panel.category[chain.rows]),
        ]
        pairs = np.zeros(0, dtype=np.int64)
        if self.store is not None:
            below, pairs = self._in_stores(base, origin)
            levels.append(below)
        total, category, products, *rest = reconciled(levels)
        final = {TOTAL: total, CATEGORY: category, CHAIN: products}
        if self.store is not None:
            stores = base[STORE].units.copy()
            stores[:, pairs] = rest[0][:, : len(pairs)]
            final[STORE] = stores
        return final

    def _in_stores(self, base: Mapping[str, Base], origin: int) -> tuple[Level, np.ndarray]:
        """Return supported series of stores, then one node for all other stores of a product, and which series the former are."""
        if self.store is None:
            raise ValueError("no stores are forecast")
        store_panel, panel = self.store.transform.panel, self.chain.transform.panel
        stores, chain = base[STORE], base[CHAIN]
        place = np.full(len(panel.product_ids), -1, dtype=np.int64)
        place[chain.rows] = np.arange(len(chain.rows))
        pairs = np.flatnonzero(stores.supported & (place[store_panel.parent[stores.rows]] >= 0))
        parent = place[store_panel.parent[stores.rows[pairs]]]
        recent = slice(max(0, origin - REST_WEEKS), origin)
        told = np.bincount(parent, weights=store_panel.units[stores.rows[pairs], recent].sum(axis=1), minlength=len(chain.rows))
        whole = panel.units[chain.rows, recent].sum(axis=1)
        share = np.clip(1.0 - told / np.maximum(whole, 1e-9), 0.0, 1.0)
        having = np.unique(parent)
        forecast = np.concatenate([stores.units[:, pairs], (chain.units * share)[:, having]], axis=1)
        spread = np.concatenate([np.full(len(pairs), self.spreads[STORE]), np.full(len(having), self.spreads[CHAIN])])
        return Level(forecast, spread, np.concatenate([parent, having])), pairs


def fit_hierarchy(
    chain: SeriesLevel, store: SeriesLevel | None, tried: Mapping[str, Sequence[Trial]]
) -> tuple[Hierarchy, list[tuple[int, Forecasts]]]:
    """Return the tree as its back-test wants it, and the forecasts of all levels at the origins of the back-test.

    Args:
        chain: with models that were trained before the first held-out week.
        store: likewise; None where no stores are forecast.
        tried: the trials of the supported series of both.
    """
    panel = chain.transform.panel
    origins = trial_origins(panel.week_count)
    bases = [base_forecasts(chain, origin, _horizons(panel, origin)) for origin in origins]
    spreads = {CHAIN: spread_of(tried[CHAIN], chain.verdict.systems) if tried[CHAIN] else 1.0}
    if store is not None:
        spreads[STORE] = spread_of(tried[STORE], store.verdict.systems) if tried[STORE] else 1.0
    verdicts = {}
    for name in (CATEGORY, TOTAL):
        sums = _sums(panel, name)
        trials = [sum_trial(sums, panel.units, base, origin) for base, origin in zip(bases, origins, strict=True)]
        trials = [trial for trial in trials if trial.actual.size]
        verdicts[name] = judge(trials)
        spreads[name] = spread_of(trials, verdicts[name].systems)
        spreads[f"{name}/children"] = spread_of(trials, BOTTOM_UP)
    hierarchy = Hierarchy(chain, store, verdicts, spreads)
    return hierarchy, [(origin, hierarchy.forecasts(origin, _horizons(panel, origin))) for origin in origins]


def _horizons(panel: DemandPanel, origin: int) -> int:
    return min(MAXIMUM_HORIZON_WEEKS, panel.week_count - origin)


def _sums(panel: DemandPanel, level: str) -> Sums:
    if level == TOTAL:
        return Sums(np.zeros(len(panel.product_ids), dtype=np.int64), 1)
    return Sums(panel.category.astype(np.int64), len(panel.category_ids))
