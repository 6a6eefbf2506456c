"""Next basket: what each household puts in it, predicted from the baskets before, over all merchandise products.

Slices: `last_basket`, each household's last basket of at least three; and `fixed_dates`, the first basket of each household on
or after a day with three and with ten weeks to go, from what was known the day before. k = 10. Intervals are 90 % bootstrap
intervals over households.

The ranker learns from earlier baskets of each household alone. In `last_basket`, as in every leave-last-out, another
household's training basket may be of a later day; `fixed_dates` has no such mixing. Relations are derived without the baskets
that are predicted.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bench.frame import Bench, BenchContext, BenchRow
from bench.next_basket_floors import floor_qualities
from bench.next_basket_public import PUBLIC_SETS, public_rows
from decisions.recommend.baseline import DECAYED_FREQUENCIES
from decisions.recommend.examples import Examples, build_examples, origins_before, outcomes
from decisions.recommend.fitting import BASKETS_PER_HOUSEHOLD, World, read_world, train_ranker, training_baskets
from decisions.recommend.model import MODEL_SYSTEM, Ranker
from decisions.recommend.scoring import ListQuality, list_quality
from decisions.relations import derive
from features.recommend_population import PopulationBefore, read_promotions
from features.recommend_relations import neighbours_by_relation
from features.recommend_transform import GROUP_OF_FEATURE, GROUPS
from features.repertoire import FloatArray, IntArray, Origins, day_number, read_purchases
from kit.progress import Progress
from lake import Lake
from lake.delta_lake import DeltaLake

__all__ = ["BENCH", "run"]

DRAWS = 1000
SEED = 7
LEAST_BASKETS = 3
WEEKS_TO_GO = (10, 3)
QUICK_HOUSEHOLDS = 400
QUICK_PROMOTION_WEEKS = 20
METRICS = ("recall@10", "ndcg@10", "hit_rate@10")


@dataclass(frozen=True, slots=True)
class Trial:
    """Lists to judge: one origin per household, the figures of its candidates, and how the floors did."""

    slice: str
    examples: Examples
    wanted: IntArray
    floors: Mapping[str, ListQuality]


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure popularity, personal and decayed frequency and the served ranker."""
    if context.data:
        return public_rows(context)
    started = time.perf_counter()
    as_of = context.as_of
    if context.quick:
        with _sampled(context.lake) as lake:
            rows = _last_baskets(lake, _world(lake, context.lake, as_of, weeks=QUICK_PROMOTION_WEEKS), context.progress)
    else:
        with context.progress.stage("Reading purchases and promotions"):
            world = _world(context.lake, context.lake, as_of)
        rows = _last_baskets(context.lake, world, context.progress)
        rows += _fixed_dates(context.lake, world, context.progress)
    rows.append(BenchRow(MODEL_SYSTEM, "seconds", "", time.perf_counter() - started))
    return rows, _notes(as_of, quick=context.quick)


def _notes(as_of: date, *, quick: bool) -> list[str]:
    notes = [
        "decayed_frequency is the best of .95 a basket, .98 a basket and a half-life of 90 days, chosen on the slice itself",
        "floors rank all products; the ranker ranks its candidates",
    ]
    if quick:
        return [
            *notes,
            f"a sample: {QUICK_HOUSEHOLDS} households are the whole shop, promotions of {QUICK_PROMOTION_WEEKS} weeks",
        ]
    days = " and ".join(str(as_of - timedelta(weeks=weeks)) for weeks in WEEKS_TO_GO)
    return [*notes, f"fixed_dates: what was known at the end of {days}; a household counts once for each of the two days"]


def _world(lake: Lake, promotions: Lake, as_of: date, weeks: int | None = None) -> World:
    """Read what was known, promotions of the last `weeks` alone where given. No relations: each slice derives its own."""
    if weeks is None:
        return read_world(lake, as_of, {})
    purchases = read_purchases(lake, as_of)
    shown = read_promotions(promotions, purchases, day_number(as_of - timedelta(weeks=weeks)))
    return World(purchases, PopulationBefore(purchases, shown), {})


def _related(world: World, edges: Mapping[str, pa.Table], known_on: date) -> World:
    return replace(world, neighbours=neighbours_by_relation(edges, world.purchases.product_ids, known_on))


def _last_baskets(lake: Lake, world: World, progress: Progress) -> list[BenchRow]:
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
    with progress.stage("Last baskets: training and ranking"):
        ranker = train_ranker(world, training[place_from_end[training] > 0], SEED)
        trial = _trial("last_basket", world, origins_before(purchases, last))
    return _judge([trial], [ranker])


