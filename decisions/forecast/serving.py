"""The feature tables as serving looks into them: by product, then by store."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from decisions.forecast.tables import history_table_name, rows_table_name
from features import FeatureSnapshot
from features.demand_panel import MAXIMUM_HORIZON_WEEKS

__all__ = ["Series", "ServingTables"]


@dataclass(frozen=True, slots=True)
class Series:
    """One series as known: `units` (up to 26), `same_week_last_year` (8 x 1, NaN unknown).

    `features` (8 x F) and `promoted` (8) are there where the series is supported, None otherwise.
    """

    units: np.ndarray
    same_week_last_year: np.ndarray
    features: np.ndarray | None
    promoted: np.ndarray | None


class ServingTables:
    """History and feature rows of one level, memory-mapped; an index of product ids is kept in memory."""

    def __init__(self, snapshot: FeatureSnapshot, level: str, feature_count: int) -> None:
        history = snapshot.table(history_table_name(level)).combine_chunks()
        rows = snapshot.table(rows_table_name(level)).combine_chunks()
        self._slices = _slices(history["product_id"].to_pylist())
        self._stores = history["store_id"].combine_chunks() if "store_id" in history.column_names else None
        self._units = _matrix(history["units"])
        self._last_year = _matrix(history["same_week_last_year"])
        self._row = history["row"].to_numpy()
        self._features = _matrix(rows["values"]).reshape(rows.num_rows, MAXIMUM_HORIZON_WEEKS, feature_count)
        self._promoted = _matrix(rows["promoted"])

    def find(self, product_id: str, store_id: str | None) -> Series | None:
        """Return the series of a product (in a store), or None when it was not sold lately."""
        first, end = self._slices.get(product_id, (0, 0))
        if store_id is not None and self._stores is not None:
            shops = self._stores.slice(first, end - first).to_pylist()
            position = first + shops.index(store_id) if store_id in shops else end
        else:
            position = first
        return None if position >= end else self._series(position)

    def _series(self, position: int) -> Series:
        row = int(self._row[position])
        last_year = self._last_year[position].astype(np.float64)[:, None]
        if row < 0:
            return Series(self._units[position], last_year, None, None)
        return Series(self._units[position], last_year, self._features[row], self._promoted[row])


def _slices(product_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    names = np.asarray(product_ids, dtype=object)
    starts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)] if len(names) else []
    return {str(names[start]): (start, end) for start, end in pairwise(starts)}


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.chunk(0) if lists.num_chunks else pa.array([], type=lists.type)
    values = lists.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(values.reshape(len(lists), lists.type.list_size))
