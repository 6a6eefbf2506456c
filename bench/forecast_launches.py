"""Launches in the forecast benchmark: products in the first four weeks of their sale, told on the eve of four blocks of weeks.

A launch is a product's first sale in the data, 13 complete weeks or more after their first. Which products launch in a week is
told, and so are the plan of promotions and everything before the origin; what launches sell is not. The slice `launches` are
those that in one of their weeks a mailer or a display in 30 % of the stores or more supports, `launches_not_promoted` all
others, `launches_all` both.

A first sale is at least one unit, so that forecasting one unit in the first week and none later (`one_unit`) has a low WAPE
however little it knows. It is measured beside the others, as is forecasting `nothing`, and the error of the four weeks' sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.forecast_scores import SeriesErrors, bias, bootstrap, joined, series_errors, value_of, wape
from bench.frame import BenchContext, BenchRow
from decisions.forecast.backtest import MODEL_SYSTEM
from decisions.forecast.intervals import LEVELS_PERCENT, coverage, interval_groups
from decisions.forecast.launch_backtest import ATTRIBUTES_SYSTEM, LaunchTrial, launch_trial
from decisions.forecast.launch_curves import KINDS
from decisions.forecast.launch_model import LaunchModel, launch_training_rows
from decisions.forecast.launches import fit_launches, served_launches
from features.demand_launch_features import known_launches, siblings_at
from features.demand_launches import LAUNCH_WEEKS, LaunchPanel, launch_panel
from features.demand_panel import MAXIMUM_HORIZON_WEEKS
from kit.progress import SilentProgress

__all__ = ["measured_launches"]

WEEKS_BEFORE_END = (20, 16, 12, 8)
QUICK_BEFORE_END = WEEKS_BEFORE_END[-1:]
SEEDS = 3
PROMOTED = KINDS.index("promoted")
SLICES = ("launches", "launches_not_promoted", "launches_all")
MEASURES = (("wape", wape), ("bias", bias))
UNITS_COLUMN = 1
"""Of the values of siblings: units a week of a product of the group."""


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Launches of four weeks: forecasts (4 x n) by system and seed; `ends` (low, high) of the served intervals by percent."""

    kind: np.ndarray
    week: int
    promoted: np.ndarray
    actual: np.ndarray
    systems: Mapping[str, Sequence[np.ndarray]]
    ends: Mapping[int, tuple[np.ndarray, np.ndarray]]


