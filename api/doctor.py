"""Looks at the machine and at the installation, part by part."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from api.machine import Finding, examine_machine
from api.settings import Settings, unknown_variables
from api.wiring import Installation
from governance.records.errors import RecordsError
from kg.errors import GraphError
from kg.neo4j_store import server
from pipeline.errors import PipelineError

__all__ = ["examine"]

PROJECT = Path(__file__).resolve().parent.parent
NEEDED_DISK_GB = 4.0


def examine(settings: Settings | None = None) -> list[Finding]:
    """Return a finding for each part, in the order in which a newcomer needs them."""
    installation = Installation.open(settings)
    checks: tuple[Callable[[Installation], Finding], ...] = (
        _settings,
        _disk,
        _playground,
        _neo4j,
        _facts,
        _graph,
        _release,
        _port,
    )
    return [*examine_machine(), *(check(installation) for check in checks)]


def _settings(_: Installation) -> Finding:
    unknown = unknown_variables()
    if unknown:
        return Finding("Settings", "optional", f"no setting: {', '.join(unknown)}", "Not read. docs/settings.md has every name.")
    return Finding("Settings", "well", "every variable is one")


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
