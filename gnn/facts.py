"""What the graph is made of, read from the lake as known at the end of a day: lazy Ibis tables, the same on every engine."""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.co_purchase import merchandise_lines
from lake.ports import Lake

__all__ = ["RECENT_DAYS", "catalogue", "household_edges", "product_sales", "promotion_edges", "seen", "store_edges"]

RECENT_DAYS = 182
"""Edges of behaviour are of the last 26 weeks, so that a graph of an early day looks like one of a late day."""
HALF_LIFE_DAYS = 60.0
PRICE_DAYS = 91
PROMOTION_DAYS = 91
SHORT_DAYS = 14
DESCRIBING = ("supplier_id", "department", "category", "product_type", "brand", "size", "name")


def catalogue(lake: Lake) -> pa.Table:
    """Return the merchandise by ascending product_id with its attributes, null where a retailer has none.

    The product file carries no dates: what it says of a product counts as known on every day.
    """
    products = lake.table("products")
    kept = products.filter(products.merchandise) if "merchandise" in products.columns else products
    described = {name: kept[name] if name in kept.columns else ibis.null("string") for name in DESCRIBING}
    return lake.to_arrow(kept.select("product_id", **described).order_by("product_id"))


def household_edges(lake: Lake, as_of: date) -> pa.Table:
    """Return product_id, household_id and weight of what households bought of late."""
    lines = merchandise_lines(lake, as_of)
    return lake.to_arrow(_behaviour(lines, as_of, "household_id"))


def store_edges(lake: Lake, as_of: date) -> pa.Table:
    """Return product_id, store_id and weight of what was sold where of late."""
    return lake.to_arrow(_behaviour(_sold(lake, as_of), as_of, "store_id"))


def seen(lake: Lake, as_of: date, column: str) -> pa.Array:
    """Return every household_id (or store_id) with merchandise sold on or before `as_of`, ascending."""
    return lake.to_arrow(_sold(lake, as_of).select(column).distinct().order_by(column))[column].combine_chunks()


def promotion_edges(lake: Lake, as_of: date) -> pa.Table:
    """Return product_id, mechanic (such as mailer:A) and weight of the promotions that had begun on `as_of`."""
    rows = lake.table("promotion_weeks")
    known = rows.filter((rows.week_start <= as_of) & (rows.week_start > as_of - timedelta(days=PROMOTION_DAYS)))
    counted = [
        _promoted(known, kind, column) for kind, column in (("display", "display_location"), ("mailer", "mailer_location"))
    ]
    return lake.to_arrow(counted[0].union(counted[1]).order_by("product_id", "mechanic"))


def product_sales(lake: Lake, as_of: date) -> pa.Table:
    """Return one row for each product sold so far, by product_id: baskets, households and unit price of the last 13 weeks,
    short_baskets of the last two, and days since it was first and last sold.
    """
    lines = merchandise_lines(lake, as_of)
    aged = lines.mutate(age=ibis.literal(as_of).delta(lines.business_date, unit="day"))
    recent = aged.age < PRICE_DAYS
    counted = aged.group_by("product_id").aggregate(
        baskets=aged.basket_id.nunique(where=recent),
        households=aged.household_id.nunique(where=recent),
        short_baskets=aged.basket_id.nunique(where=aged.age < SHORT_DAYS),
        net_sales=_exact_sum(aged.net_sales),
        units=_exact_sum(aged.quantity),
        first_age=aged.age.max(),
        last_age=aged.age.min(),
    )
    return lake.to_arrow(counted.order_by("product_id"))


def _exact_sum(amount: ir.FloatingValue) -> ir.FloatingValue:
    """Return a sum of amounts that is the same in any order: threads add up as they come, and one bit is another network.

    In thousandths, since the parts of `relation_evidence_sums.whole` end at nine million.
    """
    return (amount * 1000).round().cast("int64").sum().cast("float64") / 1000


def _sold(lake: Lake, as_of: date) -> ir.Table:
    """Return the lines of `merchandise_lines`, with their stores."""
    lines = lake.table("sales_lines")
    return lines.filter((lines.business_date <= as_of) & lines.merchandise & (lines.quantity > 0))


def _behaviour(lines: ir.Table, as_of: date, other: str) -> ir.Table:
    """Return the weight of each product and household (or store): log(1 + baskets), halved every 60 days since the last one."""
    aged = lines.mutate(age=ibis.literal(as_of).delta(lines.business_date, unit="day"))
    late = aged.filter(aged.age < RECENT_DAYS)
    counted = late.group_by("product_id", other).aggregate(baskets=late.basket_id.nunique(), age=late.age.min())
    weight = (counted.baskets + 1).ln() * ibis.literal(0.5).pow(counted.age / HALF_LIFE_DAYS)
    return counted.select("product_id", other, weight=weight).order_by("product_id", other)


def _promoted(rows: ir.Table, kind: str, column: str) -> ir.Table:
    promoting = rows.filter(rows[column].notnull())
    counted = promoting.group_by("product_id", place=promoting[column]).aggregate(rows=promoting.count())
    return counted.select("product_id", mechanic=ibis.literal(f"{kind}:").concat(counted.place), weight=(counted.rows + 1).ln())
