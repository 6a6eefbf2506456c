"""The bench of the next basket: its intervals, its days, and a whole run on the tiny shop."""

import itertools
from datetime import date

import numpy as np
import pytest

from bench.frame import BenchContext
from bench.next_basket import SEEDS, WITHOUT, fixed_days, run
from bench.next_basket_scores import LENGTHS, METRICS, Judged, joined, rows_of
from bench.tuned_floors import FLOORS
from decisions.recommend.scoring import ListQuality
from kit.progress import SilentProgress
from tests.tiny_retailer import AS_OF, build_tiny_lake


def judged(seeds, lists, seed):
    random = np.random.default_rng(seed)
    return Judged({f"{metric}@{k}": random.random((seeds, lists)) for metric in METRICS for k in LENGTHS})


def test_intervals_draw_households_with_all_their_lists_and_pair_the_ratio():
    household = np.repeat(np.array([0, 2, 5, 6, 7]), [4, 1, 3, 2, 2])
    systems = {"decayed_frequency": judged(1, 12, 1), "shelfgraph": judged(3, 12, 2)}
    rows = {(row.system, row.metric): row for row in rows_of("s", systems, household)}
    ours = systems["shelfgraph"].values["ndcg@10"].mean(axis=0)
    floor = systems["decayed_frequency"].values["ndcg@10"][0]
    ratio = rows["shelfgraph", "ndcg@10_ratio_to_decayed_frequency"]
    assert ratio.value == pytest.approx(ours.mean() / floor.mean())
    assert (ratio.n, ratio.seeds) == (12, 3)
    random, drawn = np.random.default_rng(7), []
    for _ in range(1000):
        lists = np.concatenate([np.flatnonzero(household == h) for h in random.choice([0, 2, 5, 6, 7], 5)])
        drawn.append(ours[lists].mean() / floor[lists].mean())
    assert [ratio.low, ratio.high] == pytest.approx(np.quantile(drawn, (0.05, 0.95)).tolist())
    by_seed = systems["shelfgraph"].values["ndcg@10"].mean(axis=1)
    assert rows["shelfgraph", "ndcg@10_seed_spread"].value == pytest.approx(max(by_seed) - min(by_seed))
    assert ("decayed_frequency", "ndcg@10_seed_spread") not in rows


def test_equal_lists_have_a_ratio_of_one_without_doubt():
    one = judged(1, 6, 3)
    rows = list(rows_of("s", {"decayed_frequency": one, "shelfgraph": one}, np.arange(6)))
    ratios = [(row.value, row.low, row.high) for row in rows if "ratio" in row.metric]
    # beside the floor that is named and beside the best
    assert ratios == [(pytest.approx(1.0),) * 3] * len(LENGTHS) * 2


def test_the_best_floor_is_the_one_of_the_best_ndcg_and_never_ours():
    weak, strong, ours = judged(1, 9, 1), judged(1, 9, 2), judged(2, 9, 3)
    strong.values["ndcg@10"][:] += 0.5
    ours.values["ndcg@10"][:] += 1.0
    systems = {"decayed_frequency": weak, "tifu_knn": strong, "shelfgraph": ours, "shelfgraph-without-relations": ours}
    value = {(row.system, row.metric): row.value for row in rows_of("s", systems, np.arange(9))}
    mean = {name: one.values["ndcg@10"].mean() for name, one in systems.items()}
    for name in ("shelfgraph", "shelfgraph-without-relations"):
        assert value[name, "ndcg@10_ratio_to_best_floor"] == pytest.approx(mean["shelfgraph"] / mean["tifu_knn"])
        assert value[name, "ndcg@10_ratio_to_decayed_frequency"] == pytest.approx(mean["shelfgraph"] / mean["decayed_frequency"])


def test_joining_keeps_seeds_apart_and_puts_trials_one_after_another():
    def quality(value):
        return {k: ListQuality(*(np.full(2, value + k) for _ in METRICS)) for k in LENGTHS}

    found = joined([[quality(0.0), quality(1.0)], [quality(2.0), quality(3.0)]])
    assert found.values["recall@20"].tolist() == [[20.0, 20.0, 21.0, 21.0], [22.0, 22.0, 23.0, 23.0]]


def test_fixed_days_are_eight_tuesdays_with_two_weeks_to_come():
    days = fixed_days(date(2017, 12, 31))
    assert len(days) == 8
    assert {day.weekday() for day in days} == {1}
    assert {(b - a).days for a, b in itertools.pairwise(days)} == {7}
    assert (date(2017, 12, 31) - days[-1]).days >= 14


def test_a_whole_run_gives_every_system_every_metric_in_both_slices(tmp_path):
    lake = build_tiny_lake(tmp_path / "lake")
    rows, notes = run(BenchContext(lake=lake, home=tmp_path, quick=False, progress=SilentProgress(), as_of=AS_OF))
    found = {(row.system, row.slice, row.metric): row for row in rows}
    assert len(found) == len(rows)
    ours = {"shelfgraph", "shelfgraph-without-promotions", "shelfgraph-without-relations"}
    assert len(ours) == len(WITHOUT) + 1
    for name in ("last_basket", "fixed_dates"):
        for system in ours | {"popularity", "personal_frequency", "decayed_frequency", *FLOORS}:
            for metric in METRICS:
                ten, twenty = (found[system, name, f"{metric}@{k}"] for k in LENGTHS)
                assert 0 <= ten.low <= ten.value <= ten.high <= 1
                assert metric == "ndcg" or twenty.value >= ten.value
        assert [found[system, name, "ndcg@10"].seeds for system in sorted(ours)] == [len(SEEDS), len(SEEDS), 1]
        assert 0 < found["shelfgraph", name, "candidate_recall"].value <= 1
        # fourteen products, of which the list has ten: a random order finds some 60 % of a basket
        assert found["shelfgraph", name, "recall@10"].value > 0.8
    assert found["shelfgraph", "one_list", "p99_ms"].value >= found["shelfgraph", "one_list", "p50_ms"].value > 0
    # eight days, and every household of the tiny shop comes again after most of them
    assert found["shelfgraph", "fixed_dates", "ndcg@10"].n > 6 * found["shelfgraph", "last_basket", "ndcg@10"].n
    assert any("Tuesdays" in note for note in notes)
    assert {note.split(":")[0] for note in notes} >= set(FLOORS)
