"""From the model of launches to units: how much of `forecast - baseline` each driver brought.

The shares are exact Shapley values of the units themselves over six groups of features: a driver that is out has neutral values
(the median of the training rows), and what is not known stays so and brings nothing. What a launch with neither of them would
sell beyond the baseline is the driver `usual_launch`; with it they sum to `forecast - baseline` exactly. Source: Shapley, A value
for n-person games, 1953.
"""

from collections.abc import Mapping
from itertools import combinations
from math import factorial

import numpy as np

from decisions.forecast.launch_model import LaunchModel
from features.demand_launch_features import DRIVERS, LAUNCH_FEATURES

__all__ = ["USUAL_LAUNCH", "launch_drivers"]

USUAL_LAUNCH = "usual_launch"
ALWAYS_IN = ("week_of_launch",)
"""Which week it is is part of the question, and of no driver."""


def launch_drivers(model: LaunchModel, features: np.ndarray, neutral: np.ndarray, baseline: np.ndarray) -> dict[str, float]:
    """Return units by driver over the asked weeks, of one launch.

    Args:
        model: the model of launches.
        features: 4 x F, all weeks of the launch.
        neutral: F.
        baseline: units of each asked week, from the first.
    """
    weeks = len(baseline)
    groups = [np.asarray([LAUNCH_FEATURES[name] == one and name not in ALWAYS_IN for name in LAUNCH_FEATURES]) for one in DRIVERS]
    states = [chosen for size in range(len(DRIVERS) + 1) for chosen in combinations(range(len(DRIVERS)), size)]
    outside = np.where(np.isnan(features), features, neutral)
    blocks = np.repeat(features[:, None], len(states), axis=1)
    for number, inside in enumerate(states):
        for out in set(range(len(DRIVERS))) - set(inside):
            blocks[:, number, groups[out]] = outside[:, groups[out]]
    worth = dict(zip(states, model.predict(blocks)[:weeks].sum(axis=0).tolist(), strict=True))
    brought = {driver: _shapley(number, worth) for number, driver in enumerate(DRIVERS)}
    whole = worth[states[-1]] - float(baseline.sum())
    return {USUAL_LAUNCH: whole - sum(brought.values()), **brought}


def _shapley(one: int, worth: Mapping[tuple[int, ...], float]) -> float:
    count = len(DRIVERS)
    total = 0.0
    for without, value in worth.items():
        if one not in without:
            weight = factorial(len(without)) * factorial(count - len(without) - 1) / factorial(count)
            total += weight * (worth[tuple(sorted((*without, one)))] - value)
    return total
