"""The world of the off-policy benchmark: its truth is what very many draws come to, and its logs are what it says."""

import numpy as np
import pytest

from bench.off_policy_world import PLACES, ClickWorld, Policy, drawn, logged, true_value
from decisions.recommend.exploration import NO_EXPLORATION, ExplorationSettings
from decisions.recommend.off_policy import evaluate

SERVED = Policy("served", ExplorationSettings(0.7, 0.2, 8))
OTHERS = [Policy("plain", NO_EXPLORATION), Policy("sales", ExplorationSettings(1.0, 0.4, 8), by_sales=True)]


@pytest.fixture(scope="module")
def world() -> ClickWorld:
    random = np.random.default_rng(5)
    return ClickWorld(random.normal(size=(6, 8)), random.normal(size=(6, 8)), random.uniform(0.05, 0.9, size=(6, PLACES, 8)))


@pytest.mark.parametrize("policy", [SERVED, *OTHERS])
def test_the_truth_is_what_many_draws_come_to(world, policy) -> None:
    log = drawn(world, policy, 20_000, 1)
    clicks = log.clicks.sum(axis=1)
    # household by household, so that which of them were drawn does not blur it
    mean = np.mean([clicks[log.household == one].mean() for one in range(world.households)])
    assert true_value(world, policy) == pytest.approx(mean, abs=4 * clicks.std() / np.sqrt(len(clicks)))


@pytest.mark.parametrize("target", OTHERS)
def test_a_large_log_gives_the_truth_back(world, target) -> None:
    told = evaluate(logged(world, drawn(world, SERVED, 6_000, 2), SERVED, target))
    assert told.by("dr").value == pytest.approx(true_value(world, target), rel=0.1)


def test_equal_numbers_give_equal_logs(world) -> None:
    one, again, other = (drawn(world, SERVED, 50, number) for number in (3, 3, 4))
    assert one.orders.tolist() == again.orders.tolist() != other.orders.tolist()
    assert one.clicks.tolist() == again.clicks.tolist()
