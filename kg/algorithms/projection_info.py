"""When a projection was made and from what: every result of an algorithm carries it, and an engine remembers its own.

An algorithm does not answer about the graph but about the part of it that was projected, as it was at that moment.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from kit.clock import Clock

__all__ = ["Projected", "ProjectionInfo", "ProjectionLog", "info_of", "plain_of", "projection_of", "stamped"]

METADATA_KEY = b"shelfgraph.projection"
REMEMBERED = 1_000
"""Of a process that never ends only the newest are kept."""


@dataclass(frozen=True, slots=True)
class ProjectionInfo:
    """One projection, as an algorithm looked at it.

    Args:
        algorithm: what ran on it.
        content: what was projected, in words.
        as_of: the business day that its content speaks of; None is the graph as it is published.
        projected_at: when it was made, in UTC.
        nodes: how many nodes it had, on both sides.
        relationships: how many edges; one that is followed both ways counts twice, edges beside each other count each.
        engine: who projected it.
        engine_version: the engine's own version.
        server_version: of Graph Data Science on the server; None where no server is asked.
    """

    algorithm: str
    content: str
    as_of: date | None
    projected_at: datetime
    nodes: int
    relationships: int
    engine: str
    engine_version: str
    server_version: str | None = None

    def age_seconds(self, now: datetime) -> float:
        """Return how old the projection is at `now`."""
        return (now - self.projected_at).total_seconds()


@dataclass(slots=True)
class Projected:
    """A projection under way; the engine notes its size as soon as it is known."""

    info: ProjectionInfo

    def sized(self, nodes: int, relationships: int) -> None:
        """Note how large it is."""
        self.info = replace(self.info, nodes=nodes, relationships=relationships)


class ProjectionLog:
    """What one engine has projected since it was opened, oldest first."""

    def __init__(self, engine: str, engine_version: str, clock: Clock, server_version: str | None = None) -> None:
        self._engine = engine
        self._version = engine_version
        self._server_version = server_version
        self._clock = clock
        self._made: deque[ProjectionInfo] = deque(maxlen=REMEMBERED)

    def made(self) -> tuple[ProjectionInfo, ...]:
        """Return all that are remembered."""
        return tuple(self._made)

    @contextmanager
    def noting(self, algorithm: str, content: str, as_of: date | None) -> Iterator[Projected]:
        """Yield a projection made now; it is remembered when the block ends well."""
        now = self._clock.now().astimezone(UTC)
        begun = ProjectionInfo(algorithm, content, as_of, now, 0, 0, self._engine, self._version, self._server_version)
        projected = Projected(begun)
        yield projected
        self._made.append(projected.info)


def plain_of(info: ProjectionInfo) -> dict[str, Any]:
    """Return what JSON can hold of it, days and times as ISO texts."""
    return asdict(info) | {
        "as_of": info.as_of.isoformat() if info.as_of else None,
        "projected_at": info.projected_at.isoformat(),
    }


def info_of(plain: Mapping[str, Any]) -> ProjectionInfo:
    """Return the projection that `plain_of` has written."""
    as_of = date.fromisoformat(plain["as_of"]) if plain["as_of"] else None
    return ProjectionInfo(**{**plain, "as_of": as_of, "projected_at": datetime.fromisoformat(plain["projected_at"])})


def stamped(rows: pa.Table, info: ProjectionInfo) -> pa.Table:
    """Return the rows with the projection they rest on; their columns stay as they are."""
    return rows.replace_schema_metadata({METADATA_KEY: json.dumps(plain_of(info), sort_keys=True).encode()})


def projection_of(rows: pa.Table) -> ProjectionInfo | None:
    """Return the projection a result rests on, None where no engine has stamped the rows."""
    written = (rows.schema.metadata or {}).get(METADATA_KEY)
    return info_of(json.loads(written)) if written else None
