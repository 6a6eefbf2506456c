"""From the lake to what serving needs: models, metadata and feature tables."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from decisions.forecast.artefact import (
    CATEGORY,
    CHAIN,
    METADATA_FILE,
    STORE,
    TOTAL,
    ForecastMetadata,
    LevelMetadata,
    ModelMetadata,
    model_prefix,
    write_metadata,
)
from decisions.forecast.backtest import (
    MODEL_SYSTEM,
    PULL_SYSTEM,
    TWIN_SYSTEM,
    Verdict,
    held_out_origin,
    judge,
    trials,
)
from decisions.forecast.contributions import neutral_values
from decisions.forecast.errors import TooLittleHistory
from decisions.forecast.hierarchy import Forecasts, Hierarchy, TriedLevel, fit_hierarchy
from decisions.forecast.intervals import LEVELS_PERCENT, UNTRIED, IntervalCalibration, calibrate, coverage, interval_groups
from decisions.forecast.launch_metadata import LaunchMetadata
from decisions.forecast.launches import fit_launches, launch_outputs
from decisions.forecast.levels import SeriesLevel, sums_of
from decisions.forecast.model import MAXIMUM_ROWS, MEMBERS, DemandModel, TrainingRows, training_rows
from decisions.forecast.panels import panel_tables
from decisions.forecast.tables import history_table, history_table_name, rows_table, rows_table_name
from features.demand import FEATURE_GROUPS, DemandTransform
from features.demand_ahead import with_known_ahead
from features.demand_launches import launch_panel
from features.demand_neighbours import NeighbourVintages, neighbours
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, DemandPanel, NoCompleteWeek, chain_panel, store_panel
from features.demand_stock import with_demand
from kit.canonical import digest_of_bytes
from kit.progress import Progress
from lake import Lake

__all__ = ["Fit", "FitSettings", "days_of_vintages", "fit", "fit_panels", "known_panels", "outputs_of"]

HORIZONS = range(1, MAXIMUM_HORIZON_WEEKS + 1)
MINIMUM_WEEKS_SOLD_IN_STORE = 4
MINIMUM_WEEKS = 2
MINIMUM_ROWS = 200
"""Below this many training rows no model is tried: the simple methods serve."""
VINTAGE_EVERY_WEEKS = 8
LEAST_VINTAGE_WEEKS = 8
MOST_VINTAGES = 5
SERIES_LEVELS = (CHAIN, STORE)
LEVELS = (*SERIES_LEVELS, CATEGORY, TOTAL)
Calibrations = Mapping[str, tuple[IntervalCalibration, IntervalCalibration]]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How models are fitted. `with_neighbours`: True or False for one variant everywhere; None lets back-tests decide.
    `every_model`: also those that serve no segment, for whoever compares them.
    """

    seed: int
    maximum_rows: int = MAXIMUM_ROWS
    members: int = MEMBERS
    with_neighbours: bool | None = None
    every_model: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What serves: the tree with models of all known weeks, its forecasts after the last of them, and what the back-test said.

    `calibrations` hold intervals by level, of supported and of other series; `neutral` is of the training rows.
    """

    hierarchy: Hierarchy
    forecasts: Forecasts
    calibrations: Calibrations
    neutral: Mapping[str, np.ndarray]
    figures: Mapping[str, float]


def fit(
    lake: Lake,
    *,
    as_of: date,
    edges_as_of: Callable[[date], Mapping[str, pa.Table]],
    seed: int,
    progress: Progress,
    promotion_plan: bool = True,
    with_neighbours: bool | None = None,
    country: str | None = None,
) -> tuple[dict[str, bytes], dict[str, pa.Table], dict[str, float]]:
    """Fit, back-test and prepare serving for products, products in stores, categories and the whole chain.

    Args:
        lake: `sales_lines`, `promotion_weeks` and `products` are read, nothing sold after `as_of`.
        as_of: the day whose end is "now".
        edges_as_of: gives the edges by relation (`source`, `target`, `strength`) as derived from what was known on a day: for
            `as_of` those of the published graph, for earlier days those that past origins could know (`days_of_vintages`). A
            relation that is left out has no edges; siblings of category and type are neighbours in any case.
        seed: of the draws and of the model; equal input and seed give equal bytes.
        progress: who watches.
        promotion_plan: whether promotion rows of later weeks are taken as a plan known today.
        with_neighbours: whether models learn from neighbours; None lets the back-test decide for each segment.
        country: whose public holidays are known ahead; None: none are.

    Returns:
        The artefact's files, the feature tables, and figures by name (`chain_wape_mean_8`, ...).

    Raises:
        TooLittleHistory: too few complete weeks are known.
    """
    with progress.stage("demand panels", 2) as stage:
        chain = _known_chain(lake, as_of, promotion_plan=promotion_plan)
        stage.advance()
        stores = store_panel(lake, chain, promotion_plan=promotion_plan, minimum_weeks_sold=MINIMUM_WEEKS_SOLD_IN_STORE)
        chain, stores = known_panels(lake, chain, stores, country)
        stage.note(f"{len(chain.product_ids)} products, {len(stores.product_ids)} products in stores")
        stage.advance()
    vintages = NeighbourVintages.of({week: neighbours(chain, edges_as_of(day)) for week, day in days_of_vintages(chain).items()})
    settings = FitSettings(seed, with_neighbours=with_neighbours)
    found = fit_panels(chain, stores, vintages, settings, progress)
    with progress.stage("launches"):
        sold = launch_panel(lake, as_of=as_of, promotion_plan=promotion_plan)
    launched = fit_launches(sold, planned_weeks=chain.planned_weeks, seed=seed, progress=progress)
    launches, more_files, more_tables = launch_outputs(lake, launched, _products(found), promotion_plan=promotion_plan)
    files, tables, figures = outputs_of(found, settings, launches)
    told = {f"launches_{name}": value for name, value in launched.figures.items()}
    return files | more_files, tables | more_tables, figures | told


def _known_chain(lake: Lake, as_of: date, *, promotion_plan: bool) -> DemandPanel:
    """Return the chain's panel of a day. Raises: TooLittleHistory."""
    try:
        chain = chain_panel(lake, as_of=as_of, promotion_plan=promotion_plan)
    except NoCompleteWeek as error:
        raise TooLittleHistory(as_of, 0) from error
    if chain.week_count < MINIMUM_WEEKS:
        raise TooLittleHistory(as_of, chain.week_count)
    return chain


