"""Rows that are made rather than delivered pass the same contracts: tables in memory, validated or taken in."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa

from ingest.books import Refusal
from ingest.conditions import References
from ingest.errors import ColumnsMissing
from ingest.feeds import FeedWriter, ensure_tables, ordered_feeds
from ingest.ledger import enter_ledger
from ingest.mapping import FeedMapping
from ingest.preparing import feed_rules, load_references, transform_context
from ingest.report import IngestReport
from ingest.screening import Screening, screen
from ingest.sources.batches import RawBatch, batches_of_table
from ingest.sources.configuration import SIMULATED, SourceConfiguration, load_source
from ingest.spool import Spool
from ingest.transforms import KeptPseudonyms
from kit.progress import Progress, SilentProgress
from lake.ports import Lake

__all__ = ["accept_tables", "validate_tables"]


def validate_tables(
    tables: Mapping[str, pa.Table], lake: Lake, source: SourceConfiguration | None = None
) -> dict[str, tuple[Refusal, ...]]:
    """Judge tables by the contracts of their names and return the rows refused (duplicates included), by table.

    References are looked for in the other tables given and in the lake. Nothing is written.
    """
    source = source or load_source(SIMULATED)
    return {mapping.feed: _validate(source, mapping, tables, lake) for mapping in _mappings(source, tables)}


def accept_tables(
    tables: Mapping[str, pa.Table],
    lake: Lake,
    *,
    run_id: str,
    progress: Progress | None = None,
    source: SourceConfiguration | None = None,
) -> IngestReport:
    """Take tables in memory in by the mappings of `source` (the simulated feeds): judged, quarantined, written like files.

    Households in them are pseudonyms already. Raises: IngestError.
    """
    source = source or load_source(SIMULATED)
    ensure_tables(lake)
    reports = []
    for mapping in _mappings(source, tables):
        table = tables[mapping.feed]
        writer = FeedWriter(source, mapping, lake, KeptPseudonyms(), run_id)
        with (progress or SilentProgress()).stage(f"ingest {mapping.feed}", total=table.num_rows) as stage:
            report = writer.take(partial(_read, mapping, table), mapping.feed, _table_digest(table), stage)
        enter_ledger(lake, report, source.name, report.source_digest, run_id)
        reports.append(report)
    return IngestReport(source=source.name, run_id=run_id, feeds=tuple(reports))


def _mappings(source: SourceConfiguration, tables: Mapping[str, pa.Table]) -> tuple[FeedMapping, ...]:
    return ordered_feeds([source.feed(name) for name in sorted(tables)])


def _validate(
    source: SourceConfiguration, mapping: FeedMapping, tables: Mapping[str, pa.Table], lake: Lake
) -> tuple[Refusal, ...]:
    with Spool() as spool, SilentProgress().stage(mapping.feed) as stage:
        work = Screening(
            contract=mapping.contract,
            mapping=mapping,
            context=transform_context(source, mapping, lake, KeptPseudonyms()),
            references=_references(mapping, tables, lake),
            spool=spool,
            rules=feed_rules(mapping),
        )
        screen(lambda: _read(mapping, tables[mapping.feed]), work, stage)
        return (*work.rejected, *work.duplicates)


def _references(mapping: FeedMapping, tables: Mapping[str, pa.Table], lake: Lake) -> References:
    found = dict(load_references(mapping.contract, lake))
    for name in mapping.contract.references:
        table, column = name.split(".")
        if table in tables:
            found[name] = tables[table].column(column).combine_chunks().cast(pa.string()).drop_null()
    return found


def _read(mapping: FeedMapping, table: pa.Table) -> Iterator[RawBatch]:
    missing = tuple(name for name in mapping.source_columns if name not in table.column_names)
    if missing:
        raise ColumnsMissing(Path(mapping.feed), missing, tuple(table.column_names))
    return batches_of_table(table, mapping.source_columns)


def _table_digest(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.remove_metadata()) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()
