"""Which system serves launches of which kind, decided on launches that the tried model has not seen.

The last twelve known weeks hold two blocks of four weeks whose launches are known whole. The model trained before the first block
forecasts both, as they were told on their eves. In each kind (promoted or not, or without a plan) the system with the lowest WAPE
over the four weeks serves; of a kind with few launches, what is best over all. The best simple mean is the baseline.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from decisions.forecast.backtest import Verdict, wape
from decisions.forecast.launch_curves import KINDS, SIMPLE_LAUNCH_SYSTEMS, LaunchCurves, curves_table, kind_codes
from decisions.forecast.launch_model import LEADS, LaunchModel
from features.demand_history import PROMOTED_COVERAGE
from features.demand_launch_features import DONOR_GROUPING, LAUNCH_FEATURES, launch_rows, told_at
from features.demand_launches import FIRST_LAUNCH_WEEK, LAUNCH_WEEKS, LaunchPanel

__all__ = ["ATTRIBUTES_SYSTEM", "LaunchTrial", "judge_launches", "launch_trial", "launch_trials", "trial_blocks"]

ATTRIBUTES_SYSTEM = "launch_attributes"
BLOCKS_BEFORE_END = (12, 8)
MINIMUM_LAUNCHES = 30
HIGHEST = tuple(LAUNCH_FEATURES).index("coverage_highest")
WEEKLY = [tuple(LAUNCH_FEATURES).index(name) for name in ("display_target", "mailer_target")]


@dataclass(frozen=True, slots=True, eq=False)
class LaunchTrial:
    """Forecasts of launches (4 x n per system), and what they sold. `kind` (n) and `promoted` (4 x n) are as planned."""

    rows: np.ndarray
    kind: np.ndarray
    promoted: np.ndarray
    forecasts: Mapping[str, np.ndarray]
    actual: np.ndarray


def trial_blocks(weeks: int) -> list[int]:
    """Return the origins of the blocks of launches that a back-test forecasts."""
    return [weeks - before for before in BLOCKS_BEFORE_END if weeks - before > FIRST_LAUNCH_WEEK + LAUNCH_WEEKS]


def launch_trials(launches: LaunchPanel, model: LaunchModel | None, *, planned_weeks: int) -> list[LaunchTrial]:
    """Return the trial of each block; a model must have been trained before the first of them."""
    tried = (launch_trial(launches, model, origin, planned_weeks) for origin in trial_blocks(launches.panel.week_count))
    return [trial for trial in tried if trial is not None]


def launch_trial(launches: LaunchPanel, model: LaunchModel | None, origin: int, planned_weeks: int) -> LaunchTrial | None:
    """Return what is said at an origin of the launches of the four weeks after it; None where none is known whole before it or
    after it.
    """
    last = launches.panel.week_count - LAUNCH_WEEKS
    rows = np.flatnonzero((launches.first >= origin) & (launches.first <= min(origin + LEADS - 1, last)))
    curves = LaunchCurves.of(curves_table(launches, origin))
    if not len(rows) or not len(curves.kind):
        return None
    features = launch_rows(told_at(launches, rows, origin, planned_weeks=planned_weeks), launches.panel.target_week(origin))
    kind = kind_codes(features[0, :, HIGHEST])
    groups = [_names(launches, grouping, rows) for grouping in ("category", DONOR_GROUPING)]
    forecasts = curves.simple(kind, *groups)
    if model is not None:
        forecasts[ATTRIBUTES_SYSTEM] = model.predict(features)
    covered = np.nan_to_num(features[:, :, WEEKLY]).max(axis=2)
    actual = launches.curves(rows, launches.panel.week_count)
    return LaunchTrial(rows, kind, covered >= PROMOTED_COVERAGE, forecasts, actual)


def _names(launches: LaunchPanel, grouping: str, rows: np.ndarray) -> pa.Array:
    return pa.array(launches.names[grouping], pa.string()).take(pa.array(launches.codes[grouping][rows]))


def judge_launches(tried: Sequence[LaunchTrial]) -> Verdict:
    """Return the verdict over all trials; without any the mean of all launches serves."""
    if not tried:
        nothing = SIMPLE_LAUNCH_SYSTEMS[:1] * len(KINDS)
        return Verdict(nothing, nothing, {"launches": 0.0})
    kind = np.concatenate([trial.kind for trial in tried])
    actual = np.concatenate([trial.actual for trial in tried], axis=1)
    names = [name for name in tried[0].forecasts if all(name in trial.forecasts for trial in tried)]
    said = {name: np.concatenate([trial.forecasts[name] for trial in tried], axis=1) for name in names}
    figures = {"launches": float(len(kind))}
    systems, baselines = [], []
    for one in range(len(KINDS)):
        members = kind == one if np.count_nonzero(kind == one) >= MINIMUM_LAUNCHES else np.ones(len(kind), dtype=bool)
        errors = {name: wape(actual[:, members], forecast[:, members]) for name, forecast in said.items()}
        systems.append(min(errors, key=errors.__getitem__))
        baselines.append(min(SIMPLE_LAUNCH_SYSTEMS, key=errors.__getitem__))
    for name, forecast in said.items():
        figures[f"wape_{name}"] = wape(actual, forecast)
        figures[f"bias_{name}"] = float((forecast - actual).sum() / actual.sum())
    return Verdict(tuple(systems), tuple(baselines), figures)