def known_panels(lake: Lake, chain: DemandPanel, stores: DemandPanel, country: str | None) -> tuple[DemandPanel, DemandPanel]:
    """Return the panels with demand where shelves were empty, and with what is known ahead beside promotions."""
    chain, stores = with_demand(lake, chain, stores)
    return with_known_ahead(lake, chain, country), with_known_ahead(lake, stores, country)


def days_of_vintages(chain: DemandPanel) -> dict[int, date]:
    """Return by the number of known weeks the days on which neighbours are looked at: today, the eve of the held-out weeks, and
    every eight weeks before, as far back as models learn from.
    """
    today, eve = chain.week_count, held_out_origin(chain.week_count)
    earlier = range(eve - VINTAGE_EVERY_WEEKS, LEAST_VINTAGE_WEEKS - 1, -VINTAGE_EVERY_WEEKS)
    weeks = (eve, *earlier)[: MOST_VINTAGES - 1]
    days = {week: chain.target_week(week) - timedelta(days=1) for week in weeks}
    return {**days, today: chain.as_of}


def fit_panels(
    chain: DemandPanel,
    stores: DemandPanel,
    vintages: NeighbourVintages,
    settings: FitSettings,
    progress: Progress,
) -> Fit:
    """Back-test, fit and forecast.

    Args:
        chain: what is known of products.
        stores: what is known of products in stores.
        vintages: neighbours as they were known today, on the eve of the held-out weeks, and before: each origin of training and
            of the back-test sees what it knew.
        settings: how to fit.
        progress: who watches.
    """
    tried: dict[str, TriedLevel] = {}
    figures: dict[str, float] = {}
    for name, panel in ((CHAIN, chain), (STORE, stores)):
        with progress.stage(f"forecast, back-test of {name}", 2) as stage:
            transform = DemandTransform(panel, chain, vintages.until(held_out_origin(panel.week_count)))
            # one member each: both sides are compared alike, and intervals come out a little too wide, not too narrow
            models, _ = _models(transform, replace(settings, members=1), before_week=held_out_origin(panel.week_count))
            stage.advance()
            supported, others = trials(transform, models), trials(transform, {}, supported=False)
            level = SeriesLevel(transform, models, judge(supported), judge(others))
            tried[name] = TriedLevel(level, supported, others)
            figures |= {f"{name}_{key}": value for key, value in level.verdict.figures.items()}
            figures |= {f"{name}_thin_{key}": value for key, value in level.thin.figures.items()}
            stage.advance()
    with progress.stage("forecast, what adds up"):
        hierarchy, back = fit_hierarchy(tried[CHAIN], tried[STORE])
        outcomes = {name: _outcomes(name, chain, stores, back) for name in LEVELS}
        calibrations = {name: _calibrated(told) for name, told in outcomes.items()}
        figures |= {f"{name}_{key}": value for name in SERIES_LEVELS for key, value in _coverages(outcomes[name]).items()}
        for name, verdict in hierarchy.verdicts.items():
            figures |= {f"{name}_{key}": value for key, value in verdict.figures.items()}
    levels: dict[str, SeriesLevel] = {}
    neutral: dict[str, np.ndarray] = {}
    for name in SERIES_LEVELS:
        with progress.stage(f"forecast, models of {name}"):
            level = tried[name].level
            transform = replace(level.transform, relations=vintages)
            models, rows = _models(transform, settings, served=None if settings.every_model else level.verdict.systems)
            learned = replace(transform, pulls=False).names
            known = dict(zip(learned, neutral_values(learned, rows.features), strict=True))
            # without their promotions neighbours do not pull
            neutral[name] = np.asarray([known.get(one, 0.0) for one in transform.names])
            levels[name] = replace(level, transform=transform, models=models)
            figures[f"{name}_training_rows"] = float(len(rows.targets))
            figures[f"{name}_supported_series"] = float(len(transform.supported(transform.panel.week_count)))
    hierarchy = replace(hierarchy, chain=levels[CHAIN], store=levels[STORE])
    return Fit(hierarchy, hierarchy.forecasts(chain.week_count, MAXIMUM_HORIZON_WEEKS), calibrations, neutral, figures)


