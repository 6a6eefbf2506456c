"""`shelfgraph audit`: is the decision log as it was written, and does a decision come out the same again?"""

import json
from typing import Annotated

import typer

from api.replay import replay as replay_decision
from api.wiring import Installation
from cli.terminal import console, failing_clearly, show_json, show_table

__all__ = ["app"]

app = typer.Typer(help="Verify the decision log and replay decisions.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Recompute every hash of the decision log up to the head kept beside it.

    Example: `shelfgraph audit verify`. Exit code 0: nothing was changed; 1: the first break is named.
    """
    with failing_clearly():
        report = Installation.open().decision_log(read_only=True).verify()
    if as_json:
        show_json(report)
    elif report.broken is None:
        console.print(f"{report.entries:,} decisions, every hash holds. Head: {report.head}")
    else:
        console.print(
            f"[bold red]The chain breaks[/] at entry {report.broken.position}, decision {report.broken.decision_id}: "
            f"{report.broken.problem}"
        )
    raise typer.Exit(0 if report.broken is None else 1)


@app.command()
def replay(decision_id: Annotated[str, typer.Argument(help="Id of a decision, such as dec_…")], as_json: AsJson = False) -> None:
    """Answer a logged request again on the release it was answered from, and compare byte for byte.

    Example: `shelfgraph audit replay dec_019ab3c0…`. Exit code 0: the same bytes; 1: they differ.
    """
    with failing_clearly():
        installation = Installation.open()
        report = replay_decision(decision_id, installation.decision_log(read_only=True), installation.services_of)
    if as_json:
        show_json(report)
    else:
        console.print(
            f"{report.decision_id}: {'the same bytes' if report.identical else 'DIFFERENT'} (release {report.release_id})"
        )
    raise typer.Exit(0 if report.identical else 1)


@app.command("list")
def list_decisions(
    limit: Annotated[int, typer.Option(help="How many, oldest first.")] = 20,
    after: Annotated[str | None, typer.Option(help="Begin behind this decision.")] = None,
    as_json: AsJson = False,
) -> None:
    """List decisions in the order they were written. Example: `shelfgraph audit list --limit 5`."""
    with failing_clearly():
        entries = list(Installation.open().decision_log(read_only=True).entries(after=after, limit=limit))
    rows = [(entry.id, entry.kind, entry.recorded_at.isoformat(), entry.principal, entry.release_id) for entry in entries]
    if as_json:
        show_json([dict(zip(("id", "kind", "recorded_at", "principal", "release_id"), row, strict=True)) for row in rows])
    else:
        show_table("Decisions", ("id", "kind", "recorded at", "who", "release"), rows)


@app.command()
def show(decision_id: Annotated[str, typer.Argument(help="Id of a decision.")]) -> None:
    """Print a decision as it was logged: versions, request and answer. Example: `shelfgraph audit show dec_…`."""
    with failing_clearly():
        entry = Installation.open().decision_log(read_only=True).get(decision_id)
    show_json(
        {
            "id": entry.id,
            "kind": entry.kind,
            "recorded_at": entry.recorded_at,
            "principal": entry.principal,
            "release_id": entry.release_id,
            "header": _parsed(entry.header),
            "request": _parsed(entry.request),
            "answer": _parsed(entry.answer),
        }
    )


def _parsed(content: bytes) -> object:
    value: object = json.loads(content)
    return value
