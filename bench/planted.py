"""Worlds whose truth is known: how far relations derived from their sales alone agree with it, and what that costs as they grow.

Every world is simulated and its relations are derived in a process of its own, so that seconds and memory are those of
`derive_relations` alone. Graph closeness is left out: a world has no graph.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import feather

from bench.apart import apart, simulate
from bench.costs import Cost, peak_rss_mb
from bench.frame import Bench, BenchContext, BenchRow
from bench.planted_events import event_figures
from bench.planted_floors import count, same_basket_complements, substitute_floors
from bench.planted_scores import (
    Claims,
    Columns,
    agreement,
    claims_of,
    complement_figures,
    differences,
    interval,
    matrix_of,
    substitute_figures,
)
from bench.world import SIZES, Scope, World, chain, of_households, of_season, of_stores, open_world
from decisions.relations import derive_relations
from features.household_segments import household_segments
from features.store_clusters import store_clusters

__all__ = ["BENCH", "found_clusters", "judge"]

SEEDS: Mapping[str, tuple[int, ...]] = {"small": (1, 2, 3, 4, 5, 6, 7, 8), "medium": (1,), "large": (1,)}
RELATIONS = ("isSubstituteFor", "isComplementTo")
DIVERSION_DIFFERS, GAIN_DIFFERS = 0.05, 0.02
TRUTH_OF_UNIT = {"attach_rate_gain": "gain", "lift": "lift"}
"""The column of the truth that a complement's unit speaks of."""

