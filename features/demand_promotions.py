"""Past and planned promotions of each series, from 20 million rows in a few seconds: the engine aggregates, not Python."""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.demand_columns import floats, row_positions, scatter, week_numbers
from lake import Lake

__all__ = ["MAXIMUM_HORIZON_WEEKS", "promotion_matrices"]

MAXIMUM_HORIZON_WEEKS = 8
WEEK = timedelta(days=7)


def promotion_matrices(
    lake: Lake, keys: tuple[str, ...], index: pa.Table, weeks: tuple[date, ...], plan: bool
) -> tuple[dict[str, np.ndarray], int]:
    """Return `display`, `mailer`, `display_code` and `mailer_code` as `DemandPanel` has them, and the planned weeks.

    Args:
        lake: `promotion_weeks` is read, where it is.
        keys: product, or product and store.
        index: one row per series.
        weeks: the complete weeks.
        plan: whether rows of later weeks are read as the plan.
    """
    shape = (index.num_rows, len(weeks) + MAXIMUM_HORIZON_WEEKS)
    coverage, stores = _promotion_rows(lake, keys, index, weeks, plan)
    total = np.zeros(shape[1])
    total[week_numbers(stores["week_start"], weeks[0])] = floats(stores["stores"])
    future = total[len(weeks) :] > 0
    planned = MAXIMUM_HORIZON_WEEKS if future.all() else int(np.argmin(future))
    row, column = row_positions(index, coverage, keys), week_numbers(coverage["week_start"], weeks[0])
    kept = column < len(weeks) + planned
    row, column, coverage = row[kept], column[kept], coverage.filter(pa.array(kept))
    divisor = total[column] if len(keys) == 1 else np.ones(len(column))
    matrices: dict[str, np.ndarray] = {}
    for mechanic in ("display", "mailer"):
        share = scatter(shape, row, column, floats(coverage[mechanic]) / divisor, 0.0)
        share[:, len(weeks) + planned :] = np.nan
        matrices[mechanic] = share
        matrices[f"{mechanic}_code"] = _location_codes(coverage[f"{mechanic}_location"], shape, row, column)
    return matrices, planned


def _promotion_rows(
    lake: Lake, keys: tuple[str, ...], index: pa.Table, weeks: tuple[date, ...], plan: bool
) -> tuple[pa.Table, pa.Table]:
    last = weeks[-1] + (MAXIMUM_HORIZON_WEEKS * WEEK if plan else timedelta(0))
    if "promotion_weeks" not in lake.names():
        # a retailer without a promotion feed: no plan, and no week known to be promoted
        return _no_promotions(keys), pa.table({"week_start": pa.array([], pa.date32()), "stores": pa.array([], pa.int64())})
    table = lake.table("promotion_weeks")
    read = table.filter(table.week_start.between(ibis.date(weeks[0].isoformat()), ibis.date(last.isoformat())))
    stores = lake.to_arrow(read.group_by("week_start").agg(stores=read.store_id.nunique()).order_by("week_start"))
    return lake.to_arrow(_coverage(read, keys, index)), stores


def _no_promotions(keys: tuple[str, ...]) -> pa.Table:
    texts = (*keys, "display_location", "mailer_location")
    counts = {"display": pa.array([], pa.int64()), "mailer": pa.array([], pa.int64())}
    return pa.table({**{name: pa.array([], pa.string()) for name in texts}, **counts, "week_start": pa.array([], pa.date32())})


def _coverage(read: ir.Table, keys: tuple[str, ...], index: pa.Table) -> ir.Table:
    wanted = ibis.memtable(index)
    rows = read.semi_join(wanted, list(keys))
    return rows.group_by([*keys, "week_start"]).agg(
        display=_stores(rows, keys, rows.display_location.notnull()),
        mailer=_stores(rows, keys, rows.mailer_location.notnull()),
        display_location=rows.display_location.max(),
        mailer_location=rows.mailer_location.max(),
    )


def _stores(rows: ir.Table, keys: tuple[str, ...], promoted: ir.BooleanColumn) -> ir.IntegerScalar:
    """Count stores, not rows: one store may show a product in several places."""
    if "store_id" in keys:
        # one store: whether it does is a third of the work of counting distinct ones
        return promoted.any().cast("int64")
    return rows.store_id.nunique(where=promoted)


def _location_codes(column: pa.ChunkedArray, shape: tuple[int, int], row: np.ndarray, week: np.ndarray) -> np.ndarray:
    values = column.combine_chunks()
    names = pc.unique(values.drop_null()).sort()
    codes = np.full(shape, -1, dtype=np.int16)
    codes[row, week] = pc.fill_null(pc.index_in(values, value_set=names), -1).to_numpy(zero_copy_only=False)
    return codes
