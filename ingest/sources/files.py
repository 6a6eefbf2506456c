"""The border to files: which reader takes one, and its digest."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from ingest.errors import FileMissing
from ingest.mapping import FileFormat
from ingest.sources.batches import RawBatch
from ingest.sources.csv_files import read_csv
from ingest.sources.parquet_files import read_parquet

__all__ = ["file_digest", "read_batches"]


def read_batches(path: Path, form: FileFormat, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Iterator[RawBatch]:
    """Stream the named columns of a file; cells of `optional` columns that it lacks are null.

    Raises: FileFault, at the latest when the last batch was taken; so write nothing before.
    """
    if not path.is_file():
        raise FileMissing(path)
    found = read_csv(path, form, columns, optional) if form.name == "csv" else read_parquet(path, columns, optional)
    for batch in found:
        yield _filled(batch, columns)


def _filled(batch: RawBatch, columns: tuple[str, ...]) -> RawBatch:
    table = batch.table
    for name in columns:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return batch if table is batch.table else replace(batch, table=table.select(list(columns)))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file. Raises: FileMissing."""
    if not path.is_file():
        raise FileMissing(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
