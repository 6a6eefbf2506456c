"""Next basket at other retailers: the product's own pipeline over their lakes, beside every floor.

Nothing is changed but what a mapping says: relations are derived from their sales, candidates, figures and ranker are those
that are served. Leave-last-out as on the demo data: the last basket of each household with at least three is foretold, the
ranker learns from earlier baskets, relations are derived without the baskets that are foretold. Floors rank all products; the
settings of those that learn are chosen by the basket before the last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from bench.basket_floors import decayed_frequency, personal_frequency, popularity, published_frequency, top_lists
from bench.frame import BenchContext, BenchRow
from bench.list_scores import list_scores, paired_interval, rows_of_lists
from bench.retailer_lakes import instacart_tables, lent_lake, online_retail_tables
from bench.tuned_floors import FLOORS, Question, chosen_settings, question_at, settings_text, tuned_scores, usual_settings
from decisions.recommend.examples import build_examples, origins_before
from decisions.recommend.fitting import BASKETS_PER_HOUSEHOLD, World, read_world, training_baskets, training_examples
from decisions.recommend.model import MODEL_SYSTEM, Ranker, fit_ranker
from decisions.relations import derive
from features.recommend_relations import neighbours_by_relation
from features.repertoire import FloatArray, IntArray, Purchases, day_number
from lake import Lake

__all__ = ["instacart_rows", "online_retail_rows"]

LEAST_BASKETS = 3
LENGTH = 20
SEED = 7
SEEDS = (7, 8, 9)
DECAYED = "decayed_frequency"
DECAYS = (0.95, 0.8, 0.6)
QUICK_STEP = 5
SLICE = "last_basket"
COMPARED = ("personal_frequency", "tifu_knn")
Tables = tuple[pa.Table, pa.Table]
Scores = Mapping[str, FloatArray]


def online_retail_rows(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure on the gift shop. Raises: DataMissing, DataDamaged."""
    return _rows(context, online_retail_tables(context.path))


