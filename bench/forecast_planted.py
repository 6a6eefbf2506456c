"""Forecasts in worlds whose truth is known: what neighbours' promotions are said to move against what they truly move, the errors
beside those of the true rates, and what fitting costs as a retailer grows.

Each world is known up to eight weeks before its end; its plans of promotions and prices cover these weeks. The true effect of a
promotion is computed from its shoppers' probabilities (`bench.world.ahead`): what each product is expected to sell with it, less
what it would sell without, all else equal. Attributed is what the served forecast's drivers say of a neighbour.

Costs are those of back-test, models and forecasts alone, each in a process of its own, on edges that were derived before.
"""

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import feather

from bench.apart import apart, simulate
from bench.costs import Cost, peak_rss_mb
from bench.forecast_attribution import SERVED, answered, estimates
from bench.forecast_attribution_scores import Columns, Judged, figures, interval_95, noise_of
from bench.forecast_systems import Asked, learned_systems, simple_systems
from bench.frame import Bench, BenchContext, BenchRow
from bench.whatif_world import world_graph
from bench.world import SIZES, Ahead, World, open_world
from decisions.forecast import ForecastService, fit
from decisions.forecast.artefact import CHAIN, STORE
from decisions.forecast.fitting import Fit, FitSettings, eve_of_back_test, fit_panels, outputs_of
from decisions.forecast.panels import panel_table_name
from decisions.relations.derive import derive
from features import publish_features
from features.demand_neighbours import Neighbours, neighbours
from features.demand_panel import DemandPanel, chain_panel, store_panel
from kg.snapshot import open_current_snapshot, publish_snapshot
from kit.clock import SystemClock
from kit.progress import SilentProgress

__all__ = ["BENCH", "judged_world"]

WEEKS_AHEAD = 8
SEEDS = (1, 2, 3, 4)
ONCE, TENFOLD = "small", "tenfold"
QUICK_ROWS = 20_000
RECORDED_AT = datetime(2000, 1, 1, tzinfo=UTC)
TRUTH = "true_rate"
"""What is truly expected, as a forecast: no system can do better but by chance."""
COMPARED = ("mean_8", "croston")


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Of one world: columns by system, metric and slice, and how many products each system served."""

    columns: Mapping[tuple[str, str, str], Columns]
    served: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Grown:
    """What fitting took, and on how much."""

    cost: Cost
    products: int
    series: int
    lines: int


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is known of a world on the day of the forecast."""

    chain: DemandPanel
    stores: DemandPanel
    edges: Mapping[str, pa.Table]
    today: Neighbours
    on_eve: Neighbours


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return how much of the planted effects is recovered, the forecasts' errors, and what fitting takes."""
    seeds = SEEDS[:1] if context.quick else SEEDS
    worlds = []
    for seed in seeds:
        with context.progress.stage(f"forecast_planted: world {seed}"), TemporaryDirectory() as folder:
            simulate(ONCE, seed, Path(folder) / "lake")
            worlds.append(apart(_of_world, seed, Path(folder), context.quick))
    rows = [row for row in _rows([world.columns for world in worlds]) if row is not None]
    if context.quick:
        return rows, _notes(worlds)
    grown = {size: _costs(context, size) for size in (ONCE, TENFOLD)}
    return [*rows, *_cost_rows(*(grown[size].cost for size in (ONCE, TENFOLD)))], [*_notes(worlds), _sizes(grown)]


def judged_world(world: World, folder: Path, *, maximum_rows: int | None = None, seed: int = 0) -> _Found:
    """Fit and ask a world, and hold the answers against its truth. Features and graph are published below `folder`."""
    known = _known(world)
    settings = (
        FitSettings(seed, every_model=True) if maximum_rows is None else FitSettings(seed, maximum_rows, 1, every_model=True)
    )
    fitted = fit_panels(known.chain, known.stores, known.today, known.on_eve, settings, SilentProgress())
    attributed, served = answered(_service(world, known, fitted, settings, folder), known.chain.product_ids, WEEKS_AHEAD)
    told = {SERVED: attributed, **estimates(known.chain, known.today, _base(fitted), seed)}
    first = known.chain.week_count
    place = _places(world, known.chain)
    truth = world.expected_in(range(first, first + WEEKS_AHEAD))
    columns = _attribution(_effects(world, truth, place, first), told)
    return _Found({**columns, **_errors(world, known, fitted, truth.expected[:, place])}, served)


