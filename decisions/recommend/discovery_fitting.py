"""Training of discovery: a ranker from past weeks, tried against shared tastes on the last two; what wins is listed."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from decisions.recommend.discovery import DISCOVERY_SYSTEM
from decisions.recommend.discovery_examples import DiscoveryWeek, discovery_week, examples_of, sources_of, to_learn_from
from decisions.recommend.discovery_ranker import DISCOVERY_RANKER, DiscoveryRanker, fit_discovery_ranker
from decisions.recommend.scoring import list_quality
from features.collaborative import Tastes, fit_tastes
from features.discovery_candidates import GROUPS, SOURCES, DiscoveryDay
from features.discovery_day import DiscoveryWorld, Links, discovery_day, links_of_edges
from features.discovery_shelf import promotions_known
from features.discovery_transform import COLUMNS
from features.repertoire import FloatArray, IntArray, day_number

__all__ = ["LEARNT_WEEKS", "TRIED_WEEKS", "TriedDiscovery", "looked_at", "train_discovery", "try_discovery", "weeks_before"]

LEARNT_WEEKS = 4
TRIED_WEEKS = 2
LEARNT_HOUSEHOLDS = 800
"""Of each week that is learnt from, at most so many households."""
TRIED_HOUSEHOLDS = 1200
"""Of each week that is tried."""
KEPT_SHARE = 0.3
LEAST_HOUSEHOLD_WEEKS = 50
"""Below so many of them no ranker is trained, and none is trusted that was tried on fewer."""
LINKS_DAYS = 56
"""How long before the end relations are those that rankers learn from: the eve of the forecast's back-test, derived already."""
THREADS = 2
UNSERVED = ("relations", "needs", "network")
"""What is not looked at: relations have not earned it (decision 39), and needs and networks of earlier days are not known."""
LINKED_GROUPS = frozenset({"relations", "needs"})
"""What is read from edges: where neither is looked at, none are derived."""
PROMOTED = ("promotions", "promoted_tastes")
WEEK = 7


@dataclass(frozen=True, slots=True, eq=False)
class TriedDiscovery:
    """What lists discoveries: a ranker that looks at `groups`, or, where it did not win, none."""

    ranker: DiscoveryRanker | None
    groups: tuple[str, ...]
    figures: Mapping[str, float]

    @property
    def system(self) -> str:
        """The name of what is served."""
        return DISCOVERY_SYSTEM if self.ranker is None else DISCOVERY_RANKER


def train_discovery(
    world: DiscoveryWorld, edges_as_of: Callable[[date], Mapping[str, pa.Table]], as_of: date, seed: int
) -> tuple[TriedDiscovery, DiscoveryDay]:
    """Return what lists discoveries, and all that the day after `as_of` knows."""
    tomorrow, eve = day_number(as_of) + 1, as_of - timedelta(days=LINKS_DAYS)
    groups = looked_at(world, tomorrow)
    linked = not LINKED_GROUPS.isdisjoint(groups)
    now, before = (links_of_edges(edges_as_of(day) if linked else {}, world.purchases, day) for day in (as_of, eve))
    # a day is one thread's work from beginning to end, so that several at once change no byte
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        today = pool.submit(discovery_day, world, tomorrow, now, seed)
        tried = try_discovery(world, before, groups, tomorrow, seed, pool)
        return tried, today.result()


def weeks_before(day: int) -> tuple[int, ...]:
    """Return the Mondays of the last `LEARNT_WEEKS` + `TRIED_WEEKS` weeks that were over before `day`, ascending."""
    last = day - WEEK - (day + 3) % WEEK  # the epoch was a Thursday
    return tuple(last - WEEK * place for place in reversed(range(LEARNT_WEEKS + TRIED_WEEKS)))


def looked_at(world: DiscoveryWorld, day: int) -> tuple[str, ...]:
    """Return the groups of figures that serve on a day: without promotions where those of its week are not known."""
    shut = UNSERVED if promotions_known(world.population, day) else (*UNSERVED, *PROMOTED)
    return tuple(group for group in GROUPS if group not in shut)


