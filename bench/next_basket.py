"""Next basket: what each household puts in it, predicted from the baskets before, over all merchandise products.

Slices: `last_basket`, each household's last basket of at least three; `fixed_dates`, the first basket of each household on
or after each of eight weekly days; and those of `bench.discovery`. Lists of 10 and 20. Intervals are 90 % bootstrap intervals
over households: a household is drawn with all its lists.

The ranker learns from earlier baskets alone. In `last_basket`, as in every leave-last-out, another household's training basket
may be of a later day. `fixed_dates` has no such mixing: nothing of the day itself or later is known of the population, and the
ranker and the relations are those of the eve of the earliest day. The days are Tuesdays, when the week's promotions, which
count as known once their week has begun, are known. The basket's own day and store are taken as told with the request.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.discovery import discovery_notes, discovery_rows
from bench.discovery_network import trained_network
from bench.frame import Bench, BenchContext, BenchRow
from bench.next_basket_cost import cost_rows
from bench.next_basket_floors import floor_qualities
from bench.next_basket_public import PUBLIC_SETS, public_rows
from bench.next_basket_scores import LENGTHS, Judged, joined, judged_floors, rows_of
from bench.tuned_floors import (
    FLOORS,
    Question,
    Scores,
    Settings,
    chosen_settings,
    known_before,
    question_at,
    settings_text,
    tuned_scores,
    usual_settings,
)
from decisions.recommend.baseline import DECAYED_FREQUENCIES
from decisions.recommend.examples import Examples, build_examples, origins_before, outcomes
from decisions.recommend.fitting import BASKETS_PER_HOUSEHOLD, World, read_world, training_baskets, training_examples
from decisions.recommend.model import MODEL_SYSTEM, Ranker, fit_ranker
from decisions.recommend.scoring import ListQuality, list_quality
from decisions.relations import derive
from features.recommend_population import PopulationBefore, read_promotions
from features.recommend_relations import neighbours_by_relation
from features.recommend_transform import GROUPS
from features.repertoire import FloatArray, IntArray, Origins, Purchases, day_number, read_purchases
from kit.progress import Progress
from lake import Lake
from lake.delta_lake import DeltaLake
from pipeline.layout import HomeLayout

__all__ = ["BENCH", "SEEDS", "Trial", "fixed_days", "run"]

SEED = 7
SEEDS = (7, 8, 9)
LEAST_BASKETS = 3
WEEKS_TO_GO = (10, 9, 8, 7, 6, 5, 4, 3)
RANKED_BASKETS = 3
"""The learning floors rank products of so many baskets."""
TUNING_DAYS = 14
"""The learning floors are set by the baskets of so many days before the first fixed day."""
QUICK_HOUSEHOLDS = 400
QUICK_PROMOTION_WEEKS = 20
WITHOUT = {"promotion": ("promotions", len(SEEDS)), "relations": ("relations", 1)}
"""Groups of features whose absence is measured, their names, and with how many seeds the ranker is trained again."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Lists to judge: one origin per household, the figures of its candidates, and how the floors did, counting and learning."""

    household: IntArray
    examples: Examples
    wanted: IntArray
    floors: Mapping[int, Mapping[str, ListQuality]]
    learning: Mapping[str, Scores]


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure what counts purchases, what learns from those of all households, and the served ranker."""
    if context.data:
        return public_rows(context)
    started = time.perf_counter()
    as_of = context.as_of
    if context.quick:
        with _sampled(context.lake) as lake:
            settings = usual_settings()
            sample = _world(lake, context.lake, as_of, weeks=QUICK_PROMOTION_WEEKS)
            rows = _last_baskets(lake, sample, settings, context.progress, SEEDS[:1])
            rows += discovery_rows(
                lake, sample.purchases, sample.population, context.progress, SEEDS[:1], network=None, quick=True
            )
    else:
        with context.progress.stage("Reading purchases and promotions"):
            world = _world(context.lake, context.lake, as_of)
        with context.progress.stage("Settings of the floors that learn", total=len(FLOORS)) as stage:
            settings = chosen_settings(_earlier(world.purchases), stage.advance)
        rows = _last_baskets(context.lake, world, settings, context.progress, SEEDS)
        rows += _fixed_dates(context.lake, world, settings, context.progress)
        network = partial(trained_network, HomeLayout(context.home).lake, world.purchases.product_ids)
        rows += discovery_rows(context.lake, world.purchases, world.population, context.progress, SEEDS, network=network)
    rows.append(BenchRow(MODEL_SYSTEM, "seconds", "", time.perf_counter() - started))
    notes = [*_notes(as_of, quick=context.quick), *settings_text(settings), *discovery_notes(quick=context.quick)]
    return rows, notes


def _earlier(purchases: Purchases) -> Question:
    """Ask for the baskets of the days before the first fixed one, with what was known before these."""
    last_day = day_number(fixed_days(purchases.as_of)[0])
    origins = _next_baskets(purchases, last_day - TUNING_DAYS)
    return _asked(purchases, origins.take(np.flatnonzero(origins.day < last_day)), last_day - TUNING_DAYS)


def _asked(purchases: Purchases, origins: Origins, before_day: int) -> Question:
    return question_at(purchases, origins, known_before(purchases, before_day), RANKED_BASKETS)


def fixed_days(as_of: date) -> tuple[date, ...]:
    """Return the Tuesdays on which the next basket is asked for: each with at least two weeks of data to come."""
    days = [as_of - timedelta(weeks=weeks) for weeks in WEEKS_TO_GO]
    return tuple(day - timedelta(days=(day.weekday() - 1) % 7) for day in days)


def _notes(as_of: date, *, quick: bool) -> list[str]:
    notes = [
        "decayed_frequency is the best of .95 a basket, .98 a basket and a half-life of 90 days, chosen on the slice itself",
        "floors rank all products, those that learn (tifu_knn to fastrp_knn) all of three baskets; the ranker its candidates",
        "intervals: 90 %, households resampled with all their lists; ratios are paired",
    ]
    if quick:
        return [
            *notes,
            f"a sample: {QUICK_HOUSEHOLDS} households are the whole shop, promotions of {QUICK_PROMOTION_WEEKS} weeks, one seed",
            "settings of floors that learn are the usual ones, not chosen",
        ]
    days = fixed_days(as_of)
    return [
        *notes,
        f"settings of floors that learn: the best for baskets of the {TUNING_DAYS} days before {days[0]}, in both slices",
        f"shelfgraph is the mean of seeds {', '.join(map(str, SEEDS))}; without a group it was trained again",
        f"fixed_dates: {len(days)} Tuesdays from {days[0]} to {days[-1]}, each with what was known on its eve",
        "fixed_dates: ranker and relations are of the eve of the first day; a household counts once for each day",
    ]


def _world(lake: Lake, promotions: Lake, as_of: date, weeks: int | None = None) -> World:
    """Read what was known, promotions of the last `weeks` alone where given. No relations: each slice derives its own."""
    if weeks is None:
        return read_world(lake, as_of, {})
    purchases = read_purchases(lake, as_of)
    shown = read_promotions(promotions, purchases, day_number(as_of - timedelta(weeks=weeks)))
    return World(purchases, PopulationBefore(purchases, shown), {})


def _related(world: World, edges: Mapping[str, pa.Table], known_on: date) -> World:
    return replace(world, neighbours=neighbours_by_relation(edges, world.purchases.product_ids, known_on))


def _last_baskets(lake: Lake, world: World, settings: Settings, progress: Progress, seeds: tuple[int, ...]) -> list[BenchRow]:
    purchases = world.purchases
    as_of = purchases.as_of
    last = purchases.household_start[1:][np.diff(purchases.household_start) >= LEAST_BASKETS] - 1
    with (
        progress.stage("Last baskets: deriving relations without them"),
        _without(lake, as_of, purchases.basket_ids.take(pa.array(last))) as earlier,
    ):
        world = _related(world, _edges(earlier, as_of), as_of)
    place_from_end = purchases.household_start[1:][purchases.basket_household] - 1 - np.arange(len(purchases.basket_day))
    training = training_baskets(purchases, day_number(as_of) + 1, per_household=BASKETS_PER_HOUSEHOLD + 1)
    with progress.stage("Last baskets: training"):
        rankers = _train(world, training[place_from_end[training] > 0], seeds)
    with progress.stage("Last baskets: ranking"):
        trial = _trial(world, origins_before(purchases, last), day_number(as_of) + 1, settings)
        rows = _judge("last_basket", [trial], rankers)
    with progress.stage("Last baskets: what a list costs"):
        return rows + cost_rows(world, {name: trained[0] for name, trained in rankers.items()})


def _fixed_dates(lake: Lake, world: World, settings: Settings, progress: Progress) -> list[BenchRow]:
    days = fixed_days(world.purchases.as_of)
    eve = days[0] - timedelta(days=1)
    with progress.stage(f"Fixed dates: training before {days[0]}"):
        known = _related(world, _edges(lake, eve), eve)
        rankers = _train(known, training_baskets(known.purchases, day_number(days[0])), SEEDS)
    trials = []
    for day in days:
        with progress.stage(f"Fixed date: {day}"):
            first_day = day_number(day)
            trials.append(_trial(known, _next_baskets(known.purchases, first_day), first_day, settings))
    return _judge("fixed_dates", trials, rankers)


def _train(world: World, baskets: IntArray, seeds: tuple[int, ...]) -> dict[str, list[Ranker]]:
    """Return the rankers of each system: all groups once for each seed, and without a group for as many as `WITHOUT` says."""
    examples = training_examples(world, baskets, SEED)
    if examples is None:
        return {}
    rankers = {MODEL_SYSTEM: [fit_ranker(examples, seed) for seed in seeds]}
    for group, (name, count) in WITHOUT.items():
        groups = tuple(other for other in GROUPS if other != group)
        rankers[f"{MODEL_SYSTEM}-without-{name}"] = [fit_ranker(examples, seed, groups) for seed in seeds[:count]]
    return rankers


def _next_baskets(purchases: Purchases, first_day: int) -> Origins:
    """Return each household's first basket from `first_day` on, with two baskets behind it, and nothing known from then on."""
    usable = np.flatnonzero((purchases.basket_day >= first_day) & (purchases.basket_place >= LEAST_BASKETS - 1))
    household = purchases.basket_household[usable]
    origins = origins_before(purchases, usable[np.diff(household, prepend=-1) > 0])
    return replace(origins, known_day=np.full(len(origins), first_day))