def measured_launches(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return errors of launches per system and slice, and remarks; nothing where too few weeks are known."""
    whole = launch_panel(context.lake, as_of=context.as_of, promotion_plan=False)
    before_end = QUICK_BEFORE_END if context.quick else WEEKS_BEFORE_END
    blocks: list[_Block] = []
    notes: list[str] = []
    with context.progress.stage("forecast: launches", len(before_end)) as stage:
        for before in before_end:
            found = (
                _block(whole, whole.panel.week_count - before, quick=context.quick) if before < whole.panel.week_count else None
            )
            if found is not None:
                blocks.append(found[0])
                notes.append(found[1])
            stage.advance()
    return [row for label in SLICES for row in _rows(label, blocks)], notes


def _block(whole: LaunchPanel, origin: int, *, quick: bool) -> tuple[_Block, str] | None:
    known = whole.before(origin)
    fit = None
    models: list[LaunchModel] = []
    for seed in range(1 if quick else SEEDS):
        rows = launch_training_rows(known, origin, planned_weeks=MAXIMUM_HORIZON_WEEKS, seed=seed)
        if LaunchModel.can_learn(rows):
            models.append(LaunchModel.train(rows, seed=seed, members=1))
    if not quick:
        # a quick run trains no model for the verdict: the systems stand for themselves
        fit = fit_launches(known, planned_weeks=MAXIMUM_HORIZON_WEEKS, seed=0, progress=SilentProgress(), members=1)
    asked: Sequence[LaunchModel | None] = models or [None]
    trials = [launch_trial(whole, model, origin, MAXIMUM_HORIZON_WEEKS) for model in asked]
    told = [trial for trial in trials if trial is not None]
    if not told:
        return None
    first = told[0]
    systems: dict[str, list[np.ndarray]] = {name: [forecast] for name, forecast in first.forecasts.items()}
    if models:
        systems[ATTRIBUTES_SYSTEM] = [trial.forecasts[ATTRIBUTES_SYSTEM] for trial in told]
    systems |= {name: [forecast] for name, forecast in _trivial(whole, first, origin).items()}
    ends: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    note = (
        f"Launches told at {known.panel.as_of}: {len(first.kind)}, {np.count_nonzero(first.kind == PROMOTED)} of them promoted."
    )
    if fit is not None:
        systems[MODEL_SYSTEM] = [served_launches(trial, fit.verdict.systems) for trial in told]
        band = fit.intervals.band(systems[MODEL_SYSTEM][0], interval_groups(first.promoted))
        ends = {percent: band.ends(percent) for percent in LEVELS_PERCENT}
        note = f"{note} Served: {'/'.join(dict.fromkeys(fit.verdict.systems))}."
    kind = whole.panel.product_type[first.rows]
    return _Block(kind, origin, first.kind == PROMOTED, first.actual, systems, ends), note


def _trivial(whole: LaunchPanel, trial: LaunchTrial, origin: int) -> dict[str, np.ndarray]:
    """Return forecasts that know nothing of launches: what products of the category sell a week, one unit, and none."""
    siblings = siblings_at(whole, origin, known_launches(whole, origin)).values["category"]
    usual = np.nan_to_num(siblings[whole.codes["category"][trial.rows], UNITS_COLUMN]).astype(np.float64)
    nothing = np.zeros(trial.actual.shape)
    one = nothing.copy()
    one[0] = 1.0
    return {"category_mean": np.tile(usual, (LAUNCH_WEEKS, 1)), "one_unit": one, "nothing": nothing}


def _rows(label: str, blocks: Sequence[_Block]) -> list[BenchRow]:
    """Return the figures of a slice: the mean over seeds, with the interval of the first."""
    masks = [_mask(label, block) for block in blocks]
    if not any(mask.any() for mask in masks):
        return []
    rows: list[BenchRow] = []
    for system in sorted(set.intersection(*(set(block.systems) for block in blocks))):
        seeds = min(len(block.systems[system]) for block in blocks)
        for suffix, summed in (("", False), ("_of_total", True)):
            by_seed = [_errors(blocks, masks, system, seed, summed=summed) for seed in range(seeds)]
            for metric, measure in MEASURES[: 1 if summed else None]:
                found = bootstrap(measure, by_seed[0], seed=0)
                value = float(np.mean([value_of(measure, one) for one in by_seed]))
                rows.append(BenchRow(system, metric + suffix, label, value, found.low, found.high, len(by_seed[0].sold), seeds))
    return [*rows, *_coverage_rows(label, blocks, masks)]


def _mask(label: str, block: _Block) -> np.ndarray:
    if label == SLICES[-1]:
        return np.ones(len(block.kind), dtype=bool)
    return block.promoted if label == SLICES[0] else ~block.promoted


def _errors(blocks: Sequence[_Block], masks: Sequence[np.ndarray], system: str, seed: int, *, summed: bool) -> SeriesErrors:
    parts = []
    for block, mask in zip(blocks, masks, strict=True):
        actual, forecast = block.actual[:, mask], block.systems[system][seed][:, mask]
        if summed:
            actual, forecast = (one.sum(axis=0, keepdims=True) for one in (actual, forecast))
        # a launch has no past to scale errors with
        parts.append(series_errors(block.kind[mask], block.week, np.zeros((int(mask.sum()), 2)), actual, forecast))
    return joined(parts)


def _coverage_rows(label: str, blocks: Sequence[_Block], masks: Sequence[np.ndarray]) -> list[BenchRow]:
    rows = []
    for percent in LEVELS_PERCENT:
        told = [(block, mask) for block, mask in zip(blocks, masks, strict=True) if percent in block.ends]
        if told:
            low, high = (np.concatenate([block.ends[percent][end][:, mask] for block, mask in told], axis=1) for end in range(2))
            actual = np.concatenate([block.actual[:, mask] for block, mask in told], axis=1)
            rows.append(BenchRow(MODEL_SYSTEM, f"coverage_{percent}", label, coverage((low, high), actual), n=actual.size))
    return rows