Figures = Iterator[tuple[str, str, Columns]]


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return the agreement with the truth and the costs, of the size of world that `data` names, or of each."""
    rows: list[BenchRow] = []
    costs: dict[str, list[Cost]] = {}
    everything = ("small",) if context.quick else tuple(SEEDS)
    for size in (context.data,) if context.data else everything:
        used = SEEDS[size][:1] if context.quick else SEEDS[size]
        found, costs[size] = _measure(context, size, used)
        rows += found
    rows += [row for size, spent in costs.items() for row in _cost_rows(size, spent)]
    return rows, _notes(costs)


def judge(world: World, edges: Mapping[str, pa.Table]) -> Figures:
    """Yield each figure of a world as system, name (with what it is of, after a colon), and columns by target.

    `edges` are the batches of `derive_relations` for the world's lake and day.
    """
    substitutes, complements = (edges[relation] for relation in RELATIONS)
    listed = np.asarray(world.shelf.listed.any(axis=0))
    counts = count(world.lake, world.names.products, world.assortment.products.category, world.as_of)
    parts = {
        "store_cluster": found_clusters(world),
        "segment": _found_segments(world),
        "season": [of_season("summer"), of_season("winter")],
    }
    truths = world.substitutes_in([chain(), *(scope for scopes in parts.values() for scope in scopes)])
    view = partial(_view, world.names.products, truths, substitutes)
    yield from _substitutes(*view("chain"), listed, substitute_floors(counts))
    for where, scopes in parts.items():
        yield from _told_apart(where, [view(scope.name) for scope in scopes])
    yield from _complements(world, complements, listed, same_basket_complements(counts))
    yield from _named("events", event_figures(world))


def _substitutes(truth: np.ndarray, claims: Claims, listed: np.ndarray, floors: Mapping[str, np.ndarray]) -> Figures:
    for system, strength in {"shelfgraph": claims.strength, **floors}.items():
        for name, columns in substitute_figures(truth, listed, strength, claims.said):
            yield system, name, columns
    yield from _ours(agreement(truth, listed, claims))
    yield from _ours(differences((truth, truth.T), (claims, claims.turned), DIVERSION_DIFFERS, "direction"))


def _told_apart(where: str, views: list[tuple[np.ndarray, Claims]]) -> Figures:
    """Yield the agreement in parts of the chain, and whether these are told apart: cluster from cluster, summer from winter."""
    for truth, claims in views:
        yield from _named(where, agreement(truth, np.asarray(truth.any(axis=1)), claims))
    for one, other in combinations(views, 2):
        yield from _ours(differences((one[0], other[0]), (one[1], other[1]), DIVERSION_DIFFERS, where))


def _complements(world: World, edges: pa.Table, listed: np.ndarray, floor: np.ndarray) -> Figures:
    products, truth = world.names.products, world.truth_complements
    everywhere = truth.filter(pc.equal(truth["scope"], "chain"))
    claims, lift = claims_of(edges, products, "chain"), matrix_of(everywhere, products, "lift")
    for system, said in {"shelfgraph": claims.said, "same_basket": floor}.items():
        for name, columns in complement_figures(lift, _planted(world), said, listed):
            yield system, name, columns
    for unit in pc.unique(edges["unit"]).to_pylist():
        yield from _gains(world, edges.filter(pc.equal(edges["unit"], unit)), listed, TRUTH_OF_UNIT[unit])


def _gains(world: World, edges: pa.Table, listed: np.ndarray, column: str) -> Figures:
    """Yield how far the strengths of complements agree, in which direction, and in which season."""
    products, truth = world.names.products, world.truth_complements
    said = {
        scope: (matrix_of(truth.filter(pc.equal(truth["scope"], scope)), products, column), claims_of(edges, products, scope))
        for scope in ("chain", "season:summer", "season:winter")
    }
    gain, claims = said["chain"]
    yield from _named("complements", agreement(gain, listed, claims))
    yield from _named("complements", differences((gain, gain.T), (claims, claims.turned), GAIN_DIFFERS, "direction"))
    (summer, in_summer), (winter, in_winter) = said["season:summer"], said["season:winter"]
    yield from _named("complements", differences((summer, winter), (in_summer, in_winter), GAIN_DIFFERS, "season"))


def _planted(world: World) -> dict[float, np.ndarray]:
    """Mark the pairs that hold all year, by strength, in their direction."""
    planted, count_products = world.assortment.complements, world.assortment.products.count
    all_year = planted.seasons.all(axis=1)
    marked = {}
    for strength in np.unique(planted.strength).tolist():
        pairs = np.zeros((count_products, count_products), dtype=bool)
        chosen = all_year & (planted.strength == strength)
        pairs[planted.target[chosen], planted.source[chosen]] = True
        marked[strength] = pairs
    return marked


def _view(products: pa.Array, truths: pa.Table, edges: pa.Table, scope: str) -> tuple[np.ndarray, Claims]:
    """Return what is true, and what is said, in one scope."""
    true = truths.filter(pc.equal(truths["scope"], scope))
    return matrix_of(true, products, "diversion"), claims_of(edges, products, scope)


def found_clusters(world: World) -> list[Scope]:
    """Return the clusters that were found from the sales, as scopes that the truth can be asked in."""
    found = store_clusters(world.lake, world.as_of)
    place = pc.index_in(found["store_id"].combine_chunks(), value_set=world.names.stores).to_numpy()
    names = np.array(found["cluster_id"].to_pylist())
    return [
        of_stores(f"store_cluster:{name}", np.isin(np.arange(world.size.stores), place[names == name]))
        for name in np.unique(names)
    ]


def _found_segments(world: World) -> list[Scope]:
    """Return the segments of households that were found from the sales, as scopes that the truth can be asked in."""
    found = household_segments(world.lake, world.as_of)
    place = pc.index_in(found["household_id"].combine_chunks(), value_set=world.names.households).to_numpy()
    names = np.array(found["segment_id"].to_pylist())
    everybody = np.arange(world.size.households)
    return [of_households(f"segment:{name}", np.isin(everybody, place[names == name])) for name in np.unique(names)]


def _ours(figures: Iterator[tuple[str, Columns]]) -> Figures:
    for name, columns in figures:
        yield "shelfgraph", name, columns


def _named(what: str, figures: Iterator[tuple[str, Columns]]) -> Figures:
    for name, columns in figures:
        yield "shelfgraph", f"{name} of {what}" if ":" in name else f"{name}:{what}", columns


def _measure(context: BenchContext, size: str, seeds: tuple[int, ...]) -> tuple[list[BenchRow], list[Cost]]:
    figures: dict[tuple[str, str], list[Columns]] = defaultdict(list)
    costs = []
    for seed in seeds:
        with TemporaryDirectory() as folder, context.progress.stage(f"A {size} world, seed {seed}"):
            simulate(size, seed, Path(folder) / "lake")
            costs.append(apart(_derive, size, seed, Path(folder)))
            world = open_world(SIZES[size], seed, Path(folder) / "lake")
            edges = {relation: feather.read_table(Path(folder) / relation) for relation in RELATIONS}
            for system, name, columns in judge(world, edges):
                figures[system, name].append(columns)
    row = partial(_row, size=size, seeds=len(seeds))
    return [made for key, columns in figures.items() if (made := row(key, columns))], costs


def _row(key: tuple[str, str], columns: list[Columns], size: str, seeds: int) -> BenchRow | None:
    found = interval(columns)
    if found is None:
        return None
    metric, _, what = key[1].partition(":")
    value, low, high, n = found
    return BenchRow(key[0], metric, f"{size}:{what}" if what else size, value, low, high, n, seeds)


def _derive(size: str, seed: int, folder: Path) -> Cost:
    world = open_world(SIZES[size], seed, folder / "lake")
    started = time.perf_counter()
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    edges = derive_relations(world.lake, None, as_of=world.as_of, run_id="bench", recorded_at=moment)
    seconds = time.perf_counter() - started
    peak = peak_rss_mb()
    for relation in RELATIONS:
        feather.write_feather(edges[relation], folder / relation)
    return Cost(seconds, peak)


def _cost_rows(size: str, spent: list[Cost]) -> list[BenchRow]:
    seconds, peak = (float(np.mean([getattr(cost, name) for cost in spent])) for name in ("seconds", "peak_rss_mb"))
    return [
        BenchRow("shelfgraph", metric, size, value, seeds=len(spent))
        for metric, value in (("seconds", seconds), ("peak_rss_mb", peak))
    ]


def _notes(costs: Mapping[str, list[Cost]]) -> list[str]:
    notes = [
        "The truth is that of the end of the year: what stands listed, at regular prices, nothing missing for a while.",
        "Recall and precision at a level allow for half of it on the other side; bias and mae are over the derived edges.",
        "Intervals come from resampling target products, over all seeds together.",
    ]
    if {"medium", "large"} <= costs.keys():
        medium, large = costs["medium"][0], costs["large"][0]
        slower, larger = large.seconds / medium.seconds, large.peak_rss_mb / medium.peak_rss_mb
        notes.append(
            f"Ten times the households of medium: deriving takes {slower:.1f} times as long and {larger:.1f} times the memory."
        )
    return notes


BENCH = Bench(
    name="planted",
    claim="how far relations derived from the sales of worlds whose truth is known agree with it",
    run=run,
    tables=(),
    data_sets=tuple(SEEDS),
)
