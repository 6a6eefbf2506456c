"""Raw rows as they come out of a reader."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["BATCH_ROWS", "MalformedLine", "Offsets", "RawBatch", "batches_of_table"]

BATCH_ROWS = 1_000_000
"""Rows judged at once: large enough for columns to pay, small enough for 200 MB."""

Offsets: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MalformedLine:
    """A line that does not have the header's number of fields, or whose quotes do not close."""

    offset: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Rows of the columns asked for, one chunk per column; `offsets` are row numbers in the file, from 0."""

    table: pa.Table
    offsets: Offsets
    malformed: tuple[MalformedLine, ...] = ()

    @property
    def rows_in(self) -> int:
        """Rows that came in, malformed ones included."""
        return len(self.offsets) + len(self.malformed)


def batches_of_table(table: pa.Table, columns: tuple[str, ...]) -> Iterator[RawBatch]:
    """Cut a table in memory into batches."""
    chosen = table.select(list(columns)).combine_chunks()
    for start in range(0, table.num_rows, BATCH_ROWS):
        part = chosen.slice(start, BATCH_ROWS)
        yield RawBatch(part, np.arange(start, start + part.num_rows, dtype=np.int64))
