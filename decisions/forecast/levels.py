"""The base forecast of each level at an origin: of every series, the system that its back-test chose.

`chain` (products over all stores) and `store` (products in stores) are levels of series with features; `category` and `total` are
sums of the chain's, forecast from their own weeks or from the sum of their products, whichever wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from decisions.forecast.backtest import (
    BOTTOM_UP,
    MODEL_SYSTEM,
    TWIN_SYSTEM,
    LevelVerdict,
    Trial,
    predicted,
    promoted_ahead,
    recently_sold,
    scale_of,
    served_of,
)
from decisions.forecast.baseline import BASELINES, baseline_forecasts, seasonal_share, year_before
from decisions.forecast.classical import AUTO_ETS, CROSTON, TSB, classical_forecasts
from decisions.forecast.model import DemandModel
from decisions.forecast.segments import segment_codes
from features.demand import DemandTransform

__all__ = ["BOTTOM_UP", "SYSTEMS", "Base", "SeriesLevel", "Sums", "base_forecasts", "spread_of", "sum_base", "sum_trial"]

SYSTEMS = (MODEL_SYSTEM, TWIN_SYSTEM, *BASELINES, CROSTON, TSB, AUTO_ETS, BOTTOM_UP)
"""Every system that may answer, in the order of their codes in tables."""
LEAST_SPREAD = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class SeriesLevel:
    """A level of series with features: its models by system, and the verdicts on supported and on other series."""

    transform: DemandTransform
    models: Mapping[str, DemandModel]
    verdict: LevelVerdict
    thin: LevelVerdict


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """Base forecasts at an origin, horizons x series. `rows`: of the panel; `system` and `baseline_system`: codes of `SYSTEMS`.

    `features` (horizons x supported series x F) are those of the series that are `supported` (mask), in their order.
    """

    rows: np.ndarray
    units: np.ndarray
    baseline: np.ndarray
    system: np.ndarray
    baseline_system: np.ndarray
    promoted: np.ndarray
    supported: np.ndarray
    features: np.ndarray | None


def base_forecasts(level: SeriesLevel, origin: int, horizons: int) -> Base:
    """Return the base forecasts of every series with a sale in the 26 weeks before an origin."""
    transform, panel = level.transform, level.transform.panel
    rows = recently_sold(panel, origin)
    supported = np.isin(rows, transform.supported(origin))
    units, last_year = panel.units[rows, :origin], year_before(panel.units[rows], origin, horizons)
    simple: dict[str, np.ndarray] = dict(baseline_forecasts(units, last_year)) if len(rows) else {}
    wanted = {*level.verdict.systems, *level.thin.systems} & {CROSTON, TSB}
    simple |= classical_forecasts(units, horizons, sorted(wanted))
    known = rows[supported]
    features = transform.features(origin, known, range(1, horizons + 1)) if len(known) else None
    segment = segment_codes(transform, units, None)
    segment[supported] = segment_codes(transform, units[supported], features)
    chosen = np.asarray([SYSTEMS.index(name) for name in level.verdict.systems])[segment]
    chosen = np.where(supported, chosen, np.asarray([SYSTEMS.index(name) for name in level.thin.systems])[segment])
    reference = np.asarray([SYSTEMS.index(name) for name in level.verdict.baselines])[segment]
    reference = np.where(supported, reference, np.asarray([SYSTEMS.index(name) for name in level.thin.baselines])[segment])
    everything = dict(simple)
    for name, model in level.models.items():
        if features is not None and (chosen == SYSTEMS.index(name)).any():
            everything[name] = np.zeros((horizons, len(rows)))
            everything[name][:, supported] = predicted(model, transform, features)
    return Base(
        rows,
        _picked(everything, chosen, horizons),
        _picked(simple, reference, horizons),
        chosen,
        reference,
        promoted_ahead(panel, origin, rows, horizons),
        supported,
        features,
    )


def _picked(forecasts: Mapping[str, np.ndarray], chosen: np.ndarray, horizons: int) -> np.ndarray:
    picked = np.zeros((horizons, len(chosen)))
    for code in np.unique(chosen):
        inside = chosen == code
        picked[:, inside] = forecasts[SYSTEMS[code]][:, inside]
    return picked


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """A level of sums over the chain's series: `group` (int) gives the sum that each row of the chain's panel belongs to."""

    group: np.ndarray
    count: int

    def of_series(self, values: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the sums of horizons x series (of some rows of the panel)."""
        group = self.group if rows is None else self.group[rows]
        adding = sparse.csr_array((np.ones(len(group)), (np.arange(len(group)), group)), shape=(len(group), self.count))
        return np.asarray(values @ adding)


def sum_trial(sums: Sums, chain_units: np.ndarray, base: Base, origin: int) -> Trial:
    """Return what the systems of a level of sums would have forecast at an origin, and what happened."""
    horizons = len(base.units)
    history = sums.of_series(chain_units[:, :origin].T).T
    last_year = year_before(history, origin, horizons)
    forecasts = dict(baseline_forecasts(history, last_year))
    forecasts |= classical_forecasts(history, horizons, (AUTO_ETS,))
    forecasts[BOTTOM_UP] = sums.of_series(base.units, base.rows)
    return Trial(
        origin=origin,
        rows=np.arange(sums.count),
        actual=sums.of_series(chain_units[:, origin : origin + horizons].T),
        forecasts=forecasts,
        promoted=np.zeros((horizons, sums.count), dtype=bool),
        segment=np.zeros(sums.count, dtype=np.int64),
        scale=scale_of(history),
        weight=history[:, -13:].sum(axis=1),
        seasonal_share=seasonal_share(last_year),
    )


def sum_base(sums: Sums, chain_units: np.ndarray, base: Base, origin: int, verdict: LevelVerdict) -> Base:
    """Return a level of sums as its back-test wants it forecast. All its series are unsupported: they have no features."""
    horizons = len(base.units)
    history = sums.of_series(chain_units[:, :origin].T).T
    forecasts = dict(baseline_forecasts(history, year_before(history, origin, horizons)))
    system, reference = verdict.systems[0], verdict.baselines[0]
    if system == AUTO_ETS:
        forecasts |= classical_forecasts(history, horizons, (AUTO_ETS,))
    forecasts[BOTTOM_UP] = sums.of_series(base.units, base.rows)
    everyone, nobody = np.arange(sums.count), np.zeros(sums.count, dtype=bool)
    # a method that needs more weeks than are known gives way to the sum of the products
    units = forecasts.get(system, forecasts[BOTTOM_UP])
    codes = [np.full(sums.count, SYSTEMS.index(name if name in forecasts else BOTTOM_UP)) for name in (system, reference)]
    return Base(everyone, units, forecasts[reference], codes[0], codes[1], np.zeros(units.shape, dtype=bool), nobody, None)


def spread_of(tried: Sequence[Trial], systems: Sequence[str] | str) -> float:
    """Return the squared errors of a back-test over its forecast units: the variance of a forecast of one unit."""
    squared = units = 0.0
    for trial in tried:
        forecast = trial.forecasts[systems] if isinstance(systems, str) else served_of(trial, systems)
        squared += float(((trial.actual - forecast) ** 2).sum())
        units += float(forecast.sum())
    return max(squared / units, LEAST_SPREAD) if units > 0 else 1.0
