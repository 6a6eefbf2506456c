"""Baselines, intervals, attribution and bench scores against known answers."""

import itertools
import math

import numpy as np
import pytest

from bench.demand_scores import bootstrap, pinball, ratio_bootstrap, rmsse, series_errors, value_of, wape, wrmsse
from decisions.forecast.backtest import Trial, held_out_origin, judge
from decisions.forecast.baseline import BASELINES, baseline_forecasts, seasonal_share, year_before
from decisions.forecast.contributions import OWN_HISTORY, DriverAttribution, driver_of, neutral_values
from decisions.forecast.intervals import UNTRIED, IntervalCalibration, calibrate, coverage
from features.demand import FEATURE_GROUPS
from kit.threads import threads_for


def test_baselines_have_their_known_values():
    units = np.asarray([[9.0] * 48 + [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]])
    last_year = year_before(units, 56, 8)
    found = baseline_forecasts(units, last_year)
    assert {name: values[0, 0] for name, values in found.items()} == {
        "last_week": 8.0, "mean_4": 6.5, "mean_8": 4.5, "seasonal_naive": 9.0,
    }  # fmt: skip
    assert seasonal_share(last_year) == 1.0


def test_seasonal_naive_falls_back_to_mean_8_where_the_year_before_is_unknown():
    units = np.arange(50.0)[None, :]
    last_year = year_before(units, 50, 4)
    assert np.isnan(last_year[:2]).all()
    assert last_year[2:, 0].tolist() == [0.0, 1.0]
    found = baseline_forecasts(units, last_year)
    assert found["seasonal_naive"][:, 0].tolist() == [45.5, 45.5, 0.0, 1.0]
    assert seasonal_share(last_year) == 0.5


def test_conformal_intervals_cover_what_they_promise():
    random = np.random.default_rng(1)
    rate = random.uniform(0.5, 40, 40_000)
    actual = random.poisson(rate).astype(float)
    calibration = calibrate(rate[:20_000], actual[:20_000])
    low, high = calibration.interval(rate[20_000:])
    assert 0.79 <= coverage(low, high, actual[20_000:]) <= 0.89
    large = rate[20_000:] > 20
    assert coverage(low[large], high[large], actual[20_000:][large]) == pytest.approx(0.8, abs=0.03)
    assert IntervalCalibration.from_json(calibration.to_json()) == calibration


def test_without_trials_the_declared_fallback_serves():
    verdict = judge([])
    assert (verdict.system, verdict.baseline, verdict.intervals) == ("mean_8", "mean_8", UNTRIED)
    assert [held_out_origin(weeks) for weeks in (2, 6, 52)] == [1, 4, 44]


def test_the_seasonal_share_of_a_back_test_counts_forecasts_and_not_origins():
    def trial(origin, shape, share):
        return Trial(origin, np.ones(shape), {name: np.ones(shape) for name in BASELINES}, share)

    assert judge([trial(5, (8, 3), 0.5), trial(9, (4, 2), 1.0)]).figures["seasonal_share"] == pytest.approx((24 * 0.5 + 8) / 32)


class _Formula:
    """Stands for a model whose logarithm is known: additive but for one interaction."""

    names = ("decayed_6", "alike_mean", "mailer_target", "price_change", "category_trend", "horizon")

    def predict(self, features):
        level, _, mailer, price, category, horizon = features.T
        return level * np.exp(
            0.7 * mailer - 0.5 * (price - 1) + 0.2 * (category - 1) - 0.01 * horizon + 0.3 * mailer * (price < 0.9)
        )


def test_attribution_equals_exact_shapley_values_over_all_orders():
    model = _Formula()
    neutral = np.asarray([np.nan, np.nan, 0.0, 1.0, 1.0, 1.0])
    features = np.asarray([[10.0, 12.0, 1.0, 0.8, 1.4, 3.0], [10.0, 9.0, 0.0, 1.1, 0.9, 4.0]])
    baseline = np.asarray([8.0, 0.0])
    units, drivers = DriverAttribution(model, neutral).attribute(features, baseline)
    np.testing.assert_allclose(units, model.predict(features))
    expected = _exact(model, neutral, features, units, baseline)
    assert drivers.keys() == expected.keys()
    for driver, value in expected.items():
        assert drivers[driver] == pytest.approx(value, abs=1e-9), driver
    assert sum(drivers.values()) == pytest.approx((units - baseline).sum(), abs=1e-9)


def _exact(model, neutral, features, units, baseline):
    drivers = [d for d in dict.fromkeys(map(driver_of, model.names)) if d != OWN_HISTORY]
    shares = dict.fromkeys(drivers, 0.0)
    orders = list(itertools.permutations(drivers))
    for week in range(len(features)):
        mean = (units[week] - baseline[week]) / math.log((units[week] + 0.01) / (baseline[week] + 0.01))
        for order in orders:
            state = neutral.copy()
            state[0] = state[1] = features[week, 0]
            for driver in order:
                before = math.log(model.predict(state[None])[0])
                for position, name in enumerate(model.names):
                    if driver_of(name) == driver:
                        state[position] = features[week, position]
                shares[driver] += (math.log(model.predict(state[None])[0]) - before) * mean / len(orders)
    return {OWN_HISTORY: float((units - baseline).sum()) - sum(shares.values()), **shares}


def test_neutral_values_are_medians_and_codes_have_none():
    names = ("mean_8", "mailer_code_target", "alike_ratio")
    rows = np.asarray([[1.0, 3.0, np.nan], [5.0, 3.0, np.nan], [9.0, 3.0, np.nan]], dtype=np.float32)
    assert neutral_values(names, rows)[0] == 5.0
    assert np.isnan(neutral_values(names, rows)[1:]).all()
    assert {driver_of(name) for name in FEATURE_GROUPS} == {
        OWN_HISTORY, "price", "promotion", "calendar", "siblings", "isSubstituteFor", "isComplementTo", "isBoughtWith",
    }  # fmt: skip


def test_threads_follow_from_the_size_of_the_work_alone():
    assert [threads_for(rows, small=10) for rows in (0, 9, 10, 10**9)] == [1, 1, 2, 2]


def test_scores_have_their_known_values():
    history = np.asarray([[0.0, 2.0, 4.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
    actual, forecast = np.asarray([[3.0, 1.0], [5.0, 1.0]]), np.asarray([[1.0, 1.0], [5.0, 4.0]])
    errors = series_errors(np.asarray([0, 1]), history, actual, forecast)
    assert value_of(wape, errors) == pytest.approx(5 / 10)
    # the first product changed by 2 each week since its first sale; the second never changed and has no scale
    assert value_of(rmsse, errors) == pytest.approx(math.sqrt(2 / 4))
    assert value_of(wrmsse, errors) == pytest.approx(math.sqrt(2 / 4))
    assert pinball(np.asarray([10.0, 10.0]), np.asarray([8.0, 14.0]), 0.9) == pytest.approx((0.9 * 2 + 0.1 * 4) / 2)


def test_paired_ratios_know_when_two_systems_are_the_same_and_which_is_better():
    random = np.random.default_rng(0)
    history, actual = random.poisson(5, (300, 20)).astype(float), random.poisson(5, (4, 300)).astype(float)
    product = np.arange(300) // 2
    good = series_errors(product, history, actual, np.full((4, 300), 5.0))
    bad = series_errors(product, history, actual, np.full((4, 300), 8.0))
    same = ratio_bootstrap(wape, good, good, seed=1)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    better = ratio_bootstrap(wape, good, bad, seed=1)
    assert better.low < better.value < better.high < 1
    around = bootstrap(wape, good, seed=1)
    assert around.low < around.value < around.high