def _of_world(seed: int, folder: Path, quick: bool) -> _Found:
    world = open_world(SIZES[ONCE], seed, folder / "lake")
    return judged_world(world, folder, maximum_rows=QUICK_ROWS if quick else None)


def _known(world: World) -> _Known:
    as_of = _day_of(world.as_of)
    chain = chain_panel(world.lake, as_of=as_of)
    stores = store_panel(world.lake, chain)
    edges, on_eve = (_edges(world, day) for day in (as_of, eve_of_back_test(chain)))
    return _Known(chain, stores, edges, neighbours(chain, edges), neighbours(chain, on_eve))


def _day_of(end: date) -> date:
    return end - timedelta(weeks=WEEKS_AHEAD)


def _edges(world: World, day: date) -> Mapping[str, pa.Table]:
    return derive(world.lake, None, as_of=day, run_id="bench", recorded_at=RECORDED_AT, scoped=False).edges


def _service(world: World, known: _Known, fitted: Fit, settings: FitSettings, folder: Path) -> ForecastService:
    files, tables, _ = outputs_of(fitted, settings)
    graph = world_graph(world, known.edges)
    publish_snapshot(graph, folder / "graph", schema=graph.schema, as_of=known.chain.as_of, clock=SystemClock())
    features = publish_features(folder / "features", known.chain.as_of, tables)
    return ForecastService(open_current_snapshot(folder / "graph"), features, files)


def _base(fitted: Fit) -> np.ndarray:
    """Return the base forecasts, weeks x products of the panel; 0 where none is made."""
    base = fitted.forecasts.base[CHAIN]
    whole = np.zeros((WEEKS_AHEAD, len(fitted.hierarchy.chain.transform.panel.product_ids)))
    whole[:, base.rows] = base.units
    return whole


def _places(world: World, panel: DemandPanel) -> np.ndarray:
    """Return the place in the world of each product of the panel."""
    found = pc.index_in(pa.array(panel.product_ids, pa.string()), value_set=world.names.products)
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _effects(world: World, truth: Ahead, place: np.ndarray, first: int) -> Judged:
    effect = truth.moved.sum(axis=0)[np.ix_(place, place)]
    np.fill_diagonal(effect, 0.0)
    promoted = world.shelf.deals.discount[first : first + WEEKS_AHEAD, place] > 0
    return Judged(effect, noise_of(truth.expected[:, place], promoted))


def _attribution(judged: Judged, told: Mapping[str, np.ndarray]) -> Mapping[tuple[str, str, str], Columns]:
    return {(system, metric, where): columns for system, said in told.items() for metric, where, columns in figures(judged, said)}


def _errors(world: World, known: _Known, fitted: Fit, expected: np.ndarray) -> Mapping[tuple[str, str, str], Columns]:
    """Return absolute errors and units sold by product, of products that models know."""
    rows = fitted.hierarchy.chain.transform.supported(known.chain.week_count)
    asked = Asked(rows, WEEKS_AHEAD)
    whole = chain_panel(world.lake, as_of=world.as_of, promotion_plan=False, minimum_weeks_sold=1)
    place = {product: row for row, product in enumerate(whole.product_ids)}
    actual = whole.units[[place[known.chain.product_ids[row]] for row in rows], known.chain.week_count :].T.astype(np.float64)
    simple = simple_systems(known.chain.units[rows], known.chain.week_count, WEEKS_AHEAD, ("croston",))
    systems = {
        "served": _final(fitted)[:, rows],
        **learned_systems(fitted.hierarchy.chain, asked),
        **{name: simple[name] for name in COMPARED},
        TRUTH: expected[:, rows],
    }
    return {
        (name, "wape", "weeks_ahead"): (np.abs(forecast - actual).sum(axis=0), actual.sum(axis=0))
        for name, forecast in systems.items()
    }


