"""The tables that serving reads: 26 weeks of history per series, and feature rows of the supported ones.

`forecast_history_LEVEL`: product_id (and store_id), `units` (26 floats, the oldest first; fewer when less is known),
`same_week_last_year` (8 floats, NaN where unknown), `row` (position in the rows table, -1 without).
`forecast_rows_LEVEL`: `values` (8 x F floats, horizon by horizon), `promoted` (8 booleans).
Sorted by product, then store: a product's series are neighbours.
"""

import numpy as np
import pyarrow as pa

from decisions.forecast.backtest import recently_sold
from decisions.forecast.baseline import year_before
from features.demand import DemandTransform
from features.demand_history import PROMOTED_COVERAGE
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, DemandPanel

__all__ = ["HISTORY_WEEKS", "history_table", "history_table_name", "rows_table", "rows_table_name"]

HISTORY_WEEKS = 26


def history_table_name(level: str) -> str:
    """Return the name of a level's history table in the feature snapshot."""
    return f"forecast_history_{level}"


def rows_table_name(level: str) -> str:
    """Return the name of a level's feature rows in the feature snapshot."""
    return f"forecast_rows_{level}"


def history_table(panel: DemandPanel, supported: np.ndarray) -> pa.Table:
    """Return the history of every series with a sale in the last 26 weeks. `supported`: rows that have features."""
    shown = recently_sold(panel, panel.week_count)
    position = np.full(len(panel.product_ids), -1, dtype=np.int32)
    position[supported] = np.arange(len(supported), dtype=np.int32)
    columns = {
        "product_id": _taken(panel.product_ids, shown),
        "units": _lists(panel.units[shown, -HISTORY_WEEKS:]),
        "same_week_last_year": _lists(year_before(panel.units[shown], panel.week_count, MAXIMUM_HORIZON_WEEKS).T),
        "row": pa.array(position[shown]),
    }
    if panel.store_ids is not None:
        columns["store_id"] = _taken(panel.store_ids, shown)
    return pa.table(columns)


def rows_table(transform: DemandTransform, supported: np.ndarray) -> pa.Table:
    """Return the feature rows of the series `supported` for horizons 1 to 8 after the last known week."""
    panel = transform.panel
    horizons = range(1, MAXIMUM_HORIZON_WEEKS + 1)
    features = transform.features(panel.week_count, supported, horizons)
    flat = features.transpose(1, 0, 2).reshape(len(supported), len(horizons) * features.shape[2])
    future = slice(panel.week_count, panel.week_count + MAXIMUM_HORIZON_WEEKS)
    covered = np.fmax(panel.display[supported, future], panel.mailer[supported, future])
    promoted = np.nan_to_num(covered) >= PROMOTED_COVERAGE
    return pa.table({"values": _lists(flat), "promoted": _booleans(promoted)})


def _taken(ids: tuple[str, ...], rows: np.ndarray) -> pa.Array:
    return pa.array(ids, pa.string()).take(pa.array(rows))


def _lists(matrix: np.ndarray) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


def _booleans(matrix: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
