"""`shelfgraph events`: what happened since the last delivery, told one event at a time."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api.wiring import Installation
from cli.ingest import show_report
from cli.terminal import console, failing_clearly, progress_for, show_json, show_table
from pipeline.event_stream import Consumed
from pipeline.online_events import REJECTED

__all__ = ["app"]

REFUSED = 4
SHOWN = 20
app = typer.Typer(help="Online events: send them, see what is held, take them from Kafka, land them.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


@app.command()
def send(
    file: Annotated[Path, typer.Argument(help="A JSON list of events, or one JSON object a line.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 when an event was rejected.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take events from a file into the book, without a server; every server of this home sees them within a second.

    Example: `shelfgraph events send events.json`. Sending a file twice changes nothing: each event counts once.
    """
    with failing_clearly():
        taken = Installation.open().send_events(file)
    rejected = [event for event in taken.events if event.outcome == REJECTED]
    if as_json:
        show_json({**taken.counts, "events": taken.events})
    else:
        show_table("Events", ("what", "events"), list(taken.counts.items()))
        shown = [(event.event_id, event.kind, event.rule, event.reason) for event in rejected[:SHOWN]]
        if shown:
            show_table(f"Rejected, the first {len(shown)}", ("event", "kind", "rule", "why"), shown)
    raise typer.Exit(REFUSED if strict and rejected else 0)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show how many events the book holds, by kind, and how many have landed. Example: `shelfgraph events status`."""
    with failing_clearly():
        found = Installation.open().event_status()
    if as_json:
        show_json(found)
        return
    rows = [(f"{kind} events", count) for kind, count in found.counts.by_kind]
    rows += [("refused lines", found.counts.refused), ("not landed yet", found.unlanded)]
    show_table("Events in the book", ("what", "how many"), rows)
    landed = found.landings[-1].through if found.landings else "never"
    console.print(f"Last event taken: {found.counts.last_recorded_at or 'never'}. Landed up to: {landed}.")


@app.command()
def land(
    through: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last business day that lands; yesterday unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make facts of events: rows of sales, visits, stock, consents and households. Landing twice adds nothing.

    Example: `shelfgraph events land`, then `shelfgraph graph build` and `shelfgraph train` for a release that holds them.
    """
    with failing_clearly():
        day = through.date() if through else None
        landed = Installation.open().land_events(day, progress_for(as_json=as_json))
    if as_json:
        show_json(landed)
        return
    show_report(landed.report)
    console.print(f"Landed up to {landed.through}; {landed.quarantined_lines:,} refused lines are new in the quarantine.")
    for table in landed.waiting:
        console.print(f"{table}: no contract here yet; its events wait in `online_events`.")


@app.command()
def consume(
    idle: Annotated[float | None, typer.Option(help="Stop when nothing came for so many seconds; else Ctrl-C stops.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take events from Kafka until Ctrl-C; needs the extra `kafka` and SHELFGRAPH_KAFKA_SERVERS.

    Example: `shelfgraph events consume --idle 30`. Each message is one JSON event or a list of up to 1,000.
    """
    with failing_clearly():
        consumed = Installation.open().consume_events(idle, _watch(as_json=as_json))
    if as_json:
        show_json(consumed)
    else:
        show_table("Events from Kafka", ("what", "events"), list(asdict(consumed).items()))


def _watch(*, as_json: bool) -> Callable[[Consumed], None]:
    def tell(consumed: Consumed) -> None:
        if not as_json:
            console.print(f"{consumed.received:,} received, {consumed.accepted:,} accepted, {consumed.rejected:,} rejected")

    return tell
