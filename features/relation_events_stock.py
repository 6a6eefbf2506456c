"""Products that ran out in a store, from the weekly stock levels. The mark of a simulated feed is carried on."""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from features.relation_events_sales import as_date, day_number, known_category, marked, weeks_in_a_row
from lake.ports import Lake

__all__ = ["stock_outs"]


def stock_outs(lake: Lake, as_of: date) -> ir.Table:
    """Return the runs of weeks in each of which a product was out of stock in a store on some day, as far as `as_of` knows.

    Only weeks that have ended by `as_of` are read, since a level speaks of its whole week. Columns: kind, product_id, category,
    scope, first_day (the Monday of the first week), last_day (the Sunday of the last), simulated, until (int64, the day before).
    Raises: TableMissing.
    """
    levels = lake.table("stock_levels")
    ended = levels.week_start <= as_of - timedelta(days=6)
    out = levels.filter(ended & (levels.stock_out_days > 0) & levels.store_id.notnull())
    weekly = out.group_by("product_id", scope=ibis.literal("store:") + out.store_id, week=day_number(out.week_start)).aggregate(
        simulated=marked(out).any()
    )
    runs = weeks_in_a_row(weekly, ["scope", "product_id"])
    events = runs.group_by("scope", "product_id", "run").aggregate(
        first=runs.week.min(), last=runs.week.max(), simulated=runs.simulated.any()
    )
    placed = events.inner_join(known_category(lake), "product_id")
    return placed.select(
        "product_id", "category", "scope", "simulated", kind=ibis.literal("stock_out"), first_day=as_date(placed["first"]),
        last_day=as_date(placed["last"] + 6), until=placed["first"] - 1,
    )  # fmt: skip