def _trial(world: World, origins: Origins, before_day: int, settings: Settings) -> Trial:
    examples = build_examples(world.purchases, world.population, world.neighbours, origins, 0.0, SEED, edges_hold_outcomes=False)
    wanted = np.bincount(outcomes(world.purchases, origins).origin, minlength=len(origins))
    floors = {k: floor_qualities(world.purchases, origins, wanted, k) for k in LENGTHS}
    learning = tuned_scores(_asked(world.purchases, origins, before_day), settings)
    return Trial(origins.household, examples, wanted, floors, learning)


def _judge(name: str, trials: list[Trial], rankers: Mapping[str, list[Ranker]]) -> list[BenchRow]:
    systems = {floor: _floor(trials, floor) for floor in ("popularity", "personal_frequency")}
    decayed = [_floor(trials, floor) for floor in DECAYED_FREQUENCIES]
    systems["decayed_frequency"] = max(decayed, key=lambda judged: float(judged.values["ndcg@10"].mean()))
    systems |= judged_floors([trial.learning for trial in trials])
    for system, trained in rankers.items():
        systems[system] = joined(
            [[_qualities(trial, ranker.scores(trial.examples.figures)) for trial in trials] for ranker in trained]
        )
    household = np.concatenate([trial.household for trial in trials])
    found = sum(int(trial.examples.label.sum()) for trial in trials) / sum(int(trial.wanted.sum()) for trial in trials)
    return [*rows_of(name, systems, household), BenchRow(MODEL_SYSTEM, "candidate_recall", name, found, n=len(household))]


