"""Next item of a sequence on public data: the last item of each user, all items ranked, the user's earlier ones left out.

The protocol is that of S3-Rec (Zhou et al., CIKM 2020): the last item is the test, the one before it chooses settings, the rest
is learnt from. `shelfgraph` fuses systems that need no network: what follows what, likeness of items, factors, users alike,
brand and category. Its ranker learns from the last item of the part to learn from, foretold by what is before it; the item
after chooses the number of trees; the test item is looked at once. What systems learn from ends before the validation item;
the user who asks shows it. `shelfgraph-refitted` learns from the validation items too, as a shop would.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np

from bench.basket_floors import Floor, top_lists
from bench.basket_floors_shared import MOST_ITEMS
from bench.frame import Bench, BenchContext, BenchRow
from bench.list_scores import paired_interval, rows_of_lists
from bench.next_item_candidates import ItemCandidates, candidates_by_chunk, item_candidates
from bench.next_item_data import SequenceData, read_sequences
from bench.next_item_systems import SYSTEMS, Sequences, sequence_popularity
from decisions.recommend.model import MODEL_SYSTEM
from features.repertoire import FloatArray, IntArray

__all__ = ["BENCH", "item_scores", "run"]

LENGTHS = (5, 10, 20)
SEED = 7
SEEDS = (7, 8, 9)
ROUNDS = (40, 80, 120, 160)
QUICK_STEP, QUICK_ITEMS, QUICK_ROUNDS = 5, 2000, (20, 40)
TEST, VALIDATION, LEARNT = 1, 2, 3
"""Places from the end of a sequence."""
NOT_FOUND = np.iinfo(np.int64).max
POPULARITY, POPULARITY_LEAKING = "popularity", "popularity_of_all"
SHOWN = ("followers", "item_knn", "ease", "als", "near_users", "attributes")
PARAMETERS = {
    "objective": "lambdarank",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "lambdarank_truncation_level": 20,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
NOTES = [
    "published, hit_rate@10/ndcg@10: S3-Rec .0647/.0327, SASRec .0605/.0318, PopRec .0152/.0068",
    "the published PopRec counts the test items too: popularity_of_all does, popularity counts what is learnt from",
    "low and high: 90 %, users resampled; shelfgraph is the mean of its seeds",
]

Scores = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class _Effort:
    step: int
    most_items: int
    rounds: tuple[int, ...]
    seeds: tuple[int, ...]


FULL = _Effort(1, MOST_ITEMS, ROUNDS, SEEDS)
QUICK = _Effort(QUICK_STEP, QUICK_ITEMS, QUICK_ROUNDS, SEEDS[:1])


@dataclass(frozen=True, slots=True)
class _Moment:
    """A moment in all sequences: what is learnt from, the systems that learnt it, and the item that is to be foretold."""

    given: Sequences
    systems: Mapping[str, Floor]
    wanted: IntArray


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure popularity, the single systems and their fusion. Raises: DataMissing, DataDamaged."""
    effort = QUICK if context.quick else FULL
    data = read_sequences(context.path, effort.step)
    with context.progress.stage("What is learnt from, its last item foretold") as stage:
        boosters = _learn(data, effort, stage.advance)
    with context.progress.stage("Choosing by the validation items") as stage:
        best = _best_rounds(data, boosters, effort, stage.advance)
    rows: list[BenchRow] = []
    for name, learnt_until in ((MODEL_SYSTEM, VALIDATION), (f"{MODEL_SYSTEM}-refitted", TEST)):
        with context.progress.stage(f"Test items: {name}") as stage:
            asking = _moment(data, learnt_until, TEST, effort)
            places = _places(asking, boosters, {seed: (some,) for seed, some in best.items()}, stage.advance)
            by_seed = [item_scores(place) for place in places.values()]
            ours = {metric: np.mean([scores[metric] for scores in by_seed], axis=0) for metric in by_seed[0]}
            rows += _rows(name, ours, _floors(data, asking) if name == MODEL_SYSTEM else {}, len(by_seed))
            del asking
    return rows, _notes(data, best, quick=context.quick)


def _moment(data: SequenceData, learnt_until: int, foretold: int, effort: _Effort) -> _Moment:
    given = Sequences(data.before(learnt_until), data.before(foretold), data.attributes, SEED, effort.most_items)
    return _Moment(given, {name: fit(given) for name, fit in SYSTEMS.items()}, data.at(foretold))


def _learn(data: SequenceData, effort: _Effort, advance: Callable[[], object]) -> dict[int, lightgbm.Booster]:
    """Return the rankers by seed. What they learn from is let go of with this call, the systems of that moment included."""
    learning = _moment(data, LEARNT, LEARNT, effort)
    train = item_candidates(learning.given, learning.systems, np.arange(len(data.sequences)), advance, learning.wanted)
    label = (train.item == learning.wanted[train.user]).astype(np.int32)
    groups = np.unique(train.user, return_counts=True)[1]
    binning = {name: PARAMETERS[name] for name in ("max_bin", "min_data_in_leaf", "verbosity", "num_threads")}
    known = lightgbm.Dataset(train.values, label, group=groups, feature_name=list(train.names), params=binning)
    return {
        seed: lightgbm.train({**PARAMETERS, "seed": seed}, known, num_boost_round=max(effort.rounds)) for seed in effort.seeds
    }


