"""What another policy would have earned, estimated from lists that were drawn with known chances.

A list is a chain of draws: what stands at a place was drawn given those before it. So a place is weighted by the ratio of the
two policies' chances there, times the ratios of all places before it (reward interaction weights: McInerney et al.,
Counterfactual evaluation of slate recommendations with sequential reward interactions, KDD 2020): right where what happens at a
place depends on what stands there and before it, and on nothing behind it. Values are rewards per list.

The methods, and what each gives up:

- `ips`: rewards times weights (Horvitz and Thompson 1952). Right on average, and wide.
- `clipped_ips`: weights above the root of the number of lists are cut to it (Ionides, Truncated importance sampling, 2008).
  Narrower, and too low by what was cut off.
- `snips`: at each place divided by the sum of the weights instead of the number of lists (Swaminathan and Joachims, The
  self-normalized estimator for counterfactual learning, NIPS 2015). Nearly right; narrow where weights vary more than rewards.
- `dr`: a model tells the rewards, weights only what it gets wrong (Dudik, Langford and Li, Doubly robust policy evaluation and
  learning, ICML 2011; for chains Kiyohara et al., WSDM 2022). Right if either is.
- `switch_dr`: as `dr`, but where the weight is above the same bound the model speaks alone (Wang, Agarwal and Dudik, Optimal
  and adaptive off-policy evaluation in contextual bandits, ICML 2017).
"""

from dataclasses import dataclass

import numpy as np

from decisions.recommend.errors import SupportLacking, TooFewOutcomes
from decisions.recommend.logged_places import LoggedPlaces
from decisions.recommend.reward_model import told_rewards
from features.repertoire import FloatArray, IntArray

__all__ = ["METHODS", "Estimate", "Evaluation", "evaluate", "list_weights"]

METHODS = ("ips", "clipped_ips", "snips", "dr", "switch_dr")
LEAST_LISTS = 50
LEAST_EFFECTIVE = 40.0
"""Lists of equal weight that the weighted ones are worth: below, an interval says more about chance than about the policy."""
LARGEST_MISSING = 0.01
SURE_DEVIATIONS = 3.0
LEVEL = 0.9
RESAMPLES = 1000
RESAMPLED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """Reward per list by one method, with its 90 % interval."""

    method: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a policy would have earned per list.

    Args:
        lists: how many were logged.
        effective_lists: lists of equal weight that the weighted ones are worth (Kish).
        mean_weight: of whole lists; 1 on average where the log could show all that the policy shows.
        largest_weight: of one list.
    """

    lists: int
    effective_lists: float
    mean_weight: float
    largest_weight: float
    estimates: tuple[Estimate, ...]

    def by(self, method: str) -> Estimate:
        """Return the estimate of a method."""
        return next(one for one in self.estimates if one.method == method)


def evaluate(places: LoggedPlaces, *, policy: str = "", seed: int = 0) -> Evaluation:
    """Estimate what the other policy would have earned.

    Args:
        places: the logged lists, and what the other policy would have shown.
        policy: its name, for refusals.
        seed: of the folds of the model and of the resampling.

    Raises:
        TooFewOutcomes: there are fewer than 50 lists, or the weighted ones are worth fewer than 40.
        SupportLacking: the policy shows products where the log never could: nothing can be said of them.
    """
    if places.lists < LEAST_LISTS:
        raise TooFewOutcomes(policy, places.lists, LEAST_LISTS)
    weight, before = list_weights(places)
    _check_support(places, weight, before, policy)
    whole = weight[_last_of_list(places)]
    effective = float(whole.sum() ** 2 / (whole**2).sum())
    if effective < LEAST_EFFECTIVE:
        raise TooFewOutcomes(policy, int(effective), int(LEAST_EFFECTIVE))
    shown, expected = told_rewards(places.features, places.reward, _row_clusters(places), places.alternatives, seed=seed)
    estimates = _estimates(places, weight, before, (shown, expected), seed)
    return Evaluation(places.lists, effective, float(whole.mean()), float(whole.max()), estimates)


def list_weights(places: LoggedPlaces) -> tuple[FloatArray, FloatArray]:
    """Return for each place the product of the chances' ratios up to it, and that before it."""
    ratio = places.target / places.propensity
    by_list = np.ones((places.lists, int(places.place.max()) + 1))
    by_list[places.decision, places.place] = ratio
    up_to = np.cumprod(by_list, axis=1)
    before = np.c_[np.ones(places.lists), up_to[:, :-1]]
    cell = (places.decision, places.place)
    return np.asarray(up_to[cell]), np.asarray(before[cell])


