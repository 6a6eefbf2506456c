"""The lake tables of what was not accepted (`quarantine`, `duplicates`), of what was ingested (`ingest_ledger`) and of whose
facts they are (`sources`).

A row is entered once: its id depends on the file's content, its place, the rule and the row. Rows are never deleted;
`status` says what became of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kit.ids import stable_id
from lake.errors import TableMissing
from lake.ports import Lake

__all__ = [
    "AGE_LIMITS",
    "DUPLICATES",
    "LEDGER",
    "OPEN",
    "QUARANTINE",
    "SOURCES",
    "Refusal",
    "RefusalOrigin",
    "entries",
    "file_refusals",
    "read_book",
    "write_book",
]

QUARANTINE, DUPLICATES, LEDGER, SOURCES = "quarantine", "duplicates", "ingest_ledger", "sources"
AGE_LIMITS = "age_limits"
OPEN, RESTORED, SUPERSEDED, DUPLICATE = "open", "restored", "superseded", "duplicate"

_REFUSED = [
    ("id", pa.string()),
    ("feed", pa.string()),
    ("row", pa.string()),
    ("rule_id", pa.string()),
    ("violations", pa.list_(pa.string())),
    ("message", pa.string()),
    ("contract_version", pa.string()),
    ("source", pa.string()),
    ("source_file", pa.string()),
    ("source_digest", pa.string()),
    ("source_offset", pa.int64()),
    ("run_id", pa.string()),
]
SCHEMAS = {
    QUARANTINE: pa.schema(
        [*_REFUSED, ("status", pa.string()), ("closed_by_run_id", pa.string()), ("corrected_row", pa.string())]
    ),
    DUPLICATES: pa.schema(_REFUSED),
    LEDGER: pa.schema(
        [
            ("feed", pa.string()),
            ("source", pa.string()),
            ("fingerprint", pa.string()),
            ("source_digest", pa.string()),
            ("contract_version", pa.string()),
            ("run_id", pa.string()),
            ("rows_in", pa.int64()),
            ("accepted", pa.int64()),
            ("quarantined", pa.int64()),
            ("duplicates", pa.int64()),
            ("merged", pa.int64()),
            ("by_rule", pa.string()),
            ("flagged", pa.string()),
        ]
    ),
    SOURCES: pa.schema(
        [
            ("name", pa.string()),
            ("title", pa.string()),
            ("currency", pa.string()),
            ("business_time_zone", pa.string()),
            ("assumptions", pa.string()),
        ]
    ),
    AGE_LIMITS: pa.schema([("category", pa.string()), ("years", pa.int64())]),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that was not accepted, as it came (JSON, household numbers replaced), and why."""

    offset: int
    row: str
    rule_id: str
    violations: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class RefusalOrigin:
    """Where refused rows came from."""

    feed: str
    contract_version: str
    source: str
    source_file: str
    source_digest: str
    run_id: str


def read_book(lake: Lake, book: str) -> pa.Table:
    """Return a book, empty where nothing was entered yet."""
    try:
        return lake.arrow(book).select(SCHEMAS[book].names).cast(SCHEMAS[book])
    except TableMissing:
        return SCHEMAS[book].empty_table()


def write_book(lake: Lake, book: str, rows: pa.Table) -> None:
    """Write a book; the same rows again make no new version."""
    lake.replace(book, rows.cast(SCHEMAS[book]).combine_chunks())


def entries(book: str, refusals: list[Refusal], origin: RefusalOrigin) -> pa.Table:
    """Return refusals as rows of a book."""
    columns: dict[str, list[Any]] = {
        "id": [_entry_id(refusal, origin) for refusal in refusals],
        "feed": [origin.feed] * len(refusals),
        "row": [refusal.row for refusal in refusals],
        "rule_id": [refusal.rule_id for refusal in refusals],
        "violations": [list(refusal.violations) for refusal in refusals],
        "message": [refusal.message for refusal in refusals],
        "contract_version": [origin.contract_version] * len(refusals),
        "source": [origin.source] * len(refusals),
        "source_file": [origin.source_file] * len(refusals),
        "source_digest": [origin.source_digest] * len(refusals),
        "source_offset": [refusal.offset for refusal in refusals],
        "run_id": [origin.run_id] * len(refusals),
        "status": [OPEN] * len(refusals),
        "closed_by_run_id": [None] * len(refusals),
        "corrected_row": [None] * len(refusals),
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in SCHEMAS[book]}, schema=SCHEMAS[book])


