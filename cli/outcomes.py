"""`shelfgraph outcomes`: report what customers did with what they were shown, and learn what another policy would have earned."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from api.errors import ArgumentInvalid
from api.outcomes import OutcomeReport
from api.policy_evaluation import POLICIES, REWARDS, PolicyReport, evaluate_policies
from api.wiring import Installation
from cli.terminal import console, failing_clearly, progress_for, show_json, show_table
from governance.policy import development_principal
from governance.records import Outcome, OutcomeKind
from kit.ids import ordered_id

__all__ = ["app"]

app = typer.Typer(help="What customers did with what they were shown; what other policies would earn.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value for programs.")]


@app.command()
def record(
    token: Annotated[str, typer.Argument(help="Exposure token of a recommendation.")],
    kind: Annotated[str, typer.Argument(help=f"What the customer did: {', '.join(OutcomeKind)}.")],
    value: Annotated[float | None, typer.Option(help="Of a purchase, in the shop's currency.")] = None,
    happened_at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S"], help="When, in UTC; now unless given.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: asked again with it, nothing is done again.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report one outcome. Example: `shelfgraph outcomes record TOKEN clicked`."""
    with failing_clearly():
        installation = Installation.open()
        moment = happened_at.replace(tzinfo=UTC) if happened_at else datetime.now(UTC)
        report = OutcomeReport(token, _kind(kind), key or ordered_id("cli"), moment, value)
        principal = development_principal(installation.settings.host)
        log = installation.decision_log(read_only=True)
        done = installation.outcome_desk().record(log, principal, report, dry_run=dry_run)
    if as_json:
        repeated = done is not None and done.repeated
        show_json({"outcome": done.value if done else None, "repeated": repeated, "dry_run": done is None})
    elif done is None:
        console.print("Nothing was written: a dry run.")
    else:
        console.print(f"{done.value.id}: {'recorded before' if done.repeated else 'recorded'}")


@app.command("list")
def list_outcomes(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the last recorded first.")] = 20, as_json: AsJson = False
) -> None:
    """List outcomes. Example: `shelfgraph outcomes list --limit 5`."""
    with failing_clearly():
        found = Installation.open().outcome_book.latest(limit=limit)
    if as_json:
        show_json(found)
        return
    columns = ("id", "decision", "product", "place", "propensity", "kind", "value", "happened")
    show_table("Outcomes", columns, [_row(one) for one in found])


@app.command()
def evaluate(
    policy: Annotated[list[str] | None, typer.Option(help=f"{', '.join(POLICIES)}; may be given again.")] = None,
    reward: Annotated[str, typer.Option(help=f"What counts: {', '.join(REWARDS)}.")] = "clicked",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many decisions with outcomes, the last ones.")] = 5000,
    as_json: AsJson = False,
) -> None:
    """Estimate from the logs what policies would have earned per list, with 90 % intervals. Serving goes on as it is.

    `no_exploration` shows the plain order, `popularity` what sells, `discovery_share=0.3` another share of new products; `served`
    is what was earned. Lists that were never reported as `shown` are left out: of them nobody knows that nothing was clicked.

    Example: `shelfgraph outcomes evaluate --policy no_exploration`. Exit code 1: of some policy the logs say too little.
    """
    with failing_clearly():
        installation = Installation.open()
        wanted = tuple(dict.fromkeys(("served", *(policy or ("no_exploration",)))))
        with progress_for(as_json=as_json).stage("Answering logged requests again"):
            reports = evaluate_policies(
                wanted, reward, book=installation.outcome_book, log=installation.decision_log(read_only=True),
                open_services=installation.kept_services, limit=limit,
            )  # fmt: skip
    if as_json:
        show_json(reports)
    else:
        _tell(reports)
    raise typer.Exit(1 if any(one.evaluation is None for one in reports) else 0)


def _kind(word: str) -> OutcomeKind:
    if word not in set(OutcomeKind):
        raise ArgumentInvalid("kind", f"one of {', '.join(OutcomeKind)}")
    return OutcomeKind(word)


def _tell(reports: list[PolicyReport]) -> None:
    columns = ("policy", "method", "per list", "low", "high", "lists", "worth", "largest weight")
    rows = [
        (one.policy, told.method, told.value, told.low, told.high, one.evaluation.lists, one.evaluation.effective_lists,
         one.evaluation.largest_weight)
        for one in reports if one.evaluation is not None
        for told in one.evaluation.estimates
    ]  # fmt: skip
    show_table(f"Reward ({reports[0].reward}) per list", columns, rows)
    for one in reports:
        if one.refused:
            console.print(f"[bold red]{one.policy}:[/] {one.refused}")
        for reason, count in one.left_out:
            console.print(f"{one.policy}: {count:,} decisions left out: {reason}.")


def _row(one: Outcome) -> tuple[object, ...]:
    draft = one.draft
    happened = draft.happened_at.isoformat(timespec="seconds")
    return (one.id, draft.decision_id, draft.product_id, draft.rank, draft.propensity, draft.kind, draft.value, happened)
