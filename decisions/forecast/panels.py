"""The panels of a release, kept in its features: what a forecast under suppositions computes its features from.

`forecast_panel_LEVEL`: what names a series, its `category`, `product_type` and `parent`, and its weeks as lists:
`units`, `price`, `discount` and `expected` (T floats), `display` and `mailer` (T + 8 floats, NaN where no plan is known),
`display_code` and `mailer_code` (T + 8 int16), and `planned_price` (T + 8 floats) where prices are planned.
"""

import numpy as np
import pyarrow as pa

from decisions.forecast.artefact import ForecastMetadata
from decisions.forecast.serving import matrix_of
from features import FeatureSnapshot
from features.demand_panel import WEEK, DemandPanel

__all__ = ["panel_table", "panel_table_name", "read_panel"]

WEEKLY = ("units", "price", "discount", "display", "mailer", "display_code", "mailer_code", "expected")
NUMBERS = ("category", "product_type", "parent")


def panel_table_name(level: str) -> str:
    """Return the name of a level's panel in the feature snapshot."""
    return f"forecast_panel_{level}"


def panel_table(panel: DemandPanel) -> pa.Table:
    """Return a panel as a table."""
    columns: dict[str, pa.Array] = {"product_id": pa.array(panel.product_ids, pa.string())}
    if panel.store_ids is not None:
        columns["store_id"] = pa.array(panel.store_ids, pa.string())
    columns |= {name: pa.array(getattr(panel, name)) for name in NUMBERS}
    if panel.planned_price is not None:
        columns["planned_price"] = _lists(panel.planned_price)
    return pa.table(columns | {name: _lists(getattr(panel, name)) for name in WEEKLY})


def read_panel(snapshot: FeatureSnapshot, level: str, metadata: ForecastMetadata, categories: tuple[str, ...]) -> DemandPanel:
    """Return the panel of a level; its matrices are views of the snapshot's files.

    Args:
        snapshot: the release's features.
        level: chain or store.
        metadata: says which week was the last known one, and how many are planned.
        categories: ids of the categories in the order of their numbers.
    """
    table = snapshot.table(panel_table_name(level)).combine_chunks()
    weekly = {name: matrix_of(table[name]) for name in WEEKLY}
    weeks = weekly["units"].shape[1]
    return DemandPanel(
        as_of=metadata.as_of,
        weeks=tuple(metadata.history_end - (weeks - 1 - step) * WEEK for step in range(weeks)),
        product_ids=tuple(table["product_id"].to_pylist()),
        store_ids=tuple(table["store_id"].to_pylist()) if "store_id" in table.column_names else None,
        planned_weeks=metadata.planned_weeks,
        category_ids=categories,
        units=weekly["units"],
        price=weekly["price"],
        discount=weekly["discount"],
        display=weekly["display"],
        mailer=weekly["mailer"],
        display_code=weekly["display_code"],
        mailer_code=weekly["mailer_code"],
        category=table["category"].to_numpy(),
        product_type=table["product_type"].to_numpy(),
        parent=table["parent"].to_numpy(),
        kept_expected=weekly["expected"],
        planned_price=matrix_of(table["planned_price"]) if "planned_price" in table.column_names else None,
    )


def _lists(matrix: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), matrix.shape[1])
