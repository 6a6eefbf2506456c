"""What households buy together, as known at the end of a day.

Every function gives a lazy Ibis table, so that the same definition runs on DuckDB and on Spark. Facts after `as_of` are
left out before anything is counted. A trip is one basket; lines of quantity 0 and goods that are not merchandise do not
count. Products are named by `position`: their place among the supported products in ascending order of id.
"""

from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from lake.ports import Lake

__all__ = [
    "LARGEST_TRIP_STRATUM",
    "Support",
    "merchandise_lines",
    "product_support",
    "supported_lines",
    "trips",
]

LARGEST_TRIP_STRATUM = 6
"""Trips of 64 products and more are of like size."""


@dataclass(frozen=True, slots=True)
class Support:
    """What a product needs to be looked at: baskets and households so far, and its category (None: any or none)."""

    baskets: int
    households: int
    categories: tuple[str, ...] | None = None


def merchandise_lines(lake: Lake, as_of: date) -> ir.Table:
    """Return the lines that count: basket_id, product_id, household_id, sold_at, business_date, quantity, net_sales."""
    lines = lake.table("sales_lines")
    known = lines.filter((lines.business_date <= as_of) & lines.merchandise & (lines.quantity > 0))
    return known.select("basket_id", "product_id", "household_id", "sold_at", "business_date", "quantity", "net_sales")


def trips(lake: Lake, as_of: date) -> ir.Table:
    """Return the baskets with merchandise, numbered by day and then by id.

    Columns: basket (int64, from 0), basket_id, household_id, day (date), trip_stratum: the whole part of log2 of the number
    of merchandise products in the basket, 6 at most; 0 is a trip for one product.
    """
    lines = merchandise_lines(lake, as_of)
    sizes = lines.group_by("basket_id").aggregate(
        products=lines.product_id.nunique(), household_id=lines.household_id.min(), day=lines.business_date.min()
    )
    numbered = sizes.mutate(
        basket=ibis.row_number().over(order_by=[sizes.day, sizes.basket_id]),
        trip_stratum=ibis.least(sizes.products.log2().floor().cast("int64"), LARGEST_TRIP_STRATUM),
    )
    return numbered.select("basket", "basket_id", "household_id", "day", "trip_stratum").order_by("basket")


def product_support(lake: Lake, as_of: date, need: Support) -> ir.Table:
    """Return the products with enough support, one row each, sorted by product_id.

    Columns: position (int64, from 0), product_id, baskets, households (counts), units, net_sales (sums), first_sold,
    last_sold (dates), and from the product's record: name, category, product_type, brand, size (null where unknown).
    """
    products = _described_products(lake)
    lines = merchandise_lines(lake, as_of)
    if need.categories is not None:
        products = products.filter(products.category.isin(need.categories))
        lines = lines.semi_join(products, "product_id")
    counted = _support_counts(lines)
    enough = counted.filter((counted.baskets >= need.baskets) & (counted.households >= need.households))
    described = enough.left_join(products, "product_id").drop("product_id_right")
    return described.mutate(position=ibis.row_number().over(order_by=described.product_id)).order_by("position")


def _described_products(lake: Lake) -> ir.Table:
    products = lake.table("products")
    name = products.name if "name" in products.columns else ibis.null("string")
    return products.select("product_id", "category", "product_type", "brand", "size", name=name)


def supported_lines(lake: Lake, as_of: date, need: Support) -> ir.Table:
    """Return which supported product (position) is in which basket (basket_id), each pair once."""
    positions = product_support(lake, as_of, need).select("product_id", "position")
    return merchandise_lines(lake, as_of).inner_join(positions, "product_id").select("basket_id", "position").distinct()


def _support_counts(lines: ir.Table) -> ir.Table:
    return lines.group_by("product_id").aggregate(
        baskets=lines.basket_id.nunique(),
        households=lines.household_id.nunique(),
        units=lines.quantity.sum(),
        net_sales=lines.net_sales.sum(),
        first_sold=lines.business_date.min(),
        last_sold=lines.business_date.max(),
    )