def _best_rounds(
    data: SequenceData, boosters: Mapping[int, lightgbm.Booster], effort: _Effort, advance: Callable[[], object]
) -> dict[int, int]:
    choosing = _moment(data, VALIDATION, VALIDATION, effort)
    places = _places(choosing, boosters, dict.fromkeys(boosters, effort.rounds), advance)
    quality = {key: float(item_scores(place)["ndcg@10"].mean()) for key, place in places.items()}
    return {seed: max(effort.rounds, key=lambda some: quality[seed, some]) for seed in boosters}


def _places(
    asking: _Moment,
    boosters: Mapping[int, lightgbm.Booster],
    rounds: Mapping[int, tuple[int, ...]],
    advance: Callable[[], object],
) -> dict[tuple[int, int], IntArray]:
    """Return by seed and number of trees where each user's wanted item stands, from 0; what is not proposed is not found."""
    places = {(seed, some): np.full(len(asking.wanted), NOT_FOUND) for seed, numbers in rounds.items() for some in numbers}
    for candidates in candidates_by_chunk(asking.given, asking.systems, np.arange(len(asking.wanted))):
        for seed, booster in boosters.items():
            score, trees = np.zeros(len(candidates.item)), 0
            for some in rounds[seed]:
                # trees add up: those of fewer rounds need not be asked again
                more = booster.predict(candidates.values, start_iteration=trees, num_iteration=some - trees, num_threads=1)
                score, trees = score + np.asarray(more, dtype=np.float64), some
                user, place = _wanted_places(candidates, score, asking.wanted)
                places[seed, some][user] = place
        advance()
    return places


def _wanted_places(candidates: ItemCandidates, score: FloatArray, wanted: IntArray) -> tuple[IntArray, IntArray]:
    """Return the users whose wanted item is a candidate, and its place; equals by position."""
    hit = np.flatnonzero(candidates.item == wanted[candidates.user])
    users = candidates.user[hit]
    theirs = np.full(len(wanted), np.inf)
    theirs[users] = score[hit]
    of_row = theirs[candidates.user]
    before = (score > of_row) | ((score == of_row) & (candidates.item < wanted[candidates.user]))
    return users, np.bincount(candidates.user[before], minlength=len(wanted))[users]


def item_scores(place: IntArray) -> dict[str, FloatArray]:
    """Return per metric one value per user; `place` counts from 0 where the wanted item stood in his list."""
    gain = 1.0 / np.log2(np.minimum(place, LENGTHS[-1]) + 2.0)
    found: dict[str, FloatArray] = {}
    for k in LENGTHS:
        found[f"hit_rate@{k}"] = np.asarray(place < k, dtype=np.float64)
        found[f"ndcg@{k}"] = np.where(place < k, gain, 0.0)
    return found


@dataclass(frozen=True, slots=True)
class _Everybody:
    values: FloatArray

    def scores(self, users: IntArray) -> FloatArray:
        return np.tile(self.values, (len(users), 1))


def _floors(data: SequenceData, asking: _Moment) -> dict[str, Scores]:
    systems: dict[str, Floor] = {
        POPULARITY: _Everybody(sequence_popularity(asking.given.learnt)),
        POPULARITY_LEAKING: _Everybody(sequence_popularity(data.before(0))),
    }
    systems |= {name: asking.systems[name] for name in SHOWN}
    return {name: _listed(system, asking) for name, system in systems.items()}


def _listed(system: Floor, asking: _Moment) -> Scores:
    lists = top_lists(system, np.arange(len(asking.wanted)), LENGTHS[-1], asking.given.asked.bought())
    hit = lists == asking.wanted[:, None]
    return item_scores(np.where(hit.any(axis=1), hit.argmax(axis=1), NOT_FOUND))


def _rows(name: str, ours: Scores, floors: Mapping[str, Scores], seeds: int) -> Iterator[BenchRow]:
    for system, scores in floors.items():
        yield from rows_of_lists(system, "", scores)
    for row in rows_of_lists(name, "", ours):
        yield BenchRow(row.system, row.metric, row.slice, row.value, row.low, row.high, row.n, seeds)
    for floor in ("followers", "ease"):
        if floor in floors:
            value, low, high = paired_interval(ours["ndcg@10"], floors[floor]["ndcg@10"])
            yield BenchRow(name, f"ndcg@10_ratio_to_{floor}", "", value, low, high, len(ours["ndcg@10"]), seeds)


def _notes(data: SequenceData, best: Mapping[int, int], *, quick: bool) -> list[str]:
    many = sum(len(items) for items in data.sequences)
    size = f"{len(data.sequences):,} users, {data.attributes.shape[0]:,} items, {many:,} in sequences"
    trees = f"trees chosen by the validation items: {', '.join(str(some) for some in best.values())}"
    sample = [f"a sample: every {QUICK_STEP}th user, one seed, EASE of {QUICK_ITEMS:,} items"] if quick else []
    return [size, trees, *NOTES, *sample]


BENCH = Bench(
    name="next_item",
    claim="which item comes next in a user's sequence, on public data with published figures",
    run=run,
    tables=(),
    data_sets=("beauty",),
    needs_path=True,
)
