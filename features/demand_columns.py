"""Between Arrow columns and the matrices of a panel."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["floats", "positions", "row_positions", "scatter", "week_numbers"]


def positions(values: pa.Array | pa.ChunkedArray, among: pa.Array) -> np.ndarray:
    """Return where each of `values` stands in `among` (int64, -1 where it does not)."""
    found = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def row_positions(index: pa.Table, rows: pa.Table, keys: tuple[str, ...]) -> np.ndarray:
    """Return the row of `index` (int64, -1 without) that each of `rows` belongs to, by equal `keys`."""
    return positions(_joined(rows, keys), _joined(index, keys))


def _joined(table: pa.Table, keys: tuple[str, ...]) -> pa.Array:
    columns = [table[key].cast(pa.string()).combine_chunks() for key in keys]
    # unit separator: no identifier of a feed holds a control character
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, "\x1f")


def week_numbers(column: pa.ChunkedArray, first: date) -> np.ndarray:
    """Return how many weeks after the Monday `first` each date of `column` lies (int64)."""
    days = column.cast(pa.date32()).cast(pa.int32()).to_numpy()
    return np.asarray((days - (first - date(1970, 1, 1)).days) // 7, dtype=np.int64)


def floats(column: pa.ChunkedArray) -> np.ndarray:
    """Return a numeric column as float64."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def scatter(shape: tuple[int, int], row: np.ndarray, column: np.ndarray, values: np.ndarray, empty: float) -> np.ndarray:
    """Return a float32 matrix of `shape` with `values` at (row, column) and `empty` elsewhere."""
    matrix = np.full(shape, empty, dtype=np.float32)
    matrix[row, column] = values
    return matrix
