"""The bench of discovery: its weeks, its draws against a plain loop, lists and fusions whose answer is known."""

import itertools
from datetime import date, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from bench.costs import Cost
from bench.discovery import ABLATIONS, discovery_rows
from bench.discovery_lists import FLOORS, top
from bench.discovery_network import trained_network, vectors_of_products
from bench.discovery_scores import Draws, discovery_slice
from bench.discovery_share import SHARES
from bench.discovery_weeks import LEARNT_EVERY_WEEKS, LEARNT_WEEKS, blocks_of
from bench.next_basket_scores import LENGTHS, METRICS, Judged
from decisions.recommend.fitting import read_world
from features.discovery_links import ProductVectors
from features.repertoire import EPOCH
from gnn import ProductVectors as TrainedVectors
from gnn import RelationUnlearned
from kit.progress import SilentProgress
from tests.tiny_retailer import AS_OF, build_tiny_lake


def judged(seeds, lists, seed):
    random = np.random.default_rng(seed)
    return Judged({f"{metric}@{k}": random.random((seeds, lists)) for metric in METRICS for k in LENGTHS})


def test_the_weeks_are_six_mondays_and_what_is_learnt_from_was_over_before():
    blocks = blocks_of(date(2017, 12, 31), quick=False)
    tried = [EPOCH + timedelta(days=day) for block in blocks for day in block.tried]
    assert tried[0] == date(2017, 7, 17)
    assert tried[-1] == date(2017, 12, 4)
    assert {(later - day).days for day, later in itertools.pairwise(tried)} == {28}
    for block in blocks:
        learnt = np.array(block.learnt)
        assert len(learnt) == LEARNT_WEEKS
        assert (np.diff(learnt) == 7 * LEARNT_EVERY_WEEKS).all()
        assert learnt[-1] + 7 == block.tried[0]
        assert block.links_day == EPOCH + timedelta(days=int(learnt[0]) - 1)
    assert [len(block.tried) for block in blocks_of(date(2017, 12, 31), quick=True)] == [1]


def test_draws_take_households_and_weeks_with_all_their_lists():
    household, week = np.array([4, 4, 7, 9, 9, 9]), np.array([0, 2, 2, 0, 1, 2])
    above, below = np.array([1.0, 2.0, 0.5, 3.0, 1.0, 2.0]), np.array([2.0, 1.0, 1.0, 4.0, 1.0, 3.0])
    draws = Draws.of(household, week)
    ratios = []
    for who, when in zip(draws.households, draws.weeks, strict=True):
        times = [who[[4, 7, 9].index(h)] * when[w] for h, w in zip(household.tolist(), week.tolist(), strict=True)]
        if np.dot(times, below):
            ratios.append(np.dot(times, above) / np.dot(times, below))
    assert draws.households.sum(axis=1).tolist() == [3] * len(draws.households)
    assert draws.interval(above, below) == pytest.approx(tuple(np.quantile(ratios, (0.05, 0.95))))


def test_an_ablation_is_compared_with_our_first_trainings():
    draws = Draws.of(np.arange(8), np.arange(8) % 2)
    systems = {"als": judged(1, 8, 1), "shelfgraph": judged(3, 8, 2), "shelfgraph-without-needs": judged(1, 8, 3)}
    rows = {(row.system, row.metric): row for row in discovery_slice("s", systems, draws, ("als",))}
    ours, without = (systems[name].values["ndcg@10"] for name in ("shelfgraph", "shelfgraph-without-needs"))
    assert rows["shelfgraph-without-needs", "ndcg@10_ratio_to_shelfgraph"].value == pytest.approx(without.mean() / ours[0].mean())
    assert rows["shelfgraph", "ndcg@10_ratio_to_als"].value == pytest.approx(
        ours.mean() / systems["als"].values["ndcg@10"].mean()
    )
    assert ("shelfgraph", "ndcg@10_ratio_to_shelfgraph") not in rows
    assert ("als", "ndcg@10_ratio_to_als") not in rows


def test_the_best_come_first_and_what_is_not_finite_does_not_come():
    scores = np.array([[1.0, 3.0, -np.inf, 3.0, 2.0], [-np.inf, -np.inf, 0.0, -np.inf, -np.inf]])
    assert top(scores, 4).tolist() == [[1, 3, 4, 0], [2, -1, -1, -1]]
    assert top(scores, 7).tolist() == [[1, 3, 4, 0, -1, -1, -1], [2, -1, -1, -1, -1, -1, -1]]