def _final(fitted: Fit) -> np.ndarray:
    whole = np.zeros((WEEKS_AHEAD, len(fitted.hierarchy.chain.transform.panel.product_ids)))
    whole[:, fitted.forecasts.base[CHAIN].rows] = fitted.forecasts.final[CHAIN]
    return whole


def _rows(worlds: list[Mapping[tuple[str, str, str], Columns]]) -> list[BenchRow | None]:
    parts: dict[tuple[str, str, str], list[Columns]] = defaultdict(list)
    for world in worlds:
        for key, columns in world.items():
            parts[key].append(columns)
    return [_row(key, columns, len(worlds)) for key, columns in parts.items()]


def _row(key: tuple[str, str, str], columns: list[Columns], seeds: int) -> BenchRow | None:
    found = interval_95(columns)
    if found is None:
        return None
    value, low, high, count = found
    return BenchRow(*key, value, low, high, count, seeds)


def _costs(context: BenchContext, size: str) -> _Grown:
    with context.progress.stage(f"forecast_planted: fitting a {size} world"), TemporaryDirectory() as name:
        folder = Path(name)
        simulate(size, 1, folder / "lake")
        apart(_keep_edges, size, folder)
        return apart(_fit_apart, size, folder)


def _keep_edges(size: str, folder: Path) -> None:
    world = open_world(SIZES[size], 1, folder / "lake")
    (folder / "edges").mkdir()
    for relation, table in _edges(world, _day_of(world.as_of)).items():
        feather.write_feather(table, folder / "edges" / relation)


def _fit_apart(size: str, folder: Path) -> _Grown:
    world = open_world(SIZES[size], 1, folder / "lake")
    as_of = _day_of(world.as_of)
    edges = {path.name: feather.read_table(path) for path in (folder / "edges").iterdir()}
    started = time.perf_counter()
    _, tables, _ = fit(world.lake, as_of=as_of, edges_as_of=lambda _: edges, seed=0, progress=SilentProgress())
    cost = Cost(time.perf_counter() - started, peak_rss_mb())
    products, series = (tables[panel_table_name(level)].num_rows for level in (CHAIN, STORE))
    return _Grown(cost, products, series, world.lake.version("sales_lines").rows)


def _cost_rows(small: Cost, large: Cost) -> list[BenchRow]:
    exponents = {name: math.log10(getattr(large, name) / getattr(small, name)) for name in ("seconds", "peak_rss_mb")}
    return [
        *small.rows(SERVED, "fit_small"),
        *large.rows(SERVED, "fit_tenfold"),
        *(BenchRow(SERVED, "exponent", f"fit_{name}", round(value, 2)) for name, value in exponents.items()),
    ]


def _sizes(grown: Mapping[str, _Grown]) -> str:
    told = (f"{size} {one.products} products, {one.series} series in stores, {one.lines} lines" for size, one in grown.items())
    return f"Fitted on: {'; '.join(told)}. An exponent of 1 would be in proportion to the series."


def _notes(worlds: Sequence[_Found]) -> list[str]:
    served: dict[str, int] = defaultdict(int)
    for world in worlds:
        for system, count in world.served.items():
            served[system] += count
    told = ", ".join(f"{system} {count}" for system, count in sorted(served.items()))
    return [
        f"{len(worlds)} small worlds, known up to {WEEKS_AHEAD} weeks before their end; effects are sums over these weeks.",
        "Above noise: more than the Poisson deviation of what the responding product sells in the weeks of the promotion.",
        "Effects are also counted from half and from one and a half of that noise on.",
        "What is not attributed counts as not recovered. Intervals are 95 % over responding products of all worlds.",
        f"Products by the system that served them: {told}.",
    ]


BENCH = Bench(
    name="forecast_planted",
    claim="how far neighbours' effects in forecasts agree with those of worlds whose truth is known, and what fitting costs",
    run=run,
    tables=(),
)
