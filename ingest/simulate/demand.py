"""Weekly demand of products in stores, as arrays, and which of them are followed in which week."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.simulate.draws import Codes, Flags, Floats
from lake.ports import Lake

__all__ = ["Demand", "weekly_demand"]

PRODUCTS = 1500
STORES = 40
_WEEKLY = """
    SELECT product_id, store_id, (week_start - DATE '1970-01-05') // 7 AS week,
           sum(round(1000 * quantity)::BIGINT) / 1000.0 AS units,
           count(*) AS lines
    FROM sales_lines WHERE merchandise AND quantity > 0 AND product_id IN (SELECT product_id FROM products)
    GROUP BY ALL ORDER BY product_id, store_id, week
"""
_FIRST_MONDAY = date(1970, 1, 5)


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Units of P pairs of product and store in W consecutive weeks.

    `units` and `followed` have shape (P, W). A pair is followed in a week when its product is among the best-selling products and
    its store among the busiest stores of all sales up to that week: what sells later has no say in it.
    """

    products: pa.Array
    stores: pa.Array
    weeks: tuple[date, ...]
    units: Floats
    followed: Flags


def weekly_demand(lake: Lake, products: int = PRODUCTS, stores: int = STORES) -> Demand:
    """Return the demand of every pair that is followed in any week, sorted by product, then store."""
    rows = lake.sql(_WEEKLY)
    if not rows.num_rows:
        empty = pa.array([], pa.string())
        return Demand(empty, empty, (), np.zeros((0, 0)), np.zeros((0, 0), dtype=bool))
    week: Codes = np.asarray(rows.column("week")).astype(np.int64)
    start, count = int(week.min()), int(week.max() - week.min()) + 1
    week -= start
    lines = np.asarray(rows.column("lines"), dtype=np.float64)
    product_names, product = _coded(rows.column("product_id"))
    store_names, store = _coded(rows.column("store_id"))
    best = _leading(product, week, lines, (len(product_names), count), products)
    busy = _leading(store, week, lines, (len(store_names), count), stores)
    kept = np.asarray(best.any(axis=1))[product] & np.asarray(busy.any(axis=1))[store]
    pairs, place = np.unique(product[kept] * len(store_names) + store[kept], return_inverse=True)
    units = np.zeros((len(pairs), count))
    np.add.at(units, (place, week[kept]), np.asarray(rows.column("units"), dtype=np.float64)[kept])
    pair_product, pair_store = np.divmod(pairs, len(store_names))
    return Demand(
        product_names.take(pa.array(pair_product)),
        store_names.take(pa.array(pair_store)),
        tuple(_FIRST_MONDAY + timedelta(weeks=start + index) for index in range(count)),
        units,
        best[pair_product] & busy[pair_store],
    )


def _coded(values: pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    names = pc.unique(values).sort()
    return names, np.asarray(pc.index_in(values, value_set=names)).astype(np.int64)


def _leading(
    code: Codes,
    week: Codes,
    lines: Floats,
    shape: tuple[int, int],
    size: int,
) -> Flags:
    """Return who is among the `size` with the most lines up to and in each week; ties go to the lower id."""
    weekly = np.bincount(code * shape[1] + week, weights=lines, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.cumsum(weekly, axis=1)
    order = np.argsort(-total, axis=0, kind="stable")[:size]
    leading = np.zeros(shape, dtype=bool)
    np.put_along_axis(leading, order, values=True, axis=0)
    return leading & (total > 0)
