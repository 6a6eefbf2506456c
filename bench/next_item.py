"""Next item of a sequence on public data: the last item of each user, all items ranked, the user's earlier ones left out.

The protocol is that of S3-Rec (Zhou et al., CIKM 2020): the last item is the test, the one before it chooses settings, the rest
is learnt from. `shelfgraph` fuses systems that need no network: what follows what, likeness of items, factors, users alike,
brand and category. Its ranker learns from the last item of the part to learn from, foretold by what is before it; the item
after chooses the number of trees; the test item is looked at once. What systems learn from ends before the validation item;
the user who asks shows it. `shelfgraph-refitted` learns from the validation items too, as a shop would.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np

from bench.basket_floors import Floor, top_lists
from bench.frame import Bench, BenchContext, BenchRow
from bench.list_scores import paired_interval, rows_of_lists
from bench.next_item_candidates import ItemCandidates, item_candidates
from bench.next_item_data import SequenceData, read_sequences
from bench.next_item_systems import SYSTEMS, Sequences, sequence_popularity
from decisions.recommend.model import MODEL_SYSTEM
from features.repertoire import FloatArray, IntArray

__all__ = ["BENCH", "item_scores", "run"]

LENGTHS = (5, 10, 20)
SEED = 7
SEEDS = (7, 8, 9)
ROUNDS = (40, 80, 120, 160)
MOST_ITEMS = 12_500
QUICK_STEP, QUICK_ITEMS, QUICK_ROUNDS = 5, 2000, (20, 40)
TEST, VALIDATION, LEARNT = 1, 2, 3
"""Places from the end of a sequence."""
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
    users = np.arange(len(data.sequences))
    with context.progress.stage("What is learnt from, its last item foretold") as stage:
        learning = _moment(data, LEARNT, LEARNT, effort)
        train = item_candidates(learning.given, learning.systems, users, stage.advance, learning.wanted)
    with context.progress.stage("Choosing by the validation items") as stage:
        choosing = _moment(data, VALIDATION, VALIDATION, effort)
        valid = item_candidates(choosing.given, choosing.systems, users, stage.advance)
        boosters = {seed: _learn(train, learning.wanted, seed, effort.rounds) for seed in effort.seeds}
        best = {seed: _best_rounds(booster, valid, choosing.wanted, effort.rounds) for seed, booster in boosters.items()}
    rows = []
    with context.progress.stage("Test items", total=2) as stage:
        for name, learnt_until in ((MODEL_SYSTEM, VALIDATION), (f"{MODEL_SYSTEM}-refitted", TEST)):
            asking = _moment(data, learnt_until, TEST, effort)
            test = item_candidates(asking.given, asking.systems, users, lambda: None)
            by_seed = [_fused(booster, best[seed], test, asking.wanted) for seed, booster in boosters.items()]
            ours = {metric: np.mean([scores[metric] for scores in by_seed], axis=0) for metric in by_seed[0]}
            floors = _floors(data, asking) if name == MODEL_SYSTEM else {}
            rows += list(_rows(name, ours, floors, len(by_seed)))
            stage.advance()
    return rows, _notes(data, best, quick=context.quick)


def _moment(data: SequenceData, learnt_until: int, foretold: int, effort: _Effort) -> _Moment:
    given = Sequences(data.before(learnt_until), data.before(foretold), data.attributes, SEED, effort.most_items)
    return _Moment(given, {name: fit(given) for name, fit in SYSTEMS.items()}, data.at(foretold))


def _learn(train: ItemCandidates, wanted: IntArray, seed: int, rounds: tuple[int, ...]) -> lightgbm.Booster:
    label = (train.item == wanted[train.user]).astype(np.int32)
    groups = np.unique(train.user, return_counts=True)[1]
    binning = {name: PARAMETERS[name] for name in ("max_bin", "verbosity", "num_threads")}
    data = lightgbm.Dataset(train.values, label, group=groups, feature_name=list(train.names), params=binning)
    return lightgbm.train({**PARAMETERS, "seed": seed}, data, num_boost_round=max(rounds))


def _best_rounds(booster: lightgbm.Booster, valid: ItemCandidates, wanted: IntArray, rounds: tuple[int, ...]) -> int:
    quality = {some: float(_fused(booster, some, valid, wanted)["ndcg@10"].mean()) for some in rounds}
    return max(rounds, key=lambda some: quality[some])


def _fused(booster: lightgbm.Booster, rounds: int, candidates: ItemCandidates, wanted: IntArray) -> Scores:
    """Return the metrics of each user's list by the ranker's scores; what is not proposed is not found."""
    score = np.asarray(booster.predict(candidates.values, num_iteration=rounds, num_threads=1), dtype=np.float64)
    order = np.lexsort((candidates.item, -score, candidates.user))
    user, item = candidates.user[order], candidates.item[order]
    place = np.arange(len(user)) - np.searchsorted(user, user)
    found = np.full(len(wanted), np.iinfo(np.int64).max)
    hit = item == wanted[user]
    found[user[hit]] = place[hit]
    return item_scores(found)


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
    return item_scores(np.where(hit.any(axis=1), hit.argmax(axis=1), np.iinfo(np.int64).max))


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
