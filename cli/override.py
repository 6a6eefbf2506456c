"""`shelfgraph override`: forecasts set by hand, and what that was worth."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from api.errors import ArgumentInvalid
from api.planning.overrides import set_override, value_report, withdraw_override
from api.planning.written_changes import day_of
from api.wiring import Installation
from cli.terminal import console, failing_clearly, progress_for, show_json, show_table
from decisions.overrides import ValueAdded
from governance.records import Override, OverrideWeek
from kit.ids import ordered_id

__all__ = ["app"]

app = typer.Typer(help="Forecasts set by hand, and what that was worth.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")]
Key = Annotated[str | None, typer.Option(help="Idempotency key: asked again with it, nothing is done again.")]
Author = Annotated[str | None, typer.Option(help="Who it was; whoever sits before this machine unless given.")]


@app.command("set")
def set_forecast(
    product: Annotated[str, typer.Argument(help="Id of a product.")],
    week: Annotated[list[str], typer.Option(help="MONDAY=UNITS; may be given again.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    expires: Annotated[datetime, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When it ends, in UTC.")],
    store: Annotated[str | None, typer.Option(help="Id of a store; the whole chain unless given.")] = None,
    author: Author = None, key: Key = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Set the forecast of a product by hand. The system's figure of the same weeks is kept beside it.

    Example: `shelfgraph override set 995242 --week 2018-01-08=250 --reason "street fair" --expires 2099-01-31`.
    """
    with failing_clearly():
        by_week = dict(_week(words) for words in week)
        kept = set_override(
            Installation.open().planner(), product, store, by_week, reason=reason, expires_at=expires.replace(tzinfo=UTC),
            key=key or ordered_id("cli"), dry_run=dry_run, author=author,
        )  # fmt: skip
    if kept.refused is not None:
        console.print(f"[bold red]Error:[/] {kept.refused.answer.problem}\n[bold]What to do:[/] {kept.refused.answer.remedy}")
        raise typer.Exit(1)
    _tell(kept.recorded.value if kept.recorded else None, kept.weeks, as_json=as_json)


@app.command("list")
def list_overrides(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20, as_json: AsJson = False
) -> None:
    """List forecasts set by hand, expired and withdrawn ones too. Example: `shelfgraph override list --limit 5`."""
    with failing_clearly():
        installation = Installation.open()
        found = installation.planning_books.overrides.latest(limit=limit)
    now = datetime.now(UTC)
    if as_json:
        show_json([{"in_force": one.in_force(now), "override": one} for one in found])
        return
    columns = ("id", "product", "store", "weeks", "system", "by hand", "author", "reason", "state")
    rows = [
        (one.id, one.draft.product_id, one.draft.store_id or "chain", len(one.draft.weeks),
         sum(week.system_units for week in one.draft.weeks), sum(week.units for week in one.draft.weeks), one.draft.author,
         one.draft.reason, _state(one, now))
        for one in found
    ]  # fmt: skip
    show_table("Forecasts set by hand", columns, rows)


@app.command()
def withdraw(
    override_id: Annotated[str, typer.Argument(help="Id of an override, such as ovr_…")],
    reason: Annotated[str, typer.Option(help="Why.")],
    author: Author = None, key: Key = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Take an override back; both records stay. Example: `shelfgraph override withdraw ovr_… --reason "the fair is off"`."""
    with failing_clearly():
        planner = Installation.open().planner()
        kept = withdraw_override(
            planner, override_id, reason=reason, key=key or ordered_id("cli"), dry_run=dry_run, author=author
        )
    _tell(kept.recorded.value if kept.recorded else None, kept.weeks, as_json=as_json)


@app.command("value-added")
def value_added(author: Annotated[str | None, typer.Option(help="Only of this author.")] = None, as_json: AsJson = False) -> None:
    """Show by how much the error fell (or rose) because forecasts were set by hand, once the sales are known.

    Error is the sum of absolute differences in units, WAPE its share of what was sold. Value added is the system's WAPE less that
    of the hand: above 0 the hand did better. Sales of fewer than ten households are withheld.

    Example: `shelfgraph override value-added --author ann`.
    """
    with failing_clearly():
        planner = Installation.open().planner()
        with progress_for(as_json=as_json).stage("Measuring against sales"):
            report = value_report(planner, author=author)
    if as_json:
        show_json(report)
        return
    columns = ("of", "overrides", "weeks", "sold", "system error", "hand error", "system WAPE", "hand WAPE", "value added")
    rows = [_row(name, value) for name, value in report.by_author]
    if report.total is not None:
        rows.append(_row("all", report.total))
    show_table(f"Forecast value added, by sales until {report.known_until}", columns, rows)
    told = [one for one in report.overrides if one.value is not None]
    show_table("One by one", columns, [_row(f"{one.id} {one.product_id}", one.value) for one in told if one.value is not None])
    console.print(f"{report.waiting} wait for their sales, {report.withheld} are withheld.")


def _week(words: str) -> tuple[date, float]:
    start, _, units = words.partition("=")
    try:
        return day_of(start), float(units)
    except ValueError as error:
        raise ArgumentInvalid("week", f"MONDAY=UNITS, but '{words[:40]}'") from error


def _tell(found: Override | None, weeks: tuple[OverrideWeek, ...], *, as_json: bool) -> None:
    if as_json:
        show_json({"override": found, "weeks": list(weeks), "dry_run": found is None})
        return
    console.print("Nothing was written: a dry run." if found is None else f"{found.id}: {_state(found, datetime.now(UTC))}")
    show_table("Weeks", ("week", "system", "by hand"), [(one.week_start, one.system_units, one.units) for one in weeks])


def _state(override: Override, now: datetime) -> str:
    if override.withdrawal is not None:
        return f"withdrawn by {override.withdrawal.author}"
    return "in force" if override.in_force(now) else "expired"


def _row(name: str, value: ValueAdded) -> tuple[object, ...]:
    return (
        name, value.overrides, value.weeks, value.actual_units, value.system_error, value.override_error, value.system_wape,
        value.override_wape, value.value_added,
    )  # fmt: skip
