"""Fresh stores for measuring: each in a temporary folder, Neo4j with a server of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kg.embedded_store import open_embedded
from kg.neo4j_store import Neo4jSettings, open_neo4j
from kg.neo4j_store.server import start, stop
from kg.ports import GraphStore
from kit.progress import Progress
from ontology.schema import load_schema

__all__ = ["MEASURED_STORES", "FreshStore", "fresh_store", "resident_mb"]

MEASURED_STORES = ("embedded", "neo4j")


@dataclass(frozen=True, slots=True)
class FreshStore:
    """An empty store; `server_pid` is the process whose memory counts beside ours, where there is one."""

    store: GraphStore
    server_pid: int | None


@contextmanager
def fresh_store(kind: str, progress: Progress, *, plain_merge: bool = False) -> Iterator[FreshStore]:
    """Open an empty store of a kind, and remove it with everything in it afterwards.

    `plain_merge` makes Neo4j merge every row over one session, as the plain recipe does.
    """
    with tempfile.TemporaryDirectory(prefix=f"shelfgraph-bench-{kind}-") as folder:
        opened = _embedded(Path(folder)) if kind == "embedded" else _neo4j(Path(folder), progress, plain_merge)
        with opened as fresh:
            yield fresh


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, in MB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def _embedded(folder: Path) -> Iterator[FreshStore]:
    store = open_embedded(folder / "graph", load_schema())
    try:
        yield FreshStore(store, None)
    finally:
        store.close()


@contextmanager
def _neo4j(folder: Path, progress: Progress, plain_merge: bool) -> Iterator[FreshStore]:
    running = start(folder, progress=progress)
    try:
        settings = Neo4jSettings(writers=1, always_merge=True) if plain_merge else None
        store = open_neo4j(running.uri, running.user, running.password, load_schema(), settings=settings)
        try:
            yield FreshStore(store, running.pid)
        finally:
            store.close()
    finally:
        stop(folder)
