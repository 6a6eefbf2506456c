"""Intervals of shares, on counts drawn by the law that they assume."""

import numpy as np
import pytest
from scipy import stats

from decisions.relations.doubt import Gained, ShareDoubt, fit_doubt, known_of, widened_by_gains
from decisions.relations.recovery import Recovery

TRUE = ShareDoubt(0.8, 0.4)
ALL = Recovery(1.0, 0.0, 5)


def drawn(seed, size=4000):
    """Draw predicted shares, the true ones around them, and how many of so many buyers took each."""
    random = np.random.default_rng(seed)
    share = np.exp(random.uniform(np.log(0.004), np.log(0.3), size))
    shape = TRUE.precision(share)
    truth = share * random.gamma(shape, 1 / shape)
    buyers = random.integers(20, 400, size)
    return share, truth, random.poisson(buyers * truth), buyers * share


def test_the_law_that_counts_were_drawn_by_is_found_again():
    share, _, counts, expected = drawn(1, size=8000)
    found = fit_doubt(counts.astype(float), expected, share)
    assert found.slope == pytest.approx(TRUE.slope, abs=0.08)
    np.testing.assert_allclose(found.precision(share), TRUE.precision(share), rtol=0.15)


def test_nine_intervals_in_ten_hold_the_true_share():
    share, _, counts, expected = drawn(2)
    found = fit_doubt(counts.astype(float), expected, share)
    share, truth, counts, expected = drawn(3)
    nothing = np.zeros(share.size)
    plain = found.estimate(share, ALL, nothing, nothing, 1.0)
    inside = (plain.low <= truth) & (truth <= plain.high)
    assert 0.88 <= inside.mean() <= 0.92
    # what was heard of a product itself narrows its interval, and it holds still
    heard = found.estimate(share, ALL, counts.astype(float), expected, 1.0)
    inside = (heard.low <= truth) & (truth <= heard.high)
    assert 0.88 <= inside.mean() <= 0.92
    assert np.median(heard.high - heard.low) < 0.7 * np.median(plain.high - plain.low)


def test_few_buyers_are_allowed_for_once():
    """Errors are larger where few buyers are known: the law of what is well known is found all the same, and told again."""
    random = np.random.default_rng(9)
    share = np.exp(random.uniform(np.log(0.004), np.log(0.3), 40_000))
    buyers = random.integers(8, 60, share.size)
    shape = TRUE.precision(share) * known_of(buyers)
    truth = share * random.gamma(shape, 1 / shape)
    counts = random.poisson(buyers * truth).astype(float)
    found = fit_doubt(counts, buyers * share, share, known_of(buyers))
    np.testing.assert_allclose(found.precision(share), TRUE.precision(share), rtol=0.15)
    assert (fit_doubt(counts, buyers * share, share).precision(share) < 0.95 * TRUE.precision(share)).all()


def test_where_tails_are_not_the_laws_the_level_is_moved_until_counts_are_covered():
    random = np.random.default_rng(4)
    share, _, _, expected = drawn(4)
    # errors of two kinds: most small, one in eight a hundredfold
    truth = np.where(random.random(share.size) < 0.125, random.choice([0.01, 4.0], share.size), 1.0)
    counts = random.poisson(expected * truth)
    found = fit_doubt(counts.astype(float), expected, share)
    telling = expected >= 1.0
    shape = found.precision(share[telling])
    low, high = (stats.nbinom.ppf(tail, shape, shape / (shape + expected[telling])) for tail in (0.05, 0.95))
    outside = (counts[telling] < low) | (counts[telling] > high)
    assert outside.mean() <= 0.12


def test_own_events_move_a_share_towards_what_was_seen():
    doubt, share = ShareDoubt(1.0, 0.0), np.array([0.1])
    shape = np.exp(1.0)
    seen, expected = np.array([30.0]), np.array([10.0])
    found = doubt.estimate(share, ALL, seen, expected, 1.0)
    assert found.value[0] == pytest.approx(0.1 * (shape + 30) / (shape + 10), rel=1e-6)
    assert found.low[0] < found.value[0] < found.high[0]
    assert doubt.estimate(share, ALL, np.array([0.0]), expected, 1.0).value[0] < 0.1


def test_doubt_about_recovery_and_about_few_buyers_widens_the_interval():
    doubt, share, nothing = ShareDoubt(2.0, 0.0), np.array([0.1]), np.zeros(1)

    def width(recovery, known):
        found = doubt.estimate(share, recovery, nothing, nothing, known)
        assert found.value[0] == pytest.approx(0.1 * recovery.share)
        return (found.high - found.low)[0] / recovery.share

    sure = width(Recovery(0.5, 0.0, 9), 1.0)
    assert sure < width(Recovery(0.5, 0.1, 9), 1.0) < width(Recovery(0.5, 0.3, 9), 1.0)
    assert sure < width(Recovery(0.5, 0.0, 9), 0.5)
    # relative variances add
    joint = 1 / (1 / np.exp(2.0) + (0.1 / 0.5) ** 2)
    random = np.random.default_rng(1).gamma(joint, 1 / joint, 400_000) * 0.05
    found = doubt.estimate(share, Recovery(0.5, 0.1, 9), nothing, nothing, 1.0)
    np.testing.assert_allclose([found.low[0], found.high[0]], np.quantile(random, [0.05, 0.95]), rtol=0.02)


def test_no_share_is_more_than_all():
    found = ShareDoubt(-1.0, 0.0).estimate(np.array([0.9]), ALL, np.array([50.0]), np.array([10.0]), 1.0)
    assert (found.value[0], found.high[0]) == (1.0, 1.0)


def gains(precision_by, seed=7, size=6000, noise=1.0):
    """Draw what products gained in events whose shares are off by `precision_by` times what the law says, on top of the usual."""
    random = np.random.default_rng(seed)
    share = np.exp(random.uniform(np.log(0.01), np.log(0.3), size))
    told = 150 * share
    shape = TRUE.precision(share) * precision_by
    without = random.uniform(2, 40, size)
    mean = without + told * random.gamma(shape, 1 / shape)
    counts = random.poisson(mean) if noise == 1.0 else random.negative_binomial(mean / (noise - 1), 1 / noise)
    return Gained(share, told, without, counts.astype(float), np.ones(size), noise)


@pytest.mark.parametrize(("precision_by", "noise"), [(0.5, 1.0), (1.0, 1.0), (0.5, 3.0)])
def test_gains_lower_the_level_to_what_they_show(precision_by, noise):
    found = widened_by_gains(TRUE, gains(precision_by, noise=noise))
    assert found.level - TRUE.level == pytest.approx(np.log(precision_by), abs=0.25)
    assert (found.slope, found.scale, found.power) == (TRUE.slope, TRUE.scale, TRUE.power)


def test_gains_never_raise_the_level():
    assert widened_by_gains(TRUE, gains(2.0)) == TRUE


def test_few_gains_leave_the_level_where_it_was():
    assert widened_by_gains(TRUE, gains(0.2, size=99)) == TRUE
    # and not many move it little
    little = widened_by_gains(TRUE, gains(0.2, size=100, noise=6.0))
    assert TRUE.level - 0.8 < little.level < TRUE.level
