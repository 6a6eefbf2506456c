"""`shelfgraph scenario`: planned changes with a name, laid over the forecast and compared side by side."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.decisions_made import Refused
from api.planning.scenarios import archive_scenario, changes_of, compare_scenarios, create_scenario, revise_scenario
from api.planning.written_changes import WrittenChanges, changes_in_file
from api.wiring import Installation
from cli.terminal import console, failing_clearly, show_json, show_table
from decisions.scenarios import Change
from governance.records import ScenarioRevision
from kit.ids import ordered_id

__all__ = ["app"]

app = typer.Typer(help="Scenarios: planned changes with a name, laid over the forecast and compared.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")]
Key = Annotated[str | None, typer.Option(help="Idempotency key: asked again with it, nothing is done again.")]
Expected = Annotated[int | None, typer.Option(min=1, help="The revision it must be at; the present one unless given.")]
Delist = Annotated[list[str] | None, typer.Option(help="PRODUCT,FROM[,UNTIL]: gone from that Monday on.")]
Promote = Annotated[list[str] | None, typer.Option(help="PRODUCT,FROM,UNTIL,display=SHARE,mailer=SHARE (shares of the stores).")]
Price = Annotated[list[str] | None, typer.Option(help="PRODUCT,FROM,UNTIL,PRICE.")]
SwitchOff = Annotated[list[str] | None, typer.Option(help="Id of a promotion that will not run.")]
Ignore = Annotated[list[str] | None, typer.Option(help="SOURCE,TARGET: an edge that is not to be looked at.")]
Stores = Annotated[
    str | None, typer.Option(help="Ids of the stores in which delistings and prices hold, with commas; all unless given.")
]
File = Annotated[Path | None, typer.Option(help="JSON file with a list of changes, instead of the options above.")]
ScenarioId = Annotated[str, typer.Argument(help="Id of a scenario, such as scn_…")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name.")],
    delist: Delist = None, promote: Promote = None, price: Price = None, switch_off: SwitchOff = None, ignore: Ignore = None,
    stores: Stores = None, file: File = None, key: Key = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Keep a new scenario; weeks are Mondays, UNTIL is the Monday after the last week.

    Example: `shelfgraph scenario create "no milk" --delist 995242,2018-01-15 --promote 1029743,2018-01-08,2018-01-22,mailer=1`.
    """
    with failing_clearly():
        changes = _changes(WrittenChanges(delist or (), promote or (), price or (), switch_off or (), ignore or (), stores), file)
        kept = create_scenario(Installation.open().planner(), name, changes, key=key or ordered_id("cli"), dry_run=dry_run)
    _tell(kept.recorded.value if kept.recorded else None, kept.changes, as_json=as_json)


