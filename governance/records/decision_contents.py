"""Long answers in the decision log, each stored once: an entry holds the SHA-256 of what it answered.

A release gives the same bytes to the same request, so a busy shop would write the same 50 KB for every visit of a household. The
row's hash covers the digest, and the digest covers the content: a content that was changed or removed is found at the first
entry that names it. Short answers stay in their row, as all of them did in logs of older versions, which are read as before.
"""

import sqlite3
from collections.abc import Iterable

from kit.hashed import sha256_of

__all__ = ["CREATE_CONTENT", "ContentChecks", "Contents", "content_of", "stored_answer"]

PREFIX = b"sha256:"
"""Begins what stands in place of a long answer; no JSON does."""
SHORTEST = 1024
"""Bytes of an answer from which on it is stored apart."""
KNOWN_AT_MOST = 50_000
"""Digests that a writer remembers to have written; then it begins anew and asks the table."""
CREATE_CONTENT = """
CREATE TABLE IF NOT EXISTS content (digest BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS content_never_updated BEFORE UPDATE ON content
    BEGIN SELECT RAISE(ABORT, 'the decision log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS content_never_deleted BEFORE DELETE ON content
    BEGIN SELECT RAISE(ABORT, 'the decision log is append-only'); END;
"""
INSERT_CONTENT = "INSERT OR IGNORE INTO content VALUES (?, ?)"
CONTENT = "SELECT bytes FROM content WHERE digest = ?"


def stored_answer(answer: bytes) -> bytes:
    """Return what the row holds: the answer itself, or what names it."""
    if len(answer) < SHORTEST and not answer.startswith(PREFIX):
        return answer
    return PREFIX + sha256_of(answer)


def content_of(stored: bytes, connection: sqlite3.Connection) -> bytes | None:
    """Return the answer of what a row holds; None where its content is missing or is not what was written."""
    if not stored.startswith(PREFIX):
        return stored
    found = connection.execute(CONTENT, (stored[len(PREFIX) :],)).fetchone()
    return found[0] if found is not None and stored_answer(found[0]) == stored else None


class Contents:
    """Writes contents that are not there yet. Used by the one writer of a log."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: set[bytes] = set()

    def new(self, answers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        """Return the contents by digest that this writer has not written: of pairs of an answer and what its row holds."""
        apart = {stored[len(PREFIX) :]: answer for answer, stored in answers if stored is not answer}
        return {digest: answer for digest, answer in apart.items() if digest not in self._known}

    def write(self, contents: dict[bytes, bytes]) -> None:
        """Insert contents; the caller's transaction decides whether they stay. Raises: sqlite3.Error."""
        self._connection.executemany(INSERT_CONTENT, contents.items())

    def wrote(self, contents: dict[bytes, bytes]) -> None:
        """Remember contents that are durable."""
        if len(self._known) + len(contents) > KNOWN_AT_MOST:
            self._known.clear()
        self._known.update(contents)


class ContentChecks:
    """Checks every content once while a whole log is verified."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._whole: set[bytes] = set()

    def holds(self, stored: bytes) -> bool:
        """Whether the content that a row names is there and is what was written. Raises: sqlite3.Error."""
        if not stored.startswith(PREFIX) or stored in self._whole:
            return True
        if content_of(stored, self._connection) is None:
            return False
        self._whole.add(stored)
        return True
