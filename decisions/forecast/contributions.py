"""From trees to units: how much of `forecast - baseline` each driver brought.

A driver's share on the log scale is its Shapley value over groups of features, estimated from one order of the drivers
and its reverse (antithetic permutation sampling): features of drivers that are not yet in take neutral values, which
are the median of the training rows, and for features that carry a level the series' own level. That needs at most
14 predictions a week; the exact values for trees take twenty times as long and would not fit into an answer's time.
Source: Mitchell et al., Sampling permutations for Shapley value estimation, JMLR 2022.

The model multiplies (log link), people add. With `ln f - ln b = sum of phi_d`, where own history takes all that the other
drivers leave, a driver's units are `L(f, b) * phi_d` with the logarithmic mean `L(f, b) = (f - b) / (ln f - ln b)`:
they add up to `f - b` exactly. Source: Ang, Decomposition analysis for policymaking in energy, 2004 (LMDI-I).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from decisions.forecast.model import DemandModel
from features.demand import CATEGORICAL_FEATURES, FEATURE_GROUPS, PARENT_PREFIX
from features.demand_neighbours import NEIGHBOUR_RELATIONS
from features.demand_pull import PULL_FEATURES

__all__ = ["COHERENCE", "OWN_HISTORY", "SIBLINGS", "DriverAttribution", "driver_of", "neutral_values"]

COHERENCE = "coherence"
"""What making all levels add up moved."""
OWN_HISTORY = "own_history"
SIBLINGS = "siblings"
SMALL_UNITS = 0.01
"""Added to both sides, so that a baseline of zero has a logarithm."""
LEVEL_FEATURES = {
    "alike_mean": "decayed_6",
    "promoted_mean_26": "mean_26",
    "price_last": "price_last",
    **{name: name for name in PULL_FEATURES if name.endswith("usual_pull")},
}
"""Features in units or currency, and the feature of the same series that stands in when their driver is out."""
MEDIAN_ROWS = 20_000


def driver_of(feature: str) -> str:
    """Return the driver of a feature: own_history, price, promotion, calendar, siblings or a neighbour relation."""
    name = feature.removeprefix(PARENT_PREFIX)
    group = FEATURE_GROUPS[name]
    if group != "neighbours":
        return group
    return next((relation for relation in NEIGHBOUR_RELATIONS if name.startswith(relation)), SIBLINGS)


def neutral_values(names: Sequence[str], features: np.ndarray) -> np.ndarray:
    """Return the neutral value of each feature (F, float64): the median of rows (n x F), NaN for codes and unknowns."""
    rows = features[:: max(1, len(features) // MEDIAN_ROWS)].astype(np.float64)
    known = ~np.isnan(rows).all(axis=0)
    neutral = np.full(len(names), np.nan)
    neutral[known] = np.nanmedian(rows[:, known], axis=0)
    neutral[[position for position, name in enumerate(names) if name.endswith(CATEGORICAL_FEATURES)]] = np.nan
    return neutral


class DriverAttribution:
    """Splits forecasts of one model into drivers.

    Args:
        model: the level's model.
        neutral: as `neutral_values` returned them for its training rows.
    """

    def __init__(self, model: DemandModel, neutral: np.ndarray) -> None:
        self._model = model
        drivers = [driver_of(name) for name in model.names]
        self._drivers = [driver for driver in dict.fromkeys(drivers) if driver != OWN_HISTORY]
        self._members = {driver: np.asarray([name == driver for name in drivers]) for driver in self._drivers}
        self._neutral = neutral
        self._stand_ins = _stand_ins(model.names)

    def attribute(self, features: np.ndarray, baseline: np.ndarray) -> tuple[np.ndarray, Mapping[str, float]]:
        """Return expected units (weeks), and units per driver over all weeks: they sum to `sum(units - baseline)`.

        Args:
            features: weeks x F.
            baseline: weeks, the reference's units, 0 or more.
        """
        states = self._states(features)
        predicted = self._model.predict(np.concatenate(states)).reshape(len(states), -1)
        units = predicted[len(self._drivers)]
        mean = _logarithmic_mean(units + SMALL_UNITS, baseline + SMALL_UNITS)
        brought = {driver: float((phi * mean).sum()) for driver, phi in self._shares(np.log(predicted)).items()}
        own = float((units - baseline).sum()) - sum(brought.values())
        return units, {OWN_HISTORY: own, **brought}

    def _states(self, features: np.ndarray) -> list[np.ndarray]:
        """Return feature rows with the first 0 ... g drivers in, then with the last 1 ... g - 1 of them."""
        outside = self._without_drivers(features)
        count = len(self._drivers)
        forward = [self._with(features, outside, self._drivers[:k]) for k in range(count + 1)]
        return forward + [self._with(features, outside, self._drivers[count - k :]) for k in range(1, count)]

    def _without_drivers(self, features: np.ndarray) -> np.ndarray:
        outside = np.tile(self._neutral.astype(features.dtype), (len(features), 1))
        for position, stand_in in self._stand_ins:
            outside[:, position] = features[:, stand_in]
        # what is not known, such as the plan of a week, brings nothing
        return np.where(np.isnan(features), features, outside)

    def _with(self, features: np.ndarray, outside: np.ndarray, drivers: Sequence[str]) -> np.ndarray:
        out = [self._members[driver] for driver in self._drivers if driver not in drivers]
        return np.where(np.logical_or.reduce(out), outside, features) if out else features

    def _shares(self, logs: np.ndarray) -> Mapping[str, np.ndarray]:
        count = len(self._drivers)
        forward = logs[: count + 1]
        backward = np.concatenate([forward[:1], logs[count + 1 :], forward[-1:]]) if count else forward
        steps, reverse_steps = np.diff(forward, axis=0), np.diff(backward, axis=0)
        return {driver: (steps[k] + reverse_steps[count - 1 - k]) / 2 for k, driver in enumerate(self._drivers)}


def _stand_ins(names: Sequence[str]) -> list[tuple[int, int]]:
    pairs = []
    for position, name in enumerate(names):
        prefix = PARENT_PREFIX if name.startswith(PARENT_PREFIX) else ""
        stand_in = LEVEL_FEATURES.get(name.removeprefix(PARENT_PREFIX))
        if stand_in is not None:
            pairs.append((position, names.index(prefix + stand_in)))
    return pairs


def _logarithmic_mean(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    ratio = np.log(left / right)
    near = np.abs(ratio) < 1e-8
    return np.where(near, right, (left - right) / np.where(near, 1.0, ratio))