def _fixed_dates(lake: Lake, world: World, progress: Progress) -> list[BenchRow]:
    trials: list[Trial] = []
    rankers: list[Ranker | None] = []
    for weeks in WEEKS_TO_GO:
        origin_day = world.purchases.as_of - timedelta(weeks=weeks)
        with progress.stage(f"Fixed date: {origin_day}"):
            known = _related(world, _edges(lake, origin_day), origin_day)
            first = day_number(origin_day) + 1
            rankers.append(train_ranker(known, training_baskets(known.purchases, first), SEED))
            trials.append(_trial("fixed_dates", known, _next_baskets(known, first)))
    return _judge(trials, rankers)


def _next_baskets(world: World, first_day: int) -> Origins:
    """Return each household's first basket from `first_day` on, with two baskets behind it."""
    purchases = world.purchases
    usable = np.flatnonzero((purchases.basket_day >= first_day) & (purchases.basket_place >= LEAST_BASKETS - 1))
    household = purchases.basket_household[usable]
    return origins_before(purchases, usable[np.diff(household, prepend=-1) > 0])


def _trial(name: str, world: World, origins: Origins) -> Trial:
    examples = build_examples(world.purchases, world.population, world.neighbours, origins, 0.0, SEED, edges_hold_outcomes=False)
    wanted = np.bincount(outcomes(world.purchases, origins).origin, minlength=len(origins))
    return Trial(name, examples, wanted, floor_qualities(world.purchases, origins, wanted))


def _judge(trials: list[Trial], rankers: list[Ranker | None]) -> list[BenchRow]:
    systems = {name: [trial.floors[name] for trial in trials] for name in ("popularity", "personal_frequency")}
    systems["decayed_frequency"] = max(
        ([trial.floors[name] for trial in trials] for name in DECAYED_FREQUENCIES),
        key=lambda qualities: float(np.concatenate([quality.ndcg for quality in qualities]).mean()),
    )
    if all(ranker is not None for ranker in rankers):
        scored = [(trial, ranker) for trial, ranker in zip(trials, rankers, strict=True) if ranker is not None]
        systems[MODEL_SYSTEM] = [_quality(trial, ranker.scores(trial.examples.figures)) for trial, ranker in scored]
        hidden = [(trial, ranker.scores(_without_promotions(trial.examples.figures))) for trial, ranker in scored]
        systems[f"{MODEL_SYSTEM}-without-promotions"] = [_quality(trial, scores) for trial, scores in hidden]
    rows = [row for system, qualities in systems.items() for row in _rows(system, trials[0].slice, qualities)]
    return rows + _gains(trials[0].slice, systems)


def _gains(name: str, systems: Mapping[str, list[ListQuality]]) -> list[BenchRow]:
    """Return how many times the best floor's NDCG the ranker reaches, with its paired interval over households."""
    if MODEL_SYSTEM not in systems:
        return []
    ours, floor = (np.concatenate([q.ndcg for q in systems[system]]) for system in (MODEL_SYSTEM, "decayed_frequency"))
    random = np.random.default_rng(SEED)
    drawn = [random.integers(len(ours), size=len(ours)) for _ in range(DRAWS)]
    low, high = np.quantile([ours[rows].mean() / floor[rows].mean() for rows in drawn], (0.05, 0.95)).tolist()
    value = float(ours.mean() / floor.mean())
    return [BenchRow(MODEL_SYSTEM, "ndcg@10_ratio_to_decayed_frequency", name, value, low, high, len(ours))]


def _quality(trial: Trial, scores: FloatArray) -> ListQuality:
    examples = trial.examples
    return list_quality(examples.origin, examples.product, scores, examples.label, trial.wanted)


def _without_promotions(figures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Hide this week's promotions, as on a Monday: the ranker was trained on such rows too."""
    hidden = np.flatnonzero(np.isin(GROUP_OF_FEATURE, [GROUPS.index("promotion")]))
    without = figures.copy()
    without[:, hidden] = np.nan
    return without


def _rows(system: str, name: str, qualities: list[ListQuality]) -> Iterator[BenchRow]:
    values: Mapping[str, FloatArray] = {
        "recall@10": np.concatenate([quality.recall for quality in qualities]),
        "ndcg@10": np.concatenate([quality.ndcg for quality in qualities]),
        "hit_rate@10": np.concatenate([quality.hit_rate for quality in qualities]),
    }
    for metric in METRICS:
        value = values[metric]
        random = np.random.default_rng(SEED)
        means = np.array([value[random.integers(len(value), size=len(value))].mean() for _ in range(DRAWS)])
        low, high = np.quantile(means, (0.05, 0.95)).tolist()
        yield BenchRow(system, metric, name, float(value.mean()), low, high, len(value))


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
    claim="how much of the next basket the served ranker finds, beside popularity and personal frequency",
    run=run,
    tables=("sales_lines", "products", "promotion_weeks"),
    takes_as_of=True,
    data_sets=tuple(PUBLIC_SETS),
)
