"""Next basket on Ta-Feng as published by Li et al. (A Next Basket Recommendation Reality Check, TOIS 2023).

Users are split into train, validation and test, five times by the authors and once more by those who published their figures.
The last basket of each user is foretold from the baskets before, all items are candidates, nothing is masked. Everybody's
earlier baskets are known. The last baskets of train users teach the ranker, those of validation users choose its size, those
of test users are looked at once.

Nothing is known of an item but who bought it when, and of time but the order of a user's baskets. So another user's earlier
basket may be of a later day than what is foretold, for every system alike. Only a system that learns from the last baskets of
train users is told what sold in those days. How much that alone is worth says `frequency_and_last_baskets`: personal frequency
beside what those baskets held, its weight chosen by validation users; and `shelfgraph-without-items`, trained without the
figures that tell one item from another. Slices: `published_fold`, and `folds`, the mean of
the five; `low` and `high` are one standard deviation over folds away.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from bench.basket_candidates import ITEM_FIGURES, CandidateFigures, candidate_figures, proposers
from bench.basket_floors import (
    CHUNK_USERS,
    Floor,
    decayed_frequency,
    frequency_beside,
    personal_frequency,
    popularity,
    published_frequency,
    tifu_knn,
    top_lists,
    up_cf,
)
from bench.basket_floors_shared import MOST_ITEMS, als, bpr, ease, fastrp_knn, item_knn
from bench.basket_ranker import ROUNDS, fit_basket_ranker, ranked_lists
from bench.baskets import Baskets, baskets_of_lists
from bench.frame import BenchContext, BenchRow
from bench.list_scores import list_scores, paired_interval
from bench.public_data import PublicFolder
from decisions.recommend.model import MODEL_SYSTEM
from features.repertoire import FloatArray, IntArray

__all__ = ["FOLDER", "Fold", "TaFeng", "read_tafeng", "tafeng_rows"]

PUBLISHED_FOLD = "published"
FOLDS = ("0", "1", "2", "3", "4")
HISTORY, FUTURE = "tafeng_history.json", "tafeng_future.json"
KEYSETS = {name: f"tafeng_keyset_{name}.json" for name in (*FOLDS, PUBLISHED_FOLD)}
FOLDER = PublicFolder("next_basket", "tafeng", "nbr_tafeng_realitycheck", (HISTORY, FUTURE, *KEYSETS.values()))
PADDING = [-1]
LENGTH = 20
SEED = 7
SEEDS = (7, 8, 9)
DECAYED = "decayed_frequency"
DECAYS = (0.95, 0.8, 0.6)
LAST_BASKETS = "frequency_and_last_baskets"
LAST_BASKET_WEIGHTS = (1.0, 2.0, 4.0, 8.0)
"""How many own baskets the item that most last baskets held may count."""
WITHOUT_ITEMS = f"{MODEL_SYSTEM}-without-items"
QUICK_STEP = 6
"""A sample holds every so manieth user."""
QUICK_ROUNDS = (20, 40)
QUICK_ITEMS = 2500
NOTES = [
    "published fold, gp_topfreq as published: recall@10 .1145, ndcg@10_untruncated .0951, hit_rate@10 .3618",
    "gp_topfreq orders items bought equally often by their first purchase, personal_frequency by popularity: all that differs",
    "another implementation of tifu_knn on these folds reached recall@10 .1306, ndcg@10 .1144",
    "tifu_knn: k 300, decays .9 and .7, 7 groups, alpha .7; up_cf: r 25, q 5, alpha .25; decayed_frequency by validation users",
    "frequency_and_last_baskets: personal frequency beside the last baskets of train users, which tell what sold in those days",
    "ndcg@10_untruncated compares with the best list of all that was bought, as the published figures do",
    "low and high: one standard deviation over folds; of the ratio: 90 %, users resampled",
]

Scores = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Fold:
    """Positions of the users to learn from, to choose by and to judge, each ascending."""

    train: IntArray
    valid: IntArray
    test: IntArray

    def equals(self, other: "Fold") -> bool:
        """Say whether each part holds the same users."""
        pairs = ((self.train, other.train), (self.valid, other.valid), (self.test, other.test))
        return all(np.array_equal(one, two) for one, two in pairs)


@dataclass(frozen=True, slots=True)
class TaFeng:
    """What is known of each user, what is to be foretold (users x items), and the splits by name."""

    known: Baskets
    wanted: sparse.csr_array
    folds: Mapping[str, Fold]


def read_tafeng(path: Path | None, step: int = 1) -> TaFeng:
    """Read the data set; every `step`-th user alone. Raises: DataMissing, DataDamaged."""
    files = FOLDER.found(path)
    history, future = (FOLDER.json_object(files[name]) for name in (HISTORY, FUTURE))
    users = sorted(history, key=lambda user: (len(user), user))[::step]
    known = FOLDER.parsed(files[HISTORY], lambda: [_unpadded(history[user]) for user in users])
    last = FOLDER.parsed(files[FUTURE], lambda: [_unpadded(future[user]) for user in users])
    splits = {name: FOLDER.json_object(files[file]) for name, file in KEYSETS.items()}
    items = FOLDER.parsed(files[KEYSETS[PUBLISHED_FOLD]], lambda: int(splits[PUBLISHED_FOLD]["item_num"]))
    place = {user: position for position, user in enumerate(users)}
    folds = {name: FOLDER.parsed(files[KEYSETS[name]], partial(_fold, split, place)) for name, split in splits.items()}
    baskets = FOLDER.parsed(files[HISTORY], lambda: _within(baskets_of_lists(known, items)))
    wanted = FOLDER.parsed(files[FUTURE], lambda: _within(baskets_of_lists(last, items)))
    return TaFeng(baskets, wanted.bought(), folds)


def _unpadded(baskets: Sequence[Sequence[int]]) -> list[list[int]]:
    found = [list(map(int, basket)) for basket in baskets if basket != PADDING]
    if not found:
        raise ValueError("a user without a basket")
    return found


def _within(baskets: Baskets) -> Baskets:
    if len(baskets.item) and not 0 <= baskets.item.min() <= baskets.item.max() < baskets.items:
        raise ValueError("an item outside the numbers of items")
    return baskets


def _fold(split: Mapping[str, Any], place: Mapping[str, int]) -> Fold:
    parts = [sorted(place[user] for user in map(str, split[name]) if user in place) for name in ("train", "val", "test")]
    return Fold(*(np.array(part, dtype=np.int64) for part in parts))


def tafeng_rows(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure the floors and both stages on the published splits. Raises: DataMissing, DataDamaged."""
    quick = context.quick
    data = read_tafeng(context.path, QUICK_STEP if quick else 1)
    seeds, names = (SEEDS[:1], FOLDS[:1]) if quick else (SEEDS, FOLDS)
    most_items = QUICK_ITEMS if quick else MOST_ITEMS
    floors = _floors(data.known, most_items)
    with context.progress.stage("Floors", total=len(floors)) as stage:
        judged = {}
        for name, fit in floors.items():
            lists = top_lists(fit(), np.arange(data.known.users), LENGTH)
            judged[name] = list_scores(lists, data.wanted)
            stage.advance()
    chunks = -(-data.known.users // CHUNK_USERS)
    with context.progress.stage("Candidates and their figures", total=chunks) as stage:
        systems = proposers(data.known, SEED, most_items)
        figures = candidate_figures(data.known, systems, np.arange(data.known.users), stage.advance)
    folds = {name: data.folds[name] for name in names}
    learnt: dict[str, list[Scores]] = {LAST_BASKETS: [_told(data, fold) for fold in folds.values()]}
    rounds = QUICK_ROUNDS if quick else ROUNDS
    trainings = ((WITHOUT_ITEMS, figures.without(ITEM_FIGURES), seeds[:1]), (MODEL_SYSTEM, figures, seeds))
    for system, known, its_seeds in trainings:
        with context.progress.stage(f"Learning {system}, fold by fold", total=len(folds)) as stage:
            learnt[system] = _by_fold(partial(_of_seeds, data, known, its_seeds, rounds), list(folds.values()), stage.advance)
    rows = [*_published(data, judged), *_rows(list(folds.values()), judged, learnt, len(seeds))]
    return rows, _notes(data, quick=quick)


def _by_fold(learn: Callable[[Fold], Scores], folds: Sequence[Fold], advance: Callable[[], object]) -> list[Scores]:
    """Return what each fold's learning gives; the published splits repeat each other, and one that does is not learnt again."""
    found: list[Scores] = []
    for place, fold in enumerate(folds):
        same = next((other for other in range(place) if folds[other].equals(fold)), None)
        found.append(learn(fold) if same is None else found[same])
        advance()
    return found


def _told(data: TaFeng, fold: Fold) -> Scores:
    """Return how personal frequency does beside what the last baskets of train users held."""
    held = np.asarray(data.wanted[fold.train].sum(axis=0), dtype=np.float64)

    def judged(weight: float, users: IntArray) -> Scores:
        floor = frequency_beside(data.known, weight * held / max(float(held.max()), 1.0))
        return list_scores(top_lists(floor, users, LENGTH), data.wanted[users])

    return judged(max(LAST_BASKET_WEIGHTS, key=lambda weight: float(judged(weight, fold.valid)["ndcg@10"].mean())), fold.test)


def _floors(known: Baskets, most_items: int) -> dict[str, Callable[[], Floor]]:
    bought = known.bought()
    return {
        "popularity": partial(popularity, known),
        "gp_topfreq": partial(published_frequency, known),
        "personal_frequency": partial(personal_frequency, known),
        **{f"{DECAYED}_{decay}": partial(decayed_frequency, known, decay) for decay in DECAYS},
        "tifu_knn": partial(tifu_knn, known),
        "up_cf": partial(up_cf, known),
        "item_knn": partial(item_knn, bought),
        "ease": partial(ease, bought, most_items=most_items),
        "als": partial(als, bought, seed=SEED),
        "bpr": partial(bpr, bought, seed=SEED),
        "fastrp_knn": partial(fastrp_knn, bought, seed=SEED),
    }


def _of_seeds(data: TaFeng, figures: CandidateFigures, seeds: tuple[int, ...], rounds: tuple[int, ...], fold: Fold) -> Scores:
    """Return per metric one value per test user: the mean over trainings with each seed."""
    train, valid, test = (figures.of_users(users) for users in (fold.train, fold.valid, fold.test))
    found = []
    for seed in seeds:
        ranker = fit_basket_ranker(train, valid, data.wanted, seed, rounds)
        users, lists = ranked_lists(test, ranker.scores(test.values), LENGTH)
        found.append(list_scores(lists, data.wanted[users]))
    return {metric: np.mean([scores[metric] for scores in found], axis=0) for metric in found[0]}


def _published(data: TaFeng, judged: Mapping[str, Scores]) -> Iterator[BenchRow]:
    test = data.folds[PUBLISHED_FOLD].test
    for metric, values in judged["gp_topfreq"].items():
        yield BenchRow("gp_topfreq", metric, "published_fold", float(values[test].mean()), n=len(test))


def _rows(folds: Sequence[Fold], judged: Mapping[str, Scores], learnt: dict[str, list[Scores]], seeds: int) -> Iterator[BenchRow]:
    valid = np.concatenate([fold.valid for fold in folds])
    decayed = [name for name in judged if name.startswith(DECAYED)]
    best = max(decayed, key=lambda name: float(judged[name]["ndcg@10"][valid].mean()))
    shown = {name: scores for name, scores in judged.items() if name not in decayed} | {DECAYED: judged[best]}
    by_fold = {name: [_of(scores, fold.test) for fold in folds] for name, scores in shown.items()} | learnt
    for system, of_folds in by_fold.items():
        many = sum(len(next(iter(scores.values()))) for scores in of_folds)
        for metric in of_folds[0]:
            means = np.array([scores[metric].mean() for scores in of_folds])
            value, spread = float(means.mean()), float(means.std())
            of_seeds = seeds if system == MODEL_SYSTEM else 1
            yield BenchRow(system, metric, "folds", value, value - spread, value + spread, many, of_seeds)
    for floor in ("tifu_knn", "up_cf", "personal_frequency", LAST_BASKETS):
        yield _ratio(folds, floor, by_fold[floor], learnt[MODEL_SYSTEM], seeds)


def _of(scores: Scores, users: IntArray) -> Scores:
    return {metric: values[users] for metric, values in scores.items()}


def _ratio(folds: Sequence[Fold], floor: str, theirs: list[Scores], ours: list[Scores], seeds: int) -> BenchRow:
    """Return how many times the floor's NDCG ours is, over users: one in the test of several folds counts once, by its mean."""
    user = np.concatenate([fold.test for fold in folds])
    times = np.bincount(user)

    def mean(of_folds: list[Scores]) -> FloatArray:
        values = np.concatenate([scores["ndcg@10"] for scores in of_folds])
        return np.asarray((np.bincount(user, weights=values) / np.maximum(times, 1))[times > 0])

    value, low, high = paired_interval(mean(ours), mean(theirs))
    return BenchRow(MODEL_SYSTEM, f"ndcg@10_ratio_to_{floor}", "folds", value, low, high, int((times > 0).sum()), seeds)


def _notes(data: TaFeng, *, quick: bool) -> list[str]:
    size = f"{data.known.users:,} users, {data.known.items:,} items, {len(data.known.item_start) - 1:,} baskets known"
    sample = [f"a sample: every {QUICK_STEP}th user, one fold, one seed, EASE of {QUICK_ITEMS:,} items"] if quick else []
    different = len({data.folds[name].test.tobytes() for name in FOLDS})
    tests = f"the {len(FOLDS)} published splits hold {different} different sets of test users: their spread is understated"
    return [size, *NOTES, *([tests] if different < len(FOLDS) else []), *sample]
