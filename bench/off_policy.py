"""Off-policy evaluation where the truth is known: bias, spread and honesty of the intervals of every estimator.

Each of many logs holds one list per household, three places drawn from its thirty best candidates with the usual settings; clicks
are made up by a known model. Each log is evaluated for other policies, whose true worth is computed, not estimated.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from bench.frame import Bench, BenchContext, BenchRow
from bench.off_policy_world import CANDIDATES, PLACES, ClickWorld, Policy, click_world, drawn, logged, true_value
from decisions.recommend.errors import InsufficientEvidence
from decisions.recommend.exploration import NO_EXPLORATION, USUAL_EXPLORATION, ExplorationSettings
from decisions.recommend.logged_places import LoggedPlaces
from decisions.recommend.off_policy import METHODS, Evaluation, evaluate
from features.repertoire import read_purchases

__all__ = ["BENCH"]

SEED = 7
LISTS = 1000
LOGS, QUICK_LOGS = 300, 10
QUICK_HOUSEHOLDS = 300
SERVED = Policy("served", USUAL_EXPLORATION)
TARGETS = (
    Policy("no_exploration", NO_EXPLORATION),
    Policy("less_exploration", ExplorationSettings(0.25, 0.05, CANDIDATES)),
    Policy("more_exploration", ExplorationSettings(1.0, 0.2, CANDIDATES)),
    Policy("by_sales", ExplorationSettings(0.5, 0.1, CANDIDATES), by_sales=True),
)
Found = Mapping[tuple[str, str], list[tuple[float, float, float]]]


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Evaluate every log for every policy and hold the estimates against the truth."""
    most, logs = (QUICK_HOUSEHOLDS, QUICK_LOGS) if context.quick else (None, LOGS)
    with context.progress.stage("Candidates and clicks"):
        world = click_world(read_purchases(context.lake, context.as_of), SEED, most)
        truth = {policy.name: true_value(world, policy) for policy in (SERVED, *TARGETS)}
    with context.progress.stage(f"{logs} logs of {LISTS:,} lists"):
        found, effective, refused = _evaluated(world, logs)
    rows = [BenchRow("truth", "clicks_per_list", name, value, n=world.households) for name, value in truth.items()]
    for target in TARGETS:
        if effective[target.name]:
            rows.append(BenchRow("log", "effective_lists", target.name, float(np.mean(effective[target.name])), n=logs))
        rows.append(BenchRow("log", "refused", target.name, refused[target.name] / logs, n=logs))
        if refused[target.name] > logs / 2:
            continue
        for method in METHODS:
            rows += _rows(method, target.name, np.array(found[target.name, method]), truth[target.name])
    return rows, _notes(world, logs)


def _evaluated(world: ClickWorld, logs: int) -> tuple[Found, Mapping[str, list[float]], Mapping[str, int]]:
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    effective: dict[str, list[float]] = defaultdict(list)
    refused: dict[str, int] = defaultdict(int)
    for number in range(1, logs + 1):
        log = drawn(world, SERVED, LISTS, number)
        for target in TARGETS:
            told = _told(logged(world, log, SERVED, target), target, number)
            if told is None:
                refused[target.name] += 1
                continue
            effective[target.name].append(told.effective_lists)
            for one in told.estimates:
                found[target.name, one.method].append((one.value, one.low, one.high))
    return found, effective, refused


def _told(places: LoggedPlaces, target: Policy, number: int) -> Evaluation | None:
    try:
        return evaluate(places, policy=target.name, seed=number)
    except InsufficientEvidence:
        return None


def _rows(method: str, policy: str, told: np.ndarray, truth: float) -> list[BenchRow]:
    """Return bias and root mean square error as shares of the truth, and how often the interval held it."""
    if not len(told):
        return []
    value, low, high = told.T
    count, inside = len(told), (low <= truth) & (truth <= high)
    error = (value - truth) / truth
    deviation = 1.645 * error.std() / np.sqrt(count)
    share = float(inside.mean())
    around = 1.645 * float(np.sqrt(share * (1.0 - share) / count))
    mean = float(error.mean())
    return [
        BenchRow(method, "bias", policy, mean, mean - deviation, mean + deviation, n=count),
        BenchRow(method, "rmse", policy, float(np.sqrt((error**2).mean())), n=count),
        BenchRow(method, "coverage_90", policy, share, share - around, min(share + around, 1.0), n=count),
        BenchRow(method, "width", policy, float(((high - low) / truth).mean()), n=count),
    ]


def _notes(world: ClickWorld, logs: int) -> list[str]:
    settings = USUAL_EXPLORATION
    return [
        "simulated: clicks are drawn from a model of ours over the demo's households and products; none of them is anybody's",
        f"{logs} logs of {LISTS:,} lists, their households drawn from {world.households:,} with replacement",
        f"{PLACES} of {CANDIDATES} candidates are drawn at temperature {settings.temperature:g}, floor {settings.floor:g}",
        "bias, rmse and width are shares of the true value; coverage is of intervals that should hold it in nine logs of ten",
        "the model of rewards sees score, sales and place; a taste that it does not see moves clicks as well",
        "refused is the share of logs of which nothing is said; where that is most, as of by_sales, no figure is given",
    ]


BENCH = Bench(
    name="off_policy",
    claim="what another policy would have earned, estimated from simulated logs whose truth is known.",
    run=run,
)