def file_refusals(lake: Lake, book: str, fresh: pa.Table, origin: RefusalOrigin) -> None:
    """Enter the refusals of a whole ingest of one feed.

    Entries that are there already stay as they are, only those closed before are opened again; open entries of this feed that
    the new ingest does not make are superseded by it. What a row was corrected to is kept for the same row in the same place,
    also when another rule, contract or delivery refuses it now.
    """
    held = read_book(lake, book)
    again = pc.is_in(held["id"], value_set=fresh["id"].combine_chunks())
    if book == QUARANTINE:
        held = _restate(held, pc.and_(again, pc.not_equal(held["status"], OPEN)), OPEN, None)
        mine = pc.and_(pc.equal(held["feed"], origin.feed), pc.equal(held["status"], OPEN))
        held = _restate(held, pc.and_(mine, pc.invert(again)), SUPERSEDED, origin.run_id)
    new = fresh.filter(pc.invert(pc.is_in(fresh["id"], value_set=held["id"].combine_chunks())))
    if book == QUARANTINE:
        new = _with_known_corrections(held, new, origin)
    if new.num_rows or book == QUARANTINE or held.num_rows == 0:
        write_book(lake, book, pa.concat_tables([held, new]))


def close_entries(lake: Lake, closed: Mapping[str, str], corrected: Mapping[str, str], run_id: str) -> None:
    """Set the status of quarantine entries by id, and keep the corrected rows that were accepted."""
    held = read_book(lake, QUARANTINE)
    ids = held["id"].to_pylist()
    status = [closed.get(entry, old) for entry, old in zip(ids, held["status"].to_pylist(), strict=True)]
    runs = [run_id if entry in closed else old for entry, old in zip(ids, held["closed_by_run_id"].to_pylist(), strict=True)]
    rows = [corrected.get(entry, old) for entry, old in zip(ids, held["corrected_row"].to_pylist(), strict=True)]
    for name, values in (("status", status), ("closed_by_run_id", runs), ("corrected_row", rows)):
        held = held.set_column(held.schema.get_field_index(name), name, pa.array(values, pa.string()))
    write_book(lake, QUARANTINE, held)


def _restate(held: pa.Table, rows: pa.ChunkedArray, status: str, run_id: str | None) -> pa.Table:
    for name, value in (("status", status), ("closed_by_run_id", run_id)):
        changed = pc.if_else(rows, pa.scalar(value, pa.string()), held[name])
        held = held.set_column(held.schema.get_field_index(name), name, changed)
    return held


def _with_known_corrections(held: pa.Table, new: pa.Table, origin: RefusalOrigin) -> pa.Table:
    """Give new entries the corrected rows of older ones about the same row of the same feed and source."""
    corrected = held.filter(
        pc.and_(
            pc.and_(pc.equal(held["feed"], origin.feed), pc.equal(held["source"], origin.source)),
            pc.is_valid(held["corrected_row"]),
        )
    )
    known = {(entry["source_offset"], entry["row"]): entry["corrected_row"] for entry in corrected.to_pylist()}
    if not known:
        return new
    places = zip(new["source_offset"].to_pylist(), new["row"].to_pylist(), strict=True)
    rows = pa.array([known.get(place) for place in places], pa.string())
    return new.set_column(new.schema.get_field_index("corrected_row"), "corrected_row", rows)


def _entry_id(refusal: Refusal, origin: RefusalOrigin) -> str:
    return stable_id(
        origin.feed, origin.source_digest, str(refusal.offset), refusal.rule_id, origin.contract_version, refusal.row
    )
