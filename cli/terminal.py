"""How the command line shows things: progress bars, tables, JSON, and errors with what to do next."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichBars
from rich.table import Table

from kit.canonical import canonical_value
from kit.errors import ShelfgraphError
from kit.progress import Progress, SilentProgress, Stage

__all__ = ["TerminalProgress", "console", "failing_clearly", "hundredths", "progress_for", "show_json", "show_table"]

# long lines are the terminal's to wrap: a path or a command must stay whole, to be found and to be pasted
console = Console(stderr=True, highlight=False, soft_wrap=True)
COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(bar_width=24),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("[dim]{task.fields[remark]}"),
)
# a log or a pipe has no width of its own; tables must not break there
output = Console(highlight=False, width=None if sys.stdout.isatty() else 150)


class _BarStage:
    def __init__(self, bars: RichBars, task: Any) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: float = 1.0) -> None:
        self._bars.advance(self._task, amount)

    def note(self, text: str) -> None:
        self._bars.update(self._task, remark=text)


class TerminalProgress:
    """Bars on a terminal; one line when a stage begins and one when it ends where nobody looks (a log, a pipe).

    Stages may run at once, in several threads: their bars are drawn together.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bars: RichBars | None = None
        self._open = 0

    @contextmanager
    def stage(self, title: str, total: float | None = None) -> Iterator[Stage]:
        if not console.is_terminal:
            console.print(f"{title} ...")
        began = time.perf_counter()
        with self._drawn() as bars:
            task = bars.add_task(title, total=total, remark="")
            yield _BarStage(bars, task)
            bars.update(task, completed=total)
            bars.stop_task(task)
        if not console.is_terminal:
            console.print(f"{title}: done in {time.perf_counter() - began:.1f} s")

    @contextmanager
    def _drawn(self) -> Iterator[RichBars]:
        """Draw from the first stage that is open until the last one ends: a console draws one set of bars at a time."""
        with self._lock:
            if self._bars is None:
                self._bars = RichBars(*COLUMNS, console=console, disable=not console.is_terminal)
                self._bars.start()
            bars, self._open = self._bars, self._open + 1
        try:
            yield bars
        finally:
            with self._lock:
                self._open -= 1
                if not self._open:
                    self._bars = None
                    bars.stop()


def progress_for(*, as_json: bool) -> Progress:
    """Return who watches: nobody when the output is for a program."""
    return SilentProgress() if as_json else TerminalProgress()


def show_json(value: Any) -> None:
    """Write one JSON value to standard output."""
    sys.stdout.write(json.dumps(canonical_value(value), indent=2, ensure_ascii=False) + "\n")


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table to standard output; numbers stand to the right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for position, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    output.print(table)


def hundredths(units: float) -> float:
    """Return units as people read them: an end of an interval of a millionth of a unit is nothing."""
    return round(units, 2) + 0.0


@contextmanager
def failing_clearly() -> Iterator[None]:
    """Turn an error of any room into its sentence, what to do next, and exit code 1."""
    try:
        yield
    except ShelfgraphError as error:
        console.print(f"[bold red]Error:[/] {error.problem}")
        console.print(f"[bold]What to do:[/] {error.remedy}")
        raise typer.Exit(1) from error


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.4g}" if abs(cell) < 1000 else f"{cell:,.0f}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return "" if cell is None else str(cell)
