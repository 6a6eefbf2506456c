"""Products that came new into the range of the chain or of a store cluster.

A product is new in a scope when its first sale there comes 13 weeks or more after the scope's own, when it then sells in at least
4 of the 13 weeks that follow, to at least 5 households, and when at that rate the time before would not have gone by without
a sale by chance (Poisson, below 0.0001; the rate is bounded by the weeks without a sale, as in `relation_events_gaps`).
"""

from dataclasses import dataclass
from datetime import date
from math import log

import ibis
import ibis.expr.types as ir

from features.relation_events_sales import ScopedSales, as_date, day_number

__all__ = ["LaunchNeed", "launches"]


@dataclass(frozen=True, slots=True)
class LaunchNeed:
    """What a first sale needs to be a launch (days, weeks, households, a probability)."""

    history_days: int = 91
    weeks: int = 13
    weeks_sold: int = 4
    households: int = 5
    chance: float = 1e-4


def launches(sales: ScopedSales, as_of: date, need: LaunchNeed) -> ir.Table:
    """Return the launches known at the end of `as_of`, in the chain and in clusters.

    Columns: kind, product_id, category, scope, first_day (of the first sale), last_day (null), expected_baskets (that the time
    before would have held), chance, simulated, until (int64, the day before the first sale).
    """
    sold = sales.purchases.filter(~sales.purchases.scope.startswith("store:"))
    firsts = sold.group_by("scope", "product_id").aggregate(first=sold.day.min())
    began = sold.group_by("scope").aggregate(began=sold.day.min())
    new = firsts.inner_join(began, "scope").filter(lambda t: t["first"] - t.began >= need.history_days)
    early = _early_sales(sold, new, as_of, need)
    counted = _trips(sales, early.filter((early.weeks_sold >= need.weeks_sold) & (early.households >= need.households)), need)
    by_mean = counted.baskets * counted.trips_before / counted.trips_after
    # cast: a plain 0.5 is a decimal to Spark, which would keep six digits of the share
    empty = ((counted.weeks - counted.weeks_sold).cast("float64") + 0.5) / (counted.weeks.cast("float64") + 1.0)
    by_weeks = -empty.ln() * counted.weeks * counted.trips_before / counted.trips_after
    judged = counted.mutate(expected_baskets=ibis.least(by_mean, by_weeks))
    sure = judged.filter(judged.expected_baskets >= -log(need.chance))
    return sure.select(
        "product_id", "category", "scope", "expected_baskets", "simulated", kind=ibis.literal("launch"),
        first_day=as_date(sure["first"]), last_day=ibis.null("date"),
        chance=(-sure.expected_baskets).exp(), until=sure["first"] - 1,
    )  # fmt: skip


def _early_sales(sold: ir.Table, new: ir.Table, as_of: date, need: LaunchNeed) -> ir.Table:
    """Add what was sold in the first 13 weeks, as far as they are known; `weeks` is how many of them."""
    joined = sold.inner_join(new.drop("began"), ["scope", "product_id"])
    early = joined.filter(joined.day - joined["first"] < need.weeks * 7)
    aged = early.mutate(week=((early.day - early["first"]) / 7).floor().cast("int64"))
    known_weeks = ((day_number(as_of) - aged["first"] + 1) / 7).ceil().cast("int64")
    return aged.group_by("scope", "product_id", "first").aggregate(
        category=aged.category.min(),
        simulated=aged.simulated.any(),
        baskets=aged.count(),
        households=aged.household_id.nunique(),
        weeks_sold=aged.week.nunique(),
        weeks=ibis.least(known_weeks, need.weeks).max(),
    )


def _trips(sales: ScopedSales, new: ir.Table, need: LaunchNeed) -> ir.Table:
    """Add the trips of the scope before the first sale, and in the 13 weeks from it on."""
    daily = sales.trips.group_by("scope", "day").aggregate(trips=sales.trips.count())
    joined = new.inner_join(daily, "scope")
    before = joined.day < joined["first"]
    after = ~before & (joined.day - joined["first"] < need.weeks * 7)
    trips = joined.group_by("scope", "product_id").aggregate(
        trips_before=joined.trips.sum(where=before), trips_after=joined.trips.sum(where=after)
    )
    return new.inner_join(trips, ["scope", "product_id"])
