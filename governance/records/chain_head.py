"""The head of a hash chain, kept in a small file of its own beside the database.

Without it a log whose last rows were cut off still verifies. The file holds two slots that are written in turn, each with a
checksum, so that a write torn by a crash leaves the slot before it. A slot holds the settled head and, while entries are being
written, up to how many there may be: a crash leaves a log that ends between the two and continues the chain of the first. Once
nothing is written any more the head is exact again. Files of older versions name the head that a group leads to instead.
"""

import errno
import fcntl
import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GENESIS", "ChainHead", "ChainHeadFile", "HeadState", "head_path", "read_head_state"]

GENESIS = hashlib.sha256(b"shelfgraph decision log 1").hexdigest()
SLOT_BYTES = 512
SLOT = struct.Struct(">8sQQ32sBQ32s")
"""Magic, write counter, settled entries and hash, what is under way, its entries and hash."""
EXACT, PENDING, RESERVED = 0, 1, 2
MAGIC = b"sg-head1"
CHECKSUM_BYTES = 32


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How many entries a chain has, and the hash of the last one (64 hexadecimal characters)."""

    entries: int
    hash: str


@dataclass(frozen=True, slots=True)
class HeadState:
    """The settled head, and what may follow it: up to `limit` entries while there is a writer, or, in files of older versions,
    the `pending` head of a group under way.
    """

    settled: ChainHead
    pending: ChainHead | None = None
    limit: int = 0

    @property
    def furthest(self) -> int:
        """The most entries that this state allows."""
        return max(self.settled.entries, self.limit, self.pending.entries if self.pending else 0)


def head_path(database: Path) -> Path:
    """Return where the head of a log is kept: beside its database."""
    return database.with_name(database.name + ".head")


def read_head_state(path: Path) -> HeadState | None:
    """Return the newest whole state in the file, or None when there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    newest = max(
        filter(None, (_decode(content[at : at + SLOT_BYTES]) for at in (0, SLOT_BYTES))), default=None, key=lambda s: s[0]
    )
    return newest[1] if newest else None


class ChainHeadFile:
    """The head file as its one writer holds it: locked against every other process. Raises: BlockingIOError, OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._counter = self._newest_counter()
            _sync_folder(path.parent)
        except OSError:
            os.close(self._descriptor)
            raise

    def write(self, state: HeadState, *, durable: bool) -> None:
        """Write a state into the older slot, and with `durable` wait until it is on disk.

        Raises:
            OSError: the state may not be on disk; the one written before it still is.
        """
        counter = self._counter + 1
        slot = _encode(counter, state)
        if os.pwrite(self._descriptor, slot, (counter % 2) * SLOT_BYTES) < len(slot):
            raise OSError(errno.ENOSPC, "the head of the chain was written in part", str(self._path))
        if durable:
            os.fdatasync(self._descriptor)
        # after a failure the next write takes the same slot: the other one holds the last whole state
        self._counter = counter

    def close(self) -> None:
        """Bring the last state to disk and give the lock back, the latter also when the former fails. Raises: OSError."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def _newest_counter(self) -> int:
        content = os.pread(self._descriptor, 2 * SLOT_BYTES, 0)
        slots = (_decode(content[at : at + SLOT_BYTES]) for at in (0, SLOT_BYTES))
        return max((slot[0] for slot in slots if slot), default=0)


def _encode(counter: int, state: HeadState) -> bytes:
    pending = state.pending or ChainHead(state.limit, GENESIS)
    settled = state.settled
    flag = PENDING if state.pending else RESERVED if state.limit else EXACT
    body = SLOT.pack(
        MAGIC, counter, settled.entries, bytes.fromhex(settled.hash), flag, pending.entries, bytes.fromhex(pending.hash)
    )
    return (body + hashlib.sha256(body).digest()).ljust(SLOT_BYTES, b"\0")


def _decode(slot: bytes) -> tuple[int, HeadState] | None:
    body, checksum = slot[: SLOT.size], slot[SLOT.size : SLOT.size + CHECKSUM_BYTES]
    if len(checksum) < CHECKSUM_BYTES or hashlib.sha256(body).digest() != checksum:
        return None
    magic, counter, entries, digest, flag, next_entries, next_digest = SLOT.unpack(body)
    if magic != MAGIC:
        return None
    pending = ChainHead(next_entries, next_digest.hex()) if flag == PENDING else None
    return counter, HeadState(ChainHead(entries, digest.hex()), pending, next_entries if flag == RESERVED else 0)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
