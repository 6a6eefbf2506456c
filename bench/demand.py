"""Weekly demand: the served model, its twins and the baselines, at two origins, in one run.

Everything is read as of the origin's last day; the promotion plan covers the weeks to forecast. Slices:

- `sku`: products that sold in at least 20 weeks and 60 units of the year, first within its 13 first weeks. This reads
  the whole year, so it leaks its choice; it is there to compare with earlier figures.
- `sku_past`: the same shares of what was known at each origin: the honest choice.
- `sku_store`: products in stores that have support at each origin.
- `category`, `total`: the sums of all products' forecasts against the sums of their sales.

`shelfgraph` is what the served fit would have chosen at the origin, by its back-test on the weeks before: the model with
neighbours, or the one without. The demo is served without a plan, since its promotion rows end with its last week:
`shelfgraph-without-promotion-plan` comes closest to that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
from scipy import sparse

from bench.demand_scores import (
    SeriesErrors,
    bootstrap,
    joined,
    pinball,
    ratio_bootstrap,
    rmsse,
    series_errors,
    value_of,
    wape,
    wrmsse,
)
from bench.demand_systems import SYSTEMS, WITH_NEIGHBOURS, WITHOUT_NEIGHBOURS, DemandSystem, PreparedVariant
from bench.frame import Bench, BenchContext, BenchRow
from decisions.forecast.backtest import held_out_origin
from decisions.forecast.baseline import baseline_forecasts, seasonal_share, year_before
from decisions.forecast.fitting import better_variant
from decisions.forecast.intervals import IntervalCalibration, coverage
from decisions.relations.derive import derive
from features.demand import DemandTransform
from features.demand_neighbours import Neighbours, neighbours
from features.demand_panel import DemandPanel, chain_panel, store_panel
from kit.progress import Stage
from lake import Lake

__all__ = ["BENCH", "run"]

HORIZONS = (1, 2, 3, 4)
SHARE_OF_WEEKS, UNITS_A_WEEK, FIRST_WEEKS = 20 / 53, 60 / 53, 13
SERVED = "shelfgraph"
RIVALS = ("lightgbm", WITHOUT_NEIGHBOURS, "mean_8")
MEASURES = (("wape", wape), ("rmsse", rmsse), ("wrmsse", wrmsse))


_Forecasts = Mapping[str, Sequence[np.ndarray]]
CHOICE = (WITH_NEIGHBOURS, WITHOUT_NEIGHBOURS)
STORE_SYSTEMS = tuple(system for system in SYSTEMS if system.name in CHOICE)


@dataclass(frozen=True, slots=True)
class _Effort:
    """How much is measured. 9 and 5 weeks before the end are the origins 44 and 48 of a year of 53 weeks."""

    weeks_before_end: tuple[int, ...]
    seeds: int
    training_rows: int
    systems: tuple[DemandSystem, ...]
    whole: bool = True
    """Whether edges are derived at each origin and stores are measured; a quick run has siblings as its only neighbours."""


FULL = _Effort((9, 5), 2, 240_000, SYSTEMS)
QUICK = _Effort((5,), 1, 20_000, tuple(s for s in SYSTEMS if s.name in (*CHOICE, "lightgbm")), whole=False)


@dataclass(frozen=True, slots=True)
class _Origin:
    """One origin: features as of its day, product numbers (N), rows of each slice, and later sales (horizons x N).

    `on_eve` are the neighbours that the back-test before the origin may know.
    """

    transform: DemandTransform
    on_eve: Neighbours
    product: np.ndarray
    slices: Mapping[str, np.ndarray]
    actual: np.ndarray


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return errors per system and slice, and remarks."""
    effort = QUICK if context.quick else FULL
    with context.progress.stage("demand: panels and edges as of each origin", len(effort.weeks_before_end) + 1) as stage:
        chain_origins, store_origins = _origins(context, effort, stage)
    rows: list[BenchRow] = []
    with context.progress.stage("demand: products", len(chain_origins) * effort.seeds) as stage:
        forecasts, calibrations = _forecasts(chain_origins, effort, stage)
        for name in ("sku", "sku_past"):
            rows += _slice_rows(name, chain_origins, forecasts)
        rows += _summed_rows(chain_origins, forecasts)
        rows += _interval_rows("sku_past", chain_origins, forecasts[SERVED], calibrations)
    if store_origins:
        with context.progress.stage("demand: products in stores", len(store_origins)) as stage:
            in_stores, _ = _forecasts(store_origins, replace(effort, seeds=1, systems=STORE_SYSTEMS), stage)
            rows += _slice_rows("sku_store", store_origins, in_stores)
    return rows, _notes(chain_origins, effort)