def _floor(trials: list[Trial], name: str) -> Judged:
    return joined([[{k: trial.floors[k][name] for k in LENGTHS} for trial in trials]])


def _qualities(trial: Trial, scores: FloatArray) -> dict[int, ListQuality]:
    examples = trial.examples
    return {k: list_quality(examples.origin, examples.product, scores, examples.label, trial.wanted, k) for k in LENGTHS}


def _edges(lake: Lake, as_of: date) -> dict[str, pa.Table]:
    # a fixed recording time: the edges of a measurement are not kept
    recorded_at = datetime(2000, 1, 1, tzinfo=UTC)
    return derive(lake, None, as_of=as_of, run_id="bench", recorded_at=recorded_at, scoped=False).edges


@contextmanager
def _without(lake: Lake, as_of: date, basket_ids: pa.Array) -> Iterator[Lake]:
    """Lend a lake of sales and products in which the named baskets never happened."""
    sales = lake.table("sales_lines")
    lines = lake.to_arrow(sales.filter(sales.business_date <= ibis.literal(as_of)))
    with _lent(lake, lines.filter(pc.invert(pc.is_in(lines["basket_id"], basket_ids)))) as earlier:
        yield earlier


@contextmanager
def _sampled(lake: Lake) -> Iterator[Lake]:
    """Lend a lake of the sales of some households, chosen by a seed, and all products."""
    lines = lake.arrow("sales_lines")
    households = pc.unique(lines["household_id"].drop_null()).sort()
    chosen = np.random.default_rng(SEED).permutation(len(households))[:QUICK_HOUSEHOLDS]
    with _lent(lake, lines.filter(pc.is_in(lines["household_id"], households.take(pa.array(chosen))))) as sample:
        yield sample


@contextmanager
def _lent(lake: Lake, lines: pa.Table) -> Iterator[Lake]:
    with TemporaryDirectory(prefix="shelfgraph-bench-") as folder:
        lent = DeltaLake(Path(folder))
        lent.replace("sales_lines", lines)
        lent.replace("products", lake.arrow("products"))
        yield lent


BENCH = Bench(
    name="next_basket",
    claim="how much of the next basket the ranker finds, beside floors that count purchases and floors that learn from them",
    run=run,
    tables=("sales_lines", "products", "promotion_weeks"),
    takes_as_of=True,
    data_sets=tuple(PUBLIC_SETS),
)
