"""Weekly forecasts: the served system, its parts, the placebo and the simple methods, at four origins, in one run.

Everything is read as of the origin's last day; the promotion plan covers the weeks to forecast. Levels:

- `sku`: products that by the origin had sold in 20/53 of the weeks and 60/53 units a week, first within its 13 first weeks:
  chosen from the past alone.
- `sku_store`: products in stores with support at the origin.
- `category`, `total`: sums of all products.

Slices of `sku`, named before any result was seen, are by what is known at the origin (`_slices`). Horizons are 1 to 4 weeks;
`sku_weeks_5_to_8` are the later ones, where the data reach so far.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from bench.forecast_launches import measured_launches
from bench.forecast_scores import (
    SeriesErrors,
    bias,
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
from bench.forecast_slices import SLICES, chosen_products, slices_of
from bench.forecast_systems import (
    PERMUTED,
    PLAIN,
    WITH_NEIGHBOURS,
    Asked,
    learned_systems,
    permuted_system,
    plain_system,
    simple_systems,
)
from bench.frame import Bench, BenchContext, BenchRow
from decisions.forecast.artefact import CATEGORY, CHAIN, STORE, TOTAL
from decisions.forecast.backtest import MODEL_SYSTEM, TWIN_SYSTEM
from decisions.forecast.classical import CLASSICAL, CROSTON, TSB
from decisions.forecast.fitting import Fit, FitSettings, days_of_vintages, fit_panels, known_panels
from decisions.forecast.intervals import LEVELS_PERCENT, TAILS, coverage, interval_groups, whole_units
from decisions.forecast.levels import Base, sums_of
from decisions.relations.derive import derive
from features.demand_neighbours import NeighbourVintages, neighbours
from features.demand_panel import DemandPanel, chain_panel, store_panel
from kit.progress import SilentProgress, Stage
from lake import Lake

__all__ = ["BENCH", "run"]

HORIZONS = 4
LONGEST = 8
MEASURES = (("wape", wape), ("rmsse", rmsse), ("wrmsse", wrmsse), ("bias", bias))
RATIOS = MEASURES[:3]
RIVALS = (TWIN_SYSTEM, "mean_8", PLAIN)
OTHER_SEED = "shelfgraph-without-neighbours-other-seed"
CEILING = "noise_ceiling"
"""No system: the served forecast against sales that are drawn from it (Poisson), as if it were the true rate."""


@dataclass(frozen=True, slots=True)
class _Effort:
    """How much is measured. 16, 12, 8 and 4 weeks before the end are weeks 36, 40, 44 and 48 of a year of 52."""

    weeks_before_end: tuple[int, ...]
    seeds: int
    training_rows: int
    members: int
    whole: bool = True
    """Whether edges are derived at each origin and every system is tried; a quick run has siblings as its only neighbours."""


FULL = _Effort((16, 12, 8, 4), 3, 240_000, 1)
QUICK = _Effort((4,), 1, 20_000, 1, whole=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Origin:
    """What is known at one origin, and what came. `later` and `later_stores`: units of all weeks by row of the panels."""

    week: int
    chain: DemandPanel
    stores: DemandPanel
    vintages: NeighbourVintages
    later: np.ndarray
    later_stores: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """Forecasts of one level at one origin: horizons x rows per system. `masks` are the slices, by name, `ends` those of the
    served intervals of the first seed (4 x horizons x rows), where they are measured.
    """

    kind: np.ndarray
    week: int
    known: np.ndarray
    actual: np.ndarray
    systems: Mapping[str, Sequence[np.ndarray]]
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    ends: np.ndarray | None = None


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return errors per system, level and slice, and remarks."""
    effort = QUICK if context.quick else FULL
    with context.progress.stage("forecast: panels and edges as of each origin", len(effort.weeks_before_end)) as stage:
        origins = list(_origins(context, effort, stage))
    levels: dict[str, list[_Told]] = {}
    served: list[str] = []
    with context.progress.stage("forecast: origins and seeds", len(origins) * effort.seeds) as stage:
        for origin in origins:
            fits = []
            for seed in range(effort.seeds):
                fits.append(_fit(origin, seed, effort))
                stage.advance()
            served.append(_who_serves(origin, fits[0]))
            for name, told in _told(origin, fits, effort).items():
                levels.setdefault(name, []).append(told)
    rows = [row for name, told in levels.items() for row in _rows(name, told)]
    launches, told_of_launches = measured_launches(context)
    return [*rows, *_interval_rows(levels["sku"]), *launches], [*_notes(origins, effort, levels, served), *told_of_launches]