def drawn_vectors(product_ids, day):
    """Stand for a network: any vectors, whose worth is not asked here."""
    random = np.random.default_rng(day.toordinal())
    taken, held = (random.normal(size=(len(product_ids), 4)).astype(np.float32) for _ in range(2))
    return ProductVectors(taken, held), Cost(1.0, 2.0)


def test_a_network_is_read_in_the_shops_order_and_what_it_does_not_know_scores_nothing():
    rows = {"household_buys": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)}
    trained = TrainedVectors(
        ("a", "c"), np.zeros((2, 1), np.float32), rows, {"household_buys": -rows["household_buys"]}, AS_OF, ""
    )
    found = vectors_of_products(trained, pa.array(["c", "b", "a"]))
    assert found.taken.tolist() == [[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]]
    assert found.held.tolist() == [[-3.0, -4.0], [0.0, 0.0], [-1.0, -2.0]]
    untaught = TrainedVectors(("a",), np.zeros((1, 1), np.float32), {}, {}, AS_OF, "")
    with pytest.raises(RelationUnlearned):
        vectors_of_products(untaught, pa.array(["a"]))


def test_what_a_release_does_not_look_at_leaves_no_trace_in_what_is_told_of_it(tmp_path):
    lake = build_tiny_lake(tmp_path / "lake")
    world = read_world(lake, AS_OF, {})
    alone, beside = (
        {
            (row.system, row.slice, row.metric): row.value
            for row in discovery_rows(
                lake, world.purchases, world.population, SilentProgress(), (7,), network=network, quick=True
            )
            if not row.metric.endswith("_ms")
        }
        for network in (None, partial(drawn_vectors, world.purchases.product_ids))
    )
    assert {system for system, _, _ in beside} - {system for system, _, _ in alone} == {"shelfgraph-with-network"}
    assert {key: value for key, value in beside.items() if key[0] != "shelfgraph-with-network"} == alone


def test_without_enough_to_learn_a_network_from_in_every_block_none_is_told_of(tmp_path):
    lake = build_tiny_lake(tmp_path / "lake")
    world = read_world(lake, AS_OF, {})
    first = blocks_of(AS_OF, quick=False)[0].links_day

    def some(day):
        return drawn_vectors(world.purchases.product_ids, day) if day == first else None

    rows = discovery_rows(lake, world.purchases, world.population, SilentProgress(), (7,), network=some)
    assert rows
    assert not [row for row in rows if row.system.endswith("network")]
    assert trained_network(tmp_path / "lake", world.purchases.product_ids, first) is None


def test_a_whole_run_gives_every_system_every_metric_in_every_slice(tmp_path):
    lake = build_tiny_lake(tmp_path / "lake")
    world = read_world(lake, AS_OF, {})
    network = partial(drawn_vectors, world.purchases.product_ids)
    rows = discovery_rows(lake, world.purchases, world.population, SilentProgress(), (7, 8), network=network)
    found = {(row.system, row.slice, row.metric): row for row in rows}
    assert len(found) == len(rows)
    for system in {*FLOORS, "shelfgraph", *ABLATIONS}:
        for name in ("discovery_promotions", "discovery_types"):
            values = [found[system, name, f"{metric}@{k}"] for metric in METRICS for k in LENGTHS]
            assert all(0 <= row.low <= row.value <= row.high <= 1 for row in values)
    assert {row.system for row in rows if row.slice == "discovery"} == {*FLOORS, "shelfgraph"} - {"als_mailer"}
    assert found["shelfgraph", "discovery_promotions", "ndcg@10_ratio_to_als_mailer"].seeds == 2
    assert all(found[system, "discovery_promotions", "ndcg@10_ratio_to_shelfgraph"].seeds == 2 for system in ABLATIONS)
    # fourteen products of which few are new to anybody: a list of ten cannot miss
    assert found["shelfgraph", "discovery", "hit_rate@10"].value == 1.0
    shares = [found["shelfgraph", f"share_{share / 10:.1f}", "ndcg@10"].value for share in SHARES]
    assert len(shares) == len(SHARES)
    assert found["shelfgraph", "share_0.0", "new_met@10"].value == 0
    assert found["shelfgraph", "share_0.5", "new_met@10"].value > 0
    assert found["shelfgraph", "one_discovery_list", "p50_ms"].value > 0
    assert [row.value for row in rows if row.slice.startswith("network_of_")] == [1.0, 2.0] * 2
