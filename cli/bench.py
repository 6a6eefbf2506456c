"""`shelfgraph bench`: measure one claim, ours beside every baseline, in the same run."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from api.wiring import Installation
from bench.catalogue import BENCHES
from bench.frame import BenchContext, BenchResult, measure
from cli.terminal import console, failing_clearly, progress_for, show_json, show_table
from pipeline.books import code_version
from pipeline.build import last_full_day

__all__ = ["bench"]

RESULTS = Path(__file__).resolve().parent.parent / "bench" / "results"


def bench(
    name: Annotated[str, typer.Argument(help=f"Which: {', '.join(BENCHES)}, or all.")],
    data: Annotated[str, typer.Option(help="Data set by name; none for the demo data.")] = "",
    path: Annotated[Path | None, typer.Option(help="Folder or file of data outside the project.")] = None,
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Measure as of this day.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="End within a minute, on a sample.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the result object to this file; - prints it.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Keep the result as bench/results/NAME.json.")] = False,
) -> None:
    """Run a benchmark and print a table. Example: `shelfgraph bench next_basket --quick`."""
    if name != "all" and name not in BENCHES:
        raise typer.BadParameter(f"'{name}' is none of {', '.join(BENCHES)}, all.", param_hint="NAME")
    with failing_clearly():
        # those that measure on data outside the project are asked for by name, with where it lies
        for chosen in [one for one, known in BENCHES.items() if not known.needs_path] if name == "all" else (name,):
            result = _run(chosen, data, path, as_of, quick=quick, as_json=str(json_file) == "-")
            _keep(result, json_file, write=write)


def _run(name: str, data: str, path: Path | None, as_of: datetime | None, *, quick: bool, as_json: bool) -> BenchResult:
    day = as_of.date() if as_of else None
    BENCHES[name].check(data=data, path=path, as_of=day)
    installation = Installation.open()
    context = BenchContext(
        lake=installation.lake,
        home=installation.layout.home,
        quick=quick,
        progress=progress_for(as_json=as_json),
        as_of=day or (date.max if path else last_full_day(installation.lake)),
        data=data,
        path=path,
        country=installation.settings.country,
    )
    return measure(BENCHES[name], context, code_version())


def _keep(result: BenchResult, json_file: Path | None, *, write: bool) -> None:
    if str(json_file) == "-":
        show_json(result.as_json())
    else:
        columns = ("system", "metric", "slice", "value", "low", "high", "n", "seeds")
        rows = [tuple(getattr(row, column) for column in columns) for row in result.rows]
        show_table(f"{result.bench}{' (quick)' if result.quick else ''}: {BENCHES[result.bench].claim}", columns, rows)
        for note in result.notes:
            console.print(f"- {note}")
        console.print(f"{result.seconds:,.0f} s, peak {result.peak_rss_mb:,.0f} MB, {result.machine}")
        if json_file:
            _write(json_file, result)
    if write and not result.quick:
        _write(RESULTS / f"{result.bench}{'.' + result.data if result.data else ''}.json", result)


def _write(path: Path, result: BenchResult) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result.as_json(), indent=1, ensure_ascii=False) + "\n")