def _origins(context: BenchContext, effort: _Effort, stage: Stage) -> Sequence[_Origin]:
    lake = context.lake
    whole = chain_panel(lake, as_of=context.as_of, promotion_plan=False, minimum_weeks_sold=1)
    whole_stores = store_panel(lake, whole, promotion_plan=False, minimum_weeks_sold=1)
    known: dict[date, Mapping[str, pa.Table]] = {}
    found = []
    for before in effort.weeks_before_end:
        as_of = whole.weeks[-1] + timedelta(days=6, weeks=-before)
        chain = chain_panel(lake, as_of=as_of)
        chain, stores = known_panels(lake, chain, store_panel(lake, chain), context.country)
        days = days_of_vintages(chain)
        for day in days.values() if effort.whole else ():
            if day not in known:
                known[day] = _edges(lake, day)
        found.append(
            _Origin(
                chain.week_count,
                chain,
                stores,
                NeighbourVintages.of({week: neighbours(chain, known.get(day)) for week, day in days.items()}),
                _of_rows(whole, chain),
                _of_rows(whole_stores, stores),
            )
        )
        stage.advance()
    return found


def _of_rows(whole: DemandPanel, panel: DemandPanel) -> np.ndarray:
    place = {key: row for row, key in enumerate(_names(whole))}
    return whole.units[[place[key] for key in _names(panel)]]


def _names(panel: DemandPanel) -> list[tuple[str, str]]:
    return list(zip(panel.product_ids, panel.store_ids or panel.product_ids, strict=True))


def _edges(lake: Lake, as_of: date) -> Mapping[str, pa.Table]:
    # a fixed recording time: the run's books are not written here
    recorded_at = datetime(2000, 1, 1, tzinfo=UTC)
    return derive(lake, None, as_of=as_of, run_id="bench", recorded_at=recorded_at, scoped=False).edges


def _fit(origin: _Origin, seed: int, effort: _Effort) -> Fit:
    settings = FitSettings(seed, effort.training_rows, effort.members, every_model=True)
    return fit_panels(origin.chain, origin.stores, origin.vintages, settings, SilentProgress())


def _told(origin: _Origin, fits: Sequence[Fit], effort: _Effort) -> dict[str, _Told]:
    longest = min(LONGEST, origin.later.shape[1] - origin.week)
    rows = chosen_products(origin.chain.units)
    found = {"sku": _products(origin, fits, rows, effort, longest)}
    if longest > HORIZONS:
        found["sku_weeks_5_to_8"] = replace(_weeks(found["sku"], slice(HORIZONS, longest)), masks={}, ends=None)
        found["sku"] = _weeks(found["sku"], slice(HORIZONS))
    if effort.whole:
        found["sku_store"] = _in_stores(origin, fits, effort)
    return found | {name: _summed(origin, fits, name) for name in (CATEGORY, TOTAL)}


def _products(origin: _Origin, fits: Sequence[Fit], rows: np.ndarray, effort: _Effort, horizons: int) -> _Told:
    panel, asked = origin.chain, Asked(rows, horizons)
    systems: dict[str, list[np.ndarray]] = {}
    for seed, fit in enumerate(fits):
        level = fit.hierarchy.chain
        found = {MODEL_SYSTEM: _served(fit, CHAIN, rows, horizons), **learned_systems(level, asked)}
        if effort.whole:
            how = {"seed": seed, "maximum_rows": effort.training_rows}
            found[PERMUTED] = permuted_system(level.transform, asked, members=effort.members, **how)
            found[PLAIN] = plain_system(level.transform, asked, **how)
        for name, forecast in found.items():
            systems.setdefault(name, []).append(forecast)
    _add_other_seed(systems)
    simple = simple_systems(panel.units[rows], origin.week, horizons, CLASSICAL if effort.whole else (CROSTON, TSB))
    systems |= {name: [forecast] for name, forecast in simple.items()}
    masks = slices_of(fits[0].hierarchy.chain.transform, rows, HORIZONS)
    return _Told(
        panel.product_type[rows],
        origin.week,
        panel.units[rows],
        origin.later[rows, origin.week : origin.week + horizons].T.astype(np.float64),
        systems,
        masks,
        _ends(fits[0], rows, horizons),
    )


def _add_other_seed(systems: dict[str, list[np.ndarray]]) -> None:
    """Add the twin with its second seed as a system: against the first alone it shows what chance makes of the same model."""
    second = systems.get(TWIN_SYSTEM, [])[1:2]
    if second:
        systems[OTHER_SEED] = second


def _weeks(told: _Told, chosen: slice) -> _Told:
    systems = {name: [one[chosen] for one in by_seed] for name, by_seed in told.systems.items()}
    return replace(told, actual=told.actual[chosen], systems=systems, ends=None if told.ends is None else told.ends[:, chosen])