def try_discovery(
    world: DiscoveryWorld, links: Links, groups: tuple[str, ...], day: int, seed: int, pool: ThreadPoolExecutor
) -> TriedDiscovery:
    """Learn from the weeks before the last ones, and try on those.

    Args:
        world: the facts.
        links: what the graph knew before the first week that is learnt from.
        groups: what may be looked at.
        day: the first day that is not known.
        seed: for samples, tastes and trees.
        pool: computes weeks beside each other.
    """
    weeks, first = weeks_before(day), int(world.purchases.basket_day.min(initial=day))
    learnt, tried = ([one for one in some if one > first] for some in (weeks[:LEARNT_WEEKS], weeks[LEARNT_WEEKS:]))
    if not learnt:
        return TriedDiscovery(None, groups, {"discovery_backtest_households": 0.0})
    older = fit_tastes(world.purchases, learnt[0], seed)
    week = partial(_week, world, links, groups, seed)
    asked = list(pool.map(week, (*learnt, *tried), [older] * len(learnt) + [None] * len(tried)))
    return _tried(_learn(asked[: len(learnt)], groups, seed), asked[len(learnt) :], groups)


def _week(
    world: DiscoveryWorld, links: Links, groups: tuple[str, ...], seed: int, day: int, older: Tastes | None
) -> DiscoveryWeek:
    """Return a week to try on, or, with older tastes, one to learn from."""
    known = discovery_day(world, day, links, seed, older)
    limit = TRIED_HOUSEHOLDS if older is None else LEARNT_HOUSEHOLDS
    week = discovery_week(world.purchases, known, groups=groups, limit=limit, seed=seed)
    return week if older is None else to_learn_from(week, seed, KEPT_SHARE)


def _learn(weeks: Sequence[DiscoveryWeek], groups: tuple[str, ...], seed: int) -> DiscoveryRanker | None:
    if not weeks:
        return None
    examples = examples_of(weeks, groups)
    if len(examples.queries) < LEAST_HOUSEHOLD_WEEKS:
        return None
    return fit_discovery_ranker(examples, seed, groups)


def _tried(ranker: DiscoveryRanker | None, weeks: Sequence[DiscoveryWeek], groups: tuple[str, ...]) -> TriedDiscovery:
    asked = sum(int((week.wanted > 0).sum()) for week in weeks)
    figures = {"discovery_backtest_households": float(asked)}
    if ranker is None or asked < LEAST_HOUSEHOLD_WEEKS:
        return TriedDiscovery(None, groups, figures)
    ndcg = {
        DISCOVERY_SYSTEM: np.concatenate([_ndcg(week, *_by_taste(week)) for week in weeks]).mean(),
        DISCOVERY_RANKER: np.concatenate([_ndcg(week, *_by_ranker(week, ranker, groups)) for week in weeks]).mean(),
    }
    figures |= {f"discovery_backtest_ndcg_{system}": float(value) for system, value in ndcg.items()}
    won = ndcg[DISCOVERY_RANKER] > ndcg[DISCOVERY_SYSTEM]
    return TriedDiscovery(ranker if won else None, groups, figures)


def _by_taste(week: DiscoveryWeek) -> tuple[IntArray, FloatArray]:
    """Return the rows that tastes name, which hold the first ten of all that sells, and their scores."""
    rows = np.flatnonzero(week.figures.sources & (1 << tuple(SOURCES).index(DISCOVERY_SYSTEM)))
    return rows, week.figures.values[rows, COLUMNS.index(DISCOVERY_SYSTEM)].astype(np.float64)


def _by_ranker(week: DiscoveryWeek, ranker: DiscoveryRanker, groups: tuple[str, ...]) -> tuple[IntArray, FloatArray]:
    rows = np.flatnonzero(week.figures.sources & sources_of(groups))
    return rows, ranker.scores(week.figures.values[rows])


def _ndcg(week: DiscoveryWeek, rows: IntArray, scores: FloatArray) -> FloatArray:
    """Return NDCG@10 of each household that bought something new."""
    quality = list_quality(week.figures.row[rows], week.figures.product[rows], scores, week.label[rows], week.wanted)
    return quality.ndcg[week.wanted > 0]
