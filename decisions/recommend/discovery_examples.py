"""Weeks of the past as questions of discovery: which of its candidates did a household buy for the first time in the week?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.discovery_candidates import GROUP_OF_SOURCE, GROUPS, SOURCES, DiscoveryDay
from features.discovery_facts import new_products
from features.discovery_transform import Figures, figures_of
from features.repertoire import IntArray, Purchases

__all__ = ["DAYS", "DiscoveryExamples", "DiscoveryWeek", "discovery_week", "examples_of", "sources_of", "to_learn_from"]

DAYS = 7


@dataclass(frozen=True, slots=True, eq=False)
class DiscoveryWeek:
    """One week: who shopped in it and before (`households`, ascending), how much new they bought (`wanted`), their candidates.

    `label` is 1 where a candidate was bought. `row` of `figures` is a place in `households`. `bought_row` and `bought` say what
    new products those were, candidates or not.
    """

    day: int
    households: IntArray
    wanted: IntArray
    figures: Figures
    label: npt.NDArray[np.int8]
    bought_row: IntArray
    bought: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class DiscoveryExamples:
    """Rows of several weeks, sorted by household-week. `queries` counts the rows of each household-week."""

    values: npt.NDArray[np.float32]
    label: npt.NDArray[np.int8]
    queries: IntArray


def discovery_week(
    purchases: Purchases, day: DiscoveryDay, *, groups: tuple[str, ...] = GROUPS, limit: int | None = None, seed: int = 0
) -> DiscoveryWeek:
    """Ask on that day for the seven days from it on: each household that shops in them is one question.

    Args:
        purchases: what was bought, later than the day, too.
        day: all that was known before it.
        groups: what is computed; figures of other groups are NaN.
        limit: so many of the households, drawn by `seed`; None: all.
        seed: draws.
    """
    first = day.known.day
    shopped = (purchases.basket_day >= first) & (purchases.basket_day < first + DAYS)
    households = np.unique(purchases.basket_household[shopped])
    households = households[day.known.baskets[households] > 0]
    if limit is not None and limit < len(households):
        households = np.sort(np.random.default_rng((seed, first)).choice(households, limit, replace=False))
    household, bought = new_products(purchases, first, DAYS)
    asked = np.isin(household, households)
    row, bought = np.searchsorted(households, household[asked]), bought[asked]
    figures = figures_of(day, households, groups)
    label = np.isin(figures.row * day.known.products + figures.product, row * day.known.products + bought)
    wanted = np.bincount(row, minlength=len(households))
    return DiscoveryWeek(first, households, wanted, figures, label.astype(np.int8), row, bought)


def sources_of(groups: tuple[str, ...]) -> int:
    """Return the bits of the sources that belong to the named groups."""
    return sum(1 << bit for bit, source in enumerate(SOURCES) if GROUP_OF_SOURCE[source] in groups)


def to_learn_from(week: DiscoveryWeek, seed: int, kept_share: float) -> DiscoveryWeek:
    """Return the week with its hits and an even share of the other candidates, so that far ones stay as frequent as they are.

    Household-weeks without a hit teach nothing and are left out.
    """
    row = week.figures.row
    hit = np.bincount(row, weights=week.label, minlength=len(week.households)) > 0
    drawn = (week.label > 0) | (np.random.default_rng((seed, week.day)).random(len(row)) < kept_share)
    kept = np.flatnonzero(hit[row] & drawn)
    return DiscoveryWeek(
        week.day, week.households, week.wanted, week.figures.take(kept), week.label[kept], week.bought_row, week.bought
    )


def examples_of(weeks: Sequence[DiscoveryWeek], groups: tuple[str, ...] = GROUPS) -> DiscoveryExamples:
    """Join weeks to examples; candidates that only sources of other groups named are left out."""
    bits = sources_of(groups)
    parts = [_of_week(week, bits) for week in weeks]
    values, label, queries = (np.concatenate([part[side] for part in parts]) for side in range(3))
    return DiscoveryExamples(values, label, queries)


def _of_week(week: DiscoveryWeek, bits: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8], IntArray]:
    row = week.figures.row
    named = (week.figures.sources & bits) > 0
    hit = np.bincount(row, weights=week.label * named, minlength=len(week.households)) > 0
    kept = np.flatnonzero(named & hit[row])
    counts = np.bincount(row[kept], minlength=len(week.households))
    return week.figures.values[kept], week.label[kept], counts[counts > 0]