def instacart_rows(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure on the sample of Instacart. Raises: DataMissing, DataDamaged."""
    rows, notes = _rows(context, instacart_tables(context.path))
    return rows, [*notes, "orders have no dates, only days between them: everybody's last order lies on one day"]


def _rows(context: BenchContext, tables: Tables) -> tuple[list[BenchRow], list[str]]:
    lines, products = _sampled(tables[0]) if context.quick else tables[0], tables[1]
    as_of = pc.max(lines["business_date"]).as_py()
    with context.progress.stage("Reading purchases"), lent_lake(lines, products) as lake:
        world = read_world(lake, as_of, {})
    purchases = world.purchases
    last = purchases.household_start[1:][np.diff(purchases.household_start) >= LEAST_BASKETS] - 1
    foretold = purchases.basket_ids.take(pa.array(last))
    with (
        context.progress.stage("Relations without the baskets that are foretold"),
        lent_lake(lines.filter(pc.invert(pc.is_in(lines["basket_id"], foretold))), products) as earlier,
    ):
        world = replace(world, neighbours=neighbours_by_relation(_edges(earlier, as_of), purchases.product_ids, as_of))
    question, settings = _question(purchases, last), usual_settings()
    if not context.quick:
        with context.progress.stage("Settings of the floors that learn", total=len(FLOORS)) as stage:
            settings = chosen_settings(_question(purchases, last, before_last=True), stage.advance)
    with context.progress.stage("Floors", total=len(FLOORS)) as stage:
        judged = _counting(question) | tuned_scores(question, settings, stage.advance)
    with context.progress.stage("Training and ranking"):
        ours = _served(world, last, question.wanted, SEEDS[:1] if context.quick else SEEDS)
    return list(_judged(judged, ours)), [*_notes(purchases, last, quick=context.quick), *settings_text(settings)]


def _edges(lake: Lake, as_of: date) -> dict[str, pa.Table]:
    # a fixed recording time: the edges of a measurement are not kept
    recorded_at = datetime(2000, 1, 1, tzinfo=UTC)
    return derive(lake, None, as_of=as_of, run_id="bench", recorded_at=recorded_at, scoped=False).edges


def _question(purchases: Purchases, last: IntArray, *, before_last: bool = False) -> Question:
    """Ask for the last baskets, or for those before them, the last ones hidden from everybody."""
    until = purchases.household_start[1:].copy()
    until[purchases.basket_household[last]] = last
    asked = last[purchases.basket_place[last] >= LEAST_BASKETS] - 1 if before_last else last
    return question_at(purchases, origins_before(purchases, asked), until)


def _counting(question: Question) -> dict[str, Scores]:
    known = question.known
    floors = {
        "popularity": popularity(known),
        "gp_topfreq": published_frequency(known),
        "personal_frequency": personal_frequency(known),
        **{f"{DECAYED}_{decay}": decayed_frequency(known, decay) for decay in DECAYS},
    }
    return {name: list_scores(top_lists(floor, question.users, LENGTH), question.wanted) for name, floor in floors.items()}


def _served(world: World, last: IntArray, wanted: sparse.csr_array, seeds: tuple[int, ...]) -> list[Scores]:
    """Return what the product's ranker finds, once for each seed; nothing where it has too little to learn from."""
    purchases = world.purchases
    training = training_baskets(purchases, day_number(purchases.as_of) + 1, per_household=BASKETS_PER_HOUSEHOLD + 1)
    latest = purchases.household_start[1:][purchases.basket_household[training]] - 1
    origins = origins_before(purchases, last)
    learnt = training_examples(world, training[training < latest], SEED)
    if learnt is None:
        return []
    examples = build_examples(purchases, world.population, world.neighbours, origins, 0.0, SEED, edges_hold_outcomes=False)

    def judged(ranker: Ranker) -> Scores:
        return list_scores(_lists(examples.origin, examples.product, ranker.scores(examples.figures), len(last)), wanted)

    return [judged(fit_ranker(learnt, seed)) for seed in seeds]


def _lists(origin: IntArray, product: IntArray, scores: FloatArray, origins: int) -> IntArray:
    """Return origins x length: the best candidates of each, -1 where they are fewer."""
    order = np.lexsort((product, -scores, origin))
    ordered = origin[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    shown = place < LENGTH
    lists = np.full((origins, LENGTH), -1, np.int64)
    lists[ordered[shown], place[shown]] = product[order][shown]
    return lists


def _judged(judged: Mapping[str, Scores], ours: list[Scores]) -> Iterator[BenchRow]:
    decayed = [name for name in judged if name.startswith(DECAYED)]
    best = max(decayed, key=lambda name: float(judged[name]["ndcg@10"].mean()))
    shown = {name: scores for name, scores in judged.items() if name not in decayed} | {DECAYED: judged[best]}
    for system, scores in shown.items():
        yield from rows_of_lists(system, SLICE, scores)
    if not ours:
        return
    mean = {metric: np.mean([one[metric] for one in ours], axis=0) for metric in ours[0]}
    for row in rows_of_lists(MODEL_SYSTEM, SLICE, mean):
        yield replace(row, seeds=len(ours))
    best_floor = max(shown, key=lambda name: float(shown[name]["ndcg@10"].mean()))
    for name, floor in ((DECAYED, DECAYED), *((one, one) for one in COMPARED), ("best_floor", best_floor)):
        value, low, high = paired_interval(mean["ndcg@10"], shown[floor]["ndcg@10"])
        yield BenchRow(MODEL_SYSTEM, f"ndcg@10_ratio_to_{name}", SLICE, value, low, high, len(mean["ndcg@10"]), len(ours))


def _sampled(lines: pa.Table) -> pa.Table:
    households = pc.unique(lines["household_id"]).sort()
    return lines.filter(pc.is_in(lines["household_id"], households.take(pa.array(np.arange(0, len(households), QUICK_STEP)))))


def _notes(purchases: Purchases, last: IntArray, *, quick: bool) -> list[str]:
    size = f"{len(last):,} households with {LEAST_BASKETS} baskets or more, {purchases.products.items:,} products"
    sample = [f"a sample: every {QUICK_STEP}th household, one seed"] if quick else []
    return [
        f"{size}, {len(purchases.basket_household):,} baskets of all",
        "floors rank all products, the ranker its candidates; decayed_frequency is the best of its decays on the slice itself",
        "settings of floors that learn: the usual ones"
        if quick
        else "settings of floors that learn: by the basket before the last",
        "intervals: 90 %, households resampled; ratios are paired",
        *sample,
    ]