def _places(base: Base, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where rows of the panel stand among the forecasts, and which do: others have not sold for half a year."""
    place = np.minimum(np.searchsorted(base.rows, rows), len(base.rows) - 1)
    return place, base.rows[place] == rows


def _served(fit: Fit, level: str, rows: np.ndarray, horizons: int) -> np.ndarray:
    """Return what is served (horizons x rows); what is not forecast is told as selling nothing."""
    place, there = _places(fit.forecasts.base[level], rows)
    return np.where(there, fit.forecasts.final[level][:horizons, place], 0.0)


def _ends(fit: Fit, rows: np.ndarray, horizons: int) -> np.ndarray:
    """Return the ends of the served intervals of products (4 x horizons x rows: 2.5, 10, 90 and 97.5 %)."""
    base, units = fit.forecasts.base[CHAIN], fit.forecasts.final[CHAIN][:horizons]
    groups = interval_groups(base.promoted[:horizons], base.kind)
    bands = [calibration.band(units, groups) for calibration in fit.calibrations[CHAIN]]
    sides = ("low_95", "low_80", "high_80", "high_95")
    ends = np.stack([np.where(base.supported, *(getattr(band, side) for band in bands)) for side in sides])
    place, there = _places(base, rows)
    return np.where(there, ends[:, :, place], 0.0)


def _in_stores(origin: _Origin, fits: Sequence[Fit], effort: _Effort) -> _Told:
    panel = origin.stores
    rows = fits[0].hierarchy.store.transform.supported(origin.week)
    asked = Asked(rows, HORIZONS)
    systems: dict[str, list[np.ndarray]] = {}
    for seed, fit in enumerate(fits):
        level = fit.hierarchy.store
        found = {MODEL_SYSTEM: _served(fit, STORE, rows, HORIZONS), **learned_systems(level, asked)}
        found[PERMUTED] = permuted_system(
            level.transform, asked, seed=seed, maximum_rows=effort.training_rows, members=effort.members
        )
        for name, forecast in found.items():
            systems.setdefault(name, []).append(forecast)
    _add_other_seed(systems)
    simple = simple_systems(panel.units[rows], origin.week, HORIZONS, CLASSICAL)
    systems |= {name: [forecast] for name, forecast in simple.items()}
    actual = origin.later_stores[rows, origin.week : origin.week + HORIZONS].T.astype(np.float64)
    kind = origin.chain.product_type[panel.parent[rows]]
    return _Told(kind, origin.week, panel.units[rows], actual, systems)


def _summed(origin: _Origin, fits: Sequence[Fit], name: str) -> _Told:
    panel = origin.chain
    sums = sums_of(panel, name)
    known = sums.of_series(panel.units.T).T
    systems: dict[str, list[np.ndarray]] = {MODEL_SYSTEM: [fit.forecasts.final[name][:HORIZONS] for fit in fits]}
    systems["bottom_up"] = [
        sums.of_series(fit.forecasts.base[CHAIN].units[:HORIZONS], fit.forecasts.base[CHAIN].rows) for fit in fits
    ]
    simple = simple_systems(known, origin.week, HORIZONS, CLASSICAL)
    systems |= {system: [forecast] for system, forecast in simple.items()}
    actual = sums.of_series(origin.later[:, origin.week : origin.week + HORIZONS].T.astype(np.float64))
    return _Told(np.arange(sums.count), origin.week, known, actual, systems)


def _rows(name: str, told: Sequence[_Told]) -> list[BenchRow]:
    """Return the figures of a level and of its slices: the mean over seeds, with the interval of the first."""
    common = set.intersection(*(set(one.systems) for one in told))
    errors = {system: _errors(told, system) for system in sorted(common)} | {CEILING: [_of_noise(told)]}
    rows: list[BenchRow] = []
    for label, mask in _masks(name, told):
        chosen = {system: [one.of(mask) for one in by_seed] for system, by_seed in errors.items()}
        rows += _figures(label, chosen)
    return rows


def _masks(name: str, told: Sequence[_Told]) -> list[tuple[str, np.ndarray]]:
    size = sum(len(one.kind) for one in told)
    masks = [(name, np.ones(size, dtype=bool))]
    for label in SLICES:
        if all(label in one.masks for one in told):
            mask = np.concatenate([one.masks[label] for one in told])
            if mask.any():
                masks.append((label, mask))
    return masks


def _errors(told: Sequence[_Told], system: str) -> list[SeriesErrors]:
    seeds = min(len(one.systems[system]) for one in told)
    return [
        joined([series_errors(one.kind, one.week, one.known, one.actual, one.systems[system][seed]) for one in told])
        for seed in range(seeds)
    ]


def _of_noise(told: Sequence[_Told]) -> SeriesErrors:
    random = np.random.default_rng(0)
    rates = [one.systems[MODEL_SYSTEM][0] for one in told]
    drawn = [random.poisson(rate).astype(np.float64) for rate in rates]
    return joined([series_errors(one.kind, one.week, one.known, *pair) for one, *pair in zip(told, drawn, rates, strict=True)])


def _figures(label: str, errors: Mapping[str, Sequence[SeriesErrors]]) -> list[BenchRow]:
    rows: list[BenchRow] = []
    for system, by_seed in errors.items():
        for metric, measure in MEASURES:
            found = bootstrap(measure, by_seed[0], seed=0)
            value = float(np.mean([value_of(measure, one) for one in by_seed]))
            rows.append(BenchRow(system, metric, label, value, found.low, found.high, len(by_seed[0].sold), len(by_seed)))
    compared = (MODEL_SYSTEM, WITH_NEIGHBOURS, PERMUTED, OTHER_SEED)
    for system in compared:
        for rival in RIVALS if system == MODEL_SYSTEM else (TWIN_SYSTEM,):
            if system in errors and rival in errors:
                theirs = errors[rival][:1] if system == OTHER_SEED else errors[rival]
                for metric, measure in RATIOS:
                    found = ratio_bootstrap(measure, errors[system], theirs, seed=0)
                    counts = len(errors[system][0].sold), len(errors[system])
                    rows.append(
                        BenchRow(system, f"{metric}_ratio_to_{rival}", label, found.value, found.low, found.high, *counts)
                    )
    return rows


def _interval_rows(told: Sequence[_Told]) -> list[BenchRow]:
    """Return coverage (as it is, and with ends in whole units) and pinball loss of the served intervals, by slice."""
    rows: list[BenchRow] = []
    actual = np.concatenate([one.actual for one in told], axis=1)
    ends = np.concatenate([one.ends for one in told if one.ends is not None], axis=2)
    for label, mask in _masks("sku", told):
        inside = actual[:, mask]
        for percent, (low, high) in zip(LEVELS_PERCENT, ((1, 2), (0, 3)), strict=True):
            pair = ends[low][:, mask], ends[high][:, mask]
            rows.append(BenchRow(MODEL_SYSTEM, f"coverage_{percent}", label, coverage(pair, inside), n=inside.size))
            whole = coverage(whole_units(pair), inside)
            rows.append(BenchRow(MODEL_SYSTEM, f"coverage_{percent}_whole_units", label, whole, n=inside.size))
        losses = [pinball(inside, ends[place][:, mask], level) for place, level in enumerate(TAILS)]
        rows.append(BenchRow(MODEL_SYSTEM, "pinball", label, float(np.mean(losses)), n=inside.size))
    return rows


def _who_serves(origin: _Origin, fit: Fit) -> str:
    tree = fit.hierarchy
    verdicts = {CHAIN: tree.chain.verdict, STORE: tree.store.verdict, **tree.verdicts}
    told = ", ".join(f"{level} {'/'.join(dict.fromkeys(verdict.systems))}" for level, verdict in verdicts.items())
    return f"Served at {origin.chain.as_of} (first seed): {told}."


def _notes(
    origins: Sequence[_Origin], effort: _Effort, levels: Mapping[str, Sequence[_Told]], served: Sequence[str]
) -> list[str]:
    days = ", ".join(origin.chain.as_of.isoformat() for origin in origins)
    counts = ", ".join(f"{name} {'/'.join(str(len(one.kind)) for one in told)}" for name, told in levels.items())
    edges = "siblings and edges derived at each origin" if effort.whole else "siblings alone"
    return [
        f"Origins {days}; at most {effort.training_rows} training rows a model; {effort.seeds} seeds of one member each.",
        f"Series by level and origin: {counts}.",
        f"The promotion rows of {min(one.chain.planned_weeks for one in origins)} weeks or more after each origin are the plan.",
        f"Models are rebuilt at each origin; neighbours are {edges}; past origins see those of their own time (every 8 weeks).",
        "Intervals are 95 % over product types and weeks of origin.",
        f"{OTHER_SEED} is the twin's second seed against its first: what chance alone makes of the same model.",
        f"{CEILING}: the served forecast against sales drawn from it (Poisson). Were it the true rate, no model would be better.",
        *served,
    ]


BENCH = Bench(
    name="forecast",
    claim="errors and intervals of weekly forecasts: what is served, with and without neighbours, a placebo, and simple methods",
    run=run,
    tables=("products", "promotion_weeks", "sales_lines"),
    takes_as_of=True,
)
