"""Segments of households from how they shop, up to a day: the size of their trips and the price level they choose.

The size is the number of products in an average trip. The price level is what a household paid, over what the same units would
have cost at the average price of their category. Both are split at the median of the households that made trips enough, so that
each of the four segments is of use. No personal attribute is read.
"""

from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from lake.ports import Lake

__all__ = ["SEGMENTS", "SEGMENT_SCHEMA", "household_segments"]

SEGMENTS = ("small-trips-value", "small-trips-premium", "large-trips-value", "large-trips-premium")
SEGMENT_SCHEMA = pa.schema([("household_id", pa.string()), ("segment_id", pa.string())])


@dataclass(frozen=True, slots=True)
class SegmentNeed:
    """How many trips a household needs before it is put into a segment."""

    trips: int = 5


def household_segments(lake: Lake, as_of: date, *, need: SegmentNeed | None = None) -> pa.Table:
    """Return the segment of every household with trips enough up to `as_of`, sorted by household (`SEGMENT_SCHEMA`).

    Raises: TableMissing.
    """
    habits = lake.to_arrow(_habits(lake, as_of, (need or SegmentNeed()).trips))
    # rounded, so that the order of a sum cannot decide at the median
    size, price = (np.round(habits[name].to_numpy(zero_copy_only=False), 9) for name in ("trip_size", "price_level"))
    large, premium = (value > np.median(value) if value.size else np.zeros(0, dtype=bool) for value in (size, price))
    names = np.array(SEGMENTS)[2 * large.astype(np.int64) + premium]
    return pa.table([habits["household_id"], pa.array(names.tolist(), pa.string())], schema=SEGMENT_SCHEMA)


def _habits(lake: Lake, as_of: date, trips: int) -> ir.Table:
    """Return household_id, trip_size (products), price_level (1: average), sorted by household."""
    lines, products = lake.table("sales_lines"), lake.table("products")
    known = lines.filter((lines.business_date <= as_of) & lines.merchandise & (lines.quantity > 0))
    placed = known.inner_join(products.select("product_id", "category"), "product_id")
    named = placed.mutate(category=placed.category.fill_null(""))
    usual = named.group_by("category").aggregate(unit_price=named.net_sales.sum() / named.quantity.sum())
    priced = named.inner_join(usual, "category")
    once = priced.mutate(usual_cost=priced.quantity * priced.unit_price)
    habits = once.group_by("household_id").aggregate(
        trips=once.basket_id.nunique(), products=once.count(), paid=once.net_sales.sum(), usual_cost=once.usual_cost.sum()
    )
    enough = habits.filter((habits.trips >= trips) & (habits.usual_cost > 0))
    return enough.select(
        "household_id", trip_size=enough.products / enough.trips, price_level=enough.paid / enough.usual_cost
    ).order_by("household_id")
