"""`shelfgraph demo`: everything once, from the demo data to explained answers."""

import json
import time
from typing import Annotated

import typer

from api.examples import Example, build_examples
from api.server import ask, run_server
from api.wiring import Installation
from cli.ingest import show_report
from cli.terminal import TerminalProgress, console, failing_clearly

__all__ = ["demo"]

DEMO_SOURCE = "completejourney"
SHOWN_EXAMPLES = 3
SHOWN_LINES = 60


def demo(
    seconds_to_serve: Annotated[
        float | None, typer.Option(help="Serve for so many seconds; 0 answers three queries and exits. Default: until Ctrl-C.")
    ] = None,
) -> None:
    """Load the demo data, build the graph, train, answer three queries and open the playground.

    Steps that are done are not done again. Example: `shelfgraph demo --seconds-to-serve 0`.
    """
    began = time.perf_counter()
    progress = TerminalProgress()
    with failing_clearly():
        installation = Installation.open()
        settings = installation.settings
        console.rule(f"Shelfgraph demo, graph store: {settings.store}")
        show_report(installation.ingest(DEMO_SOURCE, None, progress))
        show_report(installation.simulate(progress))
        built = installation.build(progress)
        console.print(f"Graph {built.version.id[:12]} as of {built.version.as_of}: {sum(built.load.written.values()):,} facts.")
        release = installation.train(progress)
        console.print(f"Release {release.id}.")
        run_server(
            installation,
            port=settings.port,
            seconds=seconds_to_serve,
            announce=console.print,
            when_ready=lambda address: _show(installation, address, began),
        )


def _show(installation: Installation, address: str, began: float) -> None:
    examples = build_examples(installation.snapshot())[:SHOWN_EXAMPLES]
    for number, example in enumerate(examples):
        answer = ask(address, example.query, dict(example.variables))
        if number == 0:
            console.print(f"First answer after {time.perf_counter() - began:.0f} s.")
        _print_answer(example, answer)
    console.print(f"\nPlayground: {address}/  (every saved query runs there with one click; Ctrl-C ends the server)")


def _print_answer(example: Example, answer: dict[str, object]) -> None:
    console.rule(f"{example.role}: {example.title}")
    console.print(example.query.strip(), markup=False)
    console.print(f"variables {json.dumps(dict(example.variables))}", markup=False)
    lines = json.dumps(answer.get("data"), indent=1, ensure_ascii=False).splitlines()
    console.print("\n".join(lines[:SHOWN_LINES]), markup=False)
    if len(lines) > SHOWN_LINES:
        console.print(f"… {len(lines) - SHOWN_LINES} more lines")
