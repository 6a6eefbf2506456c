"""The list of jars that make up the server: which file, at which version, with which SHA-256.

The lock is a text file beside this one, one jar a line: `group:artifact:version[:classifier] sha256`, in code point order.
It names no address: where jars come from is the business of the machine's own settings.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["GDS_VERSION", "NEO4J_VERSION", "LockedJar", "lock_digest", "locked_jars", "parse_lock"]

NEO4J_VERSION = "5.26.31"
GDS_VERSION = "2.13.9"
GDS_GROUP = "org.neo4j.gds"


@dataclass(frozen=True, slots=True)
class LockedJar:
    """One jar by its Maven coordinate and the SHA-256 of its bytes."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """The coordinate as it is written in the lock."""
        suffix = f":{self.classifier}" if self.classifier else ""
        return f"{self.group}:{self.artifact}:{self.version}{suffix}"

    @property
    def file_name(self) -> str:
        """The name of the file in the server's folder."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{suffix}.jar"

    @property
    def folder(self) -> str:
        """`plugins` for Graph Data Science, whose procedures are found there alone; `lib` for all others."""
        return "plugins" if self.group == GDS_GROUP else "lib"


def parse_lock(text: str) -> tuple[LockedJar, ...]:
    """Return the jars of a lock's text. Raises: ValueError for a line of another form."""
    return tuple(_parse_line(line) for line in text.splitlines() if line)


def _parse_line(line: str) -> LockedJar:
    coordinate, _, digest = line.partition(" ")
    parts = coordinate.split(":")
    if len(parts) not in (3, 4) or len(digest) != 64:
        raise ValueError(f"not a locked jar: {line[:200]!r}")
    return LockedJar(parts[0], parts[1], parts[2], parts[3] if len(parts) == 4 else "", digest)


@cache
def locked_jars() -> tuple[LockedJar, ...]:
    """Return the jars of the server this version of the product was built and tested with."""
    return parse_lock(_lock_text())


@cache
def lock_digest() -> str:
    """Return the first 16 hexadecimal digits of the lock's SHA-256: it names the cache folder."""
    return hashlib.sha256(_lock_text().encode()).hexdigest()[:16]


def _lock_text() -> str:
    return resources.files(__package__).joinpath("jars.lock").read_text(encoding="utf-8")
