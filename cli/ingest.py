"""`shelfgraph ingest`: a retailer's files into the lake, every row accounted for."""

from pathlib import Path
from typing import Annotated

import typer

from api.wiring import Installation
from cli.terminal import console, failing_clearly, progress_for, show_json, show_table
from ingest import FeedReport, Freshness, IngestReport, Rule, Severity, contract_of, freshness, shipped_sources
from pipeline.build import last_full_day

__all__ = ["app", "show_report"]

QUARANTINED = 4
FATES = {Severity.REJECT: "waits in quarantine", Severity.DUPLICATE: "kept in duplicates", Severity.FLAG: "accepted, counted"}
app = typer.Typer(help="Load feeds by contract and mapping; look at and replay what was quarantined.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
Source = Annotated[str, typer.Argument(help=f"A shipped source ({', '.join(shipped_sources())}) or the folder of your mapping.")]


@app.command()
def run(
    source: Source,
    path: Annotated[Path | None, typer.Option(help="Folder of the source's files, or the file itself where it is one.")] = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 when a row was quarantined.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load a source: rows in = accepted + quarantined + duplicates, for every feed. Running it twice changes nothing.

    Example: `shelfgraph ingest run completejourney`, or `shelfgraph ingest run online_retail --path FILE_OR_FOLDER`.
    One feed from one file: `--feed products --path FILE`. A feed that the source has no mapping for, such as a plan of prices
    (`planned_prices`) or a calendar (`calendar_events`), is read from a CSV or .parquet file in the columns that
    `shelfgraph ingest contract planned_prices` shows.
    Exit codes: 0 loaded; 1 a file could not be used: its feed is as it was, feeds written before it are named; 4 with
    --strict, rows were quarantined.
    """
    with failing_clearly():
        report = Installation.open().ingest(source, path, progress_for(as_json=as_json), feed=feed)
    if as_json:
        show_json(report)
    else:
        show_report(report)
    raise typer.Exit(QUARANTINED if strict and report.quarantined else 0)


@app.command()
def simulate(as_json: AsJson = False) -> None:
    """Make the feeds that the demo data lacks (stock, lead times, costs, sessions), marked as simulated on every row.

    Example: `shelfgraph ingest simulate`. The seed is SHELFGRAPH_SEED.
    """
    with failing_clearly():
        report = Installation.open().simulate(progress_for(as_json=as_json))
    if as_json:
        show_json(report)
    else:
        show_report(report)


@app.command()
def replay(
    source: Source,
    feed: Annotated[str, typer.Argument(help="The feed whose quarantined rows get another try.")],
    corrections: Annotated[
        Path | None, typer.Option(help="File like the feed's own, with a further column source_offset: rows put right.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge quarantined rows again, after a contract or a reference changed or with corrected rows; each is restored once.

    Example: `shelfgraph ingest replay completejourney sales_lines`.
    """
    with failing_clearly():
        report = Installation.open().replay(source, feed, corrections, progress_for(as_json=as_json))
    if as_json:
        show_json(report)
    else:
        console.print(
            f"{report.feed}: {report.examined:,} examined, {report.restored:,} restored, {report.duplicates:,} duplicates, "
            f"{report.remaining:,} still in quarantine."
        )


@app.command()
def quarantine(
    feed: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show rows that broke their contract, with the rule and where they stood. Example: `shelfgraph ingest quarantine`."""
    with failing_clearly():
        lake = Installation.open().lake
        book = lake.table("quarantine")
        chosen = book.filter(book.feed == feed) if feed else book
        rows = lake.to_arrow(chosen.order_by(["feed", "source_offset"]).limit(limit)).to_pylist()
    if as_json:
        show_json(rows)
        return
    shown = [(row["feed"], row["source_offset"], row["rule_id"], row["message"], row["status"], row["row"]) for row in rows]
    show_table("Quarantine", ("feed", "offset", "rule", "why", "status", "row"), shown)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show how fresh each feed is, and which are simulated. Example: `shelfgraph ingest status`."""
    with failing_clearly():
        lake = Installation.open().lake
        found = freshness(lake, last_full_day(lake))
    if as_json:
        show_json(found)
        return
    rows = [
        (item.table, item.rows, str(item.newest or ""), "simulated" if item.simulated else "", _freshness(item)) for item in found
    ]
    show_table("Feeds", ("table", "rows", "newest", "", "freshness"), rows)


@app.command()
def contract(feed: Annotated[str, typer.Argument(help="A feed, such as sales_lines.")]) -> None:
    """Show what a feed must look like: columns, types, key and rules. Example: `shelfgraph ingest contract sales_lines`."""
    with failing_clearly():
        found = contract_of(feed)
    fields = [(field.name, field.type.value, "yes" if field.required else "", field.description) for field in found.fields]
    show_table(f"{feed}, contract {found.version}, key {', '.join(found.key)}", ("column", "type", "required", "meaning"), fields)
    show_table(
        "Rules, the first that a row breaks names it",
        ("rule", "what becomes of the row", "why"),
        [_rule(one) for one in found.rules],
    )


def show_report(report: IngestReport) -> None:
    """Print one line per feed, and one per rule that rows broke, kept rows included."""
    rows = [
        (f.feed, f.rows_in, f.accepted, f.quarantined, f.duplicates, "unchanged" if f.unchanged else "written", f.seconds)
        for f in report.feeds
    ]
    show_table(f"Ingest of {report.source}", ("feed", "rows in", "accepted", "quarantined", "duplicates", "table", "s"), rows)
    rules = [(f.feed, rule, count, fate) for f in report.feeds for fate, rule, count in _by_rule(f)]
    if rules:
        show_table("Rows that broke a rule", ("feed", "rule", "rows", "what became of them"), rules)
    if report.quarantined:
        console.print(f"{report.quarantined:,} rows in quarantine: `shelfgraph ingest quarantine` shows why.")


def _rule(rule: Rule) -> tuple[str, str, str]:
    return rule.id, FATES[rule.severity], rule.text


def _by_rule(feed: FeedReport) -> list[tuple[str, str, int]]:
    """(what became of the rows, rule, rows): first the rules that refused rows, then those that only counted them."""
    refused = [("refused", rule, count) for rule, count in sorted(feed.by_rule.items())]
    return refused + [("kept and counted", rule, count) for rule, count in sorted(feed.flagged.items())]


def _freshness(table: Freshness) -> str:
    if table.latency_days is None:
        return "standing facts: no day, nothing promised"
    if table.newest is None:
        return "late: no fact yet"
    return f"late: older than {table.latency_days:g} days" if table.late else f"within {table.latency_days:g} days"