def _notes(origins: Sequence[_Origin], effort: _Effort) -> list[str]:
    days = ", ".join(origin.transform.panel.as_of.isoformat() for origin in origins)
    counts = ", ".join(f"{name} {len(rows)}" for origin in origins for name, rows in origin.slices.items())
    planned = min(origin.transform.panel.planned_weeks for origin in origins)
    edges = "siblings and edges derived at each origin" if effort.whole else "siblings alone"
    return [
        f"Origins {days}; horizons 1 to {len(HORIZONS)}; at most {effort.training_rows} training rows a model.",
        f"Series by origin and slice: {counts}.",
        f"The promotion rows of {planned} weeks after each origin are taken as a plan known on that day.",
        f"Models are rebuilt at each origin; neighbours are {edges}. Intervals are 95 % over products, of the first seed.",
        f"seasonal_naive had a week one year before for {_seasonal(origins):.0%} of the forecasts, and is mean_8 for the others.",
        "shelfgraph is, at each origin, level and seed, what the back-test before it prefers: with neighbours or without.",
        "The demo is served without a plan, as its promotion rows end with its last week: see shelfgraph-without-promotion-plan.",
    ]


def _seasonal(origins: Sequence[_Origin]) -> float:
    panels = [origin.transform.panel for origin in origins]
    return float(np.mean([seasonal_share(year_before(panel.units, panel.week_count, len(HORIZONS))) for panel in panels]))


def _origins(context: BenchContext, effort: _Effort, stage: Stage) -> tuple[list[_Origin], list[_Origin]]:
    whole = chain_panel(context.lake, as_of=context.as_of, promotion_plan=False, minimum_weeks_sold=1)
    year_long = _chosen(whole.units, whole.week_count)
    stage.advance()
    chain_origins, store_origins = [], []
    later: DemandPanel | None = None
    for weeks in effort.weeks_before_end:
        as_of = whole.weeks[-1] + timedelta(days=6, weeks=-weeks)
        chain = chain_panel(context.lake, as_of=as_of)
        eve = chain.target_week(held_out_origin(chain.week_count)) - timedelta(days=1)
        relations, on_eve = (neighbours(chain, _edges(context.lake, day) if effort.whole else None) for day in (as_of, eve))
        chain_origins.append(_chain_origin(DemandTransform(chain, chain, relations), on_eve, whole, year_long))
        if effort.whole:
            later = later or store_panel(context.lake, whole, promotion_plan=False)
            in_stores = DemandTransform(store_panel(context.lake, chain), chain, relations)
            store_origins.append(_store_origin(in_stores, on_eve, later))
        stage.advance()
    return chain_origins, store_origins


def _edges(lake: Lake, as_of: date) -> Mapping[str, pa.Table]:
    # a fixed recording time: the run's books are not written here
    recorded_at = datetime(2000, 1, 1, tzinfo=UTC)
    return derive(lake, None, as_of=as_of, run_id="bench", recorded_at=recorded_at, scoped=False).edges


def _chosen(units: np.ndarray, weeks: int) -> np.ndarray:
    enough = ((units > 0).sum(axis=1) >= SHARE_OF_WEEKS * weeks) & (units.sum(axis=1) >= UNITS_A_WEEK * weeks)
    return np.asarray(enough & (units[:, :FIRST_WEEKS] > 0).any(axis=1))


