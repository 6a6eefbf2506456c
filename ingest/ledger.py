"""What was ingested from which content, so that the same content is not written twice."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.books import LEDGER, SCHEMAS, read_book, write_book
from ingest.contract import Contract
from ingest.errors import FeedUnknown
from ingest.mapping import FeedMapping
from ingest.report import FeedReport, ReplayReport, with_restored
from ingest.sources.files import file_digest
from kit.canonical import digest_of_value
from kit.ids import pseudonym
from lake.ports import Lake

__all__ = ["enter_ledger", "feed_fingerprint", "files_digest", "ledger_report", "ledger_source", "move_in_ledger"]

PIPELINE_VERSION = 2
"""Raised when the code makes other rows from the same content."""


def files_digest(files: Iterable[Path]) -> str:
    """Return one SHA-256 for the content of all files. Raises: FileMissing."""
    digests = [file_digest(path) for path in files]
    return digests[0] if len(digests) == 1 else digest_of_value(digests)


def feed_fingerprint(mapping: FeedMapping, contract: Contract, source_digest: str, key: bytes, lake: Lake) -> str:
    """Return a digest of all that a feed's rows depend on: files, mapping, contract, key, and the tables referred to."""
    tables = {name.split(".")[0] for name in contract.references} | {table for table, _, _ in mapping.lookups}
    return digest_of_value(
        {
            "pipeline": PIPELINE_VERSION,
            "files": source_digest,
            "mapping": mapping.text,
            "contract": repr(contract),
            "key": pseudonym(key, "", "fingerprint of the key itself"),
            "references": {name: lake.version(name).digest for name in sorted(tables & set(lake.names()))},
        }
    )


def ledger_report(lake: Lake, feed: str, source: str, fingerprint: str, seconds: float) -> FeedReport | None:
    """Return the report of an earlier ingest of the very same content, None where there was none."""
    book = read_book(lake, LEDGER)
    found = book.filter(pc.and_(pc.equal(book["feed"], feed), pc.equal(book["fingerprint"], fingerprint))).to_pylist()
    if not found or found[0]["source"] != source or feed not in lake.names():
        return None
    return _report(lake, found[0], seconds)


def _report(lake: Lake, row: Mapping[str, Any], seconds: float) -> FeedReport:
    feed = row["feed"]
    return FeedReport(
        feed=feed,
        contract_version=row["contract_version"],
        rows_in=row["rows_in"],
        accepted=row["accepted"],
        quarantined=row["quarantined"],
        duplicates=row["duplicates"],
        merged=row["merged"],
        by_rule=json.loads(row["by_rule"]),
        flagged=json.loads(row["flagged"]),
        table=lake.version(feed),
        unchanged=True,
        source_digest=row["source_digest"],
        seconds=seconds,
    )


def enter_ledger(lake: Lake, report: FeedReport, source: str, fingerprint: str, run_id: str) -> None:
    """Replace the feed's line."""
    book = read_book(lake, LEDGER)
    line = {
        "feed": report.feed,
        "source": source,
        "fingerprint": fingerprint,
        "source_digest": report.source_digest,
        "contract_version": report.contract_version,
        "run_id": run_id,
        **_counts(report),
    }
    others = book.filter(pc.not_equal(book["feed"], report.feed))
    lines = pa.concat_tables([others, pa.Table.from_pylist([line], schema=SCHEMAS[LEDGER])])
    write_book(lake, LEDGER, lines.sort_by("feed"))


def _counts(report: FeedReport) -> dict[str, Any]:
    return {
        "rows_in": report.rows_in,
        "accepted": report.accepted,
        "quarantined": report.quarantined,
        "duplicates": report.duplicates,
        "merged": report.merged,
        "by_rule": json.dumps(dict(report.by_rule), sort_keys=True),
        "flagged": json.dumps(dict(report.flagged), sort_keys=True),
    }


def move_in_ledger(lake: Lake, replayed: ReplayReport) -> None:
    """Move rows of a feed from the quarantined to the accepted and to the duplicates."""
    lines = read_book(lake, LEDGER).to_pylist()
    for line in lines:
        if line["feed"] == replayed.feed:
            report = with_restored(_report(lake, line, 0.0), replayed, lake.version(replayed.feed))
            line.update(_counts(report))
    write_book(lake, LEDGER, pa.Table.from_pylist(lines, schema=SCHEMAS[LEDGER]))


def ledger_source(lake: Lake, feed: str) -> str:
    """Return the name of the source that the feed was last ingested from. Raises: FeedUnknown."""
    sources = {line["feed"]: str(line["source"]) for line in read_book(lake, LEDGER).to_pylist()}
    if feed not in sources:
        raise FeedUnknown(feed, tuple(sources))
    return sources[feed]
