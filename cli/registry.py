"""`shelfgraph registry`: what ran, with what, and what is served."""

from typing import Annotated

import typer

from api.wiring import Installation
from cli.terminal import failing_clearly, show_json, show_table

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
