"""Baselines, intervals, attribution and bench scores against known answers."""

import itertools
import math

import numpy as np
import pytest

from bench.forecast_scores import bias, bootstrap, pinball, ratio_bootstrap, rmsse, series_errors, value_of, wape, wrmsse
from decisions.forecast.backtest import MODEL_SYSTEM, TWIN_SYSTEM, Trial, held_out_origin, judge, trial_origins
from decisions.forecast.baseline import BASELINES, baseline_forecasts, seasonal_share, year_before
from decisions.forecast.contributions import OWN_HISTORY, DriverAttribution, driver_of, neutral_values
from decisions.forecast.intervals import IntervalCalibration, calibrate, coverage, interval_groups, whole_units
from decisions.forecast.segments import SEGMENTS
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
    promoted = random.random(40_000) < 0.3
    actual[promoted] = random.poisson(rate[promoted] * random.gamma(4, 0.25, promoted.sum()))
    first, later = slice(0, 20_000), slice(20_000, None)
    calibration = calibrate(rate[first], actual[first], interval_groups(promoted[first]))
    band = calibration.band(rate[later], interval_groups(promoted[later]))
    for percent, least, most in ((80, 0.79, 0.89), (95, 0.94, 0.985)):
        assert least <= coverage(band.ends(percent), actual[later]) <= most
        for inside in (promoted[later], ~promoted[later]):
            large = inside & (rate[later] > 20)
            ends = tuple(end[large] for end in band.ends(percent))
            assert coverage(ends, actual[later][large]) == pytest.approx(percent / 100, abs=0.03)
            held = coverage(ends, actual[later][large])
            assert coverage(whole_units(ends), actual[later][large]) == pytest.approx(held, abs=1e-9)
    assert (band.low_95 <= band.low_80).all()
    assert (band.high_80 <= band.high_95).all()
    wide = band.high_80 - band.low_80
    assert wide[promoted[later]].mean() > 1.3 * wide[~promoted[later]].mean()
    assert IntervalCalibration.from_json(calibration.to_json()) == calibration


