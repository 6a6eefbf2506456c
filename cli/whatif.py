"""`shelfgraph whatif`: what happens if products leave the shelf, and which ones could."""

from collections.abc import Sequence
from typing import Annotated

import typer

from api.wiring import Installation
from cli.terminal import console, failing_clearly, hundredths, progress_for, show_json, show_table
from decisions.substitution import (
    Amount,
    AssortmentAnswer,
    AssortmentRequest,
    DelistAnswer,
    DelistRequest,
    Objective,
)
from decisions.substitution.contract import Assumption, Replacement

__all__ = ["app"]

app = typer.Typer(help="Delist what-ifs and assortment proposals, from the current release.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
Store = Annotated[list[str] | None, typer.Option(help="Only in this store; may be given again. None: the whole chain.")]
Cluster = Annotated[str | None, typer.Option(help="Only in the stores of this cluster (`shelfgraph relations scopes`).")]
Weeks = Annotated[int, typer.Option(help="How many weeks, 1 to 8.")]


@app.command()
def delist(
    products: Annotated[list[str], typer.Argument(help="Ids of the products that leave, all together.")],
    store: Store = None,
    cluster: Cluster = None,
    weeks: Weeks = 4,
    limit: Annotated[int, typer.Option(help="How many replacements are named, 1 to 100.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show who picks up the demand for products that leave, what stays in the category, and what leaves the shop.

    Example: `shelfgraph whatif delist 995242 --weeks 4`, or `shelfgraph whatif delist 995242 1029743 --cluster cluster-1`.
    """
    request = DelistRequest(tuple(products), tuple(store) if store else None, cluster, weeks, limit)
    with failing_clearly():
        progress = progress_for(as_json=as_json)
        answer = Installation.open().what_ifs(progress).delist(request, progress)
    if as_json:
        show_json(answer)
    else:
        _show_delist(answer)


@app.command()
def assortment(
    category: Annotated[str, typer.Argument(help="Id of a category, such as 'GROCERY > CHEESE'.")],
    count: Annotated[int, typer.Option(help="How many products to drop.")] = 5,
    objective: Annotated[Objective, typer.Option(help="What to lose least of.")] = Objective.DEMAND,
    store: Store = None,
    cluster: Cluster = None,
    weeks: Weeks = 4,
    as_json: AsJson = False,
) -> None:
    """Show which products of a category to drop so that the least demand, or margin, is lost.

    Example: `shelfgraph whatif assortment 'GROCERY > CHEESE' --count 5 --objective margin`.
    """
    request = AssortmentRequest(category, count, objective, tuple(store) if store else None, cluster, weeks)
    with failing_clearly():
        progress = progress_for(as_json=as_json)
        answer = Installation.open().what_ifs(progress).propose(request, progress)
    if as_json:
        show_json(answer)
    else:
        _show_proposal(answer)


def _show_delist(answer: DelistAnswer) -> None:
    console.print(answer.explanation.text)
    sums = {
        "not sold": answer.lost,
        "picked up by the named": answer.picked_up,
        "stays elsewhere in the category": answer.stays_elsewhere,
        "counted as leaving the shop": answer.leaves,
    }
    rows = [(name, *_ends(amount)) for name, amount in sums.items()]
    show_table(f"Units, {answer.first_week} and {answer.horizon_weeks - 1} weeks after", ("what", "units", "low", "high"), rows)
    columns = ("product", "units", "low", "high", "diversion_ratio", "passed_on", "scope", "grade")
    named = [
        (f"{one.display_name} [{one.product_id}]", *_ends(one), one.diversion_ratio, hundredths(one.passed_on_units), one.scope,
         one.grade)
        for one in answer.replacements
    ]  # fmt: skip
    show_table(f"Replacements, {len(named)} of {answer.replacements_total}", columns, named)
    events = answer.events
    where = "these categories" if events.same_category else "all categories"
    past = [(one.day, one.display_name, one.predicted, one.realised, one.low, one.high) for one in events.events]
    told = f"Past events of {where}: {events.covered} of {events.total} within their interval"
    show_table(told, ("day", "product", "predicted", "realised", "low", "high"), past)
    _show_assumptions(answer.assumptions)


def _show_proposal(answer: AssortmentAnswer) -> None:
    console.print(answer.explanation.text)
    columns = ("product", "units", "cost", "margin_per_unit")
    rows = [(f"{one.display_name} [{one.product_id}]", one.units, one.cost, one.margin_per_unit) for one in answer.dropped]
    note = ", on simulated costs" if answer.simulated else ""
    show_table(f"Drop {answer.count} of {answer.considered} ({answer.objective}{note}, {answer.method})", columns, rows)
    _show_assumptions(answer.assumptions)


def _show_assumptions(assumptions: Sequence[Assumption]) -> None:
    for one in assumptions:
        console.print(f"- {one.kind} ({'identified' if one.identified else 'taken for granted'}): {one.text}")


def _ends(amount: Amount | Replacement) -> tuple[float, float, float]:
    return hundredths(amount.units), hundredths(amount.low), hundredths(amount.high)
