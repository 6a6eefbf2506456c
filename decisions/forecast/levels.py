"""The base forecast of each level at an origin: of every series, the system that its back-test chose.

`chain` (products over all stores) and `store` (products in stores) are levels of series with features; `category` and `total` are
sums of the chain's, forecast from their own weeks or from the sum of their products, whichever wins.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from decisions.forecast.artefact import TOTAL
from decisions.forecast.backtest import (
    BOTTOM_UP,
    MODEL_SYSTEM,
    PULL_SYSTEM,
    TWIN_SYSTEM,
    Candidates,
    Trial,
    Verdict,
    candidates,
    served_of,
    tried_by,
)
from decisions.forecast.baseline import BASELINES, baseline_forecasts, seasonal_share, year_before
from decisions.forecast.classical import AUTO_ETS, CLASSICAL, CROSTON, TSB, classical_forecasts
from decisions.forecast.model import DemandModel
from decisions.forecast.segments import kind_of
from features.demand import DemandTransform
from features.demand_panel import DemandPanel

__all__ = [
    "SYSTEMS",
    "Base",
    "SeriesLevel",
    "Sums",
    "said_by",
    "series_base",
    "spread_of",
    "sum_base",
    "sum_candidates",
    "sum_trial",
    "sums_of",
]

SYSTEMS = (MODEL_SYSTEM, TWIN_SYSTEM, PULL_SYSTEM, *BASELINES, CROSTON, TSB, AUTO_ETS, BOTTOM_UP)
"""Every system that may answer, in the order of their codes in tables."""
LEAST_SPREAD = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class SeriesLevel:
    """A level of series with features: its models by system, and the verdicts on supported and on other series."""

    transform: DemandTransform
    models: Mapping[str, DemandModel]
    verdict: Verdict
    thin: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """Base forecasts at an origin, horizons x series. `rows`: of the panel; `system` and `baseline_system`: codes of `SYSTEMS`;
    `kind`: of `KINDS`, by series.

    `features` (horizons x supported series x F) are those of the series that are `supported` (mask), in their order.
    """

    rows: np.ndarray
    units: np.ndarray
    baseline: np.ndarray
    system: np.ndarray
    baseline_system: np.ndarray
    promoted: np.ndarray
    kind: np.ndarray
    supported: np.ndarray
    features: np.ndarray | None


def said_by(level: SeriesLevel, origin: int, horizons: int) -> tuple[Candidates, Candidates]:
    """Return what the systems that serve say at an origin, of supported and of other series."""
    served = {*level.verdict.systems, *level.thin.systems}
    models = {name: model for name, model in level.models.items() if name in served}
    methods = [name for name in CLASSICAL if name in level.verdict.systems]
    return (
        candidates(level.transform, models, origin, horizons, supported=True, methods=methods),
        candidates(level.transform, {}, origin, horizons, supported=False, methods=()),
    )


def series_base(level: SeriesLevel, supported: Candidates, others: Candidates) -> Base:
    """Return the base forecasts of a level of series, in the order of the panel."""
    parts = _chosen(supported, level.verdict), _chosen(others, level.thin)
    rows = np.concatenate([supported.rows, others.rows])
    order = np.argsort(rows)
    return Base(
        rows=rows[order],
        units=np.concatenate([part.units for part in parts], axis=1)[:, order],
        baseline=np.concatenate([part.baseline for part in parts], axis=1)[:, order],
        system=np.concatenate([part.system for part in parts])[order],
        baseline_system=np.concatenate([part.baseline_system for part in parts])[order],
        promoted=np.concatenate([supported.promoted, others.promoted], axis=1)[:, order],
        kind=np.concatenate([part.kind for part in parts])[order],
        supported=np.arange(len(rows))[order] < len(supported.rows),
        features=supported.features,
    )


def sum_base(said: Candidates, verdict: Verdict) -> Base:
    """Return the base forecasts of a level of sums. All its series are unsupported: they have no features."""
    return replace(_chosen(said, verdict), supported=np.zeros(len(said.rows), dtype=bool))


def _chosen(said: Candidates, verdict: Verdict) -> Base:
    system, reference = (
        np.asarray([SYSTEMS.index(name) for name in names])[said.segment] for names in (verdict.systems, verdict.baselines)
    )
    everyone = np.ones(len(said.rows), dtype=bool)
    units, baseline = served_of(said, verdict.systems), served_of(said, verdict.baselines)
    return Base(said.rows, units, baseline, system, reference, said.promoted, kind_of(said.segment), everyone, said.features)


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


def sums_of(panel: DemandPanel, level: str) -> Sums:
    """Return what the chain's series are added up to: `category`, or one `total`."""
    if level == TOTAL:
        return Sums(np.zeros(len(panel.product_ids), dtype=np.int64), 1)
    return Sums(panel.category.astype(np.int64), len(panel.category_ids))


def sum_candidates(sums: Sums, chain_units: np.ndarray, chain: Base, origin: int, methods: Collection[str]) -> Candidates:
    """Return what the systems of a level of sums say at an origin, the sum of the chain's base forecasts among them."""
    horizons = len(chain.units)
    history = sums.of_series(chain_units[:, :origin].T).T
    last_year = year_before(history, origin, horizons)
    forecasts = {
        **baseline_forecasts(history, last_year),
        **classical_forecasts(history, horizons, sorted(methods)),
        BOTTOM_UP: sums.of_series(chain.units, chain.rows),
    }
    return Candidates(
        origin=origin,
        rows=np.arange(sums.count),
        forecasts=forecasts,
        promoted=np.zeros((horizons, sums.count), dtype=bool),
        segment=np.zeros(sums.count, dtype=np.int64),
        seasonal_share=seasonal_share(last_year),
    )


def sum_trial(sums: Sums, chain_units: np.ndarray, chain: Base, origin: int) -> Trial:
    """Return what the systems of a level of sums would have forecast at an origin, and what happened."""
    said = sum_candidates(sums, chain_units, chain, origin, CLASSICAL)
    history, actual = (
        sums.of_series(chain_units[:, part].T) for part in (slice(origin), slice(origin, origin + len(chain.units)))
    )
    return tried_by(said, history.T, actual.astype(np.float64))


def spread_of(tried: Sequence[Trial], systems: Sequence[str] | str) -> float:
    """Return the squared errors of a back-test over its forecast units: the variance of a forecast of one unit."""
    squared = units = 0.0
    for trial in tried:
        if not trial.actual.size:
            continue
        forecast = trial.forecasts[systems] if isinstance(systems, str) else served_of(trial, systems)
        squared += float(((trial.actual - forecast) ** 2).sum())
        units += float(forecast.sum())
    return max(squared / units, LEAST_SPREAD) if units > 0 else 1.0
