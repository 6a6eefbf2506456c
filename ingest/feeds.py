"""Taking feeds into the lake: read, map, judge, file what is refused, write what is accepted."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

import pyarrow as pa

from ingest.books import DUPLICATES, QUARANTINE, SCHEMAS, RefusalOrigin, entries, file_refusals
from ingest.contract import shipped_contracts
from ingest.entities import entity_batches, entity_files
from ingest.errors import CountsDisagree, IngestError, NothingAccepted, SourceStopped
from ingest.home import enter_source, refuse_other_source
from ingest.ledger import enter_ledger, feed_fingerprint, files_digest, ledger_report
from ingest.mapping import FeedMapping
from ingest.preparing import feed_rules, load_references, mark_rows, transform_context
from ingest.replay import restore_corrected
from ingest.report import FeedReport, IngestReport, with_restored
from ingest.screening import ReadAgain, Screening, screen
from ingest.sources.batches import RawBatch
from ingest.sources.configuration import SourceConfiguration
from ingest.sources.files import read_batches
from ingest.spool import Spool
from ingest.transforms import KeyedPseudonyms, Pseudonyms
from kit.progress import Progress, SilentProgress, Stage
from lake.ports import Lake, TableVersion

__all__ = [
    "FeedWriter",
    "ensure_tables",
    "ingest_feed",
    "ingest_feeds",
    "ordered_feeds",
]

IN_MEMORY_ROWS = 2_000_000
"""Up to here a table is compared with the one in the lake before it is written."""


def ingest_feeds(
    source: SourceConfiguration, lake: Lake, *, pseudonym_key: bytes, run_id: str, progress: Progress | None = None
) -> IngestReport:
    """Take in all feeds of a source, those referred to first; feeds the source lacks become empty tables.

    Raises: IngestError; SourceStopped when feeds before the one at fault were written. That one and those after it stay as
    they were.
    """
    refuse_other_source(lake, source)
    ensure_tables(lake)
    reports: list[FeedReport] = []
    for mapping in ordered_feeds(source.feeds):
        try:
            report = ingest_feed(source, mapping.feed, lake, pseudonym_key=pseudonym_key, run_id=run_id, progress=progress)
        except IngestError as error:
            written = tuple(report.feed for report in reports if not report.unchanged)
            if not written:
                raise
            raise SourceStopped(source.name, mapping.feed, written, error) from error
        reports.append(report)
    return IngestReport(source=source.name, run_id=run_id, feeds=tuple(reports))


def ingest_feed(
    source: SourceConfiguration,
    feed: str,
    lake: Lake,
    *,
    pseudonym_key: bytes,
    run_id: str,
    progress: Progress | None = None,
    file: Path | None = None,
) -> FeedReport:
    """Take in one feed; `file` stands in for the file that the mapping names. The feed's table is replaced by what it holds.

    Raises: IngestError; nothing was written then.
    """
    refuse_other_source(lake, source)
    mapping, started = source.feed(feed), time.perf_counter()
    files = entity_files(source, mapping, file)
    writer = FeedWriter(source, mapping, lake, KeyedPseudonyms(pseudonym_key), run_id)
    fingerprint = feed_fingerprint(mapping, mapping.contract, files_digest(files), pseudonym_key, lake)
    known = ledger_report(lake, feed, source.name, fingerprint, time.perf_counter() - started)
    if known is not None:
        enter_source(lake, source)
        return known

    def read() -> Iterator[RawBatch]:
        if mapping.sightings:
            return entity_batches(source, mapping, file)
        return read_batches(files[0], mapping.format, mapping.source_columns, mapping.optional)

    with (progress or SilentProgress()).stage(f"ingest {feed}") as stage:
        report = writer.take(read, files[0].name, files_digest(files), stage)
    restored = restore_corrected(feed, lake, source, run_id=run_id)
    if restored is not None:
        report = with_restored(report, restored, lake.version(feed))
    report = replace(report, seconds=time.perf_counter() - started)
    enter_ledger(lake, report, source.name, fingerprint, run_id)
    enter_source(lake, source)
    return report


class FeedWriter:
    """Judges and writes one feed, wherever its rows come from."""

    def __init__(
        self, source: SourceConfiguration, mapping: FeedMapping, lake: Lake, pseudonyms: Pseudonyms, run_id: str
    ) -> None:
        self._source = source
        self._mapping = mapping
        self._contract = mapping.contract
        self._lake = lake
        self._pseudonyms = pseudonyms
        self._run_id = run_id

    def take(self, read: ReadAgain, file_name: str, digest: str, stage: Stage) -> FeedReport:
        """Judge all rows that `read` yields, then file the refused and write the accepted. Raises: FileFault, CountsDisagree."""
        with Spool() as spool:
            work = self._screening(spool)
            screen(read, work, stage)
            self._check_balance(work)
            _check_anything_left(work, Path(file_name))
            origin = RefusalOrigin(
                self._contract.feed, self._contract.version, self._source.name, file_name, digest, self._run_id
            )
            file_refusals(self._lake, QUARANTINE, entries(QUARANTINE, work.rejected, origin), origin)
            file_refusals(self._lake, DUPLICATES, entries(DUPLICATES, work.duplicates, origin), origin)
            stage.note(f"{work.table_rows:,} rows")
            known = self._contract.feed in self._lake.names()
            before = self._lake.version(self._contract.feed) if known else None
            return self._report(work, before, self._write(work), digest)

    def _screening(self, spool: Spool) -> Screening:
        return Screening(
            contract=self._contract,
            mapping=self._mapping,
            context=transform_context(self._source, self._mapping, self._lake, self._pseudonyms),
            references=load_references(self._contract, self._lake),
            spool=spool,
            rules=feed_rules(self._mapping),
        )

    def _check_balance(self, work: Screening) -> None:
        accepted, quarantined, duplicates = work.table_rows + work.merged, len(work.rejected), len(work.duplicates)
        if work.rows_in != accepted + quarantined + duplicates:
            raise CountsDisagree(self._contract.feed, work.rows_in, accepted, quarantined, duplicates)

    def _write(self, work: Screening) -> TableVersion:
        schema = self._contract.table_schema
        marked = (mark_rows(table, self._contract, self._source) for table in work.accepted_tables())
        if work.table_rows > IN_MEMORY_ROWS:
            return self._lake.replace(self._contract.feed, (batch for table in marked for batch in table.to_batches()), schema)
        tables = list(marked)
        rows = pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()
        return self._lake.replace(self._contract.feed, rows)

    def _report(self, work: Screening, before: TableVersion | None, version: TableVersion, digest: str) -> FeedReport:
        return FeedReport(
            feed=self._contract.feed,
            contract_version=self._contract.version,
            rows_in=work.rows_in,
            accepted=work.table_rows + work.merged,
            quarantined=len(work.rejected),
            duplicates=len(work.duplicates),
            merged=work.merged,
            by_rule=work.by_rule(),
            flagged=dict(work.flagged),
            table=version,
            unchanged=version == before,
            source_digest=digest,
            seconds=0.0,
        )


def _check_anything_left(work: Screening, file: Path) -> None:
    """Refuse a file whose rows are all refused: it is of another kind, and would empty the table."""
    if not work.rejected or work.table_rows or work.merged:
        return
    ((rule, _),) = Counter(refusal.rule_id for refusal in work.rejected).most_common(1)
    message = next(refusal.message for refusal in work.rejected if refusal.rule_id == rule)
    raise NothingAccepted(file, len(work.rejected), rule, message)


def ordered_feeds(mappings: Sequence[FeedMapping]) -> tuple[FeedMapping, ...]:
    """Order feeds so that tables come before the feeds that refer to them or are looked up in them."""
    by_name = {mapping.feed: mapping for mapping in mappings}
    graph = {mapping.feed: sorted(_needs(mapping) & set(by_name)) for mapping in sorted(mappings, key=lambda item: item.feed)}
    return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())


def ensure_tables(lake: Lake) -> None:
    """Write an empty table for every contract and book without one, so that readers find the schema of what a retailer lacks."""
    for contract in shipped_contracts():
        if contract.feed not in lake.names():
            lake.replace(contract.feed, contract.table_schema.empty_table())
    for book, schema in SCHEMAS.items():
        if book not in lake.names():
            lake.replace(book, schema.empty_table())


def _needs(mapping: FeedMapping) -> set[str]:
    named = {name.split(".")[0] for name in mapping.contract.references} | {table for table, _, _ in mapping.lookups}
    return named - {mapping.feed}
