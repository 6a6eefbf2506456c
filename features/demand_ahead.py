"""What is known ahead of a week beside its promotions: planned prices, public holidays and announced events.

A plan counts from the day of its announcement: every matrix is held once for each number of weeks ahead, so that a forecast of a
past origin sees what that origin could know, and training is told no more than serving will be.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from features.demand_history import last_price, usual_price
from features.demand_neighbours import NEIGHBOUR_RELATIONS, Neighbours
from features.demand_panel import DemandPanel
from features.demand_promotions import MAXIMUM_HORIZON_WEEKS
from features.holiday_calendar import calendar_columns
from features.known_ahead import CALENDAR_AHEAD, EVENTS_AHEAD, PRICES_AHEAD, KnownAhead
from features.known_future import event_columns, planned_price_matrix, store_event_columns
from lake import Lake

__all__ = ["AHEAD_FEATURES", "NEIGHBOUR_PRICES", "ahead_block", "neighbour_price_block", "with_known_ahead"]

NEIGHBOUR_PRICES = (*(f"{relation}_price" for relation in NEIGHBOUR_RELATIONS), "category_price", "type_price")
AHEAD_FEATURES: dict[str, str] = {
    **dict.fromkeys(PRICES_AHEAD, "price"),
    **dict.fromkeys((*CALENDAR_AHEAD, *EVENTS_AHEAD), "calendar"),
    **dict.fromkeys(NEIGHBOUR_PRICES, "neighbours"),
}
HORIZONS = range(1, MAXIMUM_HORIZON_WEEKS + 1)
SMALL_UNITS = 1e-6


def with_known_ahead(lake: Lake, panel: DemandPanel, country: str | None) -> DemandPanel:
    """Return the panel with what is known ahead of its weeks.

    Args:
        lake: `planned_prices` and `calendar_events` are read, where they are. A table without rows is a feed that never came: no
            model can learn from it.
        panel: of products, or of products in stores.
        country: whose public holidays count (ISO 3166, or a part of a country); None: none are known.

    Raises:
        CountryUnknown: no public holidays are known of the country.
    """
    known = {name for name in {"planned_prices", "calendar_events"} & set(lake.names()) if lake.version(name).rows}
    prices = _prices(lake, panel) if "planned_prices" in known else None
    stores = None if panel.store_ids is None else sorted(set(panel.store_ids))
    places = 1 if stores is None else len(stores)
    columns: dict[str, np.ndarray] = {}
    if country is not None:
        found = calendar_columns(panel.weeks, country)
        columns = {name: np.broadcast_to(found[name], (len(HORIZONS), places, len(found[name]))) for name in CALENDAR_AHEAD}
    if "calendar_events" in known:
        columns |= _events(lake, panel, stores)
    if prices is None and not columns:
        return panel
    shape = (len(HORIZONS), 0, places, panel.week_count + len(HORIZONS))
    calendar = np.stack(list(columns.values()), axis=1) if columns else np.zeros(shape, dtype=np.float32)
    place = np.zeros(len(panel.product_ids), dtype=np.int64) if stores is None else np.searchsorted(stores, panel.store_ids or ())
    return replace(panel, ahead=KnownAhead(tuple(columns), calendar.astype(np.float32), place, prices))


def ahead_block(panel: DemandPanel, origin: int, horizon: int, rows: np.ndarray) -> np.ndarray:
    """Return len(rows) x len(`KnownAhead.features`) as float32; no column where nothing is known ahead of any week."""
    ahead = panel.ahead
    if ahead is None:
        return np.zeros((len(rows), 0), dtype=np.float32)
    target = origin + horizon - 1
    parts = [ahead.calendar[horizon - 1, :, ahead.place[rows], target]]
    if ahead.prices is not None:
        planned = ahead.prices[horizon - 1, rows, target]
        parts.insert(0, np.stack([_ratio(planned, known(panel, origin, rows)) for known in (usual_price, last_price)], axis=1))
    return np.concatenate(parts, axis=1).astype(np.float32)


def neighbour_price_block(panel: DemandPanel, neighbours: Neighbours, origin: int, horizon: int, rows: np.ndarray) -> np.ndarray:
    """Return len(rows) x len(NEIGHBOUR_PRICES) as float32: logarithms of planned over usual prices, by strength of the edge, or
    by what siblings sell. A neighbour without a planned price is at its usual one. NaN without neighbours.

    Args:
        panel: the chain's, with planned prices.
        neighbours: over its products.
        origin: known weeks.
        horizon: 1 is the first week after them.
        rows: products.
    """
    if panel.ahead is None or panel.ahead.prices is None:
        raise ValueError("this panel has no planned prices")
    everyone = np.arange(len(panel.product_ids))
    ratio = _ratio(panel.ahead.prices[horizon - 1, :, origin + horizon - 1], usual_price(panel, origin, everyone))
    moved = np.nan_to_num(np.log(ratio)).astype(np.float64)[:, None]
    usual = panel.units[:, max(0, origin - 13) : origin].mean(axis=1, dtype=np.float64)[:, None]
    columns = [neighbours.mean(relation, moved.astype(np.float32))[:, 0] for relation in NEIGHBOUR_RELATIONS]
    for grouping in neighbours.siblings:
        whole = neighbours.sibling_sum(grouping, usual)[:, 0]
        summed = neighbours.sibling_sum(grouping, usual * moved)[:, 0]
        columns.append(np.where(whole > SMALL_UNITS, summed / np.maximum(whole, SMALL_UNITS), np.nan))
    return np.asarray(np.stack(columns, axis=1)[rows], dtype=np.float32)


def _ratio(planned: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.where(known > 0, planned / np.where(known > 0, known, 1.0), np.nan)


def _prices(lake: Lake, panel: DemandPanel) -> np.ndarray:
    names = {"product_id": pa.array(panel.product_ids, pa.string())}
    if panel.store_ids is not None:
        names["store_id"] = pa.array(panel.store_ids, pa.string())
    index = pa.table(names)
    return np.stack([planned_price_matrix(lake, index, panel.weeks, panel.as_of, lead_weeks=lead) for lead in HORIZONS])


def _events(lake: Lake, panel: DemandPanel, stores: list[str] | None) -> dict[str, np.ndarray]:
    """Return 8 x R x (T + 8) by name."""
    if stores is None:
        found = [event_columns(lake, panel.weeks, panel.as_of, lead_weeks=lead) for lead in HORIZONS]
        return {name: np.stack([one[name] for one in found])[:, None] for name in EVENTS_AHEAD}
    found = [store_event_columns(lake, stores, panel.weeks, panel.as_of, lead_weeks=lead) for lead in HORIZONS]
    return {name: np.stack([one[name] for one in found]) for name in EVENTS_AHEAD}
