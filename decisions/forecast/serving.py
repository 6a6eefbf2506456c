"""The feature tables as serving looks into them: by product, then by store; by category; or the one series of everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from decisions.forecast.tables import history_table_name, rows_table_name
from features import FeatureSnapshot
from features.demand_panel import MAXIMUM_HORIZON_WEEKS

__all__ = ["Series", "ServingTables", "matrix_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One series as known: `units` (up to 26), and for 8 horizons `same_week_last_year` (NaN unknown), the coherent forecast
    `ahead`, the `base` before that, the `baseline` and whether the week is `promoted`; its `kind` (of `segments.KINDS`); who
    gave them; `features` (8 x F) where the series is supported, None otherwise.
    """

    units: np.ndarray
    same_week_last_year: np.ndarray
    ahead: np.ndarray
    base: np.ndarray
    baseline: np.ndarray
    promoted: np.ndarray
    kind: int
    system: str
    baseline_system: str
    features: np.ndarray | None
    gone: tuple[int, ...] = ()
    """Weeks (from 0) in which it is supposed not to be on sale."""


class ServingTables:
    """History, forecasts and feature rows of one level, memory-mapped; an index of ids is kept in memory."""

    def __init__(self, snapshot: FeatureSnapshot, level: str, feature_count: int) -> None:
        history = snapshot.table(history_table_name(level)).combine_chunks()
        names = [name for name in ("product_id", "category_id") if name in history.column_names]
        self._slices = _slices(history[names[0]].to_pylist()) if names else {"": (0, history.num_rows)}
        self._stores = history["store_id"].combine_chunks() if "store_id" in history.column_names else None
        columns = ("units", "same_week_last_year", "ahead", "base", "baseline", "promoted")
        self._matrices = {name: matrix_of(history[name]) for name in columns}
        self._names = {name: history[name] for name in ("system", "baseline_system")}
        self._row, self._kind = (history[name].to_numpy() for name in ("row", "kind"))
        self._features: np.ndarray | None = None
        if feature_count:
            rows = snapshot.table(rows_table_name(level)).combine_chunks()
            self._features = matrix_of(rows["values"]).reshape(rows.num_rows, MAXIMUM_HORIZON_WEEKS, feature_count)

    def find(self, name: str, store_id: str | None = None) -> Series | None:
        """Return the series of a product (in a store) or of a category ("" where there is but one); None: not sold lately."""
        first, end = self._slices.get(name, (0, 0))
        if store_id is not None and self._stores is not None:
            shops = self._stores.slice(first, end - first).to_pylist()
            position = first + shops.index(store_id) if store_id in shops else end
        else:
            position = first
        return None if position >= end else self._series(position)

    def _series(self, position: int) -> Series:
        row = int(self._row[position])
        found = {name: matrix[position] for name, matrix in self._matrices.items()}
        return Series(
            **found | {"same_week_last_year": found["same_week_last_year"].astype(np.float64)},
            kind=int(self._kind[position]),
            system=self._names["system"][position].as_py(),
            baseline_system=self._names["baseline_system"][position].as_py(),
            features=None if row < 0 or self._features is None else self._features[row],
        )


def _slices(names_in_order: Sequence[str]) -> dict[str, tuple[int, int]]:
    names = np.asarray(names_in_order, dtype=object)
    starts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)] if len(names) else []
    return {str(names[start]): (start, end) for start, end in pairwise(starts)}


def matrix_of(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of lists of one length as a matrix, without a copy where the column is one piece."""
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.chunk(0) if lists.num_chunks else pa.array([], type=lists.type)
    values = lists.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(values.reshape(len(lists), lists.type.list_size))
