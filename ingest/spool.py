"""Accepted rows wait here, on disk, until the whole file has been judged: nothing is written from half a file."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from ingest.arrays import flat
from ingest.sources.batches import Offsets

__all__ = ["OFFSET", "Spool"]

OFFSET = "row:offset"
"""The column with the row's number in the source file."""


class Spool:
    """A scratch file of tables with equal columns; it is gone when the context ends."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="shelfgraph-")
        self._path = Path(self._folder.name) / "rows.arrows"
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()
        self._folder.cleanup()

    def write(self, table: pa.Table) -> None:
        """Add rows. All tables have the columns of the first."""
        if self._writer is None:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_stream(str(self._path), table.schema, options=options)
        self._writer.write_table(table)
        self.rows += table.num_rows

    def tables(self) -> Iterator[pa.Table]:
        """Return what was written, batch by batch, in order."""
        self._close()
        if not self._path.is_file():
            return
        with pa.ipc.open_stream(str(self._path)) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])

    def restart(self) -> None:
        """Forget what was written."""
        self._close()
        self._path.unlink(missing_ok=True)
        self.rows = 0

    def drop(self, offsets: Offsets) -> None:
        """Forget the rows with these offsets."""
        self._close()
        old = self._path.rename(self._path.with_suffix(".old"))
        self.rows = 0
        with pa.ipc.open_stream(str(old)) as reader:
            for batch in reader:
                table = pa.Table.from_batches([batch])
                self.write(table.filter(pa.array(~np.isin(flat(table.column(OFFSET)).to_numpy(), offsets))))
        old.unlink()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
