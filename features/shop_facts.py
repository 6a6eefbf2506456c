"""What sold where in the latest 13 weeks, at what price and cost, and which cluster each store belongs to: facts of one day.

A what-if shares out a chain's forecast among stores by it, and weighs products that no relation names.
"""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.store_clusters import store_clusters
from lake.ports import Lake

__all__ = ["PRODUCTS", "SOLD_DAYS", "STORES", "STORE_UNITS", "shop_facts"]

PRODUCTS, STORE_UNITS, STORES = "shop_products", "shop_store_units", "shop_stores"
SOLD_DAYS = 91
THOUSANDTHS = 1000
"""Sums are of whole thousandths, so that they do not depend on the order of rows."""
PRODUCTS_SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("units", pa.float64()),
        ("net_sales", pa.float64()),
        ("unit_cost", pa.float64()),
        ("cost_simulated", pa.bool_()),
    ]
)
STORE_UNITS_SCHEMA = pa.schema([("product_id", pa.string()), ("store_id", pa.string()), ("units", pa.float64())])


def shop_facts(lake: Lake, as_of: date) -> dict[str, pa.Table]:
    """Return three tables as known on a day, each sorted by its ids.

    `shop_products`: units and net sales of merchandise sold in the 13 weeks up to the day, with the unit cost that holds on it
    (null: none is known; `cost_simulated` then false). `shop_store_units`: the same units by store. `shop_stores`: store and
    cluster, of all stores with sales.

    Raises:
        TableMissing: the lake has no sales_lines.
    """
    sold = _sold(lake, as_of)
    by_store = sold.group_by("product_id", "store_id").aggregate(thousandths=_thousandths(sold.quantity))
    by_product = sold.group_by("product_id").aggregate(
        thousandths=_thousandths(sold.quantity), money=_thousandths(sold.net_sales)
    )
    costs = _costs(lake, as_of)
    if costs is None:
        priced = by_product.mutate(unit_cost=ibis.null("float64"), cost_simulated=ibis.literal(value=False))
    else:
        joined = by_product.left_join(costs, "product_id").drop("product_id_right")
        priced = joined.mutate(cost_simulated=joined.cost_simulated.fill_null(ibis.literal(value=False)))
    return {
        PRODUCTS: lake.to_arrow(
            priced.select(
                "product_id",
                units=_whole(priced.thousandths),
                net_sales=_whole(priced.money),
                unit_cost=priced.unit_cost,
                cost_simulated=priced.cost_simulated,
            ).order_by("product_id")
        ).cast(PRODUCTS_SCHEMA),
        STORE_UNITS: lake.to_arrow(
            by_store.select("product_id", "store_id", units=_whole(by_store.thousandths)).order_by("product_id", "store_id")
        ).cast(STORE_UNITS_SCHEMA),
        STORES: store_clusters(lake, as_of),
    }


def _sold(lake: Lake, as_of: date) -> ir.Table:
    lines = lake.table("sales_lines")
    since = as_of - timedelta(days=SOLD_DAYS)
    return lines.filter(
        lines.business_date > ibis.literal(since),
        lines.business_date <= ibis.literal(as_of),
        lines.merchandise,
        lines.quantity > 0,
    )


def _costs(lake: Lake, as_of: date) -> ir.Table | None:
    """Return the cost of each product that holds on a day: the latest that began; None where the lake has no costs."""
    if "purchase_costs" not in lake.names():
        return None
    costs = lake.table("purchase_costs")
    known = costs.filter(costs.valid_from <= ibis.literal(as_of))
    return known.group_by("product_id").aggregate(
        unit_cost=known.unit_cost.argmax(known.valid_from), cost_simulated=known.simulated.argmax(known.valid_from)
    )


def _thousandths(column: ir.Column) -> ir.Column:
    return (column.cast("float64") * THOUSANDTHS).round().cast("int64").sum()


def _whole(column: ir.Column) -> ir.Column:
    return column.cast("float64") / THOUSANDTHS
