"""How a decision lies in SQLite: the table, its guards, the row's hash, and verifying a whole chain."""

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from governance.records.chain_head import GENESIS, ChainHead, HeadState
from governance.records.decision_contents import CREATE_CONTENT, ContentChecks, content_of, stored_answer
from governance.records.ports import ChainBreak, ChainReport, DecisionEntry

__all__ = [
    "CREATE",
    "INSERT_ROW",
    "PLACEHOLDERS",
    "connect",
    "continues",
    "entry_of",
    "read_tail",
    "row_hash",
    "row_of",
    "rows",
    "verify_rows",
]

Row: TypeAlias = tuple[int, str, str, str, str, str, bytes, bytes, bytes, str, str]
"""position, id, kind, recorded_at, principal, release_id, header, request, answer, previous hash, hash."""

CREATE = """
CREATE TABLE IF NOT EXISTS decision (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, recorded_at TEXT NOT NULL, principal TEXT NOT NULL,
    release_id TEXT NOT NULL, header BLOB NOT NULL, request BLOB NOT NULL, answer BLOB NOT NULL,
    previous_hash TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS decision_never_updated BEFORE UPDATE ON decision
    BEGIN SELECT RAISE(ABORT, 'the decision log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS decision_never_deleted BEFORE DELETE ON decision
    BEGIN SELECT RAISE(ABORT, 'the decision log is append-only'); END;
"""
INSERT_ROW = "INSERT INTO decision VALUES "
PLACEHOLDERS = "(?,?,?,?,?,?,?,?,?,?,?)"
ROWS_AFTER = "SELECT * FROM decision WHERE position > ? ORDER BY position"
HASH_AT = "SELECT hash FROM decision WHERE position = ?"
TAIL = "SELECT position, hash FROM decision ORDER BY position DESC LIMIT 1"


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open the database in autocommit: write-ahead log, every commit on disk before it returns."""
    uri = f"file:{path}?mode=ro" if read_only else f"file:{path}?mode=rwc"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
    if not read_only:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(CREATE + CREATE_CONTENT)
    return connection


def row_of(entry: DecisionEntry, head: ChainHead) -> Row:
    """Return the row that follows `head`."""
    position = head.entries + 1
    content = (
        entry.id, entry.kind, entry.recorded_at.isoformat(), entry.principal, entry.release_id,
        entry.header, entry.request, stored_answer(entry.answer),
    )  # fmt: skip
    return (position, *content, head.hash, row_hash(position, content, head.hash))


def row_hash(position: int, content: tuple[str | bytes, ...], previous: str) -> str:
    """Return the SHA-256 over the previous hash, the position and every field behind its length, in hexadecimal."""
    digest = hashlib.sha256(bytes.fromhex(previous))
    digest.update(position.to_bytes(8, "big"))
    for field in content:
        raw = field if isinstance(field, bytes) else field.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()


def entry_of(row: Row, connection: sqlite3.Connection) -> DecisionEntry | None:
    """Return the entry of a row as it was given; None where the content of its answer is missing or changed."""
    answer = content_of(row[8], connection)
    if answer is None:
        return None
    return DecisionEntry(row[1], row[2], datetime.fromisoformat(row[3]), row[4], row[5], row[6], row[7], answer)


def read_tail(connection: sqlite3.Connection) -> ChainHead:
    """Return where the stored rows end."""
    row = connection.execute(TAIL).fetchone()
    return ChainHead(row[0], row[1]) if row else ChainHead(0, GENESIS)


def rows(connection: sqlite3.Connection, after: int = 0) -> Iterator[Row]:
    """Yield the rows behind a position, in order."""
    yield from connection.execute(ROWS_AFTER, (after,))


def continues(connection: sqlite3.Connection, known: HeadState) -> bool:
    """Return whether the stored rows end where a head file allows it: what follows the settled head is a chain from there on.

    What lies before is not looked at: that is for `verify_rows`, which takes as long as the log is.
    """
    head = read_tail(connection)
    if head in (known.settled, known.pending):
        return True
    if not known.settled.entries < head.entries <= known.limit:
        return False
    settled = connection.execute(HASH_AT, (known.settled.entries,)).fetchone()
    found = ChainHead(known.settled.entries, GENESIS if not known.settled.entries else settled[0] if settled else "")
    if found != known.settled:
        return False
    for row in rows(connection, found.entries):
        if _row_problem(row, found, known, known) is not None:
            return False
        found = ChainHead(row[0], row[-1])
    return found == head


def verify_rows(stored: Iterator[Row], before: HeadState | None, after: HeadState | None, contents: ContentChecks) -> ChainReport:
    """Recompute the chain over `stored`, which were read between reading the head `before` and `after`."""
    head = ChainHead(0, GENESIS)
    if before is None or after is None:
        return ChainReport(0, head.hash, ChainBreak(0, "", "the file with the chain's head is missing or unreadable"))
    for row in stored:
        problem = _row_problem(row, head, before, after)
        if problem is None and not contents.holds(row[8]):
            problem = "the content of its answer is missing or is not what was written"
        if problem:
            return ChainReport(head.entries, head.hash, ChainBreak(head.entries + 1, str(row[1]), problem))
        head = ChainHead(row[0], row[-1])
    return ChainReport(head.entries, head.hash, _tail_break(head, before, after))


def _row_problem(row: Row, head: ChainHead, before: HeadState, after: HeadState) -> str | None:
    if row[0] != head.entries + 1:
        return f"an entry was removed or moved: position {head.entries + 1} is missing, position {row[0]} follows"
    if row[0] > after.furthest:
        return "an entry was added behind the head that is kept beside the database"
    if row[-2] != head.hash:
        return "the entry does not name the hash of the entry before it"
    if not _holds(row, head):
        return "the entry is not what was written: its content does not match its hash"
    known = (before.settled, before.pending, after.settled, after.pending)
    if any(k is not None and k.entries == row[0] and k.hash != row[-1] for k in known):
        return "the chain up to this entry was rewritten: its hash is not the one kept beside the database"
    return None


def _holds(row: Row, head: ChainHead) -> bool:
    """A column may hold any value once the table was tampered with."""
    content = row[1:9]
    return all(isinstance(field, str | bytes) for field in content) and row_hash(row[0], content, head.hash) == row[-1]


def _tail_break(head: ChainHead, before: HeadState, after: HeadState) -> ChainBreak | None:
    if head.entries < before.settled.entries:
        problem = f"the log ends after {head.entries} entries, {before.settled.entries} were written: its tail was cut"
        return ChainBreak(head.entries + 1, "", problem)
    torn = before == after and after.pending is not None and head not in (after.settled, after.pending)
    return ChainBreak(head.entries + 1, "", "the last group of entries is only there in part") if torn else None
