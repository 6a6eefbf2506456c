"""Products that sold steadily and then did not: gone for good (delisting), or for weeks (absence).

A product sells steadily in a scope when it sold in at least 11 of the 13 weeks that end with its last sale before the gap. How
many baskets the gap would have held is expected from its share of the scope's trips in those weeks, times the trips of the gap:
a closed store or a thinner panel is no absence. So that a few promoted weeks cannot pose as steady demand, the expectation is at
most what the number of weeks without a sale allows under a Poisson law: -ln((empty + 0.5) / 14) a week. A gap is an absence when
chance alone would leave all expected baskets out with a probability below 0.0001 (Poisson). Every sale of a steady product
begins a gap that is judged: on the demo data 450,000 of them, so that about one absence in six is chance even so; `chance` lets a
reader be stricter.
"""

from dataclasses import dataclass
from datetime import date
from math import log

import ibis
import ibis.expr.types as ir

from features.relation_events_sales import ScopedSales, as_date, day_number, selling_days, traffic

__all__ = ["GapNeed", "gap_events", "with_former_buyers"]

NOT_IN_STORES = "store:"
"""A single store sells too little of a product to tell a delisting from a pause."""


@dataclass(frozen=True, slots=True)
class GapNeed:
    """What a gap in the sales of a product needs to count as an event (weeks, days, baskets, a probability)."""

    history_weeks: int = 13
    steady_weeks: int = 11
    absent_days: int = 14
    delisted_days: int = 28
    chance: float = 1e-4
    buyer_days: int = 182
    buyer_baskets: int = 2

    @property
    def history_days(self) -> int:
        """Days of steady sales before a gap."""
        return self.history_weeks * 7


def gap_events(sales: ScopedSales, as_of: date, need: GapNeed) -> ir.Table:
    """Return delistings (no sale for 28 days up to `as_of` or longer) and absences (14 days or longer, and back by `as_of`).

    Columns: kind, product_id, category, scope, first_day (the first day without), last_day (the last one; null: for good),
    expected_baskets (float64), chance (of such a gap if nothing had changed), simulated, until (int64, the day of the last
    sale before). Delistings are told of the chain and of clusters, not of single stores.
    """
    gaps = _gaps(sales, need)
    gone = gaps.next_day.isnull() & (day_number(as_of) - gaps.day >= need.delisted_days)
    away = gaps.next_day.notnull() & (gaps.by_mean >= -log(need.chance))
    found = _steady(gaps.filter((gone & ~gaps.scope.startswith(NOT_IN_STORES)) | away), sales, need)
    sure = found.filter(found.next_day.isnull() | (found.expected_baskets >= -log(need.chance)))
    return sure.select(
        "product_id", "category", "scope",
        kind=ibis.ifelse(sure.next_day.isnull(), "delisting", "absence"), first_day=as_date(sure.day + 1),
        last_day=as_date(sure.next_day - 1), expected_baskets=sure.expected_baskets, chance=(-sure.expected_baskets).exp(),
        simulated=sure.simulated, until=sure.day,
    )  # fmt: skip


def with_former_buyers(events: ir.Table, purchases: ir.Table, need: GapNeed) -> ir.Table:
    """Add `former_buyers`: the households with at least 2 baskets of it in the scope in the 26 weeks that end with `until`."""
    keys = ["scope", "product_id", "until"]
    bought = purchases.select("scope", "product_id", "household_id", "day")
    before = events.select(*keys).distinct().inner_join(bought, ["scope", "product_id"])
    recent = before.filter((before.day <= before.until) & (before.day > before.until - need.buyer_days))
    baskets = recent.group_by(*keys, "household_id").aggregate(baskets=recent.count())
    buyers = baskets.filter(baskets.baskets >= need.buyer_baskets).group_by(*keys).aggregate(former_buyers=lambda t: t.count())
    joined = events.left_join(buyers, keys)
    return joined.mutate(former_buyers=joined.former_buyers.fill_null(0)).select(*events.columns, "former_buyers")


def _gaps(sales: ScopedSales, need: GapNeed) -> ir.Table:
    """Return the selling days that no sale follows for 14 days, with the next one and the baskets to expect between them.

    Columns: scope, product_id, category, day, next_day (null after the last), gap_trips, trips_of_history, by_mean (baskets at
    the mean rate of the history), simulated.
    """
    days = selling_days(sales).cache()
    in_order = ibis.window(group_by=[days.scope, days.product_id], order_by=days.day)
    history = ibis.range_window(
        preceding=need.history_days - 1, following=0, group_by=[days.scope, days.product_id], order_by=days.day
    )
    followed = days.mutate(next_day=days.day.lead().over(in_order), history=days.baskets.sum().over(history))
    long = followed.filter(followed.next_day.isnull() | (followed.next_day - followed.day > need.absent_days))
    placed = _trips_between(long, sales, need)
    return placed.mutate(by_mean=placed.history * placed.gap_trips / placed.trips_of_history).cache()


def _trips_between(gaps: ir.Table, sales: ScopedSales, need: GapNeed) -> ir.Table:
    """Add the trips of the scope within the gap and within the history; the scope must have had a whole history."""
    trips = traffic(sales, need.history_days).cache()
    before = trips.select("scope", "day", "trips_so_far", "trips_of_history")
    after = trips.select("scope", next_day=trips.day, trips_then=trips.trips_so_far - trips.trips)
    whole = trips.group_by("scope").aggregate(all_trips=trips.trips.sum(), began=trips.day.min())
    joined = gaps.inner_join(before, ["scope", "day"]).left_join(after, ["scope", "next_day"])
    ended = joined.drop("scope_right", "next_day_right").inner_join(whole, "scope")
    known = ended.filter(ended.day - ended.began >= need.history_days - 1)
    return known.mutate(gap_trips=known.trips_then.fill_null(known.all_trips) - known.trips_so_far)


def _steady(gaps: ir.Table, sales: ScopedSales, need: GapNeed) -> ir.Table:
    """Keep the gaps after steady sales and say what they would have held (`expected_baskets`)."""
    sold = selling_days(sales).select("scope", "product_id", sold_on=lambda days: days.day)
    pairs = gaps.select("scope", "product_id", "day").inner_join(sold, ["scope", "product_id"])
    age = pairs.day - pairs.sold_on
    recent = pairs.filter((age >= 0) & (age < need.history_days)).mutate(week=(age / 7).floor().cast("int64"))
    weeks = recent.group_by("scope", "product_id", "day").aggregate(weeks=recent.week.nunique())
    counted = gaps.inner_join(weeks, ["scope", "product_id", "day"])
    steady = counted.filter(counted.weeks >= need.steady_weeks)
    # cast: a plain 0.5 is a decimal to Spark, which would keep six digits of the share
    empty = (need.history_weeks - steady.weeks.cast("float64") + 0.5) / (need.history_weeks + 1.0)
    by_weeks = -empty.ln() * need.history_weeks * steady.gap_trips / steady.trips_of_history
    return steady.mutate(expected_baskets=ibis.least(steady.by_mean, by_weeks))
