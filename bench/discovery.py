"""Discovery: which products that a household has never bought it buys in a week, on six weeks with all before each known.

Slices: `discovery`, without any promotion among candidates and figures; `discovery_promotions`, with the week's mailers,
displays, discounts and coupons; `discovery_types`, new types of products. Only households that buy something new are judged.
Intervals draw households and weeks.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

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
from decisions.recommend.discovery_ranker import DISCOVERY_RANKER, DiscoveryRanker, fit_discovery_ranker
from decisions.recommend.scoring import ListQuality
from features.discovery_candidates import GROUPS, DiscoveryDay
from features.discovery_day import DiscoveryWorld, read_discovery_world
from features.recommend_population import Population
from features.repertoire import FloatArray, IntArray, Purchases
from kit.progress import Progress
from lake.ports import Lake

__all__ = ["WITHOUT", "discovery_notes", "discovery_rows"]

WITHOUT = {
    "promotions": ("promotions", "promoted_tastes"),
    "collaborative": ("tastes", "promoted_tastes"),
    "relations": ("relations",),
    "needs": ("needs",),
}
"""By their names in the rows, groups whose absence is measured."""
OURS, PLAIN = DISCOVERY_RANKER, f"{DISCOVERY_RANKER}-without-promotions"
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
    lake: Lake, purchases: Purchases, population: Population, progress: Progress, seeds: tuple[int, ...], *, quick: bool = False
) -> list[BenchRow]:
    """Measure the floors, the ranker and what each group of figures buys. No row of a slice that nobody bought anything in."""
    world = read_discovery_world(lake, purchases, population)
    found, cost = _Found(), []
    blocks = blocks_of(purchases.as_of, quick=quick)
    for block in blocks:
        with progress.stage(f"Discovery: deriving relations as of {block.links_day}"):
            links = links_on(lake, world, block.links_day)
        rankers = _train(learnt_weeks(world, block, links, progress), seeds, progress)
        for day, week in tried_weeks(world, block, links, progress):
            _try(found, world, day, week, rankers)
            if week.day == blocks[-1].tried[-1]:
                systems = {name: (trained[0], _groups(name)) for name, trained in rankers.items()}
                cost = discovery_cost_rows(day, week.households, systems)
    return [*_rows(found), *cost]


def discovery_notes(*, quick: bool) -> list[str]:
    """Return what a reader of the figures must know."""
    if quick:
        return ["discovery: one week, learnt from two earlier ones, one seed"]
    return [
        "discovery: six weeks, four apart, in two blocks; rankers learn from six weeks before their block, two apart",
        "discovery: shelfgraph has no promotion among candidates and figures; in discovery_promotions and discovery_types it has",
        "discovery: floors rank all that sold in 91 days; als_mailer fuses als with liked categories of the week's mailers",
        "discovery: intervals draw households and weeks; without a group the ranker was trained again, with one seed",
        "share_…: lists of ten of everybody who shops, habit by counts that halve in 60 days; NDCG over all that was bought",
    ]


def _groups(system: str) -> tuple[str, ...]:
    """Return the groups that a system looks at, by its name."""
    shut = WITHOUT.get(system.removeprefix(f"{OURS}-without-"), ())
    return tuple(group for group in GROUPS if group not in shut)


def _train(weeks: Sequence[DiscoveryWeek], seeds: tuple[int, ...], progress: Progress) -> dict[str, list[DiscoveryRanker]]:
    """Return the rankers of each system: with and without promotions one for each seed, of the others one."""
    rankers = {}
    for system in (OURS, *(f"{OURS}-without-{name}" for name in WITHOUT)):
        groups = _groups(system)
        examples = examples_of(weeks, groups)
        if not len(examples.queries):
            return {}
        with progress.stage(f"Discovery: training {system}"):
            used = seeds if system in (OURS, PLAIN) else seeds[:1]
            rankers[system] = [fit_discovery_ranker(examples, seed, groups) for seed in used]
    return rankers


def _try(
    found: _Found, world: DiscoveryWorld, day: DiscoveryDay, week: DiscoveryWeek, rankers: Mapping[str, list[DiscoveryRanker]]
) -> None:
    types = new_types(day, week)
    lists: dict[str, list[Lists]] = {name: [one] for name, one in floor_lists(day, week, types).items()}
    for system, trained in rankers.items():
        rows = np.flatnonzero(week.figures.sources & sources_of(_groups(system)))
        values = week.figures.values[rows]
        lists[system] = [ranked_lists(day, week, rows, ranker.scores(values), types, lists[FUSED_WITH][0]) for ranker in trained]
    for system, ours in lists.items():
        _note(found.products[system], [quality_of_products(one.products, week) for one in ours])
        _note(found.types[system], [quality_of_types(one.types, types) for one in ours])
    found.household.append(week.households)
    found.wanted.append(week.wanted)
    found.wanted_types.append(types.wanted)
    found.held.append(np.bincount(week.figures.row, weights=week.label, minlength=len(week.households)).astype(np.float64))
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
