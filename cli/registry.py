"""`shelfgraph registry`: what ran, with what, and what is served."""

from typing import Annotated

import typer

from api.wiring import Installation
from cli.terminal import console, failing_clearly, show_json, show_table

__all__ = ["app"]

app = typer.Typer(help="The registers of runs and releases.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value for programs.")]


@app.command()
def runs(
    kind: Annotated[str | None, typer.Option(help="Only runs of this kind: ingest, graph or train.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first. Example: `shelfgraph registry runs --kind train`."""
    with failing_clearly():
        found = Installation.open().books.runs.latest(kind, limit=limit)
    if as_json:
        show_json(found)
        return
    rows = [(run.id, run.kind, run.status, run.started_at.isoformat(timespec="seconds"), run.code_version) for run in found]
    show_table("Runs", ("id", "kind", "status", "started", "code"), rows)


@app.command()
def run(run_id: Annotated[str, typer.Argument(help="Id of a run.")]) -> None:
    """Print one run whole: parameters, digests of its inputs and outputs, figures. Example: `shelfgraph registry run run_…`."""
    with failing_clearly():
        show_json(Installation.open().books.runs.get(run_id))


@app.command()
def release() -> None:
    """Print the release that is served: graph, features, models, policy. Example: `shelfgraph registry release`."""
    with failing_clearly():
        show_json(Installation.open().books.releases.current())


@app.command()
def releases(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the current one first.")] = 20, as_json: AsJson = False
) -> None:
    """List releases, the current one first. Example: `shelfgraph registry releases`."""
    with failing_clearly():
        found = Installation.open().books.releases.latest(limit=limit)
    if as_json:
        show_json(found)
        return
    rows = [(one.id, one.as_of, one.graph_version, one.created_at.isoformat(timespec="seconds")) for one in found]
    show_table("Releases", ("id", "as of", "graph", "made"), rows)


@app.command()
def publish(
    release_id: Annotated[str, typer.Argument(help="Id of a release that was served before.")], as_json: AsJson = False
) -> None:
    """Serve an earlier release again, after looking whether all of it is still there and whole. A running server goes on with
    its own until it is started again.

    Example: `shelfgraph registry publish release_…`.
    """
    with failing_clearly():
        installation = Installation.open()
        services = installation.services_of(release_id)
        installation.books.releases.publish(services.release)
    if as_json:
        show_json(services.release)
        return
    console.print(f"Current release: {release_id}, as of {services.release.as_of}. A running server follows by itself.")