def _chain_origin(transform: DemandTransform, on_eve: Neighbours, whole: DemandPanel, year_long: np.ndarray) -> _Origin:
    panel = transform.panel
    position = {product: row for row, product in enumerate(whole.product_ids)}
    at = np.asarray([position[product] for product in panel.product_ids])
    future = [panel.week_count + horizon - 1 for horizon in HORIZONS]
    slices = {
        "sku": np.flatnonzero(year_long[at]),
        "sku_past": np.flatnonzero(_chosen(panel.units, panel.week_count)),
    }
    return _Origin(transform, on_eve, at, slices, whole.units[at][:, future].T.astype(np.float64))


def _store_origin(transform: DemandTransform, on_eve: Neighbours, later: DemandPanel) -> _Origin:
    panel = transform.panel
    position = {key: row for row, key in enumerate(_pairs(later))}
    at = np.asarray([position[key] for key in _pairs(panel)])
    future = [panel.week_count + horizon - 1 for horizon in HORIZONS]
    actual = later.units[at][:, future].T.astype(np.float64)
    product = later.parent[at]
    return _Origin(transform, on_eve, product, {"sku_store": transform.supported(panel.week_count)}, actual)


def _pairs(panel: DemandPanel) -> list[tuple[str, str]]:
    return list(zip(panel.product_ids, panel.store_ids or panel.product_ids, strict=True))


def _forecasts(origins: Sequence[_Origin], effort: _Effort, stage: Stage) -> tuple[_Forecasts, list[IntervalCalibration]]:
    """Return per system and origin: seeds x horizons x N; and per origin the served system's intervals."""
    forecasts: dict[str, list[np.ndarray]] = {}
    calibrations: list[IntervalCalibration] = []
    for origin in origins:
        found: dict[str, list[np.ndarray]] = {name: [one] for name, one in _baselines(origin.transform.panel).items()}
        for seed in range(effort.seeds):
            for systems in _by_variant(effort.systems, seed):
                variant = PreparedVariant.of(systems[0].variant(origin.transform), HORIZONS, seed, effort.training_rows)
                for system in systems:
                    found.setdefault(system.name, []).append(variant.forecast(system, seed, HORIZONS))
            used, verdict = better_variant(origin.transform, origin.on_eve, seed, maximum_rows=effort.training_rows)
            found.setdefault(SERVED, []).append(found[WITH_NEIGHBOURS if used else WITHOUT_NEIGHBOURS][-1])
            if seed == 0:
                calibrations.append(verdict.intervals)
            stage.note(f"{'with' if used else 'without'} neighbours at {origin.transform.panel.as_of}")
            stage.advance()
        for name, by_seed in found.items():
            forecasts.setdefault(name, []).append(np.stack(by_seed))
    return forecasts, calibrations


def _by_variant(systems: Sequence[DemandSystem], seed: int) -> list[list[DemandSystem]]:
    wanted = [system for system in systems if seed == 0 or system.every_seed]
    groups: dict[tuple[bool, bool], list[DemandSystem]] = {}
    for system in wanted:
        groups.setdefault((system.permuted, system.with_plan), []).append(system)
    return list(groups.values())


def _baselines(panel: DemandPanel) -> Mapping[str, np.ndarray]:
    last_year = year_before(panel.units, panel.week_count, len(HORIZONS))
    return baseline_forecasts(panel.units, last_year)


def _slice_rows(name: str, origins: Sequence[_Origin], forecasts: Mapping[str, Sequence[np.ndarray]]) -> list[BenchRow]:
    errors = {system: _errors(name, origins, by_origin) for system, by_origin in forecasts.items()}
    rows: list[BenchRow] = []
    for system, by_seed in errors.items():
        for metric, measure in MEASURES:
            found = bootstrap(measure, by_seed[0], seed=0)
            value = float(np.mean([value_of(measure, one) for one in by_seed]))
            rows.append(BenchRow(system, metric, name, value, found.low, found.high, len(by_seed[0].sold), len(by_seed)))
    for rival in RIVALS:
        if rival in errors:
            rows += _ratio_rows(name, rival, errors[SERVED][0], errors[rival][0])
    return rows


