"""The border to files: which reader takes one, and its digest."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import FileMissing
from ingest.mapping import FileFormat
from ingest.sources.batches import RawBatch
from ingest.sources.csv_files import read_csv
from ingest.sources.parquet_files import read_parquet

__all__ = ["file_digest", "read_batches"]


def read_batches(path: Path, form: FileFormat, columns: tuple[str, ...]) -> Iterator[RawBatch]:
    """Stream the named columns of a file.

    Raises: FileFault, at the latest when the last batch was taken; so write nothing before.
    """
    if not path.is_file():
        raise FileMissing(path)
    yield from read_csv(path, form, columns) if form.name == "csv" else read_parquet(path, columns)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file. Raises: FileMissing."""
    if not path.is_file():
        raise FileMissing(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
