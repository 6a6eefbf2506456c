"""Products that sold steadily and then did not: gone for good (delisting), or for weeks (absence).

A product sells steadily in a scope when it sold in at least 11 of the 13 weeks that end with its last sale before the gap. How
many baskets the gap would have held is expected from its share of the scope's trips in those weeks, times the trips of the gap:
a closed store or a thinner panel is no absence. So that a few promoted weeks cannot pose as steady demand, the expectation is at
most what the number of weeks without a sale allows under a Poisson law: -ln((empty + 0.5) / 14) a week. The rate is known from
n baskets alone (the one that begins the gap tells nothing), so that a gap with r times the trips of the history holds none by
chance with probability (1 + r) ** -n: the gamma-Poisson law, whose tail is longer than Poisson's where n is small. Every sale
begins a gap that is judged, hundreds of thousands of them, so that a fixed probability alone would not do: gaps are told of
which a tenth at most are expected to be chance's, absences and delistings each among the gaps of the chain, of clusters and of
single stores, and no absence that chance explains more than once in ten thousand gaps. As more gaps are judged, one that was just
sure may be told no more. Sources: Gelman et al., Bayesian data analysis, 2013, of the law; Benjamini and Hochberg, Controlling
the false discovery rate, 1995.
"""

from dataclasses import dataclass
from datetime import date
from math import log

import ibis
import ibis.expr.types as ir

from features.relation_events_sales import ScopedSales, as_date, day_number, selling_days, traffic

__all__ = ["GapNeed", "gap_events", "with_former_buyers"]

COMPARED = ["part", "ended"]
NOT_IN_STORES = "store:"
"""A single store sells too little of a product to tell a delisting from a pause."""


@dataclass(frozen=True, slots=True)
class GapNeed:
    """What a gap in the sales of a product needs to count as an event (weeks, days, baskets, a probability).

    `false_discoveries` is the share of chance's gaps among those told; more probable ones than `chance` are never absences.
    """

    history_weeks: int = 13
    steady_weeks: int = 11
    absent_days: int = 14
    delisted_days: int = 28
    chance: float = 1e-4
    false_discoveries: float = 0.1
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
    away = gaps.next_day.notnull() & (_surprise(gaps, gaps.baskets_of_history) >= -log(need.chance))
    found = _steady(gaps.filter((gone & ~gaps.scope.startswith(NOT_IN_STORES)) | away), sales, need)
    sure = _discoveries(found.filter(found.next_day.isnull() | (found.surprise >= -log(need.chance))), need)
    return sure.select(
        "product_id", "category", "scope",
        kind=ibis.ifelse(sure.next_day.isnull(), "delisting", "absence"), first_day=as_date(sure.day + 1),
        last_day=as_date(sure.next_day - 1), expected_baskets=sure.expected_baskets, chance=(-sure.surprise).exp(),
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

    Columns: scope, product_id, category, day, next_day (null after the last), gap_trips, trips_of_history, baskets_of_history
    (without one of the day that begins the gap), part and ended (`_of_part`), judged (how many gaps were), simulated.
    """
    days = selling_days(sales).cache()
    in_order = ibis.window(group_by=[days.scope, days.product_id], order_by=days.day)
    history = ibis.range_window(
        preceding=need.history_days - 1, following=0, group_by=[days.scope, days.product_id], order_by=days.day
    )
    followed = days.mutate(next_day=days.day.lead().over(in_order), history=days.baskets.sum().over(history))
    long = followed.filter(followed.next_day.isnull() | (followed.next_day - followed.day > need.absent_days))
    placed = _trips_between(long, sales, need)
    judged = _of_part(followed).group_by(*COMPARED).aggregate(judged=ibis._.count())
    known = placed.mutate(baskets_of_history=placed.history - 1).drop("history")
    return _of_part(known).inner_join(judged, COMPARED).cache()


def _surprise(gaps: ir.Table, baskets: ir.Value) -> ir.Value:
    """Return by how much chance speaks against a gap after so many baskets: the negative logarithm of its probability."""
    return baskets * (1 + gaps.gap_trips.cast("float64") / gaps.trips_of_history).ln()


def _of_part(gaps: ir.Table) -> ir.Table:
    """Add what tells which gaps are judged together (`COMPARED`): the kind of their scope, and whether a sale followed."""
    return gaps.mutate(part=gaps.scope.split(":")[0], ended=gaps.next_day.notnull())


def _discoveries(found: ir.Table, need: GapNeed) -> ir.Table:
    """Keep the gaps that are too long for chance, given how many were judged."""
    strongest = ibis.window(
        group_by=[found[name] for name in COMPARED],
        order_by=[found.surprise.desc(), found.scope, found.product_id, found.day],
    )
    ranked = found.mutate(rank=ibis.row_number().over(strongest) + 1)
    sure = ranked.surprise >= ranked.judged.ln() - log(need.false_discoveries) - ranked["rank"].ln()
    last = ranked.filter(sure).group_by(*COMPARED).aggregate(last=ibis._["rank"].max())
    kept = ranked.inner_join(last, COMPARED)
    return kept.filter(kept["rank"] <= kept["last"])


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
    """Keep the gaps after steady sales; add what they would have held (`expected_baskets`), and `surprise`."""
    sold = selling_days(sales).select("scope", "product_id", sold_on=lambda days: days.day)
    pairs = gaps.select("scope", "product_id", "day").inner_join(sold, ["scope", "product_id"])
    age = pairs.day - pairs.sold_on
    recent = pairs.filter((age >= 0) & (age < need.history_days)).mutate(week=(age / 7).floor().cast("int64"))
    weeks = recent.group_by("scope", "product_id", "day").aggregate(weeks=recent.week.nunique())
    counted = gaps.inner_join(weeks, ["scope", "product_id", "day"])
    steady = counted.filter(counted.weeks >= need.steady_weeks)
    # cast: a plain 0.5 is a decimal to Spark, which would keep six digits of the share
    empty = (need.history_weeks - steady.weeks.cast("float64") + 0.5) / (need.history_weeks + 1.0)
    allowed = -empty.ln() * need.history_weeks
    baskets = ibis.least(steady.baskets_of_history.cast("float64"), allowed)
    expected = baskets * steady.gap_trips / steady.trips_of_history
    return steady.mutate(expected_baskets=expected, surprise=_surprise(steady, baskets))
