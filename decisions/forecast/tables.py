"""The tables that serving reads: history and forecasts of every series, and feature rows of the supported ones.

`forecast_history_LEVEL`: what names the series (`product_id`, with `store_id` in stores; `category_id`; nothing for the total),
`units` (26 floats, the oldest first; fewer when less is known), `same_week_last_year` (8 floats, NaN where unknown), the
forecasts for horizons 1 to 8 `ahead` (coherent), `base` (before that) and `baseline` (8 floats each), `promoted` (8 booleans),
`kind` (of `segments.KINDS`), `system` and `baseline_system` (names), `row` (position in the rows table, -1 without).
`forecast_rows_LEVEL`: `values` (8 x F floats, horizon by horizon).
Sorted by what names them, products first: a product's series are neighbours.
"""

import numpy as np
import pyarrow as pa

from decisions.forecast.baseline import year_before
from decisions.forecast.levels import SYSTEMS, Base
from features.demand_panel import MAXIMUM_HORIZON_WEEKS

__all__ = ["HISTORY_WEEKS", "history_table", "history_table_name", "rows_table", "rows_table_name"]

HISTORY_WEEKS = 26


def history_table_name(level: str) -> str:
    """Return the name of a level's history table in the feature snapshot."""
    return f"forecast_history_{level}"


def rows_table_name(level: str) -> str:
    """Return the name of a level's feature rows in the feature snapshot."""
    return f"forecast_rows_{level}"


def history_table(names: dict[str, pa.Array], units: np.ndarray, base: Base, final: np.ndarray) -> pa.Table:
    """Return history and forecasts of a level's series.

    Args:
        names: the columns that name the series.
        units: series x all known weeks.
        base: base forecasts after the last known week, horizons x series.
        final: the same made coherent.
    """
    row = np.full(len(base.rows), -1, dtype=np.int32)
    row[base.supported] = np.arange(np.count_nonzero(base.supported), dtype=np.int32)
    return pa.table(
        {
            **names,
            "units": _lists(units[:, -HISTORY_WEEKS:]),
            "same_week_last_year": _lists(year_before(units, units.shape[1], MAXIMUM_HORIZON_WEEKS).T),
            "ahead": _lists(final.T, np.float64),
            "base": _lists(base.units.T, np.float64),
            "baseline": _lists(base.baseline.T, np.float64),
            "promoted": pa.FixedSizeListArray.from_arrays(pa.array(base.promoted.T.reshape(-1)), len(base.promoted)),
            "kind": pa.array(base.kind.astype(np.int8)),
            "system": _named(base.system),
            "baseline_system": _named(base.baseline_system),
            "row": pa.array(row),
        }
    )


def rows_table(base: Base, features: int) -> pa.Table:
    """Return the feature rows of the supported series for horizons 1 to 8 after the last known week."""
    found = base.features if base.features is not None else np.zeros((MAXIMUM_HORIZON_WEEKS, 0, features), dtype=np.float32)
    flat = found.transpose(1, 0, 2).reshape(found.shape[1], MAXIMUM_HORIZON_WEEKS * found.shape[2])
    return pa.table({"values": _lists(flat)})


def _named(codes: np.ndarray) -> pa.Array:
    return pa.array(SYSTEMS, pa.string()).take(pa.array(codes))


def _lists(matrix: np.ndarray, kind: type = np.float32) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(matrix, dtype=kind).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])