def _errors(name: str, origins: Sequence[_Origin], by_origin: Sequence[np.ndarray]) -> list[SeriesErrors]:
    pairs = list(zip(origins, by_origin, strict=True))
    return [
        joined([_origin_errors(origin, name, forecasts[seed]) for origin, forecasts in pairs])
        for seed in range(len(by_origin[0]))
    ]


def _origin_errors(origin: _Origin, name: str, forecast: np.ndarray) -> SeriesErrors:
    rows = origin.slices[name]
    return series_errors(origin.product[rows], origin.transform.panel.units[rows], origin.actual[:, rows], forecast[:, rows])


def _ratio_rows(name: str, rival: str, ours: SeriesErrors, theirs: SeriesErrors) -> list[BenchRow]:
    found = [(metric, ratio_bootstrap(measure, ours, theirs, seed=0)) for metric, measure in MEASURES]
    count = len(ours.sold)
    return [BenchRow(SERVED, f"{metric}_ratio_to_{rival}", name, f.value, f.low, f.high, count, 1) for metric, f in found]


def _summed_rows(origins: Sequence[_Origin], forecasts: Mapping[str, Sequence[np.ndarray]]) -> list[BenchRow]:
    """Return the errors of the sums over each category, with intervals over categories, and over everything."""
    rows: list[BenchRow] = []
    for system, by_origin in forecasts.items():
        for name in ("category", "total"):
            by_seed = [
                joined([_summed_errors(origin, name, found[seed]) for origin, found in zip(origins, by_origin, strict=True)])
                for seed in range(len(by_origin[0]))
            ]
            value = float(np.mean([value_of(wape, errors) for errors in by_seed]))
            found = bootstrap(wape, by_seed[0], seed=0) if name == "category" else None
            low, high = (found.low, found.high) if found else (None, None)
            rows.append(BenchRow(system, "wape", name, value, low, high, len(by_seed[0].sold), len(by_seed)))
    return rows


def _summed_errors(origin: _Origin, name: str, forecast: np.ndarray) -> SeriesErrors:
    panel = origin.transform.panel
    codes = panel.category if name == "category" else np.zeros(len(panel.product_ids), dtype=np.int32)
    groups, member = np.unique(codes, return_inverse=True)
    adding = sparse.csr_array((np.ones(len(member)), (member, np.arange(len(member)))), shape=(len(groups), len(member)))
    return series_errors(groups, adding @ panel.units, (adding @ origin.actual.T).T, (adding @ forecast.T).T)


def _interval_rows(
    name: str, origins: Sequence[_Origin], forecasts: Sequence[np.ndarray], calibrations: Sequence[IntervalCalibration]
) -> list[BenchRow]:
    hits, losses, count = [], [], 0
    for origin, by_seed, calibration in zip(origins, forecasts, calibrations, strict=True):
        rows = origin.slices[name]
        actual, (low, high) = origin.actual[:, rows], calibration.interval(by_seed[0][:, rows])
        hits.append(coverage(low, high, actual))
        losses.append((pinball(actual, low, 0.1) + pinball(actual, high, 0.9)) / 2)
        count += actual.size
    found = {"coverage_80": float(np.mean(hits)), "pinball": float(np.mean(losses))}
    return [BenchRow(SERVED, metric, name, value, n=count) for metric, value in found.items()]


BENCH = Bench(
    name="demand",
    claim="errors of weekly demand forecasts: what is served, its twins, a plain LightGBM and the simple baselines",
    run=run,
    tables=("products", "promotion_weeks", "sales_lines"),
    takes_as_of=True,
)
