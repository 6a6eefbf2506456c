"""`shelfgraph forecast`: units in the next weeks with intervals and drivers, also without a promotion, or of a launch."""

from datetime import date, datetime
from typing import Annotated

import typer

from api.wiring import Installation
from cli.terminal import console, failing_clearly, hundredths, show_json, show_table
from decisions.forecast import ForecastAnswer, ForecastRequest

__all__ = ["forecast"]


def forecast(
    product: Annotated[str | None, typer.Argument(help="Id of a product; without it a category, or all merchandise.")] = None,
    store: Annotated[str | None, typer.Option(help="Id of a store; without it the whole chain.")] = None,
    category: Annotated[str | None, typer.Option(help="Id of a category, such as 'GROCERY > COLD CEREAL'.")] = None,
    weeks: Annotated[int, typer.Option(help="How many weeks ahead, 1 to 8; of a launch at most 4.")] = 4,
    without_promotion: Annotated[
        list[datetime] | None, typer.Option(formats=["%Y-%m-%d"], help="Monday of a week whose promotion is switched off; again.")
    ] = None,
    without_neighbour: Annotated[
        list[str] | None, typer.Option(help="Id of a product that is not looked at as a neighbour; may be given again.")
    ] = None,
    launch_week: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Monday of the week in which a new product is first sold.")
    ] = None,
    donor: Annotated[
        list[str] | None,
        typer.Option(help="Id of a product whose launch a new one is expected to be like; at most 10."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")] = False,
) -> None:
    """Forecast a product in the chain or in a store, a category, or everything, and say what moves it.

    It is not logged: for an answer of record ask the server (`forecast` over GraphQL).

    Example: `shelfgraph forecast 995242 --weeks 8`, then `shelfgraph forecast 995242 --without-neighbour 1029743`;
    a product not sold yet: `shelfgraph forecast 26190 --launch-week 2018-01-08 --donor 918925`.
    """
    switched = tuple(week.date() for week in without_promotion or ())
    request = ForecastRequest(
        product,
        store,
        weeks,
        category_id=category,
        without_promotions=switched,
        without_neighbours=tuple(without_neighbour or ()),
        launch_week=launch_week.date() if launch_week else None,
        donors=tuple(donor or ()),
    )
    with failing_clearly():
        answer = Installation.open().services_of().forecaster.forecast(request)
    if as_json:
        show_json(answer)
        return
    _show(answer)


def _show(answer: ForecastAnswer) -> None:
    columns = ("week", "units", "80 %", "95 %", answer.baseline, "promoted")
    rows = [
        (_day(one.week_start), hundredths(one.units), _between(one.low, one.high), _between(one.low_95, one.high_95),
         hundredths(one.baseline_units),
         "yes" if one.promoted else "")
        for one in answer.points
    ]  # fmt: skip
    show_table(f"Forecast by {answer.system}, known on {answer.as_of}", columns, rows)
    console.print(answer.why)
    drivers = [
        (one.words, one.product_id or "", one.units, one.past_weeks, "" if one.low is None else _between(one.low, one.high))
        for one in sorted(answer.drivers, key=lambda one: -abs(one.units))
    ]
    title = "Drivers, in units over all weeks: they sum to forecast minus baseline"
    show_table(title, ("driver", "product", "units", "such weeks", "brought before"), drivers)
    console.print(answer.explanation.text)


def _between(low: float, high: float | None) -> str:
    return f"{low:.1f} to {high:.1f}"


def _day(day: date) -> str:
    return day.isoformat()
