"""`shelfgraph chart`: a picture, or a page with its numbers, of what the current release answers."""

from pathlib import Path
from typing import Annotated

import typer

from api.charts.contract import Chart
from api.charts.drawing import FORMS, drawn
from api.rest.chart_kinds import CHARTS, chart_of
from api.wiring import Installation
from cli.terminal import console, failing_clearly, show_json
from decisions.forecast import ForecastRequest
from decisions.substitution import DelistRequest

__all__ = ["app"]

app = typer.Typer(help="Draw what is answered, as SVG, PNG or a page with the numbers.", no_args_is_help=True)


@app.command()
def forecast(
    product: Annotated[str, typer.Argument(help="Id of a product.")],
    out: Annotated[Path, typer.Option(help="File to write; its ending says what: .svg, .png or .html.")] = Path("forecast.svg"),
    store: Annotated[str | None, typer.Option(help="Id of a store; without it the whole chain.")] = None,
    weeks: Annotated[int, typer.Option(help="How many weeks ahead, 1 to 8.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Also print the numbers as one JSON object.")] = False,
) -> None:
    """Draw the weeks before and ahead of a product, with intervals, baseline and drivers.

    It is not logged: for an answer of record ask the server, `/v1/charts/forecast.svg`.

    Example: `shelfgraph chart forecast 995242 --out forecast.svg`.
    """
    form = _form(out)
    with failing_clearly():
        services = Installation.open().services_of()
        answer = services.forecaster.forecast(ForecastRequest(product, store, weeks))
        chart = chart_of(CHARTS["forecast"], services, answer)
    _tell(chart, form, out, as_json=as_json)


@app.command()
def delist(
    products: Annotated[list[str], typer.Argument(help="Ids of the products that leave, all together.")],
    out: Annotated[Path, typer.Option(help="File to write; its ending says what: .svg, .png or .html.")] = Path("delist.svg"),
    store: Annotated[list[str] | None, typer.Option(help="Only in this store; may be given again.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Only in the stores of this cluster.")] = None,
    weeks: Annotated[int, typer.Option(help="How many weeks, 1 to 8.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Also print the numbers as one JSON object.")] = False,
) -> None:
    """Draw where the demand for products that leave goes: to replacements, elsewhere in the category, out of the shop.

    It is not logged: for an answer of record ask the server, `/v1/charts/delist.svg`.

    Example: `shelfgraph chart delist 995242 --out delist.svg`.
    """
    form = _form(out)
    with failing_clearly():
        services = Installation.open().services_of()
        answer = services.what_ifs.delist(DelistRequest(tuple(products), tuple(store) if store else None, cluster, weeks))
        chart = chart_of(CHARTS["delist"], services, answer)
    _tell(chart, form, out, as_json=as_json)


def _form(out: Path) -> str:
    form = out.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise typer.BadParameter(f"'{out}' ends with none of {', '.join(f'.{one}' for one in FORMS)}.", param_hint="--out")
    return form


def _tell(chart: Chart, form: str, out: Path, *, as_json: bool) -> None:
    _write(chart, form, out)
    if as_json:
        show_json(chart)
    console.print(f"Written: {out}")


def _write(chart: Chart, form: str, out: Path) -> None:
    content = drawn(chart, form)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content)
    except OSError as error:
        raise typer.BadParameter(f"'{out}' cannot be written: {error.strerror}.", param_hint="--out") from error