def _twin_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the features that no neighbour has a part in."""
    return tuple(name for name in names if FEATURE_GROUPS.get(name) != "neighbours")


def _models(
    transform: DemandTransform, settings: FitSettings, *, before_week: int | None = None, served: Sequence[str] | None = None
) -> tuple[dict[str, DemandModel], TrainingRows]:
    """Return the models by system, of those that serve where they are named; both learn from the same rows."""
    learner = replace(transform, pulls=False)
    rows = training_rows(learner, HORIZONS, seed=settings.seed, maximum_rows=settings.maximum_rows, before_week=before_week)
    known = {MODEL_SYSTEM: learner.names, TWIN_SYSTEM: _twin_names(learner.names)}
    if settings.with_neighbours is not None:
        known = {name: known[name] for name in [TWIN_SYSTEM, MODEL_SYSTEM][settings.with_neighbours :][:1]}
    pulled = settings.with_neighbours is None and transform.relations is not None and bool(transform.relations.latest.strengths)
    wanted = {*known, PULL_SYSTEM} if served is None else {*served}
    models = {}
    for system, names in known.items():
        needed = system in wanted or (system == TWIN_SYSTEM and pulled and PULL_SYSTEM in wanted)
        if len(rows.targets) >= MINIMUM_ROWS and needed:
            columns = [learner.names.index(name) for name in names]
            narrow = replace(rows, features=np.ascontiguousarray(rows.features[:, columns]))
            models[system] = DemandModel.train(narrow, names, seed=settings.seed, members=settings.members)
    if pulled and PULL_SYSTEM in wanted and TWIN_SYSTEM in models:
        models[PULL_SYSTEM] = models[TWIN_SYSTEM].with_pull()
    return {system: model for system, model in models.items() if system in wanted}, rows


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """Forecasts at one origin of the back-test and what happened, one value a forecast."""

    forecast: np.ndarray
    actual: np.ndarray
    groups: np.ndarray
    supported: np.ndarray

    def calibrated(self, chosen: np.ndarray) -> IntervalCalibration:
        """Return intervals from some of the forecasts (a mask)."""
        if not chosen.any():
            return UNTRIED
        return calibrate(self.forecast[chosen], self.actual[chosen], self.groups[chosen])


def _outcomes(name: str, chain: DemandPanel, stores: DemandPanel, back: Sequence[tuple[int, Forecasts]]) -> list[_Outcome]:
    found = []
    for origin, forecasts in back:
        base, final = forecasts.base[name], forecasts.final[name]
        ahead = slice(origin, origin + len(final))
        if name in SERIES_LEVELS:
            actual = (chain if name == CHAIN else stores).units[base.rows, ahead].T
        else:
            actual = sums_of(chain, name).of_series(chain.units[:, ahead].T)
        flat = (
            final,
            actual.astype(np.float64),
            interval_groups(base.promoted, base.kind),
            np.tile(base.supported, (len(final), 1)),
        )
        found.append(_Outcome(*(one.reshape(-1) for one in flat)))
    return found


def _joined(told: Sequence[_Outcome]) -> _Outcome:
    return _Outcome(*(np.concatenate([getattr(one, field.name) for one in told]) for field in fields(_Outcome)))


def _calibrated(told: Sequence[_Outcome]) -> tuple[IntervalCalibration, IntervalCalibration]:
    """Return the intervals of supported series, and of others."""
    joined = _joined(told)
    return joined.calibrated(joined.supported), joined.calibrated(~joined.supported)


def _coverages(told: Sequence[_Outcome]) -> dict[str, float]:
    """Return what intervals of all but the last origin would have covered at it, of supported series."""
    *earlier, last = told
    if not earlier or not last.supported.any():
        return {}
    before = _joined(earlier)
    band = before.calibrated(before.supported).band(last.forecast[last.supported], last.groups[last.supported])
    actual = last.actual[last.supported]
    return {f"coverage_{percent}": coverage(band.ends(percent), actual) for percent in LEVELS_PERCENT}


def _products(found: Fit) -> list[str]:
    """Return the products that have a forecast of their own."""
    products = found.hierarchy.chain.transform.panel.product_ids
    return [products[row] for row in found.forecasts.base[CHAIN].rows]


def outputs_of(
    found: Fit, settings: FitSettings, launches: LaunchMetadata | None = None
) -> tuple[dict[str, bytes], dict[str, pa.Table], dict[str, float]]:
    """Return the artefact's files, the feature tables, and figures by name."""
    chain = found.hierarchy.chain.transform.panel
    files: dict[str, bytes] = {}
    tables: dict[str, pa.Table] = {}
    levels: dict[str, LevelMetadata] = {}
    for name in SERIES_LEVELS:
        level = _level(found, name)
        models = {}
        for system, model in level.models.items():
            # the trees of the twin are kept once
            texts = model.to_files(model_prefix(name, TWIN_SYSTEM if system == PULL_SYSTEM else system))
            files |= texts
            models[system] = ModelMetadata(model.names, {file: digest_of_bytes(text) for file, text in texts.items()})
        levels[name] = _metadata(found, name, level.verdict, level.transform.names, models)
        tables |= panel_tables(name, level.transform.panel)
        tables[rows_table_name(name)] = rows_table(found.forecasts.base[name], len(level.transform.names))
    for name, verdict in found.hierarchy.verdicts.items():
        levels[name] = _metadata(found, name, verdict, (), {})
    for name in levels:
        tables[history_table_name(name)] = _history(found, name)
    metadata = ForecastMetadata(chain.as_of, chain.weeks[-1], settings.seed, chain.planned_weeks, levels, launches)
    return {METADATA_FILE: write_metadata(metadata), **files}, tables, dict(found.figures)


