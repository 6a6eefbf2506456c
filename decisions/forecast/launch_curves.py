"""Launches that are known whole: what each sold in its first four weeks, and what that says of another one.

The table `forecast_launch_curves` of the feature snapshot: `product_id`, `week_start` (of the launch), `kind` (was it promoted),
`category` and `type_brand` (names of its groups) and `units` (4 floats).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.forecast.serving import matrix_of
from features.demand_launch_features import DONOR_GROUPING, known_launches
from features.demand_launches import LAUNCH_WEEKS, LaunchPanel

__all__ = [
    "CURVES_TABLE",
    "DONORS_SYSTEM",
    "KINDS",
    "SIMPLE_LAUNCH_SYSTEMS",
    "UNPLANNED",
    "LaunchCurves",
    "curves_table",
    "kind_codes",
]

CURVES_TABLE = "forecast_launch_curves"
KINDS = ("not promoted", "promoted", "plan not known")
UNPLANNED = 2
WIDE_COVERAGE = 0.3
"""A launch is promoted when in one of its weeks at least this share of the stores has a mailer or a display."""
MEAN, CATEGORY_MEAN, DONORS_SYSTEM = "launch_mean", "launch_mean_of_category", "launch_donors"
SIMPLE_LAUNCH_SYSTEMS = (MEAN, CATEGORY_MEAN)


def kind_codes(covered: np.ndarray) -> np.ndarray:
    """Return the position in `KINDS` of launches, from the highest coverage of each (n; NaN: no plan is known)."""
    known = np.where(np.nan_to_num(covered) >= WIDE_COVERAGE, 1, 0)
    return np.asarray(np.where(np.isnan(covered), UNPLANNED, known), dtype=np.int64)


def curves_table(launches: LaunchPanel, origin: int) -> pa.Table:
    """Return the launches of which all weeks are known at an origin, in the order of their products."""
    known = known_launches(launches, origin).whole()
    panel, rows = launches.panel, known.rows
    columns = launches.first[rows] + np.arange(LAUNCH_WEEKS)[:, None]
    covered = np.fmax(*(np.nan_to_num(part[rows, columns]) for part in (panel.display, panel.mailer)))
    groups = {
        grouping: pa.array(launches.names[grouping], pa.string()).take(pa.array(launches.codes[grouping][rows]))
        for grouping in ("category", DONOR_GROUPING)
    }
    return pa.table(
        {
            "product_id": pa.array(panel.product_ids, pa.string()).take(pa.array(rows)),
            "week_start": pa.array([panel.target_week(int(week)) for week in launches.first[rows]], pa.date32()),
            "kind": pa.array(kind_codes(covered.max(axis=0, initial=0.0)).astype(np.int8)),
            **groups,
            "units": pa.FixedSizeListArray.from_arrays(pa.array(known.curves.T.reshape(-1)), LAUNCH_WEEKS),
        }
    )


@dataclass(frozen=True, slots=True, eq=False)
class LaunchCurves:
    """The table as it is looked into. `units` is launches x 4."""

    product_ids: Sequence[str]
    weeks: Sequence[date]
    kind: np.ndarray
    category: pa.Array
    donor_group: pa.Array
    units: np.ndarray
    positions: Mapping[str, int]

    @staticmethod
    def of(table: pa.Table) -> "LaunchCurves":
        """Return the curves of a table."""
        table = table.combine_chunks()
        products = table["product_id"].to_pylist()
        return LaunchCurves(
            product_ids=products,
            weeks=table["week_start"].to_pylist(),
            kind=table["kind"].to_numpy().astype(np.int64),
            category=_whole(table["category"]),
            donor_group=_whole(table[DONOR_GROUPING]),
            units=matrix_of(table["units"]),
            positions={product: row for row, product in enumerate(products)},
        )

    def donors_of(self, group: str) -> np.ndarray:
        """Return the launches (positions) of a type and brand, the latest first."""
        found = np.flatnonzero(pc.equal(self.donor_group, group).to_numpy(zero_copy_only=False))
        latest = sorted(found.tolist(), key=lambda one: (self.weeks[one], self.product_ids[one]), reverse=True)
        return np.asarray(latest, dtype=np.int64)

    def simple(self, kind: np.ndarray, category: pa.Array, donor_group: pa.Array) -> dict[str, np.ndarray]:
        """Return what the simple systems and the donors say of launches that are asked about (4 x n each).

        `launch_mean` is that of launches of the same kind, of all where the plan is not known; `launch_mean_of_category` that of
        its category's among them; `launch_donors` that of earlier launches of the same type and brand. Where there are none, the
        one before says.
        """
        alike = [self.kind == one for one in range(UNPLANNED)] + [np.ones(len(self.kind), dtype=bool)]
        mean = np.stack([self.mean(members) for members in alike])[kind].T
        within = np.full(mean.shape, np.nan)
        for one, members in enumerate(alike):
            asked = kind == one
            within[:, asked] = self._of_groups(self.category, category, members)[:, asked]
        within = np.where(np.isnan(within), mean, within)
        donors = self._of_groups(self.donor_group, donor_group, alike[UNPLANNED])
        return {MEAN: mean, CATEGORY_MEAN: within, DONORS_SYSTEM: np.where(np.isnan(donors), within, donors)}

    def mean(self, members: np.ndarray) -> np.ndarray:
        """Return the mean curve (4) of launches (a mask), of all where there are none."""
        return np.asarray((self.units[members] if members.any() else self.units).mean(axis=0), dtype=np.float64)

    def _of_groups(self, groups: pa.Array, asked: pa.Array, members: np.ndarray) -> np.ndarray:
        """Return the mean curve of each asked group (4 x n) among some launches; NaN without any."""
        names = pc.unique(asked)
        code = pc.fill_null(pc.index_in(groups, value_set=names), -1).to_numpy(zero_copy_only=False)
        chosen = members & (code >= 0)
        count = np.bincount(code[chosen], minlength=len(names))
        total = [np.bincount(code[chosen], weights=week, minlength=len(names)) for week in self.units[chosen].T]
        means = np.where(count > 0, np.stack(total) / np.maximum(count, 1), np.nan)
        return means[:, pc.index_in(asked, value_set=names).to_numpy(zero_copy_only=False)]


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
