"""Launches, fitted: who serves them, with which intervals, and the tables that serving reads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from decisions.forecast.backtest import Verdict
from decisions.forecast.intervals import LEVELS_PERCENT, UNTRIED, IntervalCalibration, calibrate, coverage, interval_groups
from decisions.forecast.launch_backtest import (
    ATTRIBUTES_SYSTEM,
    LaunchTrial,
    judge_launches,
    launch_trials,
    trial_blocks,
)
from decisions.forecast.launch_curves import CURVES_TABLE, curves_table
from decisions.forecast.launch_metadata import LaunchMetadata
from decisions.forecast.launch_model import MEMBERS, LaunchModel, LaunchRows, launch_training_rows
from decisions.forecast.launch_tables import PROMOTIONS_TABLE, SIBLINGS_TABLE, promotions_table, siblings_table
from features.demand_launch_features import LAUNCH_FEATURES, known_launches, siblings_at
from features.demand_launches import LaunchPanel, unsold_coverage
from kit.canonical import digest_of_bytes
from kit.progress import Progress
from lake import Lake

__all__ = ["LaunchFit", "fit_launches", "launch_outputs", "served_launches"]

PREFIX = "forecast_launch"


@dataclass(frozen=True, slots=True, eq=False)
class LaunchFit:
    """What serves launches after the last known week. `trials` are those of the back-test; `model` is None where no kind is
    served by it.
    """

    launches: LaunchPanel
    verdict: Verdict
    intervals: IntervalCalibration
    trials: Sequence[LaunchTrial]
    model: LaunchModel | None
    neutral: np.ndarray
    figures: Mapping[str, float]


def fit_launches(
    launches: LaunchPanel, *, planned_weeks: int, seed: int, progress: Progress, members: int = MEMBERS
) -> LaunchFit:
    """Back-test launches, and fit what serves them.

    Args:
        launches: all products that sold, as known today.
        planned_weeks: how many weeks of the promotion plan are known today; the back-test sees as many.
        seed: of the draws and of the model.
        progress: who watches.
        members: how many of them the model is the mean of.
    """
    weeks = launches.panel.week_count
    with progress.stage("forecast, back-test of launches", 2) as stage:
        blocks = trial_blocks(weeks)
        tried_model = _model(launches, blocks[0], planned_weeks, seed, members)[0] if blocks else None
        stage.advance()
        trials = launch_trials(launches, tried_model, planned_weeks=planned_weeks)
        verdict = judge_launches(trials)
        intervals, figures = _intervals(trials, verdict)
        stage.advance()
    with progress.stage("forecast, model of launches"):
        model, rows = (
            _model(launches, weeks, planned_weeks, seed, members) if ATTRIBUTES_SYSTEM in verdict.systems else (None, None)
        )
    neutral = np.full(len(LAUNCH_FEATURES), np.nan) if rows is None else _neutral(rows)
    told = {**verdict.figures, **figures, "known": float(len(launches.launched(weeks)))}
    return LaunchFit(launches, verdict, intervals, trials, model, neutral, told)


def _model(
    launches: LaunchPanel, before: int, planned_weeks: int, seed: int, members: int
) -> tuple[LaunchModel | None, LaunchRows]:
    rows = launch_training_rows(launches, before, planned_weeks=planned_weeks, seed=seed)
    return (LaunchModel.train(rows, seed=seed, members=members) if LaunchModel.can_learn(rows) else None), rows


def _neutral(rows: LaunchRows) -> np.ndarray:
    """Return the median of each feature over the launches' weeks, NaN where nothing is known."""
    flat = rows.features.reshape(-1, rows.features.shape[2]).astype(np.float64)
    known = ~np.isnan(flat).all(axis=0)
    neutral = np.full(flat.shape[1], np.nan)
    neutral[known] = np.nanmedian(flat[:, known], axis=0)
    return neutral


def _intervals(trials: Sequence[LaunchTrial], verdict: Verdict) -> tuple[IntervalCalibration, dict[str, float]]:
    """Return intervals from all trials, and what those of the first would have covered in the last."""
    if not trials:
        return UNTRIED, {}
    told = [(served_launches(trial, verdict.systems), trial.actual, interval_groups(trial.promoted)) for trial in trials]
    flat = [np.concatenate([part[index].reshape(-1) for part in told]) for index in range(3)]
    if len(told) < 2:
        return calibrate(*flat), {}
    earlier, (forecast, actual, groups) = told[0], told[-1]
    band = calibrate(*(part.reshape(-1) for part in earlier)).band(forecast, groups)
    covered = {f"coverage_{percent}": coverage(band.ends(percent), actual) for percent in LEVELS_PERCENT}
    return calibrate(*flat), {**covered, "wape_served": _error(told)}


def served_launches(trial: LaunchTrial, systems: Sequence[str]) -> np.ndarray:
    """Return what the systems that serve each kind say of the launches of a trial (4 x n)."""
    said = np.stack([trial.forecasts[name] for name in systems])
    return np.asarray(said[trial.kind, :, np.arange(len(trial.kind))].T)


def _error(told: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    sold = sum(float(actual.sum()) for _, actual, _ in told)
    return sum(float(np.abs(actual - forecast).sum()) for forecast, actual, _ in told) / sold


def launch_outputs(
    lake: Lake, found: LaunchFit, forecast: Collection[str], *, promotion_plan: bool
) -> tuple[LaunchMetadata | None, dict[str, bytes], dict[str, pa.Table]]:
    """Return metadata, model files and tables; nothing where no launch is known whole.

    Args:
        lake: `promotion_weeks` is read.
        found: what serves.
        forecast: products that have a forecast of their own.
        promotion_plan: whether promotion rows of later weeks count as a plan.
    """
    launches, weeks = found.launches, found.launches.panel.week_count
    curves = curves_table(launches, weeks)
    if not curves.num_rows:
        return None, {}, {}
    files = {} if found.model is None else found.model.to_files(PREFIX)
    siblings = siblings_at(launches, weeks, known_launches(launches, weeks))
    metadata = LaunchMetadata(
        systems=found.verdict.systems,
        baselines=found.verdict.baselines,
        intervals=found.intervals,
        scale=None if found.model is None else found.model.scale,
        neutral=_plain(found.neutral),
        digests={file: digest_of_bytes(text) for file, text in files.items()},
        unknown_siblings=_plain(siblings.unknown.astype(np.float64)),
    )
    unsold = unsold_coverage(lake, launches.panel, promotion_plan=promotion_plan)
    tables = {
        CURVES_TABLE: curves,
        SIBLINGS_TABLE: siblings_table(launches, siblings),
        PROMOTIONS_TABLE: promotions_table(launches, unsold, frozenset(forecast)),
    }
    return metadata, files, tables


def _plain(values: np.ndarray) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)