@app.command()
def revise(
    scenario_id: ScenarioId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    delist: Delist = None, promote: Promote = None, price: Price = None, switch_off: SwitchOff = None, ignore: Ignore = None,
    stores: Stores = None, file: File = None, expected: Expected = None, key: Key = None, dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Add a revision with other changes (all of them are given anew), another name, or both.

    Example: `shelfgraph scenario revise scn_… --delist 995242,2018-01-22`.
    """
    written = WrittenChanges(delist or (), promote or (), price or (), switch_off or (), ignore or (), stores)
    with failing_clearly():
        planner = Installation.open().planner()
        changes = _changes(written, file) or None
        version = expected or planner.planning.books.scenarios.get(scenario_id).revision
        kept = revise_scenario(
            planner, scenario_id, key=key or ordered_id("cli"), expected=version, name=name, changes=changes, dry_run=dry_run
        )
    _tell(kept.recorded.value if kept.recorded else None, kept.changes, as_json=as_json)


@app.command("list")
def list_scenarios(
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List scenarios in their last revisions. Example: `shelfgraph scenario list --archived`."""
    with failing_clearly():
        found = Installation.open().planning_books.scenarios.latest(limit=limit, archived=archived)
    if as_json:
        show_json([_plain(one, changes_of(one)) for one in found])
        return
    columns = ("id", "name", "revision", "archived", "author", "changes", "recorded at")
    rows = [
        (one.scenario_id, one.draft.name, one.revision, one.archived, one.draft.author, len(changes_of(one)),
         one.recorded_at.isoformat(timespec="seconds"))
        for one in found
    ]  # fmt: skip
    show_table("Scenarios", columns, rows)


@app.command()
def show(
    scenario_id: ScenarioId,
    revision: Annotated[int | None, typer.Option(min=1, help="Which revision; the last one unless given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a scenario with its changes. Example: `shelfgraph scenario show scn_… --revision 1`."""
    with failing_clearly():
        found = Installation.open().planning_books.scenarios.get(scenario_id, revision)
    _tell(found, changes_of(found), as_json=as_json)


@app.command()
def compare(
    product: Annotated[str, typer.Argument(help="Id of a product.")],
    scenarios: Annotated[list[str] | None, typer.Argument(help="Ids of at most five scenarios.")] = None,
    store: Annotated[str | None, typer.Option(help="Id of a store; the whole chain unless given.")] = None,
    weeks: Annotated[int, typer.Option(min=1, max=8, help="Weeks to forecast.")] = 4,
    combined: Annotated[bool, typer.Option("--combined", help="A column with all of them laid over each other.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put the base and scenarios side by side for one product.

    Example: `shelfgraph scenario compare 995242 scn_… scn_… --combined`.
    """
    with failing_clearly():
        planner = Installation.open().planner()
        held = [(one, None) for one in scenarios or ()]
        decided = compare_scenarios(planner, product, held, store_id=store, horizon_weeks=weeks, combined=combined)
    answer = decided.answer
    if as_json:
        show_json(answer)
    elif isinstance(answer, Refused):
        console.print(f"[bold red]{answer.problem}[/] {answer.remedy}")
    else:
        columns = ("scenario", "units", "difference", *(week.week_start.isoformat() for week in answer.columns[0].outlook.weeks))
        rows = [(one.name, one.units, one.difference, *(week.units for week in one.outlook.weeks)) for one in answer.columns]
        show_table(f"Product {product}, as of {answer.as_of}", columns, rows)
        _tell_delistings(answer.columns)
    raise typer.Exit(1 if isinstance(answer, Refused) else 0)


@app.command()
def archive(
    scenario_id: ScenarioId, expected: Expected = None, key: Key = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Archive a scenario: it is kept, and takes no more changes. Example: `shelfgraph scenario archive scn_…`."""
    with failing_clearly():
        planner = Installation.open().planner()
        version = expected or planner.planning.books.scenarios.get(scenario_id).revision
        kept = archive_scenario(planner, scenario_id, key=key or ordered_id("cli"), expected=version, dry_run=dry_run)
    _tell(kept.recorded.value if kept.recorded else None, kept.changes, as_json=as_json)


def _changes(written: WrittenChanges, file: Path | None) -> list[Change]:
    return changes_in_file(file) if file is not None else written.changes()


def _tell(found: ScenarioRevision | None, changes: tuple[Change, ...], *, as_json: bool) -> None:
    if as_json:
        show_json(_plain(found, changes))
        return
    if found is None:
        console.print("Nothing was written: a dry run.")
    else:
        state = "archived" if found.archived else "active"
        draft = found.draft
        console.print(f"[bold]{draft.name}[/] ({found.scenario_id}), revision {found.revision}, {state}, by {draft.author}")
        console.print(f"Made on release {draft.release_id} as of {draft.as_of}.")
    columns = ("kind", "product", "from", "until", "stores", "what")
    rows = [
        (one.kind.value, one.product_id or f"{one.source_id} → {one.target_id}", one.from_week, one.until_week,
         "all" if one.store_ids is None else ", ".join(one.store_ids), _what(one))
        for one in changes
    ]  # fmt: skip
    show_table("Changes", columns, rows)


def _what(change: Change) -> str:
    told = {"display": change.display, "mailer": change.mailer, "price": change.price, "promotion": change.promotion_id}
    return ", ".join(f"{name} {value}" for name, value in told.items() if value is not None)


def _tell_delistings(columns: tuple[Any, ...]) -> None:
    for one in columns:
        if one.delist is not None:
            takers = ", ".join(f"{taker.product_id} {taker.units:.1f}" for taker in one.delist.takers)
            told = f"{one.delist.lost_units:.1f} units go, {one.delist.kept_units:.1f} stay with others ({takers})"
            console.print(f"{one.name}: {told}")
        elif one.note:
            console.print(f"{one.name}: {one.note}")


def _plain(found: ScenarioRevision | None, changes: tuple[Change, ...]) -> dict[str, Any]:
    kept: dict[str, Any] = {"id": None, "dry_run": True}
    if found is not None:
        draft = found.draft
        kept = {
            "id": found.scenario_id, "name": draft.name, "revision": found.revision, "archived": found.archived,
            "author": draft.author, "recorded_at": found.recorded_at, "release_id": draft.release_id,
            "graph_version": draft.graph_version, "as_of": draft.as_of,
        }  # fmt: skip
    return kept | {"changes": list(changes)}
