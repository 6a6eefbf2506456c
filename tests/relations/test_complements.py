"""Gains of complements, from trips drawn with a known truth: their size, and how often their intervals hold it."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from decisions.relations.complements import CLOSENESS_BASKETS, LEAST_LIFT, _chance, _expected, _unexplained, complements
from decisions.relations.edges import Candidates
from decisions.relations.intervals import Estimate, common_departure, count_beyond
from decisions.relations.observed import Observed
from features.basket_pairs import basket_pairs
from features.name_likeness import name_likeness

PAIRS, HOUSEHOLDS, TRIPS = 60, 400, 12
OWN = 0.03
"""How often a source is taken for its own sake."""


def shop(bought: np.ndarray, household: np.ndarray, day: np.ndarray) -> Observed:
    """Return what is seen in baskets (ones, products x baskets) of one size; each product is a category of its own."""
    ids = pa.array([f"p{number:03d}" for number in range(bought.shape[0])])
    products = pa.table({"product_id": ids, "name": ids, "category": ids})
    nothing, none = sparse.csr_array((1, 1)), np.zeros(1)
    everything = Observed(
        as_of=date(2024, 12, 31),
        products=products,
        bought=sparse.csr_array(bought.astype(np.int32)),
        household=household,
        day=day,
        stratum=np.zeros_like(day),
        cell=household,
        household_ids=pa.array([]),
        names=name_likeness(products["name"], products["category"]),
        by_stratum=nothing,
        stratum_trips=none,
        by_period_stratum=nothing,
        period_stratum_trips=none,
        by_household_stratum=nothing,
        household_stratum_trips=none,
    )
    return everything.within(np.ones(day.size, dtype=bool))


def drawn(seed: int, trend: float) -> tuple[Observed, np.ndarray]:
    """Draw pairs of which the one at an even place brings the next one, and return the gains of the last day, by target.

    Of each pair the chance to be brought grows or falls steadily, by `trend` (a standard deviation) of its mean over the time.
    """
    rng = np.random.default_rng(seed)
    household = np.repeat(np.arange(HOUSEHOLDS), TRIPS)
    day = np.tile(np.arange(TRIPS) * 7, HOUSEHOLDS)
    taste = rng.gamma(2.0, 0.05, (PAIRS, HOUSEHOLDS)).clip(max=0.9)
    brings = np.exp(rng.uniform(np.log(0.1), np.log(0.5), PAIRS))
    slope = rng.normal(0.0, trend, PAIRS).clip(-0.9, 0.9)
    now = brings[:, None] * (1 + slope[:, None] * (day / day.max() - 0.5))
    target = rng.random((PAIRS, day.size)) < taste[:, household]
    source = (rng.random(target.shape) < OWN) | (target & (rng.random(target.shape) < now))
    joined = (1 - OWN) * brings[:, None] * (1 + slope[:, None] / 2)
    beyond = (joined * taste * (1 - taste)).sum(axis=1)
    gain = beyond / taste.sum(axis=1), beyond / (OWN + joined * taste).sum(axis=1)
    baskets = np.stack([target, source], axis=1).reshape(2 * PAIRS, -1)
    return shop(baskets, household, day), np.stack(gain, axis=1).ravel()


def found_in(observed: Observed, closeness: float = 0.0) -> Candidates:
    """Return the edges that were planted, in both directions."""
    met = basket_pairs(observed.bought, observed.household, observed.day, minimum_baskets=8)
    edges = complements(observed, met, np.full(met.num_rows, closeness), per_product=12)
    return edges.take(edges.target // 2 == edges.source // 2)


def agreement(trend: float) -> tuple[float, float]:
    """Return how many intervals of five shops hold the truth, and the claimed gains over the true ones."""
    held, claimed, true = [], 0.0, 0.0
    for seed in range(5):
        observed, gain = drawn(seed, trend)
        edges = found_in(observed)
        truth, said = gain[edges.target], edges.estimate
        assert truth.size >= 2 * PAIRS * 0.9
        held.append((said.low <= truth) & (truth <= said.high))
        claimed, true = claimed + said.value.sum(), true + truth.sum()
    return float(np.concatenate(held).mean()), float(claimed / true)


def test_gains_are_not_shrunk_and_their_intervals_hold_the_truth_nine_times_in_ten_at_least():
    coverage, claimed_over_true = agreement(trend=0.0)
    assert claimed_over_true == pytest.approx(1.0, abs=0.02)
    # counts of a share of the baskets vary less than Poisson's: what is strong is covered more often
    assert coverage >= 0.9


def test_intervals_hold_the_gains_of_the_last_day_where_gains_move():
    coverage, claimed_over_true = agreement(trend=0.6)
    assert claimed_over_true == pytest.approx(1.0, abs=0.05)
    assert 0.85 <= coverage <= 0.95


def test_a_close_pair_is_credited_with_a_basket():
    observed, _ = drawn(0, 0.0)
    far, near = found_in(observed), found_in(observed, closeness=0.5)
    assert near.target.tolist() == far.target.tolist()
    gained = (near.estimate.value - far.estimate.value) * observed.baskets_of()[far.target]
    assert gained == pytest.approx(0.5 * CLOSENESS_BASKETS, rel=1e-3)


def moody(seed: int, moods: float) -> Observed:
    """Draw 60 products in 40,000 baskets whose moods, seen by nobody, bring products together and keep others apart; the first
    ten bring the next ten.
    """
    rng = np.random.default_rng(seed)
    household = np.repeat(np.arange(2000), 20)
    day = np.tile(np.arange(20) * 7, 2000)
    liked = rng.normal(0.0, moods, (60, 8)) @ rng.normal(0.0, 1.0, (8, day.size))
    bought = rng.random(liked.shape) < 0.1 * np.exp(liked - liked.var(axis=1, keepdims=True) / 2)
    bought[10:20] |= bought[:10] & (rng.random((10, day.size)) < 0.2)
    return shop(bought, household, day)


def test_what_brings_all_products_together_makes_no_complements():
    observed = moody(2, moods=0.17)
    met = basket_pairs(observed.bought, observed.household, observed.day, minimum_baskets=8)
    ends, together = (met["first"].to_numpy(), met["second"].to_numpy()), met["baskets"].to_numpy()
    expected = _expected(observed, *ends)
    planted = ends[1] - ends[0] == 10
    planted &= ends[0] < 10
    # beyond chance, pairs meet a tenth more or less often than what is known of their baskets foresees
    others = together[~planted] / expected[~planted] - 1
    true = np.sqrt(others.var() - (1 / expected[~planted]).mean())
    assert true > 0.02
    assert _unexplained(together, expected) == pytest.approx(true, rel=0.25)
    assert _unexplained(together[:199], expected[:199]) == 0.0
    told = complements(observed, met, np.zeros(met.num_rows), per_product=12)
    pairs = {(min(pair), max(pair)) for pair in zip(told.source.tolist(), told.target.tolist(), strict=True)}
    wanted = {(first, first + 10) for first in range(10)}
    assert wanted <= pairs
    # by chance alone, dozens are beyond doubt
    sure = (_chance(together, LEAST_LIFT * expected, 0.0) < 0.001) & ~planted
    assert sure.sum() > 20
    assert len(pairs - wanted) <= 2


def test_chance_is_that_of_counts_whose_mean_is_in_doubt():
    drawn = np.random.default_rng(4).gamma(25.0, 100.0 / 25.0, 400_000)
    counts = np.random.default_rng(5).poisson(drawn)
    for least in (80, 100, 130, 160):
        said = _chance(np.array([least]), np.array([100.0]), 0.2)[0]
        assert said == pytest.approx((counts >= least).mean(), abs=0.003)
    assert _chance(np.array([130]), np.array([100.0]), 0.001) == pytest.approx(
        _chance(np.array([130]), np.array([100.0]), 0.0), rel=1e-3
    )


def test_nothing_is_found_where_nothing_meets():
    nobody = shop(np.zeros((4, 30), dtype=int), np.arange(30), np.arange(30))
    assert found_in(nobody).target.size == 0


def test_counts_beyond_expected_are_covered_nine_times_in_ten():
    mean = np.repeat([8.0, 20.0, 100.0, 900.0], 20_000)
    counted = np.random.default_rng(3).poisson(mean)
    beyond = count_beyond(counted, mean / 4)
    assert beyond.value.tolist() == pytest.approx((counted - mean / 4).tolist())
    held = ((beyond.low <= mean * 0.75) & (mean * 0.75 <= beyond.high)).reshape(4, -1).mean(axis=1)
    assert held == pytest.approx(0.9, abs=0.025)


def test_what_departures_have_in_common_is_beyond_chance_and_blind_to_the_few():
    rng = np.random.default_rng(5)
    chance = rng.uniform(0.01, 0.2, 20_000)
    by_chance = rng.normal(0.0, np.sqrt(chance))
    both = by_chance + rng.normal(0.0, 0.3, chance.size)
    assert common_departure(both, chance) == pytest.approx(0.3, rel=0.1)
    assert common_departure(by_chance, chance) < 0.1
    assert common_departure(np.where(np.arange(chance.size) % 50, both, 40.0), chance) == pytest.approx(0.3, rel=0.15)
    assert common_departure(by_chance / 2, chance) == 0.0
    assert common_departure(np.zeros(0), np.zeros(0)) == 0.0


def test_an_estimate_that_moves_keeps_its_value_and_its_sign():
    told = Estimate(np.array([0.2]), np.array([0.1]), np.array([0.4]))
    moved = told.moved(0.5)
    reach = np.exp(np.hypot(np.log(2), 1.6448536 * 0.5))
    assert [moved.low[0], moved.value[0], moved.high[0]] == pytest.approx([0.2 / reach, 0.2, 0.2 * reach])
    still = told.moved(0.0)
    assert [still.low[0], still.high[0]] == pytest.approx([0.1, 0.4])
