"""Rows that share a key, found over a whole file by 64-bit hashes and then compared exactly."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.arrays import decoded, flat, value_hashes
from ingest.conditions import KEY_TAKEN, ROW_COPY
from ingest.spool import OFFSET

__all__ = ["Hashes", "key_hashes", "mark_repeats", "repeated", "rows_with_hashes"]

Hashes: TypeAlias = npt.NDArray[np.uint64]
STEP = np.uint64(0x100000001B3)


def key_hashes(table: pa.Table, key: Sequence[str]) -> Hashes:
    """Return 64 bits per row for the columns `key`; equal keys have equal hashes, null being a value of its own."""
    combined = np.full(table.num_rows, 0xCBF29CE484222325, dtype=np.uint64)
    for name in key:
        combined = (combined ^ value_hashes(flat(table.column(name)))) * STEP
        combined ^= combined >> np.uint64(29)
    return combined


def repeated(parts: Sequence[Hashes]) -> Hashes:
    """Return the hashes that occur more than once, sorted."""
    if not parts:
        return np.empty(0, dtype=np.uint64)
    ordered = np.concatenate(parts)
    ordered.sort()
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def rows_with_hashes(tables: Iterable[pa.Table], key: Sequence[str], wanted: Hashes) -> pa.Table | None:
    """Return the rows whose key hashes to one of `wanted`, plain columns; None where there are none."""
    found = [table.filter(pa.array(np.isin(key_hashes(table, key), wanted))) for table in tables]
    plain = [pa.table({name: decoded(flat(part.column(name))) for name in part.column_names}) for part in found if part.num_rows]
    return pa.concat_tables(plain) if plain else None


def mark_repeats(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Mark rows after the first of their key, in the order given: `row:copy` if all is the same, `key:taken` if not."""
    frame = rows.drop_columns([OFFSET]).to_pandas(types_mapper=None)
    again = frame.duplicated(list(key), keep="first").to_numpy()
    copy = frame.duplicated(keep="first").to_numpy()
    return rows.append_column(ROW_COPY, pa.array(copy)).append_column(KEY_TAKEN, pa.array(again & ~copy))
