"""Agreement of predicted with later cross effects, against figures worked out by hand or another way; the bench's trials."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import rankdata, spearmanr

from bench.promotion_planted import planted_scores
from bench.promotion_scores import Observed, coverage, reliability, scores, sign_ceiling, weighted_mean
from bench.promotion_trials import categories, halves, predictions, strengths, trial
from bench.world import SMALL, generate_world
from features.promotion_response import ResponseNeed, measure_response
from tests.promotion_worlds import FIRST, shop


def test_signs_and_ranks_by_hand():
    observed = Observed(np.array([-0.2, -0.1, 0.3, 0.1]), np.array([1.0, 2.0, 1.0, 4.0]), np.array([0, 0, 1, 1]))
    predicted = {"good": np.array([-3.0, -2.0, 2.0, -1.0]), "silent": np.zeros(4)}
    found = scores(predicted, observed, "silent", ("good",))
    assert found["good", "sign_agreement"].value == 4 / 8
    assert (found["silent", "sign_agreement"].value, found["silent", "spearman"].value) == (0.5, 0.0)
    ranks, seen = rankdata(predicted["good"]), rankdata(observed.effect)
    covariance = np.cov(ranks, seen, aweights=observed.precision)
    expected = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert found["good", "spearman"].value == pytest.approx(expected)
    assert found["good", "spearman_gain"].value == pytest.approx(expected)
    assert found["good", "sign_gain"].value == 0.0
    assert ("silent", "sign_gain") not in found
    # in either category the order is the right one, by a rank of one; the means of ranks are 1.67 and 3.2 when weighted
    assert found["good", "spearman_within"].value == pytest.approx(1.0)


def test_equal_weights_give_the_plain_rank_correlation_and_honest_intervals():
    random = np.random.default_rng(0)
    truth = random.normal(size=3_000)
    observed = Observed(truth + random.normal(size=3_000), np.ones(3_000), np.arange(3_000) // 30)
    found = scores({"known": truth, "none": random.normal(size=3_000)}, observed, "none", ("known",))
    known = found["known", "spearman"]
    assert known.value == pytest.approx(spearmanr(truth, observed.effect).statistic)
    assert known.low < known.value < known.high
    assert known.high - known.low < 0.1
    assert found["none", "spearman"].low < 0 < found["none", "spearman"].high
    assert found["known", "spearman_gain"].low > 0.5


def test_ceiling_of_known_noise():
    random = np.random.default_rng(1)
    truth = random.normal(size=10_000)
    one, other = (truth + 2 * random.normal(size=10_000) for _ in range(2))
    weight = np.full(10_000, 0.5)
    # the whole has half the variance of a half's noise: 1 / (1 + 2)
    reliable = reliability(one, other, weight)
    assert reliable == pytest.approx(1 / 3, abs=0.02)
    whole = Observed((one + other) / 2, weight, np.zeros(10_000, dtype=np.int64))
    expected = 0.5 + np.arcsin(np.sqrt(1 / 3)) / np.pi
    assert sign_ceiling(whole, reliable) == pytest.approx(expected, abs=0.02)
    assert reliability(one, -one, weight) == 0.0
    right = coverage(np.zeros(10_000), np.ones(10_000), Observed(whole.effect, weight, np.arange(10_000) // 100))
    assert right.value == pytest.approx(0.9, abs=0.01)
    assert weighted_mean(Observed(np.array([1.0, 4.0]), np.array([1.0, 3.0]), np.array([0, 0]))).value == 3.25


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """A shop of 60 weeks in which promotions of a take from b alone, cut after 40."""
    mailed = np.zeros((60, 3), dtype=bool)
    mailed[3::6, 0] = mailed[5::8, 1] = mailed[4::7, 2] = True
    counts = np.full((60, 2, 3), 20) + np.random.default_rng(2).integers(-2, 3, (60, 2, 3))
    counts[mailed[:, 0], :, 1] -= 8
    counts[np.broadcast_to(mailed[:, None, :], counts.shape)] *= 2
    products = {"a": ("C", "t", "1"), "b": ("C", "t", "2"), "c": ("C", "t", "3")}
    lake, as_of = shop(tmp_path_factory.mktemp("cut"), 60, counts, np.zeros((60, 3)), mailed, products)
    return lake, trial(lake, FIRST + timedelta(days=7 * 40 - 1), as_of)


def test_a_trial_pairs_what_was_measured_with_what_came_after(cut):
    lake, found = cut
    assert (found.panel.weeks.size, found.after.weeks.size) == (40, 20)
    assert found.after.weeks[0] == found.panel.weeks[-1] + 7
    named = [
        [panel.product_ids.take(pa.array(ends)).to_pylist() for ends in (pairs.promoted, pairs.responding)]
        for panel, pairs in ((found.panel, found.measured.take(found.rows)), (found.after, found.later))
    ]
    assert named[0] == named[1]
    assert set(categories(lake, found).to_pylist()) == {"C"}
    pairs = list(zip(*named[0], strict=True))
    # 20 weeks are too few to see what promotions of b do, and what c does to b
    assert sorted(pairs) == [("a", "b"), ("a", "c"), ("c", "a")]
    for effects in (found.measured.take(found.rows), found.later):
        assert pairs[int(np.argmin(effects.response))] == ("a", "b")
    again = measure_response(found.after, ResponseNeed())
    np.testing.assert_array_equal(np.sort(again.response), np.sort(found.later.response))


def test_simple_systems_foresee_their_means(cut):
    _, found = cut
    said, measured = predictions(found.panel, found.measured), found.measured
    mean = np.average(measured.response, weights=measured.information)
    for system in ("overall_mean", "category_mean", "type_mean"):
        np.testing.assert_allclose(said[system], mean)
    sold = found.panel.purchases.sum(axis=0)
    np.testing.assert_allclose(said["market_share"], -sold[measured.promoted] / sold[:3].sum())
    assert not said["zero"].any()
    rows, one, other = halves(found)
    assert rows.size > 0
    assert one.shape == other.shape == rows.shape


def test_edges_become_strengths_by_position():
    edges = pa.table({"source": ["a", "x", "c"], "target": ["b", "a", "a"], "strength": [0.5, 0.9, 0.25]})
    found = strengths(edges, pa.array(["a", "b", "c"]))
    assert found.tolist() == [[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.25, 0.0, 0.0]]


def test_true_responses_of_a_world_are_covered(tmp_path):
    world = generate_world(SMALL, 3, tmp_path)
    found, pairs = planted_scores(world)
    assert pairs > 1_000
    assert 0.87 < found["pair_alone", "coverage_90"].value < 0.93
    # the spreads of a small world are found roughly: of six worlds one had .83, one .98
    assert found["shelfgraph", "coverage_90"].value > 0.8
    assert found["pair_alone", "spearman"].value > 0.1
    assert found["shelfgraph", "spearman"].value > 0.5
    assert found["shelfgraph", "sign_agreement"].value > 0.9
