"""The whole tree at an origin: base forecasts of all levels, made to add up.

Total, categories, products and, below these, products in supported stores with one further node a product for all its other
stores, whose forecast is the product's own times their share of the last 13 weeks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from decisions.forecast.artefact import CATEGORY, CHAIN, STORE, TOTAL
from decisions.forecast.backtest import BOTTOM_UP, Trial, Verdict, judge, trial_origins
from decisions.forecast.classical import CLASSICAL
from decisions.forecast.coherence import Level, reconciled
from decisions.forecast.levels import (
    Base,
    SeriesLevel,
    said_by,
    series_base,
    spread_of,
    sum_base,
    sum_candidates,
    sum_trial,
    sums_of,
)

__all__ = ["Forecasts", "Hierarchy", "TriedLevel", "fit_hierarchy"]

REST_WEEKS = 13


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """Base and coherent forecasts at one origin, by level; `final` is horizons x series as `base[level].units` is.

    Of the level `store` only supported series are in the tree: the others keep their base.
    """

    base: Mapping[str, Base]
    final: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class TriedLevel:
    """A level of series with its trials, of supported and of other series, one of each an origin."""

    level: SeriesLevel
    supported: Sequence[Trial]
    others: Sequence[Trial]

    def bases(self) -> list[Base]:
        """Return the base forecasts at each origin."""
        return [series_base(self.level, *both) for both in zip(self.supported, self.others, strict=True)]

    def spread(self) -> float:
        """Return the variance of a forecast of one unit of a supported series."""
        return spread_of(self.supported, self.level.verdict.systems)


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """What is needed to forecast all levels: those of series, the verdicts on sums, and how far each is off.

    `spreads` are by level; `category/children` and `total/children` those of the sums of products.
    """

    chain: SeriesLevel
    store: SeriesLevel
    verdicts: Mapping[str, Verdict]
    spreads: Mapping[str, float]

    def forecasts(self, origin: int, horizons: int) -> Forecasts:
        """Return the forecasts of all levels at an origin."""
        panel = self.chain.transform.panel
        chain, store = (series_base(level, *said_by(level, origin, horizons)) for level in (self.chain, self.store))
        base = {CHAIN: chain, STORE: store}
        for name, verdict in self.verdicts.items():
            methods = set(verdict.systems[:1]) & set(CLASSICAL)
            base[name] = sum_base(sum_candidates(sums_of(panel, name), panel.units, chain, origin, methods), verdict)
        return self.made_coherent(base, origin)

    def made_coherent(self, base: Mapping[str, Base], origin: int) -> Forecasts:
        """Return base forecasts of all levels with those that add up."""
        spreads, chain = self.spreads, base[CHAIN]
        below, pairs = self._in_stores(base, origin)
        one_parent = np.zeros(len(base[CATEGORY].rows), dtype=np.int64)
        total, category, products, lowest = reconciled(
            [
                Level(base[TOTAL].units, spreads[TOTAL], one_parent[:1], spreads[f"{TOTAL}/children"]),
                Level(base[CATEGORY].units, spreads[CATEGORY], one_parent, spreads[f"{CATEGORY}/children"]),
                Level(chain.units, spreads[CHAIN], self.chain.transform.panel.category[chain.rows]),
                below,
            ]
        )
        stores = base[STORE].units.copy()
        stores[:, pairs] = lowest[:, : len(pairs)]
        return Forecasts(base, {TOTAL: total, CATEGORY: category, CHAIN: products, STORE: stores})

    def _in_stores(self, base: Mapping[str, Base], origin: int) -> tuple[Level, np.ndarray]:
        """Return supported series of stores, then one node for all other stores of a product, and which series the former are."""
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


def fit_hierarchy(chain: TriedLevel, store: TriedLevel) -> tuple[Hierarchy, list[tuple[int, Forecasts]]]:
    """Return the tree as its back-test wants it, and the forecasts of all levels at the origins of the back-test.

    Args:
        chain: with models that were trained before the first held-out week.
        store: likewise.
    """
    panel = chain.level.transform.panel
    origins = trial_origins(panel.week_count)
    bases = [{CHAIN: one, STORE: other} for one, other in zip(chain.bases(), store.bases(), strict=True)]
    spreads = {CHAIN: chain.spread(), STORE: store.spread()}
    verdicts = {}
    for name in (CATEGORY, TOTAL):
        sums = sums_of(panel, name)
        tried = [sum_trial(sums, panel.units, base[CHAIN], origin) for base, origin in zip(bases, origins, strict=True)]
        verdicts[name] = judge(tried)
        spreads[name] = spread_of(tried, verdicts[name].systems)
        spreads[f"{name}/children"] = spread_of(tried, BOTTOM_UP)
        for base, trial in zip(bases, tried, strict=True):
            base[name] = sum_base(trial, verdicts[name])
    hierarchy = Hierarchy(chain.level, store.level, verdicts, spreads)
    back = [(origin, hierarchy.made_coherent(base, origin)) for base, origin in zip(bases, origins, strict=True)]
    return hierarchy, back
