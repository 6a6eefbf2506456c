"""The tables that a launch forecast reads, beside the curves of known launches (`launch_curves`).

`forecast_launch_siblings`: `grouping`, `name` of the group, and its `values` (6 floats, `SIBLING_VALUES`).
`forecast_launch_promotions`: products without a forecast of their own that were or are to be promoted: `product_id`, what
promotions before tell (`past`, 5 floats), and coverage of the last known week and the 11 after it (`display`, `mailer`).
"""

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa

from decisions.forecast.serving import matrix_of
from features import FeatureSnapshot
from features.demand_launch_features import WINDOW_WEEKS, Siblings, past_block, plan_window
from features.demand_launches import GROUPINGS, LaunchPanel

__all__ = ["PROMOTIONS_TABLE", "SIBLINGS_TABLE", "PromotionsTable", "SiblingsTable", "promotions_table", "siblings_table"]

SIBLINGS_TABLE, PROMOTIONS_TABLE = "forecast_launch_siblings", "forecast_launch_promotions"
PAST_VALUES = 5
Unsold = tuple[tuple[str, ...], np.ndarray, np.ndarray]


def siblings_table(launches: LaunchPanel, siblings: Siblings) -> pa.Table:
    """Return the values of every group."""
    groupings = [grouping for grouping in GROUPINGS for _ in launches.names[grouping]]
    names = [name for grouping in GROUPINGS for name in launches.names[grouping]]
    values = np.concatenate([siblings.values[grouping] for grouping in GROUPINGS])
    return pa.table(
        {"grouping": pa.array(groupings, pa.string()), "name": pa.array(names, pa.string()), "values": _lists(values)}
    )


def promotions_table(launches: LaunchPanel, unsold: Unsold, forecast: Collection[str]) -> pa.Table:
    """Return promotions of products without a forecast.

    Args:
        launches: all products that ever sold.
        unsold: products that never did, with their display and mailer coverage.
        forecast: products that have a forecast of their own.
    """
    panel = launches.panel
    others = [row for row, product in enumerate(panel.product_ids) if product not in forecast]
    products = [panel.product_ids[row] for row in others] + list(unsold[0])
    display = np.concatenate([panel.display[others], unsold[1]])
    mailer = np.concatenate([panel.mailer[others], unsold[2]])
    told = np.flatnonzero((np.nan_to_num(display) > 0).any(axis=1) | (np.nan_to_num(mailer) > 0).any(axis=1))
    told = told[np.argsort([products[row] for row in told])]
    weeks = panel.week_count
    return pa.table(
        {
            "product_id": pa.array([products[row] for row in told], pa.string()),
            "past": _lists(past_block(display[told, :weeks], mailer[told, :weeks])),
            "display": _lists(plan_window(display[told], weeks, panel.planned_weeks)),
            "mailer": _lists(plan_window(mailer[told], weeks, panel.planned_weeks)),
        }
    )


class SiblingsTable:
    """Values of groups by name; of a group of which nothing is known, `unknown` (6)."""

    def __init__(self, snapshot: FeatureSnapshot, unknown: np.ndarray) -> None:
        table = snapshot.table(SIBLINGS_TABLE).combine_chunks()
        self._values = matrix_of(table["values"])
        named = zip(table["grouping"].to_pylist(), table["name"].to_pylist(), strict=True)
        self._rows = {name: row for row, name in enumerate(named)}
        self._unknown = unknown

    def block(self, groups: Mapping[str, str]) -> np.ndarray:
        """Return the siblings of one product (1 x 48) from the name of its group by grouping."""
        rows = [self._rows.get((grouping, groups[grouping])) for grouping in GROUPINGS]
        return np.concatenate([self._unknown if row is None else self._values[row] for row in rows])[None].astype(np.float32)


class PromotionsTable:
    """Promotions of products without a forecast."""

    def __init__(self, snapshot: FeatureSnapshot, planned_weeks: int) -> None:
        table = snapshot.table(PROMOTIONS_TABLE).combine_chunks()
        self._matrices = {name: matrix_of(table[name]) for name in ("past", "display", "mailer")}
        self._rows = {product: row for row, product in enumerate(table["product_id"].to_pylist())}
        self._planned = planned_weeks

    def of(self, product_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what promotions before tell (1 x 5), and coverage by display and mailer (1 x 12 each)."""
        row = self._rows.get(product_id)
        if row is not None:
            return self._matrices["past"][[row]], self._matrices["display"][[row]], self._matrices["mailer"][[row]]
        nothing = plan_window(np.zeros((1, WINDOW_WEEKS), dtype=np.float32), 1, self._planned)
        return np.zeros((1, PAST_VALUES), dtype=np.float32), nothing, nothing


def _lists(matrix: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), matrix.shape[1])
