"""Reads of whole records: the properties of a few rows as mappings.

Evidence has nineteen columns, and most hold one value throughout a relation (the run, the unit, the grade). Those are found
when a relation is opened and read once; a record then costs only what differs between rows.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.ports import PropertyValue
from kg.snapshot.values import ValueColumn, open_column

__all__ = ["Records"]

FIRST_ROW = np.zeros(1, dtype=np.int64)


class Records:
    """The named columns of a stored label or relation. Nulls are left out of the mappings."""

    def __init__(self, rows: pa.Table, names: Sequence[str]) -> None:
        self._constants: dict[str, PropertyValue] = {}
        self._varying: list[tuple[str, ValueColumn]] = []
        self._has_nulls = False
        for name in names:
            column = _whole(rows.column(name))
            if column.null_count < len(column):
                self._open(name, column)

    def read(self, rows: np.ndarray) -> list[dict[str, PropertyValue]]:
        """Return the properties of `rows` (int64 positions), one mapping each."""
        constants = self._constants
        if not self._varying:
            return [dict(constants) for _ in range(len(rows))]
        names = [name for name, _ in self._varying]
        values = zip(*[column.values(rows) for _, column in self._varying], strict=True)
        if self._has_nulls:
            return [constants | {n: v for n, v in zip(names, row, strict=True) if v is not None} for row in values]
        return [constants | dict(zip(names, row, strict=True)) for row in values]

    def _open(self, name: str, column: pa.Array) -> None:
        opened = open_column(column)
        if not column.null_count and _is_constant(column):
            self._constants[name] = opened.values(FIRST_ROW)[0]
            return
        self._varying.append((name, opened))
        self._has_nulls = self._has_nulls or bool(column.null_count)


def _is_constant(column: pa.Array) -> bool:
    """Say whether all rows hold the same value. Text that is not dictionary encoded varies by construction."""
    if pa.types.is_dictionary(column.type):
        return len(column.dictionary) == 1
    if pa.types.is_list(column.type):
        lengths = pc.list_value_length(column)
        coded = pa.types.is_dictionary(column.type.value_type)
        return bool(coded and len(column.values.dictionary) == 1 and pc.min(lengths) == pc.max(lengths))
    if pa.types.is_string(column.type):
        return False
    return bool(pc.min(column) == pc.max(column))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
