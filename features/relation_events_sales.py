"""Sales by scope, as the detectors of events read them. A scope is a part of the trade: "chain", "store_cluster:<id>" or
"store:<id>".

All tables are lazy Ibis ones, the same on DuckDB and on Spark. Days are numbered from 1970-01-01. Sales after `as_of`, lines of
quantity 0, goods that are not merchandise and products without a category do not count.
"""

from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from kg.ports import CHAIN
from lake.ports import Lake

__all__ = [
    "EPOCH",
    "ScopedSales",
    "as_date",
    "day_number",
    "in_scopes",
    "known_category",
    "marked",
    "purchases",
    "scoped_sales",
    "selling_days",
    "traffic",
    "weeks_in_a_row",
]

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class ScopedSales:
    """Purchases and trips, each once for every scope: what `purchases` names and `scope`; basket_id, store_id, day, scope."""

    purchases: ir.Table
    trips: ir.Table


def day_number(day: date | ir.DateValue) -> ir.IntegerValue:
    """Return days since 1970-01-01 (int64)."""
    column = ibis.literal(day) if isinstance(day, date) else day
    return column.delta(ibis.literal(EPOCH), unit="day").cast("int64")


def as_date(day: ir.IntegerValue) -> ir.DateValue:
    """Return the date of a day number."""
    return (ibis.literal(EPOCH) + day.cast("int32").as_interval("D")).cast("date")


def marked(table: ir.Table) -> ir.BooleanValue:
    """Return whether a row comes from a simulated feed; a feed without the mark is real."""
    return table.simulated.fill_null(ibis.literal(value=False)) if "simulated" in table.columns else ibis.literal(value=False)


def known_category(lake: Lake) -> ir.Table:
    """Return the products whose category is known: product_id, category."""
    products = lake.table("products")
    return products.filter(products.category.notnull()).select("product_id", "category")


def purchases(lake: Lake, as_of: date) -> ir.Table:
    """Return what counts, one row per product and basket.

    Columns: product_id, category, basket_id, household_id, store_id, day (int64), simulated.
    """
    lines = lake.table("sales_lines")
    sold = lines.filter((lines.business_date <= as_of) & lines.merchandise & (lines.quantity > 0))
    counted = sold.mutate(simulated=marked(sold))
    once = counted.group_by("product_id", "basket_id").aggregate(
        household_id=counted.household_id.min(),
        store_id=counted.store_id.min(),
        day=day_number(counted.business_date.min()),
        simulated=counted.simulated.any(),
    )
    return once.inner_join(known_category(lake), "product_id")


def in_scopes(rows: ir.Table, clusters: pa.Table | None, *, stores: bool) -> ir.Table:
    """Return the rows (with store_id) once for every scope they belong to, with the column `scope`.

    Args:
        rows: purchases or trips.
        clusters: store_id and cluster_id; None leaves out the scopes of clusters.
        stores: whether each store is a scope.
    """
    parts = [rows.mutate(scope=ibis.literal(CHAIN))]
    if clusters is not None:
        placed = rows.inner_join(ibis.memtable(clusters.select(["store_id", "cluster_id"])), "store_id")
        parts.append(placed.mutate(scope=ibis.literal("store_cluster:") + placed.cluster_id).drop("cluster_id"))
    if stores:
        located = rows.filter(rows.store_id.notnull())
        parts.append(located.mutate(scope=ibis.literal("store:") + located.store_id))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def scoped_sales(lake: Lake, as_of: date, clusters: pa.Table | None, *, stores: bool) -> ScopedSales:
    """Return purchases and trips by scope, as known at the end of `as_of`. Raises: TableMissing."""
    bought = purchases(lake, as_of).cache()
    trips = bought.group_by("basket_id").aggregate(store_id=bought.store_id.min(), day=bought.day.min())
    placed = in_scopes(bought, clusters, stores=stores)
    return ScopedSales(placed.cache(), in_scopes(trips, clusters, stores=stores).cache())


def without_stores(sales: ScopedSales) -> ScopedSales:
    """Return the sales without the scopes of single stores."""
    purchases, trips = (rows.filter(~rows.scope.startswith("store:")) for rows in (sales.purchases, sales.trips))
    return ScopedSales(purchases, trips)


def selling_days(sales: ScopedSales) -> ir.Table:
    """Return one row per scope, product and day with a sale: scope, product_id, category, day, baskets, simulated."""
    bought = sales.purchases
    return bought.group_by("scope", "product_id", "day").aggregate(
        category=bought.category.min(), baskets=bought.count(), simulated=bought.simulated.any()
    )


def traffic(sales: ScopedSales, history_days: int) -> ir.Table:
    """Return the trips of each scope on each day with any: scope, day, trips, trips_so_far, trips_of_history.

    `trips_so_far` counts up to that day, `trips_of_history` the `history_days` that end with it, both with the day itself.
    """
    daily = sales.trips.group_by("scope", "day").aggregate(trips=sales.trips.count())
    so_far = ibis.cumulative_window(group_by=daily.scope, order_by=daily.day)
    history = ibis.range_window(preceding=history_days - 1, following=0, group_by=daily.scope, order_by=daily.day)
    return daily.mutate(trips_so_far=daily.trips.sum().over(so_far), trips_of_history=daily.trips.sum().over(history))


def weeks_in_a_row(weekly: ir.Table, keys: list[str]) -> ir.Table:
    """Add `run`: the same number for weeks (of the column `week`, the day number of its Monday) that follow one another."""
    in_order = ibis.window(group_by=[weekly[key] for key in keys], order_by=weekly.week)
    return weekly.mutate(run=weekly.week - 7 * ibis.row_number().over(in_order))
