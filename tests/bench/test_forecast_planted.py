"""The forecast's benchmark in planted worlds: its figures by hand, and a small world from simulation to rows."""

from collections import Counter

import numpy as np
import pytest

from bench.forecast_attribution_scores import Judged, figures, interval_95, noise_of
from bench.forecast_planted import judged_world
from bench.world import WorldSize, generate_world

pytestmark = pytest.mark.training

LITTLE = WorldSize("little", 150, 4, 2, 5, 6, 9, 6.0, 2, 6, chunk=80)


def test_noise_is_what_the_responding_product_sells_by_chance_while_the_other_is_promoted() -> None:
    expected = np.array([[4.0, 9.0], [16.0, 1.0], [5.0, 5.0]])
    promoted = np.array([[True, False], [True, False], [False, True]])
    np.testing.assert_allclose(noise_of(expected, promoted), [[np.sqrt(20.0), np.sqrt(10.0)], [np.sqrt(5.0), np.sqrt(5.0)]])


def by_figure(effect: np.ndarray, said: np.ndarray) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """The columns by metric and slice, where the noise of every pair is 2."""
    return {(metric, where): columns for metric, where, columns in figures(Judged(effect, np.full((3, 3), 2.0)), said)}


def test_figures_of_three_products() -> None:
    # rows are promoted; the noise of every pair is 2
    effect = np.array([[0.0, -4.0, 6.0], [-1.5, 0.0, -2.5], [0.0, -0.5, 0.0]])
    said = np.array([[0.0, -1.0, 11.0], [-9.0, 0.0, -2.0], [0.0, 3.0, 0.0]])
    told = by_figure(effect, said)
    shares = {key: (float(up.sum()), float(down.sum())) for key, (up, down) in told.items()}
    # above 2: -4 (told -1: the sign alone), 6 (11: within a factor of 2), -2.5 (-2: both)
    assert shares["sign_recovered", "above_noise"] == (3, 3)
    assert shares["within_factor_2", "above_noise"] == (2, 3)
    # claimed above 2: 11 and -9 and 3, of which the first is right
    assert shares["attributed_rightly", "above_noise"] == (1, 3)
    # above 1 also -1.5 (told -9); above 3 the two largest
    assert shares["sign_recovered", "above_0.5_noise"] == (4, 4)
    assert shares["within_factor_2", "above_1.5_noise"] == (1, 2)
    assert shares["within_factor_2", "bringing"] == (1, 1) and shares["within_factor_2", "taking"] == (1, 2)
    silent = by_figure(effect, np.zeros((3, 3)))
    assert silent["sign_recovered", "above_noise"][0].sum() == 0


def test_intervals_are_those_of_resampled_products() -> None:
    assert interval_95([(np.zeros(3), np.zeros(3))]) is None
    hits = (np.arange(400) < 100).astype(float)
    value, low, high, n = interval_95([(hits[:200], np.ones(200)), (hits[200:], np.ones(200))])
    assert (value, n) == (0.25, 400)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.25 * 0.75 / 400), rel=0.1)


def test_a_small_world_is_held_against_its_truth(tmp_path) -> None:
    world = generate_world(LITTLE, 2, tmp_path / "lake")
    found = judged_world(world, tmp_path, maximum_rows=3_000)
    systems = {system for system, metric, _ in found.columns if metric == "sign_recovered"}
    assert systems == {"shelfgraph", "pulls", "permuted-graph", "market-share", "own-history", "zero"}
    asked = {system: found.columns[system, "sign_recovered", "above_0.5_noise"] for system in systems}
    counted = Counter(int(lower.sum()) for _, lower in asked.values())
    # every system is asked about the same pairs
    assert len(counted) == 1 and next(iter(counted)) > 0
    assert asked["zero"][0].sum() == 0 < asked["pulls"][0].sum()
    assert asked["permuted-graph"][0].sum() < asked["pulls"][0].sum()
    errors = {system: up.sum() / down.sum() for (system, metric, _), (up, down) in found.columns.items() if metric == "wape"}
    assert min(errors, key=errors.get) == "true_rate"
    assert {"served", "shelfgraph-with-pulls", "shelfgraph-without-neighbours", "mean_8"} <= errors.keys()
    assert 20 < sum(found.served.values()) <= world.assortment.products.count
