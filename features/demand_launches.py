"""Launches: products whose first sale comes thirteen complete weeks or more after the first week known.

A launch is the week of a product's first sale, in which it sells by definition. Only which products launch in a week is told to
whoever forecasts it; what they sell is not. Everything else is read as of an origin: sales and prices of columns before it, and
promotions as far as the plan reaches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.demand_panel import MAXIMUM_HORIZON_WEEKS, PATH, WEEK, DemandPanel, chain_panel
from features.demand_promotions import promotion_matrices
from lake import Lake

__all__ = [
    "FIRST_LAUNCH_WEEK",
    "GROUPINGS",
    "LAUNCH_WEEKS",
    "LaunchPanel",
    "grouped",
    "launch_panel",
    "unsold_coverage",
]

LAUNCH_WEEKS = 4
"""Weeks of a launch that are forecast, its own being the first."""
FIRST_LAUNCH_WEEK = 13
"""A first sale in an earlier week may be that of a product that was always there."""
PARTS = ("department", "category", "product_type", "brand", "supplier_id", "size")
BETWEEN = "\x1f"
GROUPINGS: Mapping[str, tuple[str, ...]] = {
    "department": ("department",),
    "category": ("category",),
    "type": ("type",),
    "supplier": ("supplier",),
    "type_brand": ("type", "brand"),
    "type_supplier": ("type", "supplier"),
    "category_supplier": ("category", "supplier"),
    "type_size": ("type", "size"),
}
"""Siblings of a product: those with the same department, category, type, ... Categories and types are paths."""


def grouped(attributes: Mapping[str, pa.Array]) -> Mapping[str, pa.Array]:
    """Return the name of each product's group by grouping, from `department`, `category` and `type` (paths), `brand`, `supplier`
    and `size`; what is not known is a group of its own.
    """
    known = {name: pc.fill_null(values, "") for name, values in attributes.items()}
    return {
        grouping: known[parts[0]] if len(parts) == 1 else pc.binary_join_element_wise(*(known[part] for part in parts), BETWEEN)
        for grouping, parts in GROUPINGS.items()
    }


@dataclass(frozen=True, slots=True, eq=False)
class LaunchPanel:
    """Every product that ever sold. `panel` has their weeks; `first` (int64) is the column of the first sale; `codes` (int64 by
    grouping) number the groups whose names are `names`.
    """

    panel: DemandPanel
    first: np.ndarray
    codes: Mapping[str, np.ndarray]
    names: Mapping[str, tuple[str, ...]]

    def launched(self, origin: int) -> np.ndarray:
        """Return the rows (int64) of launches before the column `origin`."""
        return np.flatnonzero((self.first >= FIRST_LAUNCH_WEEK) & (self.first < origin))

    def launching(self, week: int) -> np.ndarray:
        """Return the rows (int64) that launch in the column `week`."""
        return np.flatnonzero(self.first == week)

    def before(self, origin: int) -> "LaunchPanel":
        """Return what was known when so many weeks were, with the plan of the eight weeks after them."""
        rows, panel = np.flatnonzero(self.first < origin), self.panel
        ahead = origin + MAXIMUM_HORIZON_WEEKS
        past = {name: getattr(panel, name)[rows, :origin] for name in ("units", "price", "discount")}
        plan = {name: getattr(panel, name)[rows, :ahead] for name in ("display", "mailer", "display_code", "mailer_code")}
        known = replace(
            panel,
            **past,
            **plan,
            as_of=panel.target_week(origin) - timedelta(days=1),
            weeks=panel.weeks[:origin],
            product_ids=tuple(panel.product_ids[row] for row in rows),
            category=panel.category[rows],
            product_type=panel.product_type[rows],
            parent=np.arange(len(rows)),
            planned_weeks=min(MAXIMUM_HORIZON_WEEKS, panel.week_count + panel.planned_weeks - origin),
        )
        return LaunchPanel(known, self.first[rows], {name: one[rows] for name, one in self.codes.items()}, self.names)

    def curves(self, rows: np.ndarray, origin: int) -> np.ndarray:
        """Return what rows sold in the weeks of their launch (4 x n, float64), NaN from the column `origin` on."""
        columns = self.first[rows] + np.arange(LAUNCH_WEEKS)[:, None]
        units = self.panel.units[rows, np.minimum(columns, self.panel.week_count - 1)].astype(np.float64)
        return np.where(columns < origin, units, np.nan)


def launch_panel(lake: Lake, *, as_of: date, promotion_plan: bool = True) -> LaunchPanel:
    """Return all products that had sold by the end of a day.

    Args:
        lake: `sales_lines`, `promotion_weeks` and `products` are read.
        as_of: the day.
        promotion_plan: whether promotion rows of later weeks count as a plan known on that day.
    """
    panel = chain_panel(lake, as_of=as_of, promotion_plan=promotion_plan, minimum_weeks_sold=1)
    names, codes = {}, {}
    for grouping, values in grouped(_attributes(lake, panel.product_ids)).items():
        ordered = pc.unique(values).sort()
        names[grouping] = tuple(ordered.to_pylist())
        codes[grouping] = np.asarray(pc.index_in(values, value_set=ordered).to_numpy(), dtype=np.int64)
    return LaunchPanel(panel, np.argmax(panel.units > 0, axis=1).astype(np.int64), codes, names)


def _attributes(lake: Lake, product_ids: tuple[str, ...]) -> dict[str, pa.Array]:
    # a retailer without brands or sizes delivers none
    kept = [name for name in PARTS if name in lake.table("products").columns]
    products = lake.arrow("products", ("product_id", *kept))
    at = pc.index_in(pa.array(product_ids, pa.string()), value_set=products["product_id"].combine_chunks())
    nothing = pa.nulls(len(product_ids), pa.string())
    told = {name: products[name].combine_chunks().take(at) if name in kept else nothing for name in PARTS}
    category = _path(told["department"], told["category"])
    return {
        "department": told["department"],
        "category": category,
        "type": _path(category, told["product_type"]),
        "brand": told["brand"],
        "supplier": told["supplier_id"],
        "size": told["size"],
    }


def _path(wide: pa.Array, narrow: pa.Array) -> pa.Array:
    return pc.coalesce(pc.binary_join_element_wise(wide, narrow, PATH), wide, narrow)


def unsold_coverage(
    lake: Lake, panel: DemandPanel, *, promotion_plan: bool = True
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return the products that had promotion rows and no sale by the panel's day, and their display and mailer coverage.

    Both are N x (T + 8), as a panel has them.
    """
    width = panel.week_count + MAXIMUM_HORIZON_WEEKS
    if "promotion_weeks" not in lake.names():
        return (), np.zeros((0, width), dtype=np.float32), np.zeros((0, width), dtype=np.float32)
    rows = lake.table("promotion_weeks")
    last = panel.weeks[-1] + panel.planned_weeks * WEEK
    known = rows.filter(rows.week_start.between(ibis.date(panel.weeks[0].isoformat()), ibis.date(last.isoformat())))
    named = lake.to_arrow(known.select("product_id").distinct())
    sold = pc.is_in(named["product_id"], value_set=pa.array(panel.product_ids, pa.string()))
    index = named.filter(pc.invert(sold)).sort_by("product_id")
    matrices, _ = promotion_matrices(lake, ("product_id",), index, panel.weeks, promotion_plan)
    return tuple(index["product_id"].to_pylist()), matrices["display"], matrices["mailer"]