def test_each_kind_of_series_has_intervals_of_its_own():
    random = np.random.default_rng(2)
    count = 20_000
    kinds, promoted = random.integers(0, 3, count), np.zeros(count, dtype=bool)
    forecast = random.uniform(5, 15, count)
    spread = np.asarray([0.3, 1.0, 3.0])[kinds]
    actual = np.maximum(forecast + spread * random.normal(size=count) * np.sqrt(forecast), 0.0)
    first, later = slice(0, count // 2), slice(count // 2, None)
    groups = interval_groups(promoted, kinds)
    band = calibrate(forecast[first], actual[first], groups[first]).band(forecast[later], groups[later])
    for kind in range(3):
        inside = kinds[later] == kind
        for percent in (80, 95):
            held = coverage(tuple(end[inside] for end in band.ends(percent)), actual[later][inside])
            assert held == pytest.approx(percent / 100, abs=0.03)


def test_a_kind_that_was_hardly_tried_has_the_intervals_of_weeks_promoted_alike():
    random = np.random.default_rng(3)
    promoted = random.random(4_000) < 0.5
    forecast = np.full(4_000, 9.0)
    actual = forecast + np.where(promoted, 4.0, 1.0) * random.normal(size=4_000)
    calibration = calibrate(forecast, actual, interval_groups(promoted))
    tried, untried = (calibration.band(forecast, interval_groups(promoted, kind)) for kind in (0, 2))
    assert np.array_equal(tried.high_80, untried.high_80)
    assert untried.high_80[promoted].mean() > untried.high_80[~promoted].mean() + 3


def test_ends_in_whole_units_hold_the_whole_numbers_that_the_interval_held():
    low, high = whole_units((np.asarray([0.3, 2.0, 0.3]), np.asarray([3.7, 4.0, 0.8])))
    assert low.tolist() == [1.0, 2.0, 0.0]
    assert high.tolist() == [3.0, 4.0, 1.0]


def test_without_trials_the_declared_fallback_serves():
    verdict = judge([])
    assert verdict.systems == verdict.baselines == ("mean_8",) * len(SEGMENTS)
    assert [held_out_origin(weeks) for weeks in (2, 6, 52)] == [1, 4, 44]
    assert [trial_origins(weeks) for weeks in (2, 6, 52)] == [[1], [4], [44, 46, 48, 50]]


def _trial(errors, segment, *, origin=5, horizons=4, share=0.0):
    """A trial of series that sell 10 a week, with the error of each system by series."""
    segment = np.asarray(segment)
    actual = np.full((horizons, len(segment)), 10.0)
    forecasts = {name: actual + np.asarray(of) for name, of in errors.items()}
    everyone = np.ones(len(segment))
    return Trial(
        origin=origin, rows=np.arange(len(segment)), forecasts=forecasts, promoted=actual > 99, segment=segment,
        seasonal_share=share, actual=actual, scale=everyone, weight=everyone,
    )  # fmt: skip


def test_the_seasonal_share_of_a_back_test_counts_forecasts_and_not_origins():
    flat = dict.fromkeys(BASELINES, 1.0)
    tried = [_trial(flat, [0, 0, 0], horizons=8, share=0.5), _trial(flat, [0, 0], share=1.0)]
    assert judge(tried).figures["seasonal_share"] == pytest.approx((24 * 0.5 + 8) / 32)


def test_each_segment_is_served_by_what_wins_there():
    flat = dict.fromkeys(BASELINES, 5.0) | {"mean_4": 4.0}
    segment = [0] * 40 + [1] * 40 + [4] * 40
    of = np.asarray(segment)
    croston = np.where(of == 0, 1.0, 9.0)
    told = judge([_trial(flat | {"croston": croston, TWIN_SYSTEM: np.where(of == 0, 2.0, 3.0)}, segment)])
    assert [told.systems[code] for code in (0, 1, 4)] == ["croston", TWIN_SYSTEM, TWIN_SYSTEM]
    # a segment without any series is served by what wins over all
    assert told.systems[5] == TWIN_SYSTEM
    assert set(told.baselines) == {"mean_4"}


def test_neighbours_serve_where_they_are_better_by_more_than_chance():
    flat, random = dict.fromkeys(BASELINES, 5.0), np.random.default_rng(0)
    segment = [1] * 400 + [4] * 400
    noise = random.normal(0, 0.5, 800)
    gain = np.where(np.asarray(segment) == 4, 0.2, 0.0)
    told = judge([_trial(flat | {TWIN_SYSTEM: 2.0, MODEL_SYSTEM: 2.0 + noise - noise.mean() - gain}, segment)])
    assert told.systems[4] == MODEL_SYSTEM
    worse = judge([_trial(flat | {TWIN_SYSTEM: 2.0, MODEL_SYSTEM: 2.0 + np.abs(noise)}, segment)])
    assert MODEL_SYSTEM not in worse.systems
    hardly = judge([_trial(flat | {TWIN_SYSTEM: 2.0, MODEL_SYSTEM: np.asarray([1.0] + [2.0] * 799)}, segment)])
    assert hardly.systems[4] == TWIN_SYSTEM


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
    errors = series_errors(np.asarray([0, 1]), 7, history, actual, forecast)
    assert value_of(wape, errors) == pytest.approx(5 / 10)
    assert value_of(bias, errors) == pytest.approx(1 / 10)
    # the first product changed by 2 each week since its first sale; the second never changed and has no scale
    assert value_of(rmsse, errors) == pytest.approx(math.sqrt(2 / 4))
    assert value_of(wrmsse, errors) == pytest.approx(math.sqrt(2 / 4))
    assert pinball(np.asarray([10.0, 10.0]), np.asarray([8.0, 14.0]), 0.9) == pytest.approx((0.9 * 2 + 0.1 * 4) / 2)


def test_paired_ratios_know_when_two_systems_are_the_same_and_which_is_better():
    random = np.random.default_rng(0)
    history, actual = random.poisson(5, (300, 20)).astype(float), random.poisson(5, (4, 300)).astype(float)
    kind = np.arange(300) // 2
    good = series_errors(kind, 0, history, actual, np.full((4, 300), 5.0))
    bad = series_errors(kind, 0, history, actual, np.full((4, 300), 8.0))
    same = ratio_bootstrap(wape, [good], [good], seed=1)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    better = ratio_bootstrap(wape, [good, good], [bad], seed=1)
    assert better.low < better.value < better.high < 1
    around = bootstrap(wape, good, seed=1)
    assert around.low < around.value < around.high
