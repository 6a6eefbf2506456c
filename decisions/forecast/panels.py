"""The panels of a release, kept in its features: what a forecast under suppositions computes its features from.

`forecast_panel_LEVEL`: what names a series, its `category`, `product_type` and `parent`, and its weeks as lists:
`units`, `price`, `discount` and `expected` (T floats), `display` and `mailer` (T + 8 floats, NaN where no plan is known),
`display_code` and `mailer_code` (T + 8 int16); where it is known, `lost` (T floats), and `planned_price` of the weeks ahead
(8 floats). `forecast_calendar_LEVEL`: `place` (a store's id; empty for the chain) and `values`, week by week ahead the columns of
the calendar and of events among the level's features.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from decisions.forecast.artefact import CHAIN, ForecastMetadata
from decisions.forecast.serving import matrix_of
from features import FeatureSnapshot
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, WEEK, DemandPanel
from features.known_ahead import CALENDAR_AHEAD, EVENTS_AHEAD, KnownAhead

__all__ = ["panel_table_name", "panel_tables", "read_panel"]

WEEKLY = ("units", "price", "discount", "display", "mailer", "display_code", "mailer_code", "expected")
NUMBERS = ("category", "product_type", "parent")


def panel_table_name(level: str) -> str:
    """Return the name of a level's panel in the feature snapshot."""
    return f"forecast_panel_{level}"


def panel_tables(level: str, panel: DemandPanel) -> dict[str, pa.Table]:
    """Return a level's panel as tables by their names in the feature snapshot."""
    columns: dict[str, pa.Array] = {"product_id": pa.array(panel.product_ids, pa.string())}
    if panel.store_ids is not None:
        columns["store_id"] = pa.array(panel.store_ids, pa.string())
    columns |= {name: pa.array(getattr(panel, name)) for name in NUMBERS}
    columns |= {name: _lists(getattr(panel, name)) for name in WEEKLY}
    if panel.lost is not None:
        columns["lost"] = _lists(panel.lost)
    if panel.ahead is not None and panel.ahead.prices is not None:
        columns["planned_price"] = _lists(np.stack([panel.ahead.prices[cell][:, week] for cell, week in _cells(panel)], axis=1))
    return {panel_table_name(level): pa.table(columns), **_calendar_table(level, panel)}


def _calendar_table(level: str, panel: DemandPanel) -> dict[str, pa.Table]:
    if panel.ahead is None or not panel.ahead.names:
        return {}
    ahead = panel.ahead
    values = np.concatenate([ahead.calendar[cell, :, :, week] for cell, week in _cells(panel)]).T
    places = [""] if panel.store_ids is None else sorted(set(panel.store_ids))
    return {_calendar_name(level): pa.table({"place": pa.array(places, pa.string()), "values": _lists(values)})}


def _calendar_name(level: str) -> str:
    return f"forecast_calendar_{level}"


def _cells(panel: DemandPanel) -> Iterator[tuple[int, int]]:
    """Yield each week ahead: its place among the weeks ahead, and its column."""
    return ((step, panel.week_count + step) for step in range(MAXIMUM_HORIZON_WEEKS))


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
    panel = DemandPanel(
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
        lost=matrix_of(table["lost"]) if "lost" in table.column_names else None,
    )
    return replace(panel, ahead=_ahead(snapshot, level, metadata, panel, table))


def _ahead(
    snapshot: FeatureSnapshot, level: str, metadata: ForecastMetadata, panel: DemandPanel, table: pa.Table
) -> KnownAhead | None:
    """Return what is known ahead, of the weeks to come alone: forecasts of the past are not asked of a release."""
    names = tuple(name for name in metadata.levels[level].feature_names if name in (*CALENDAR_AHEAD, *EVENTS_AHEAD))
    if not names and "planned_price" not in table.column_names:
        return None
    weeks, places = panel.week_count + MAXIMUM_HORIZON_WEEKS, 1
    place = np.zeros(len(panel.product_ids), dtype=np.int64)
    calendar = np.zeros((MAXIMUM_HORIZON_WEEKS, 0, places, weeks), dtype=np.float32)
    if names:
        kept = snapshot.table(_calendar_name(level)).combine_chunks()
        places = kept.num_rows
        values = matrix_of(kept["values"]).T.reshape(MAXIMUM_HORIZON_WEEKS, len(names), places)
        calendar = np.zeros((MAXIMUM_HORIZON_WEEKS, len(names), places, weeks), dtype=np.float32)
        for step, week in _cells(panel):
            calendar[step, :, :, week] = values[step]
        if level != CHAIN:
            place = np.searchsorted(kept["place"].to_pylist(), panel.store_ids or ())
    prices = None
    if "planned_price" in table.column_names:
        planned = matrix_of(table["planned_price"])
        prices = np.full((MAXIMUM_HORIZON_WEEKS, len(planned), weeks), np.nan, dtype=np.float32)
        for step, week in _cells(panel):
            prices[step, :, week] = planned[:, step]
    return KnownAhead(names, calendar, place, prices)


def _lists(matrix: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), matrix.shape[1])
