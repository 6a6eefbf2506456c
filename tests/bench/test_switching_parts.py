"""What `bench switching` joins and meters, on choices that were drawn by known odds."""

import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from bench.costs import Cost, metered, peak_rss_mb, run_module
from bench.switching_graph import joined

PRODUCTS, BUYERS = 12, 60


def drawn_cases(weight, *, cases=30, seed=1):
    """Return cases whose buyers chose by even chances times exp(weight x signal), with that signal beside each."""
    random, found = np.random.default_rng(seed), []
    for _ in range(cases):
        signal = random.normal(size=PRODUCTS)
        odds = np.exp(weight * signal)
        taken = random.choice(PRODUCTS, BUYERS, p=odds / odds.sum())
        found.append(SimpleNamespace(choices=SimpleNamespace(share=np.eye(PRODUCTS)[taken]), signal=signal))
    return found


def even(case):
    return np.full((BUYERS, PRODUCTS), 1 / PRODUCTS)


def told(case, lines):
    return case.signal


def backwards(case, lines):
    return -case.signal


def test_a_part_weighs_what_it_told_before():
    tried, asked = drawn_cases(0.7), drawn_cases(0.7, cases=1, seed=2)[0]
    scored = joined(even, [(told, told)], tried, None, None)(asked)
    gap = np.log(scored[0]) - np.log(scored[0, 0])
    np.testing.assert_allclose(gap, 0.7 * (asked.signal - asked.signal[0]), atol=0.25)
    np.testing.assert_allclose(scored.sum(axis=1), 1.0)


def test_a_part_that_told_the_wrong_way_changes_nothing():
    tried, asked = drawn_cases(0.7), drawn_cases(0.7, cases=1, seed=2)[0]
    np.testing.assert_allclose(joined(even, [(backwards, backwards)], tried, None, None)(asked), even(asked), atol=1e-6)
    np.testing.assert_allclose(joined(even, [(told, told)], [], None, None)(asked), even(asked))


def test_a_block_is_metered_by_itself():
    before = np.ones(40_000_000)
    del before
    with metered() as small:
        pass
    with metered() as large:
        held = np.ones(25_000_000)
    assert held.nbytes / 2**20 > 190
    assert large.peak_rss_mb > small.peak_rss_mb + 150
    assert small.plus(large) == Cost(small.seconds + large.seconds, large.peak_rss_mb)
    assert [(row.system, row.metric) for row in small.rows("one", "test")] == [("one", "seconds"), ("one", "peak_rss_mb")]


def test_a_process_of_its_own_is_metered_and_its_failure_is_told():
    cost = run_module("timeit", ["-n", "1", "-r", "1", "x = bytearray(200_000_000); import time; time.sleep(1.5)"])
    assert cost.seconds > 1.5
    assert cost.peak_rss_mb > 190
    assert peak_rss_mb() > 0
    with pytest.raises(subprocess.CalledProcessError):
        run_module("timeit", ["raise SystemExit(3)"])
