"""Which system serves a level, decided on weeks that the tried model has not seen.

The last 8 known weeks are held out: a model trained on targets before them, with neighbours as known on their eve,
forecasts 1 to 8 weeks from the first held-out week on, and 1 to 4 weeks from four weeks later. The system with the lowest
WAPE over both serves; the best baseline is the reference of every explanation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from decisions.forecast.baseline import baseline_forecasts, seasonal_share, year_before
from decisions.forecast.intervals import UNTRIED, IntervalCalibration, calibrate, coverage
from decisions.forecast.model import DemandModel
from features.demand import DemandTransform
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, DemandPanel

__all__ = ["MODEL_SYSTEM", "LevelVerdict", "Trial", "held_out_origin", "judge", "recently_sold", "trials", "wape"]

MODEL_SYSTEM = "shelfgraph"
SECOND_ORIGIN_WEEKS = 4
FALLBACK_BASELINE = "mean_8"


@dataclass(frozen=True, slots=True)
class Trial:
    """Forecasts at one origin: horizons x series per system, and what happened.

    `seasonal_share`: for which share of the forecasts `seasonal_naive` is the week one year before, and not its fall-back.
    """

    origin: int
    actual: np.ndarray
    forecasts: Mapping[str, np.ndarray]
    seasonal_share: float


@dataclass(frozen=True, slots=True)
class LevelVerdict:
    """What the back-test decided: who serves, against which baseline, with which intervals, and its figures."""

    system: str
    baseline: str
    intervals: IntervalCalibration
    figures: Mapping[str, float]


def wape(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Return the sum of absolute errors over the sum of units; 0 when nothing was sold and nothing forecast."""
    error, sold = float(np.abs(actual - forecast).sum()), float(actual.sum())
    return error / sold if sold > 0 else (0.0 if error == 0.0 else float("inf"))


def held_out_origin(weeks: int) -> int:
    """Return the first held-out column: 8 weeks before the end, fewer when little is known, at least one before it."""
    return max(1, weeks - min(MAXIMUM_HORIZON_WEEKS, max(1, weeks // 3)))


def trials(transform: DemandTransform, model: DemandModel | None, *, supported: bool = True) -> list[Trial]:
    """Return the back-test's forecasts.

    Args:
        transform: features of the level.
        model: trained before the first held-out week; None tries the baselines alone.
        supported: try the supported series; False tries those with a sale in the last 26 weeks that are not.
    """
    weeks = transform.panel.week_count
    first = held_out_origin(weeks)
    origins = [first] + ([first + SECOND_ORIGIN_WEEKS] if first + SECOND_ORIGIN_WEEKS < weeks else [])
    tried = [_trial(transform, model, origin, supported) for origin in origins]
    return [trial for trial in tried if trial.actual.size]


def _trial(transform: DemandTransform, model: DemandModel | None, origin: int, supported: bool) -> Trial:
    panel = transform.panel
    rows = transform.supported(origin)
    if not supported:
        rows = np.setdiff1d(recently_sold(panel, origin), rows, assume_unique=True)
    horizons = range(1, min(MAXIMUM_HORIZON_WEEKS, panel.week_count - origin) + 1)
    last_year = year_before(panel.units[rows], origin, len(horizons))
    forecasts = dict(baseline_forecasts(panel.units[rows, :origin], last_year)) if len(rows) else {}
    if model is not None and len(rows):
        features = transform.features(origin, rows, horizons)
        predicted = model.predict(features.reshape(-1, features.shape[2]))
        forecasts[MODEL_SYSTEM] = predicted.reshape(len(horizons), len(rows))
    return Trial(origin, transform.targets(origin, rows, horizons), forecasts, seasonal_share(last_year) if len(rows) else 0.0)


def recently_sold(panel: DemandPanel, origin: int) -> np.ndarray:
    """Return the rows (int64) with a sale in the 26 weeks before `origin`."""
    return np.flatnonzero((panel.units[:, max(0, origin - 26) : origin] > 0).any(axis=1))


def judge(tried: list[Trial]) -> LevelVerdict:
    """Return the verdict over all trials. Coverage is measured at the last origin with intervals from the first.

    Without any trial (no series to try) `mean_8` serves, with the tails of a normal approximation.
    """
    if not tried:
        return LevelVerdict(FALLBACK_BASELINE, FALLBACK_BASELINE, UNTRIED, {"forecasts": 0.0})
    actual = np.concatenate([trial.actual.reshape(-1) for trial in tried])
    forecasts = {name: np.concatenate([t.forecasts[name].reshape(-1) for t in tried]) for name in tried[0].forecasts}
    errors = {name: wape(actual, forecast) for name, forecast in forecasts.items()}
    ranked = sorted(errors, key=lambda name: (errors[name], name))
    baseline = next(name for name in ranked if name != MODEL_SYSTEM)
    winner = forecasts[ranked[0]]
    figures = {f"wape_{name}": error for name, error in errors.items() if math.isfinite(error)}
    figures["bias"] = float(winner.sum() / actual.sum() - 1.0) if actual.sum() > 0 else 0.0
    figures["forecasts"] = float(len(actual))
    figures["seasonal_share"] = float(np.average([t.seasonal_share for t in tried], weights=[t.actual.size for t in tried]))
    if len(tried) > 1:
        figures["coverage_80"] = _honest_coverage(tried[0], tried[-1], ranked[0])
    return LevelVerdict(ranked[0], baseline, calibrate(winner, actual), figures)


def _honest_coverage(earlier: Trial, later: Trial, system: str) -> float:
    weeks = later.origin - earlier.origin
    calibration = calibrate(earlier.forecasts[system][:weeks].reshape(-1), earlier.actual[:weeks].reshape(-1))
    low, high = calibration.interval(later.forecasts[system].reshape(-1))
    return coverage(low, high, later.actual.reshape(-1))
