"""Discovery: which products that a household has never bought it buys in a week, on six weeks with all before each known.

Slices: `discovery`, without any promotion among candidates and figures; `discovery_promotions`, with the week's mailers,
displays, discounts and coupons; `discovery_types`, new types of products. Only households that buy something new are judged.
Intervals draw households and weeks. `shelfgraph` looks at what a release looks at; beside it, the same without a group of
figures that it has, and with one that it does not have.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from bench.costs import Cost
from bench.discovery_cost import discovery_cost_rows
from bench.discovery_lists import (
    FLOORS,
    FUSED_WITH,
    Lists,
    floor_lists,
    new_types,
    quality_of_products,
    quality_of_types,
    ranked_lists,
)
from bench.discovery_scores import Draws, discovery_slice
from bench.discovery_share import Mixed, mixed_week, share_rows
from bench.discovery_weeks import blocks_of, learnt_weeks, links_on, tried_weeks
from bench.frame import BenchRow
from bench.next_basket_scores import Judged, joined
from decisions.recommend.discovery_examples import DiscoveryWeek, examples_of, sources_of
from decisions.recommend.discovery_fitting import UNSERVED
from decisions.recommend.discovery_ranker import DISCOVERY_RANKER, DiscoveryRanker, fit_discovery_ranker
from decisions.recommend.scoring import ListQuality
from features.discovery_candidates import GROUPS, DiscoveryDay
from features.discovery_day import DiscoveryWorld, read_discovery_world
from features.discovery_links import ProductVectors
from features.recommend_population import Population
from features.repertoire import FloatArray, IntArray, Purchases
from kit.progress import Progress
from lake.ports import Lake

__all__ = ["ABLATIONS", "discovery_notes", "discovery_rows"]

OURS, PLAIN = DISCOVERY_RANKER, f"{DISCOVERY_RANKER}-without-promotions"
SERVED = tuple(group for group in GROUPS if group not in UNSERVED)
NETWORK = f"{OURS}-with-network"
ABLATIONS: Mapping[str, tuple[str, ...]] = {
    PLAIN: tuple(group for group in SERVED if group not in {"promotions", "promoted_tastes"}),
    f"{OURS}-without-collaborative": tuple(group for group in SERVED if group not in {"tastes", "promoted_tastes"}),
    f"{OURS}-with-relations": (*SERVED, "relations"),
    f"{OURS}-with-needs": (*SERVED, "needs"),
    NETWORK: (*SERVED, "network"),
}
"""By their names in the rows, rankers that look at other groups than the served one, and at which."""
NetworkOf = Callable[[date], tuple[ProductVectors, Cost] | None]
Qualities = Mapping[int, ListQuality]


@dataclass(slots=True)
class _Found:
    """What lists were worth: by system, then by seed, one entry for each week; and whose lists they were."""

    products: dict[str, list[list[Qualities]]] = field(default_factory=lambda: defaultdict(list))
    types: dict[str, list[list[Qualities]]] = field(default_factory=lambda: defaultdict(list))
    household: list[IntArray] = field(default_factory=list)
    wanted: list[IntArray] = field(default_factory=list)
    wanted_types: list[IntArray] = field(default_factory=list)
    mixed: list[Mixed] = field(default_factory=list)
    held: list[FloatArray] = field(default_factory=list)


def discovery_rows(
    lake: Lake,
    purchases: Purchases,
    population: Population,
    progress: Progress,
    seeds: tuple[int, ...],
    *,
    network: NetworkOf | None,
    quick: bool = False,
) -> list[BenchRow]:
    """Measure the floors, the ranker and what each group of figures buys. No row of a slice that nobody bought anything in.

    `network` trains one as of a day. Without it, or where it has too little to learn from, what one buys is not measured.
    """
    world = read_discovery_world(lake, purchases, population)
    found, costs = _Found(), list[BenchRow]()
    blocks = blocks_of(purchases.as_of, quick=quick)
    vectors = _networks([block.links_day for block in blocks], network, progress, costs)
    systems = {OURS: SERVED, **{name: groups for name, groups in ABLATIONS.items() if vectors or name != NETWORK}}
    for block in blocks:
        with progress.stage(f"Discovery: deriving relations as of {block.links_day}"):
            links = replace(links_on(lake, world, block.links_day), vectors=vectors.get(block.links_day))
        rankers = _train(learnt_weeks(world, block, links, progress), systems, seeds, progress)
        for day, week in tried_weeks(world, block, links, progress):
            _try(found, world, day, week, systems, rankers)
            if week.day == blocks[-1].tried[-1]:
                asked = {name: (trained[0], systems[name]) for name, trained in rankers.items()}
                costs += discovery_cost_rows(day, week.households, asked)
    return [*_rows(found), *costs]


def discovery_notes(*, quick: bool) -> list[str]:
    """Return what a reader of the figures must know."""
    if quick:
        return ["discovery: one week, learnt from two earlier ones, one seed, no network"]
    return [
        "discovery: six weeks, four apart, in two blocks; rankers learn from six weeks before their block, two apart",
        "discovery: shelfgraph looks at what a release looks at, in the slice discovery at no promotion; in the others it does",
        "discovery: shelfgraph-with-X was trained with a group of figures that no release has: relations, needs, or a network",
        "discovery: the network (two layers over products, households, stores, suppliers …) was trained on the eve of each block",
        "discovery: floors rank all that sold in 91 days; als_mailer fuses als with liked categories of the week's mailers",
        "discovery: intervals draw households and weeks; for each row of shelfgraph-… the ranker was trained again",
        "share_…: lists of ten of everybody who shops, habit by counts that halve in 60 days; NDCG over all that was bought",
    ]


def _networks(
    days: Sequence[date], network: NetworkOf | None, progress: Progress, costs: list[BenchRow]
) -> dict[date, ProductVectors]:
    """Return a network's vectors by the day it was trained on: of all of them, or none."""
    trained: dict[date, ProductVectors] = {}
    rows: list[BenchRow] = []
    for day in days if network else ():
        with progress.stage(f"Discovery: training a network as of {day}"):
            found = network(day) if network else None
        if found is None:
            return {}
        trained[day], cost = found
        rows += cost.rows(NETWORK, f"network_of_{day}")
    costs += rows
    return trained


