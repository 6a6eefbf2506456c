"""Purchase costs: what shoppers paid before discounts, less a margin that depends on the department."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.simulate.assumptions import Assumptions
from ingest.simulate.draws import Draws, Floats, keys_of
from lake.ports import Lake

__all__ = ["simulate_purchase_costs"]

_PRICES = """
    WITH days AS (
        SELECT product_id, business_date, (date_trunc('quarter', business_date) + INTERVAL 3 MONTH)::DATE AS next_quarter,
               sum(round(10000 * (net_sales + retail_discount + coupon_match_discount))::BIGINT) AS paid,
               sum(round(1000 * quantity)::BIGINT) AS units
        FROM sales_lines WHERE merchandise AND quantity >= 0.001 AND net_sales > 0 GROUP BY ALL
    ), first_days AS (
        SELECT product_id, business_date AS valid_from, paid / units / 10.0 AS price
        FROM days QUALIFY row_number() OVER (PARTITION BY product_id ORDER BY business_date) = 1
    ), quarters AS (
        SELECT product_id, next_quarter AS valid_from, sum(paid) / sum(units) / 10.0 AS price
        FROM days WHERE next_quarter <= (SELECT max(business_date) FROM days) GROUP BY ALL
    ), prices AS (
        SELECT * FROM first_days UNION ALL SELECT * FROM quarters
    )
    SELECT product_id, valid_from, price, department,
           lag(price) OVER (PARTITION BY product_id ORDER BY valid_from) AS price_before
    FROM prices JOIN products USING (product_id) ORDER BY product_id, valid_from
"""
"""The price of a product's first day holds from then; the mean price of a quarter holds from the next quarter's first day.

Sums are of whole ten-thousandths of the currency and whole thousandths of units, so that they do not depend on the order of rows.
"""

_NOTABLE_CHANGE = 0.02
"""A quarter whose price moved less than this keeps the cost it had."""


def simulate_purchase_costs(lake: Lake, draws: Draws, assumptions: Assumptions) -> pa.Table:
    """Return the unit cost of every sold product from its first day on, and again from each quarter that changed it."""
    prices = lake.sql(_PRICES)
    moved = 0.1 * (draws.uniform("margin", keys_of(prices.column("product_id"))) - 0.5)
    margin = _margins(prices.column("department"), assumptions) + moved
    cost = np.round(np.asarray(prices.column("price"), dtype=np.float64) * (1 - margin), 4)
    before = np.asarray(prices.column("price_before").to_numpy(), dtype=np.float64)
    change = np.abs(np.asarray(prices.column("price"), dtype=np.float64) / before - 1)
    rows = pa.table({"product_id": prices.column("product_id"), "valid_from": prices.column("valid_from"), "unit_cost": cost})
    return rows.filter(pa.array(np.isnan(before) | (change > _NOTABLE_CHANGE)))


def _margins(departments: pa.ChunkedArray, assumptions: Assumptions) -> Floats:
    places = pc.index_in(departments, value_set=pa.array(list(assumptions.margins), pa.string()))
    known = np.array([*assumptions.margins.values(), assumptions.default_margin])
    return np.asarray(known[np.asarray(pc.fill_null(places, len(assumptions.margins)))])