def _check_support(places: LoggedPlaces, weight: FloatArray, before: FloatArray, policy: str) -> None:
    """Refuse a policy that shows what the log could not, whether that is told or shows in weights that are too small."""
    other = places.alternatives
    shows = other.target * before[other.row]
    missing = float(shows[other.propensity == 0].sum() / max(shows.sum(), 1.0))
    if missing > LARGEST_MISSING:
        raise SupportLacking(policy, missing)
    if not np.isnan(other.propensity).any():
        return
    for place in range(int(places.place.max()) + 1):
        here = weight[places.place == place]
        # a list has each weight with the chance of its draws: what the log can show makes them 1 on average
        missing = 1.0 - float(
            here.mean() + SURE_DEVIATIONS * here.std(ddof=1) / np.sqrt(len(here)) if len(here) > 1 else here.sum()
        )
        if missing > LARGEST_MISSING:
            raise SupportLacking(policy, missing, place + 1)


def _estimates(
    places: LoggedPlaces, weight: FloatArray, before: FloatArray, model: tuple[FloatArray, FloatArray], seed: int
) -> tuple[Estimate, ...]:
    shown, expected = model
    bound = np.sqrt(places.lists)
    wrong = weight * (places.reward - shown)
    by_row = {
        "ips": weight * places.reward,
        "clipped_ips": np.minimum(weight, bound) * places.reward,
        "dr": before * expected + wrong,
        "switch_dr": before * expected + np.where(weight <= bound, wrong, 0.0),
    }
    sums = _ClusterSums.of(places, by_row, weight)
    value = sums.values(np.ones((1, sums.clusters)))
    drawn = sums.resampled(seed)
    tail = (1.0 - LEVEL) / 2
    found = []
    for at, method in enumerate(METHODS):
        low, high = np.quantile(drawn[:, at], [tail, 1.0 - tail])
        found.append(Estimate(method, float(value[0, at]), float(low), float(high)))
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class _ClusterSums:
    """All that resampling clusters needs: sums by cluster of each method's terms, and by place those of `snips`."""

    lists: FloatArray
    terms: FloatArray
    weighted: FloatArray
    weights: FloatArray
    reached: FloatArray

    @classmethod
    def of(cls, places: LoggedPlaces, by_row: dict[str, FloatArray], weight: FloatArray) -> "_ClusterSums":
        _, cluster = np.unique(places.cluster, return_inverse=True)
        count, depth = int(cluster.max()) + 1, int(places.place.max()) + 1
        row = cluster[places.decision]
        cell = row * depth + places.place

        def by_place(values: FloatArray) -> FloatArray:
            return _summed(cell, values, count * depth).reshape(count, depth)

        terms = np.stack([_summed(row, by_row[name], count) for name in ("ips", "clipped_ips", "dr", "switch_dr")], axis=1)
        lists = np.bincount(cluster, minlength=count).astype(np.float64)
        return cls(lists, terms, by_place(weight * places.reward), by_place(weight), by_place(np.ones(len(weight))))

    @property
    def clusters(self) -> int:
        """How many there are."""
        return len(self.lists)

    def values(self, times: FloatArray) -> FloatArray:
        """Return (draws, methods): the estimates where each cluster counts so many times (draws, clusters)."""
        lists = times @ self.lists
        ips, clipped, dr, switch = (times @ self.terms / lists[:, None]).T
        weights = times @ self.weights
        mean = np.divide(times @ self.weighted, weights, out=np.zeros_like(weights), where=weights > 0)
        snips = (mean * (times @ self.reached)).sum(axis=1) / lists
        return np.stack([ips, clipped, snips, dr, switch], axis=1)

    def resampled(self, seed: int) -> FloatArray:
        """Return the estimates of clusters drawn with replacement, again and again (percentile bootstrap; Efron 1979)."""
        random = np.random.default_rng(seed)
        share = np.full(self.clusters, 1.0 / self.clusters)
        drawn = [
            self.values(random.multinomial(self.clusters, share, RESAMPLED_AT_ONCE).astype(np.float64))
            for _ in range(RESAMPLES // RESAMPLED_AT_ONCE)
        ]
        return np.concatenate(drawn)


def _summed(group: IntArray, values: FloatArray, groups: int) -> FloatArray:
    return np.asarray(np.bincount(group, values, groups), dtype=np.float64)


def _row_clusters(places: LoggedPlaces) -> IntArray:
    return np.asarray(places.cluster[places.decision])


def _last_of_list(places: LoggedPlaces) -> IntArray:
    return np.flatnonzero(np.r_[places.decision[1:] != places.decision[:-1], True])
