"""Weeks in which a product was promoted over most of the chain or of a store cluster: by display, by mailer, or by its price.

Display and mailer come from the promotion weeks by store: a product is promoted in a scope when the stores that show it make half
of the trips of the scope's stores with such a record, or more. The price comes from the lines: the part of the list price that
was taken off, when it lies 10 points or more above what is usual for the product. Weeks in a row are one event.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.relation_events_sales import (
    ScopedSales,
    as_date,
    day_number,
    in_scopes,
    known_category,
    marked,
    weeks_in_a_row,
)
from lake.ports import Lake

__all__ = ["PromotionNeed", "promotions"]


@dataclass(frozen=True, slots=True)
class PromotionNeed:
    """What a promoted week needs: baskets of the product so far, the part of the trips reached, points off above the usual."""

    product_baskets: int = 50
    coverage: float = 0.5
    discount_points: float = 0.1
    priced_baskets: int = 3


def promotions(lake: Lake, as_of: date, sales: ScopedSales, clusters: pa.Table, need: PromotionNeed) -> ir.Table:
    """Return the promotions in weeks that ended by `as_of`, in the chain and in clusters.

    Columns: kind, product_id, category, scope, first_day (Monday), last_day (Sunday), mechanics ("display", "mailer", "price",
    joined by "+"), discount (part of the list price, over the event's weeks; null without a sale), simulated, until (int64).
    Raises: TableMissing.
    """
    products = _products(sales, need).cache()
    shown = _shown(lake, as_of, products, clusters, need)
    priced = _priced(lake, as_of, products, clusters, need)
    weekly = _by_week(ibis.union(shown, priced))
    runs = weeks_in_a_row(weekly.filter(weekly.display | weekly.mailer | weekly.price), ["scope", "product_id"])
    events = runs.group_by("scope", "product_id", "run").aggregate(
        first=runs.week.min(), last=runs.week.max(), simulated=runs.simulated.any(), display=runs.display.any(),
        mailer=runs.mailer.any(), price=runs.price.any(), taken_off=runs.taken_off.sum(), listed=runs.listed.sum(),
    )  # fmt: skip
    placed = events.inner_join(known_category(lake), "product_id")
    return placed.select(
        "product_id", "category", "scope", "simulated", kind=ibis.literal("promotion"), first_day=as_date(placed["first"]),
        last_day=as_date(placed["last"] + 6), mechanics=_mechanics(placed), until=placed["first"] - 1,
        discount=ibis.ifelse(placed.listed > 0, placed.taken_off / placed.listed, ibis.null("float64")),
    )  # fmt: skip


def _products(sales: ScopedSales, need: PromotionNeed) -> ir.Table:
    chain = sales.purchases.filter(sales.purchases.scope == "chain")
    counted = chain.group_by("product_id").aggregate(baskets=chain.count())
    return counted.filter(counted.baskets >= need.product_baskets).select("product_id")


def _shown(lake: Lake, as_of: date, products: ir.Table, clusters: pa.Table, need: PromotionNeed) -> ir.Table:
    """Return scope, product_id, week, display, mailer (whether stores enough show it), simulated; nothing of prices."""
    known = lake.table("promotion_weeks")
    rows = known.filter(known.week_start <= as_of - timedelta(days=6)).semi_join(products, "product_id")
    shown = rows.select(
        "product_id", "store_id", week=day_number(rows.week_start), display=rows.display_location.notnull(),
        mailer=rows.mailer_location.notnull(), simulated=marked(rows),
    )  # fmt: skip
    weights = in_scopes(_store_trips(lake, as_of).semi_join(shown, "store_id"), clusters, stores=False).cache()
    total = weights.group_by("scope").aggregate(all_trips=weights.trips.sum())
    placed = shown.inner_join(weights, "store_id")
    weekly = placed.group_by("scope", "product_id", "week").aggregate(
        display_trips=placed.trips.sum(where=placed.display), mailer_trips=placed.trips.sum(where=placed.mailer),
        simulated=placed.simulated.any(),
    ).inner_join(total, "scope")  # fmt: skip
    least = need.coverage * weekly.all_trips
    return weekly.select(
        "scope", "product_id", "week", "simulated", display=(weekly.display_trips >= least).fill_null(_no()),
        mailer=(weekly.mailer_trips >= least).fill_null(_no()), price=_no(),
        taken_off=ibis.literal(0, "int64"), listed=ibis.literal(0, "int64"),
    )  # fmt: skip


def _store_trips(lake: Lake, as_of: date) -> ir.Table:
    lines = lake.table("sales_lines")
    known = lines.filter((lines.business_date <= as_of) & lines.merchandise & (lines.quantity > 0))
    return known.group_by("store_id").aggregate(trips=known.basket_id.nunique())


def _priced(lake: Lake, as_of: date, products: ir.Table, clusters: pa.Table, need: PromotionNeed) -> ir.Table:
    """Return the same columns, of prices: what was taken off, of what list price, and whether that is far above the usual."""
    lines = lake.table("sales_lines")
    counts = (lines.business_date <= as_of) & (lines.week_start <= as_of - timedelta(days=6)) & lines.merchandise
    known = lines.filter(counts & (lines.quantity > 0)).semi_join(products, "product_id")
    daily = known.group_by("product_id", "store_id", week=day_number(known.week_start)).aggregate(
        taken_off=_minor(known.retail_discount).sum(), listed=_minor(known.net_sales + known.retail_discount).sum(),
        baskets=known.basket_id.nunique(), simulated=marked(known).any(),
    )  # fmt: skip
    placed = in_scopes(daily, clusters, stores=False)
    weekly = placed.group_by("scope", "product_id", "week").aggregate(
        taken_off=placed.taken_off.sum(), listed=placed.listed.sum(),
        baskets=placed.baskets.sum(), simulated=placed.simulated.any(),
    )  # fmt: skip
    usual = weekly.group_by("scope", "product_id").aggregate(all_off=weekly.taken_off.sum(), all_listed=weekly.listed.sum())
    judged = weekly.inner_join(usual, ["scope", "product_id"])
    cheap = judged.taken_off / judged.listed >= judged.all_off / judged.all_listed + need.discount_points
    price = (judged.listed > 0) & (judged.baskets >= need.priced_baskets) & cheap
    return judged.select(
        "scope", "product_id", "week", "simulated", display=_no(), mailer=_no(), price=price.fill_null(_no()),
        taken_off=judged.taken_off, listed=judged.listed,
    )  # fmt: skip


def _by_week(rows: ir.Table) -> ir.Table:
    return rows.group_by("scope", "product_id", "week").aggregate(
        simulated=rows.simulated.any(), display=rows.display.any(), mailer=rows.mailer.any(), price=rows.price.any(),
        taken_off=rows.taken_off.sum(), listed=rows.listed.sum(),
    )  # fmt: skip


def _mechanics(events: ir.Table) -> ir.StringValue:
    named = [ibis.ifelse(events[name], f"+{name}", "") for name in ("display", "mailer", "price")]
    return ibis.literal("").join(named).substr(1)


def _minor(money: ir.FloatingValue) -> ir.IntegerValue:
    """Return whole minor units, whose sum is the same in any order."""
    return (money * 100).round().cast("int64")


def _no() -> ir.BooleanScalar:
    return ibis.literal(value=False)
