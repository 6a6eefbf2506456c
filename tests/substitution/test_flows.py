"""Demand that goes on: held against a logit, whose answer is known, and against a sum of steps, written another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from decisions.substitution.amounts import amounts, relative_variance
from decisions.substitution.flows import Doubts, Flow, Leaving, Wanted

SURE = Doubts(0.0, 0.0)


def leaving(units: np.ndarray, ratios: np.ndarray, rest: np.ndarray | None = None) -> Leaving:
    """The first products leave; `ratios` (leaving x all) are dense."""
    count = units.size
    missing, source = np.nonzero(ratios)
    return Leaving(
        units,
        np.zeros(count),
        missing,
        source,
        np.where(source < count, source, -1),
        ratios[missing, source],
        np.full(missing.size, 0.04),
        np.zeros(count) if rest is None else rest,
        np.zeros((count, count)),
        np.unique(source[source >= count]),
        np.zeros((count, np.unique(source[source >= count]).size)),
    )


def logit(size: int, gone: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chances to buy each product, the ratios of those that leave, and what each gains when they all do."""
    weight = np.random.default_rng(seed).uniform(0.2, 2.0, size + 1)
    chance = weight / weight.sum()
    ratios = np.array([np.where(np.arange(size) == one, 0.0, chance[:size] / (1 - chance[one])) for one in range(gone)])
    left = weight.copy()
    left[:gone] = 0.0
    gained = left / left.sum() - np.where(left > 0, chance, 0.0)
    return chance, ratios, gained[:size]


@settings(max_examples=30, deadline=None)
@given(size=st.integers(3, 12), seed=st.integers(0, 1000), data=st.data())
def test_what_a_logit_s_products_gain_is_exact(size: int, seed: int, data) -> None:
    gone = data.draw(st.integers(1, size - 1))
    chance, ratios, gained = logit(size, gone, seed)
    flow = Flow(leaving(chance[:gone], ratios), SURE)
    assert flow.gained == pytest.approx(gained[gone:], rel=1e-9)
    assert flow.leaves == pytest.approx(chance[:gone].sum() - gained[gone:].sum(), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), gone=st.integers(1, 6))
def test_nothing_is_made_and_steps_add_up_to_the_limit(seed: int, gone: int) -> None:
    random = np.random.default_rng(seed)
    ratios = random.gamma(0.5, 1.0, (gone, gone + 4)) * (random.random((gone, gone + 4)) < 0.6)
    ratios[:, :gone][np.diag_indices(gone)] = 0.0
    ratios *= random.uniform(0.1, 0.8, (gone, 1)) / np.maximum(ratios.sum(axis=1, keepdims=True), 1e-9)
    ratios[:, gone] += 0.05
    rest, units = np.full(gone, 0.1), random.uniform(1, 50, gone)
    flow = Flow(leaving(units, ratios, rest), SURE)
    coming, gained, leaves, elsewhere = units.copy(), np.zeros(gone + 4), 0.0, 0.0
    for _ in range(2000):
        gained[gone:] += coming @ ratios[:, gone:]
        leaves += coming @ (1 - ratios.sum(axis=1) - rest)
        elsewhere += coming @ rest
        coming = coming @ ratios[:, :gone]
    assert flow.gained == pytest.approx(gained[flow.sources], rel=1e-9)
    assert (flow.leaves, flow.elsewhere) == pytest.approx((leaves, elsewhere), rel=1e-9)
    assert flow.gained.sum() + flow.leaves + flow.elsewhere == pytest.approx(units.sum(), rel=1e-9)
    assert flow.leaving_share @ units == pytest.approx(flow.leaves, rel=1e-9)


def test_one_product_alone_has_the_interval_of_its_edge_or_a_little_more() -> None:
    shape = 1 / 0.04
    flow = Flow(leaving(np.array([10.0]), np.array([[0.0, 0.3, 0.2]]), np.array([0.1])), Doubts(0.1, 0.05))
    wanted = Wanted(np.array([[1.0], [0.0]]), np.zeros(1), np.zeros(1))
    found = amounts(flow.gained[:1], np.sqrt((flow.deviations(wanted) ** 2).sum(axis=0)))[0]
    low, high = (special.gammaincinv(shape, tail) / shape for tail in (0.05, 0.95))
    # an edge that is less doubtful on its own than the others takes some of their doubt, a larger one gives
    assert found.units == 3.0
    assert (found.low, found.high) == pytest.approx((3.0 * low, 3.0 * high), rel=0.03)
    without = Flow(leaving(np.array([10.0]), np.array([[0.0, 0.3, 0.3]])), Doubts(0.1, 0.05))
    exact = amounts(without.gained[:1], np.sqrt((without.deviations(wanted) ** 2).sum(axis=0)))[0]
    assert (exact.low, exact.high) == pytest.approx((3.0 * low, 3.0 * high), rel=1e-6)


def test_derivatives_are_those_of_small_changes() -> None:
    units, ratios, rest = np.array([10.0, 5.0]), np.array([[0.0, 0.2, 0.2, 0.1], [0.1, 0.0, 0.3, 0.0]]), np.array([0.1, 0.1])
    flow = Flow(leaving(units, ratios, rest), Doubts(1.0, 0.0))
    wanted = Wanted(np.eye(2), np.zeros(2), np.zeros(2))
    shared = flow.deviations(wanted)[2]
    step = 1e-6
    more = Flow(leaving(units, ratios * (1 + step), rest * (1 + step)), SURE)
    assert shared == pytest.approx((more.gained - flow.gained) / step, rel=1e-4)


def test_doubt_about_demand_widens_and_what_stays_and_leaves_mirror_each_other() -> None:
    part = leaving(np.array([10.0, 5.0]), np.array([[0.0, 0.2, 0.2], [0.1, 0.0, 0.3]]), np.array([0.1, 0.1]))
    stays = Wanted(np.array([[1.0, 0.0]]), np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    deviation = Flow(part, Doubts(0.2, 0.1)).deviations(stays)
    assert deviation[1:3, 0] == pytest.approx(deviation[1:3, 1], rel=1e-9)
    assert deviation[3].tolist() == [0.0, 0.0]


def test_variances_are_read_back_from_intervals() -> None:
    shape = np.array([0.3, 2.0, 30.0, 900.0])
    low = special.gammaincinv(shape, 0.05) / shape
    assert relative_variance(np.full(4, 0.2), 0.2 * low) == pytest.approx(1 / shape, rel=0.01)


def test_amounts_are_ordered_and_never_beyond_what_is_lost() -> None:
    found = amounts(np.array([0.0, 5.0, 9.0, 1.0]), np.array([0.0, 2.0, 8.0, 30.0]), 10.0)
    assert all(0 <= one.low <= one.units <= one.high <= 10.0 for one in found)
    assert found[0].high == 0.0
