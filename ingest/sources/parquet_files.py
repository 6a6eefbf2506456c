"""Parquet files in batches, their faults told apart."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.errors import ColumnTypeUnusable, FileCutOff, FileDamaged, FileEmpty, NotDeclaredFormat
from ingest.sources.batches import BATCH_ROWS, RawBatch
from ingest.sources.headers import columns_to_read

__all__ = ["read_parquet"]

MAGIC = b"PAR1"


def read_parquet(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Iterator[RawBatch]:
    """Stream the named columns; text comes dictionary-encoded, `optional` columns may be missing. Raises: FileFault."""
    _check_ends(path)
    try:
        yield from _batches(path, columns, optional)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise FileDamaged(path, str(error)) from error


def _batches(path: Path, columns: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[RawBatch]:
    with pq.ParquetFile(path) as plain:
        schema, rows = plain.schema_arrow, plain.metadata.num_rows
    columns = columns_to_read(path, columns, tuple(schema.names), optional)
    _check_types(path, schema, columns)
    if rows == 0:
        raise FileEmpty(path)
    text = [name for name in columns if _is_text(schema.field(name).type)]
    start = 0
    with pq.ParquetFile(path, read_dictionary=text) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
            batch.validate(full=True)
            yield RawBatch(
                pa.Table.from_batches([batch]).select(list(columns)), np.arange(start, start + len(batch), dtype=np.int64)
            )
            start += len(batch)


def _check_ends(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise FileEmpty(path)
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotDeclaredFormat(path, "Parquet")
        file.seek(max(size - 4, 0))
        if size < 12 or file.read(4) != MAGIC:
            raise FileCutOff(path, "the closing mark of a Parquet file is missing")


def _check_types(path: Path, schema: pa.Schema, columns: tuple[str, ...]) -> None:
    for name in columns:
        kind = schema.field(name).type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise ColumnTypeUnusable(path, name, str(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
