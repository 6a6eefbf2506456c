"""What is known of a product before it is first sold: siblings and their launches, donors, promotions, the calendar.

The same functions describe past launches for training and the one that is asked about in serving. Nothing sold in the column
`origin` or later is read, not even by the launches of that week.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.demand_history import PROMOTED_COVERAGE
from features.demand_launches import GROUPINGS, LAUNCH_WEEKS, LaunchPanel
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, WEEK

__all__ = [
    "DONORS",
    "DONOR_GROUPING",
    "DRIVERS",
    "LAUNCH_FEATURES",
    "SIBLING_LAUNCHES",
    "SIBLING_VALUES",
    "WINDOW_WEEKS",
    "KnownLaunches",
    "Siblings",
    "Told",
    "donor_block",
    "known_launches",
    "launch_rows",
    "past_block",
    "plan_window",
    "siblings_at",
    "told_at",
]

SIBLING_VALUES = ("active", "units", "price", "launches", "first", "later")
"""Of a group: products sold in the last 13 weeks, their mean units a week over the last 4 and their mean price; launches known,
and what they sold on average in their first week and in each of the three after it.
"""
PRIOR_LAUNCHES = 2.0
"""The mean of all launches counts as this many of the group's own."""
ACTIVE_WEEKS, RECENT_WEEKS = 13, 4
WINDOW_WEEKS = 1 + MAXIMUM_HORIZON_WEEKS + LAUNCH_WEEKS - 1
"""The last known week, and those that a launch in any of the weeks ahead reaches."""
DONOR_GROUPING = "type_brand"
"""Where nobody names donors, earlier launches of the same type and brand are."""

SIBLINGS, SIBLING_LAUNCHES, DONORS, PROMOTION, PAST_PROMOTION, CALENDAR = (
    "siblings", "sibling_launches", "donors", "promotion", "past_promotion", "calendar",
)  # fmt: skip
DRIVERS = (SIBLINGS, SIBLING_LAUNCHES, DONORS, PROMOTION, PAST_PROMOTION, CALENDAR)

LAUNCH_FEATURES: Mapping[str, str] = {
    **{
        f"{grouping}_{value}": SIBLINGS if value in SIBLING_VALUES[:3] else SIBLING_LAUNCHES
        for grouping in GROUPINGS
        for value in SIBLING_VALUES
    },
    "donors": DONORS,
    "donor_first": DONORS,
    "donor_later": DONORS,
    "promoted_weeks_before": PAST_PROMOTION,
    "promoted_weeks_recent": PAST_PROMOTION,
    "weeks_since_first_promotion": PAST_PROMOTION,
    "coverage_before_highest": PAST_PROMOTION,
    "coverage_before_mean": PAST_PROMOTION,
    "display_target": PROMOTION,
    "mailer_target": PROMOTION,
    "coverage_week_before": PROMOTION,
    "display_launch": PROMOTION,
    "mailer_launch": PROMOTION,
    "coverage_highest": PROMOTION,
    "promoted_weeks": PROMOTION,
    "week_of_launch": CALENDAR,
    "day_of_month": CALENDAR,
}
"""The driver that each feature belongs to, in the order of the columns."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownLaunches:
    """Launches before an origin: their `rows`, and `curves` (4 x n) of what they sold, NaN where that is not known yet."""

    rows: np.ndarray
    curves: np.ndarray

    def whole(self) -> "KnownLaunches":
        """Return those of which all weeks are known."""
        known = ~np.isnan(self.curves).any(axis=0)
        return KnownLaunches(self.rows[known], self.curves[:, known])


def known_launches(launches: LaunchPanel, origin: int) -> KnownLaunches:
    """Return the launches before the column `origin`."""
    rows = launches.launched(origin)
    return KnownLaunches(rows, launches.curves(rows, origin))


@dataclass(frozen=True, slots=True, eq=False)
class Siblings:
    """Values of every group at an origin: `values` (groups x 6, float32) by grouping; `unknown` (6) those of a group of which
    nothing is known.
    """

    values: Mapping[str, np.ndarray]
    unknown: np.ndarray

    def block(self, codes: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        """Return the values of the siblings of some rows (n x 48)."""
        return np.concatenate([self.values[grouping][codes[grouping][rows]] for grouping in GROUPINGS], axis=1)


def siblings_at(launches: LaunchPanel, origin: int, known: KnownLaunches) -> Siblings:
    """Return what is known of all groups before the column `origin`."""
    panel = launches.panel
    active = (panel.units[:, max(0, origin - ACTIVE_WEEKS) : origin] > 0).any(axis=1)
    recent = panel.units[active, max(0, origin - RECENT_WEEKS) : origin].mean(axis=1, dtype=np.float64)
    price = _mean_price(panel.price[active, max(0, origin - ACTIVE_WEEKS) : origin])
    first, later = _means(known.curves[:1]), _means(known.curves[1:])
    values = {}
    for grouping in GROUPINGS:
        size, codes = len(launches.names[grouping]), launches.codes[grouping]
        alive, new = codes[active], codes[known.rows]
        count, priced = np.bincount(alive, minlength=size), np.bincount(alive[~np.isnan(price)], minlength=size)
        columns = [
            count,
            _ratio(np.bincount(alive, weights=recent, minlength=size), count),
            _ratio(np.bincount(alive, weights=np.nan_to_num(price), minlength=size), priced),
            np.bincount(new, minlength=size),
            _drawn(new, known.curves[:1], first, size),
            _drawn(new, known.curves[1:], later, size),
        ]
        values[grouping] = np.stack(columns, axis=1).astype(np.float32)
    return Siblings(values, np.asarray([0, np.nan, np.nan, 0, first, later], dtype=np.float32))


def _mean_price(price: np.ndarray) -> np.ndarray:
    known = ~np.isnan(price)
    return _ratio(np.where(known, price, 0.0).sum(axis=1), known.sum(axis=1))


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _means(curves: np.ndarray) -> float:
    known = ~np.isnan(curves)
    return float(curves[known].mean()) if known.any() else np.nan


def _drawn(group: np.ndarray, curves: np.ndarray, mean: float, size: int) -> np.ndarray:
    """Return the mean of each group's launches over the weeks of `curves`, drawn to the mean of all."""
    known = ~np.isnan(curves)
    total = np.bincount(group, weights=np.where(known, curves, 0.0).sum(axis=0), minlength=size)
    weeks = np.bincount(group, weights=known.sum(axis=0), minlength=size)
    prior = PRIOR_LAUNCHES * len(curves)
    return (total + prior * mean) / (weeks + prior)


