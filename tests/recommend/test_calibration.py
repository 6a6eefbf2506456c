"""Probabilities that rise with the score, on rows whose chances are known, against an oracle written another way."""

import json

import numpy as np
import pytest

from decisions.recommend.calibration import Calibration, calibration_figures, fit_calibration, read_calibration
from decisions.recommend.errors import RecommendationArtefactError


def world(rows=60_000, seed=3):
    random = np.random.default_rng(seed)
    scores = random.normal(size=rows)
    chance = 1 / (1 + np.exp(3 - scores))
    return scores, (random.random(rows) < chance).astype(np.int8), chance, random.integers(400, size=rows)


def test_known_chances_are_found_again():
    scores, label, chance, _ = world()
    found = fit_calibration(scores, label)
    inner = np.abs(scores) < 2
    assert np.abs(found.probability(scores) - chance)[inner].mean() < 0.01
    assert np.abs(found.probability(scores) - label.mean()).mean() > 0.03


def test_the_steps_are_the_minimax_of_running_means():
    """The isotonic fit at i is the largest, over starts up to i, of the smallest mean to any end from i on."""
    scores = np.repeat(np.arange(200.0), 10)
    random = np.random.default_rng(1)
    label = (random.random(2000) < np.repeat(np.linspace(0.1, 0.5, 200), 10)).astype(np.int8)
    found = fit_calibration(scores, label)
    rate = label.reshape(200, 10).mean(axis=1)
    sums = np.r_[0.0, np.cumsum(rate)]
    for i in range(0, 200, 7):
        wanted = max(min((sums[j + 1] - sums[h]) / (j + 1 - h) for j in range(i, 200)) for h in range(i + 1))
        assert found.probability(np.array([float(i)]))[0] == pytest.approx(wanted)
    assert (np.diff(found.chance) >= 0).all()


def test_figures_come_from_households_that_were_not_fitted_on():
    scores, label, _, household = world()
    whole, figures = calibration_figures(scores, label, household)
    assert figures["calibration_expected_error"] < 0.01
    assert figures["calibration_brier"] < figures["calibration_brier_of_the_mean"]
    # half of the households buy what the score says, the others never: the half that is judged shows it
    label[household % 2 == 1] = 0
    never = calibration_figures(scores, label, household)[1]
    assert never["calibration_expected_error"] == pytest.approx(
        fit_calibration(scores[household % 2 == 0], label[household % 2 == 0]).probability(scores[household % 2 == 1]).mean()
    )
    assert whole.probability(np.array([-50.0, 50.0])).tolist() == [whole.chance[0], whole.chance[-1]]


def test_too_little_gives_no_probability():
    scores, label, _, household = world(499)
    assert fit_calibration(scores, label) is None
    assert calibration_figures(scores, label, household) == (None, {})
    assert fit_calibration(np.arange(5000.0), np.zeros(5000, np.int8)) is None


def test_it_is_kept_in_the_artefact_and_read_back(recommend_shop):
    about = json.loads(recommend_shop.fitted_artefact["recommend.json"])
    found = read_calibration(about)
    assert found.as_json() == about["calibration"]
    assert {"calibration_expected_error", "calibration_brier"} <= recommend_shop.figures.keys()
    assert read_calibration({}) is None


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"score": [1.0], "chance": []},
        {"score": [], "chance": []},
        {"score": [1.0, 1.0], "chance": [0.1, 0.2]},
        {"score": [1.0, 2.0], "chance": [0.2, 0.1]},
        {"score": [1.0, 2.0], "chance": [0.2, 1.1]},
        {"score": [1.0, 2.0], "chance": [-0.1, 0.1]},
        {"score": [1.0, 2.0], "chance": ["a", "b"]},
        [1.0],
    ],
)
def test_a_damaged_one_is_refused(stored):
    with pytest.raises(RecommendationArtefactError):
        read_calibration({"calibration": stored})


def test_between_two_scores_the_chance_runs_straight():
    assert Calibration(np.array([0.0, 2.0]), np.array([0.1, 0.3])).probability(np.array([1.0, 1.5])).tolist() == pytest.approx(
        [0.2, 0.25]
    )
