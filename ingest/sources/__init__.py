"""Where rows come from: files in batches with the row's place, and the configurations of shipped sources."""

from ingest.sources.batches import BATCH_ROWS, MalformedLine, RawBatch
from ingest.sources.configuration import SourceConfiguration, load_source, shipped_sources
from ingest.sources.files import file_digest, read_batches

__all__ = [
    "BATCH_ROWS",
    "MalformedLine",
    "RawBatch",
    "SourceConfiguration",
    "file_digest",
    "load_source",
    "read_batches",
    "shipped_sources",
]