def donor_block(curves: np.ndarray, group: np.ndarray, asked: np.ndarray, size: int) -> np.ndarray:
    """Return how many donors each asked group has, and what they sold in their first week and in each later one (n x 3).

    Args:
        curves: 4 x launches, NaN unknown.
        group: the group of each launch.
        asked: the groups that are asked about (n).
        size: how many groups there are.
    """
    known = ~np.isnan(curves)
    total = np.where(known, curves, 0.0)
    count = np.bincount(group, minlength=size)
    first = _ratio(np.bincount(group, weights=total[0], minlength=size), np.bincount(group, weights=known[0], minlength=size))
    later = _ratio(
        np.bincount(group, weights=total[1:].sum(axis=0), minlength=size),
        np.bincount(group, weights=known[1:].sum(axis=0), minlength=size),
    )
    return np.asarray(np.stack([count, first, later], axis=1)[asked], dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What is told of n launches at an origin.

    `siblings` is n x 48, `donors` n x 3, `past` (promotions before, without a sale) n x 5. `display` and `mailer` are n x 12: the
    last known week, and the weeks after it, NaN where no plan is known. `lead` (n): how many weeks after the origin they launch.
    """

    siblings: np.ndarray
    donors: np.ndarray
    past: np.ndarray
    display: np.ndarray
    mailer: np.ndarray
    lead: np.ndarray


def told_at(
    launches: LaunchPanel, rows: np.ndarray, origin: int, *, planned_weeks: int | np.ndarray, known: KnownLaunches | None = None
) -> Told:
    """Return what is told of launches (rows) at an origin, with the plan of so many weeks (one number, or one a row)."""
    known = known_launches(launches, origin) if known is None else known
    group, size = launches.codes[DONOR_GROUPING], len(launches.names[DONOR_GROUPING])
    panel, whole = launches.panel, known.whole()
    display, mailer = (plan_window(part[rows], origin, planned_weeks) for part in (panel.display, panel.mailer))
    return Told(
        siblings=siblings_at(launches, origin, known).block(launches.codes, rows),
        donors=donor_block(whole.curves, group[whole.rows], group[rows], size),
        past=past_block(panel.display[rows, :origin], panel.mailer[rows, :origin]),
        display=display,
        mailer=mailer,
        lead=launches.first[rows] - origin,
    )


def plan_window(coverage: np.ndarray, origin: int, planned_weeks: int | np.ndarray) -> np.ndarray:
    """Return the last known week and the 11 after it (n x 12) from weeks of coverage, NaN from where the plan ends on."""
    window = np.full((len(coverage), WINDOW_WEEKS), np.nan, dtype=np.float32)
    there = coverage[:, origin - 1 : origin - 1 + WINDOW_WEEKS]
    window[:, : there.shape[1]] = there
    beyond = np.arange(WINDOW_WEEKS) > np.broadcast_to(planned_weeks, len(coverage))[:, None]
    window[beyond] = np.nan
    return window


def past_block(display: np.ndarray, mailer: np.ndarray) -> np.ndarray:
    """Return what promotions before the origin tell of products that had not sold (n x 5), from coverage by week (n x weeks)."""
    coverage = np.fmax(np.nan_to_num(display), np.nan_to_num(mailer))
    promoted = coverage > 0
    since = np.where(promoted.any(axis=1), coverage.shape[1] - np.argmax(promoted, axis=1), 0)
    columns = [promoted.sum(axis=1), promoted[:, -RECENT_WEEKS:].sum(axis=1), since, coverage.max(axis=1), coverage.mean(axis=1)]
    return np.stack(columns, axis=1).astype(np.float32)


def launch_rows(told: Told, origin_week: date) -> np.ndarray:
    """Return the features of each week of each launch (4 x n x F, float32).

    Args:
        told: what is known; NaN where it is not.
        origin_week: the Monday of the first week that is not known.
    """
    at = np.arange(len(told.lead))
    weeks = [(told.display[at, told.lead + step], told.mailer[at, told.lead + step]) for step in range(LAUNCH_WEEKS + 1)]
    ahead = weeks[1:]
    covered = np.stack([np.fmax(*one) for one in ahead])
    known = ~np.isnan(covered).all(axis=0)
    highest = np.where(known, np.nan_to_num(covered).max(axis=0), np.nan)
    promoted = np.where(known, (np.nan_to_num(covered) >= PROMOTED_COVERAGE).sum(axis=0), np.nan)
    blocks = []
    for step in range(LAUNCH_WEEKS):
        days = np.asarray([(origin_week + int(lead + step) * WEEK).day for lead in told.lead])
        plan = [*ahead[step], np.fmax(*weeks[step]), *ahead[0], highest, promoted, np.full(len(days), step + 1), days]
        blocks.append(np.concatenate([told.siblings, told.donors, told.past, np.stack(plan, axis=1)], axis=1))
    return np.stack(blocks).astype(np.float32)
