"""Delist what-ifs: held-back events of the demo data, worlds whose truth is known, and how long an answer takes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pyarrow import feather

from bench.apart import apart, simulate
from bench.frame import Bench, BenchContext, BenchRow
from bench.whatif_demo import demo_rows
from bench.whatif_planted import Figures, planted_rows, tried_on
from bench.world import SIZES, open_world
from decisions.forecast import ForecastService
from decisions.relations import RelationService, derive
from decisions.relations.recovery import Recovery
from decisions.substitution import (
    ARTEFACT,
    AssortmentRequest,
    DelistRequest,
    InsufficientEvidence,
    NotServed,
    SubstitutionService,
)
from decisions.substitution.proposal import MOST_CONSIDERED
from decisions.substitution.replacements import GraphView
from features import open_features
from features.shop_facts import PRODUCTS
from kg.ports import ArrayGraph
from kg.snapshot import open_snapshot
from pipeline.books import open_books
from pipeline.layout import HomeLayout
from pipeline.what_if_sources import open_what_ifs

__all__ = ["BENCH"]

WORLDS = (("small", 1), ("small", 2), ("small", 3), ("small", 4), ("medium", 1))
QUICK_WORLDS = (("small", 1),)
ASKED, QUICK_ASKED = 400, 60
CATEGORY_PRODUCTS = 500
DROPPED = 50
RECOVERY_FILE = "recovery.npy"


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return figures of the demo, of planted worlds, and of speed."""
    rows, notes = demo_rows(context)
    rows += _planted(context)
    timed, remarks = _speed(context)
    return rows + timed, notes + remarks


def _planted(context: BenchContext) -> list[BenchRow]:
    """Return how far what-ifs of worlds agree with their truth; the sizes of worlds are told apart and put together."""
    of_all: Figures = defaultdict(list)
    worlds = QUICK_WORLDS if context.quick else WORLDS
    for size, seed in worlds:
        with TemporaryDirectory() as folder, context.progress.stage(f"A {size} world, seed {seed}"):
            simulate(size, seed, Path(folder) / "lake")
            apart(_derive, size, seed, Path(folder))
            world = open_world(SIZES[size], seed, Path(folder) / "lake")
            share, error, events = np.load(Path(folder) / RECOVERY_FILE).tolist()
            recovery = Recovery(share, error, int(events))
            for key, columns in tried_on(world, feather.read_table(Path(folder) / "edges"), recovery).items():
                of_all[key] += columns
    return planted_rows(of_all, len(worlds))


def _derive(size: str, seed: int, folder: Path) -> None:
    world = open_world(SIZES[size], seed, folder / "lake")
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    found = derive(world.lake, None, as_of=world.as_of, run_id="bench", recorded_at=moment)
    feather.write_feather(found.edges["isSubstituteFor"], folder / "edges")
    told = found.model.recovery
    np.save(folder / RECOVERY_FILE, np.array([told.share, told.error, float(told.events)]))


def _speed(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return seconds of answers by the current release. Raises: NotServed, for a release that was made before what-ifs."""
    room, graph, sold = _opened(context)
    chosen = sold[: QUICK_ASKED if context.quick else ASKED]
    with context.progress.stage("One product in all stores"):
        seconds = np.array(list(_each(room, chosen)))
    members = _by_category(graph, sold)
    largest = _largest(members, len(sold))
    together = tuple(members[largest][: min(CATEGORY_PRODUCTS, len(members[largest]) - 1)])
    category = _largest(members, MOST_CONSIDERED)
    count = min(DROPPED, len(members[category]) - 1)
    with context.progress.stage(f"{len(together)} products together"):
        of_many = _timed(lambda: room.delist(DelistRequest(together, horizon_weeks=8)))
    with context.progress.stage("A proposal"):
        of_proposal = _timed(lambda: room.propose(AssortmentRequest(category, count, horizon_weeks=8)))
    rows = [
        BenchRow("shelfgraph", metric, "one_product", 1000 * float(np.quantile(seconds, place)), n=int(seconds.size))
        for metric, place in (("p50_ms", 0.5), ("p99_ms", 0.99))
    ]
    rows.append(BenchRow("shelfgraph", "seconds", "products_together", of_many, n=len(together)))
    rows.append(BenchRow("shelfgraph", "seconds", "proposal", of_proposal, n=len(members[category])))
    return rows, [
        "One product: those that sold most, each once over the whole chain and 8 weeks, its forecast included.",
        f"Together: {len(together)} products of {largest}. The proposal: {count} of the {len(members[category])} of {category}.",
    ]


def _opened(context: BenchContext) -> tuple[SubstitutionService, ArrayGraph, list[str]]:
    """Return the room of the current release, its graph, and the products that sold lately, the most units first."""
    layout = HomeLayout(context.home)
    books = open_books(layout)
    release = books.releases.current()
    if ARTEFACT not in release.models:
        raise NotServed
    graph = open_snapshot(layout.snapshots / release.graph_version)
    features = open_features(layout.features / release.feature_snapshot)
    forecaster = ForecastService(graph, features, books.artefacts.get(release.models["forecast"]))
    artefact = books.artefacts.get(release.models[ARTEFACT])
    room = open_what_ifs(graph, features, artefact, forecaster, RelationService(graph))
    sold = features.table(PRODUCTS).sort_by([("units", "descending"), ("product_id", "ascending")])
    known = set(graph.ids("Product"))
    return room, graph, [one for one in sold["product_id"].to_pylist() if one in known]


def _by_category(graph: ArrayGraph, sold: list[str]) -> dict[str, list[str]]:
    """Return the products that sold by category (of the level whose products replace each other), the most units first."""
    view = GraphView(graph)
    members: dict[str, list[str]] = defaultdict(list)
    for one in sold:
        position = view.position(one)
        category = None if position is None else view.category_id(view.categories[position])
        if category is not None:
            members[category].append(one)
    return dict(members)


def _largest(members: dict[str, list[str]], most: int) -> str:
    """Return the category with most products, but no more than `most`."""
    allowed = {name: len(found) for name, found in members.items() if len(found) <= most}
    return max(sorted(allowed), key=lambda name: allowed[name])


def _each(room: SubstitutionService, products: list[str]) -> Iterator[float]:
    for one in products:
        started = time.perf_counter()
        try:
            room.delist(DelistRequest((one,), horizon_weeks=8))
        except InsufficientEvidence:
            continue
        yield time.perf_counter() - started


def _timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


BENCH = Bench(
    name="whatif",
    claim="how far delist what-ifs agree with what came and with planted truth, and how long they take",
    run=run,
    tables=("sales_lines", "products"),
)