def _train(
    weeks: Sequence[DiscoveryWeek], systems: Mapping[str, tuple[str, ...]], seeds: tuple[int, ...], progress: Progress
) -> dict[str, list[DiscoveryRanker]]:
    """Return the rankers of each system, one for each seed."""
    rankers = {}
    for system, groups in systems.items():
        examples = examples_of(weeks, groups)
        if not len(examples.queries):
            return {}
        with progress.stage(f"Discovery: training {system}"):
            rankers[system] = [fit_discovery_ranker(examples, seed, groups) for seed in seeds]
    return rankers


def _try(
    found: _Found,
    world: DiscoveryWorld,
    day: DiscoveryDay,
    week: DiscoveryWeek,
    systems: Mapping[str, tuple[str, ...]],
    rankers: Mapping[str, list[DiscoveryRanker]],
) -> None:
    types = new_types(day, week)
    lists: dict[str, list[Lists]] = {name: [one] for name, one in floor_lists(day, week, types).items()}
    for system, trained in rankers.items():
        rows = np.flatnonzero(week.figures.sources & sources_of(systems[system]))
        values = week.figures.values[rows]
        lists[system] = [ranked_lists(day, week, rows, ranker.scores(values), types, lists[FUSED_WITH][0]) for ranker in trained]
    for system, ours in lists.items():
        _note(found.products[system], [quality_of_products(one.products, week) for one in ours])
        _note(found.types[system], [quality_of_types(one.types, types) for one in ours])
    found.household.append(week.households)
    found.wanted.append(week.wanted)
    found.wanted_types.append(types.wanted)
    hits = week.label * ((week.figures.sources & sources_of(SERVED)) > 0)
    found.held.append(np.bincount(week.figures.row, weights=hits, minlength=len(week.households)).astype(np.float64))
    if rankers:
        found.mixed.append(mixed_week(world.purchases, day, week, lists[OURS][0].products))


def _note(by_seed: list[list[Qualities]], qualities: list[Qualities]) -> None:
    if not by_seed:
        by_seed.extend([] for _ in qualities)
    for seed, quality in zip(by_seed, qualities, strict=True):
        seed.append(quality)


def _rows(found: _Found) -> Iterator[BenchRow]:
    if found.mixed:
        yield from share_rows(found.mixed)
    plain = {name: seeds for name, seeds in found.products.items() if name not in {"als_mailer", OURS}}
    alone = {OURS if name == PLAIN else name: seeds for name, seeds in plain.items() if name in FLOORS or name == PLAIN}
    yield from _slice("discovery", alone, found, found.wanted, ("als",))
    yield from _slice("discovery_promotions", found.products, found, found.wanted, ("als", "als_mailer"))
    yield from _slice("discovery_types", found.types, found, found.wanted_types, ("als",))


def _slice(
    name: str,
    systems: Mapping[str, list[list[Qualities]]],
    found: _Found,
    wanted: Sequence[IntArray],
    against: tuple[str, ...],
) -> Iterator[BenchRow]:
    """Return the rows over the lists of those who bought something that counts."""
    counts = np.concatenate(wanted)
    judged = np.flatnonzero(counts)
    if not len(judged) or OURS not in systems:
        return
    household = np.concatenate(found.household)
    week = np.repeat(np.arange(len(wanted)), [len(one) for one in wanted])
    kept = {system: _of(joined(seeds), judged) for system, seeds in systems.items()}
    yield from discovery_slice(name, kept, Draws.of(household[judged], week[judged]), against)
    if name != "discovery_types":
        share = float(np.concatenate(found.held).sum() / counts.sum())
        yield BenchRow(OURS, "candidate_recall", name, share, n=len(judged))


def _of(judged: Judged, lists: IntArray) -> Judged:
    return Judged({metric: values[:, lists] for metric, values in judged.values.items()})
