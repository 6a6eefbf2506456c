"""`shelfgraph neo4j`: a real Neo4j with Graph Data Science, assembled from packages, without Docker and without Java."""

from typing import Annotated

import typer

from api.wiring import Installation
from cli.terminal import console, failing_clearly, progress_for, show_json
from kg.neo4j_store import server

__all__ = ["app"]

DOWN = 3
app = typer.Typer(help="The local Neo4j server with Graph Data Science.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


@app.command()
def install(as_json: AsJson = False) -> None:
    """Fetch and check the locked packages of the server (about 130 MB, once). Example: `shelfgraph neo4j install`."""
    with failing_clearly():
        found = server.install(progress_for(as_json=as_json))
    if as_json:
        show_json({"folder": str(found.folder), "neo4j": server.NEO4J_VERSION, "gds": server.GDS_VERSION})
        return
    console.print(f"Neo4j {server.NEO4J_VERSION} with Graph Data Science {server.GDS_VERSION} is ready in {found.folder}.")
    console.print("Next: `shelfgraph neo4j start`.")


@app.command()
def start(as_json: AsJson = False) -> None:
    """Start the server of this home on loopback and wait until it answers. Example: `shelfgraph neo4j start`."""
    with failing_clearly():
        running = Installation.open().start_neo4j(progress_for(as_json=as_json))
    if as_json:
        show_json(_about(running))
        return
    console.print(f"Neo4j {running.neo4j_version} answers at {running.uri}, user {running.user}, process {running.pid}.")
    console.print("Stop it with `shelfgraph neo4j stop`.")


@app.command()
def stop(as_json: AsJson = False) -> None:
    """Stop the server of this home by its own process id. Example: `shelfgraph neo4j stop`."""
    with failing_clearly():
        stopped = server.stop(Installation.open().layout.neo4j)
    if as_json:
        show_json({"stopped": stopped})
    else:
        console.print("Stopped." if stopped else "It was not running.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say whether the server is installed and running. Example: `shelfgraph neo4j status`. Exit code 3 when it is down."""
    with failing_clearly():
        running = server.status(Installation.open().layout.neo4j)
        ready = server.installed() is not None
    if as_json:
        show_json({"installed": ready, "running": running is not None, **(_about(running) if running else {})})
    elif running:
        console.print(
            f"Running at {running.uri}: Neo4j {running.neo4j_version}, GDS {running.gds_version}, process {running.pid}."
        )
    else:
        console.print(
            "Installed, not running: `shelfgraph neo4j start`." if ready else "Not installed: `shelfgraph neo4j install`."
        )
    raise typer.Exit(0 if running else DOWN)


def _about(running: server.RunningServer) -> dict[str, object]:
    """The server without its password: it lies in the home, for the owner alone."""
    return {
        "uri": running.uri, "user": running.user, "pid": running.pid, "neo4j": running.neo4j_version, "gds": running.gds_version,
    }  # fmt: skip
