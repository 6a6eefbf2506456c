"""Demand where the shelf was empty: what would have been sold, from what was sold while there was stock.

A week in which a product was out of stock for a share `s` of the days tells of `1 - s` weeks. Its rate is the mean of a Gamma
posterior: units sold over the time that they were on sale, drawn by one week to what weeks promoted alike had asked for before
(`demand_alike`). What was lost is that rate times `s`. Source of the idea: Wecker, Predicting demand from sales data in the
presence of stockouts, 1978; the conjugate rate is textbook.

A stock-out counts where it is as real as the sales: simulated stock limits no real sale.
"""

from dataclasses import replace

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.demand_alike import alike_weights, drawn_mean
from features.demand_columns import floats, row_positions, scatter, week_numbers
from features.demand_panel import DemandPanel
from lake import Lake

__all__ = ["demand_of", "with_demand"]

PRIOR_WEEKS = 1.0
DAYS = 7.0
LEVELS, SALES = "stock_levels", "sales_lines"


def with_demand(lake: Lake, chain: DemandPanel, stores: DemandPanel) -> tuple[DemandPanel, DemandPanel]:
    """Return both panels with demand as their `units`; the same ones where no shelf is known to have been empty.

    Args:
        lake: `stock_levels` is read, where it is, of weeks that had ended by the panels' day.
        chain: of products: what was lost in stores is lost to it.
        stores: of products in stores.
    """
    out = _out_of_stock(lake, stores)
    if out is None:
        return chain, stores
    demand = demand_of(stores.units, out, stores.display, stores.mailer)
    lost = demand - stores.units
    over_all = np.zeros_like(chain.units)
    np.add.at(over_all, stores.parent, lost)
    return replace(chain, units=chain.units + over_all, lost=over_all), replace(stores, units=demand, lost=lost)


def demand_of(units: np.ndarray, out: np.ndarray, display: np.ndarray, mailer: np.ndarray) -> np.ndarray:
    """Return what was wanted (N x T float32), each week from itself and the weeks before it alone.

    Args:
        units: sold, N x T.
        out: share of each week without stock, N x T.
        display: coverage by displays, N x T or longer; NaN counts as none.
        mailer: likewise by mailers.
    """
    demand = units.copy()
    display, mailer = np.nan_to_num(display[:, : units.shape[1]]), np.nan_to_num(mailer[:, : units.shape[1]])
    for week in np.flatnonzero(out.any(axis=0)):
        rows = np.flatnonzero(out[:, week] > 0)
        share, sold = out[rows, week], units[rows, week]
        usual = np.zeros_like(sold)
        if week:
            past = slice(0, week)
            weight = alike_weights(display[rows, past], mailer[rows, past], display[rows, week], mailer[rows, week])
            usual = drawn_mean(demand[rows, past], weight)
        rate = (sold + PRIOR_WEEKS * usual) / (1.0 - share + PRIOR_WEEKS)
        demand[rows, week] = sold + share * rate
    return demand


def _out_of_stock(lake: Lake, stores: DemandPanel) -> np.ndarray | None:
    """Return the share of each week without stock by row of the panel; None where none is known."""
    if LEVELS not in lake.names() or stores.store_ids is None or not stores.product_ids:
        return None
    levels, lines = lake.table(LEVELS), lake.table(SALES)
    real_sales = lake.to_arrow(lines.aggregate(real=(~lines.simulated).any()))["real"][0].as_py()
    told = levels.filter(
        levels.stock_out_days > 0,
        levels.week_start.between(*(ibis.date(day.isoformat()) for day in (stores.weeks[0], stores.weeks[-1]))),
    )
    if real_sales:
        told = told.filter(~told.simulated)
    found = lake.to_arrow(told.select("product_id", "store_id", "week_start", "stock_out_days"))
    index = pa.table({"product_id": pa.array(stores.product_ids), "store_id": pa.array(stores.store_ids)})
    row = row_positions(index, found, ("product_id", "store_id"))
    kept = row >= 0
    if not kept.any():
        return None
    found = found.filter(pa.array(kept))
    share = floats(pc.divide(found["stock_out_days"].cast(pa.float64()), DAYS))
    week = week_numbers(found["week_start"], stores.weeks[0])
    out: np.ndarray = np.clip(scatter(stores.units.shape, row[kept], week, share, 0.0), 0.0, 1.0)
    return out