def _metadata(
    found: Fit, name: str, verdict: Verdict, names: tuple[str, ...], models: Mapping[str, ModelMetadata]
) -> LevelMetadata:
    intervals, thin = found.calibrations[name]
    return LevelMetadata(
        systems=verdict.systems,
        baselines=verdict.baselines,
        intervals=intervals,
        thin_intervals=thin,
        feature_names=names,
        neutral=tuple(found.neutral[name].tolist()) if name in found.neutral else (),
        models=models,
        figures={key: value for key, value in verdict.figures.items() if math.isfinite(value)},
    )


def _history(found: Fit, name: str) -> pa.Table:
    chain = found.hierarchy.chain.transform.panel
    base, final = found.forecasts.base[name], found.forecasts.final[name]
    if name == TOTAL:
        return history_table({}, chain.sold.sum(axis=0, keepdims=True), base, final)
    if name == CATEGORY:
        units = sums_of(chain, name).of_series(chain.sold.T).T
        return history_table({"category_id": pa.array(chain.category_ids, pa.string())}, units, base, final)
    panel = _level(found, name).transform.panel
    names = {"product_id": pa.array(panel.product_ids, pa.string()).take(pa.array(base.rows))}
    if panel.store_ids is not None:
        names["store_id"] = pa.array(panel.store_ids, pa.string()).take(pa.array(base.rows))
    return history_table(names, panel.sold[base.rows], base, final)


def _level(found: Fit, name: str) -> SeriesLevel:
    return found.hierarchy.chain if name == CHAIN else found.hierarchy.store
