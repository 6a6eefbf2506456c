"""`shelfgraph demo`: everything once, from the demo data to explained answers."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from api.examples import Example, build_examples
from api.server import ask, run_server
from api.steps_done import StepsDone
from api.wiring import Installation
from cli.ingest import show_report
from cli.terminal import console, failing_clearly, progress_for, show_json
from ingest import IngestReport
from kit.errors import ShelfgraphError
from kit.progress import Progress

__all__ = ["DemoUnanswered", "demo"]

DEMO_SOURCE = "completejourney"
SHOWN_EXAMPLES = 3
SHOWN_ITEMS = 2
"""Of each list, so that a whole answer with its paths stays in sight."""


class DemoUnanswered(ShelfgraphError):
    """A query of the demo has errors, a problem, or no path where an answer with its paths is due."""

    def __init__(self, title: str, problem: str) -> None:
        self.title = title
        super().__init__(f"The query '{title}' was not answered: {problem}", "`shelfgraph doctor` says what is missing.")


def demo(
    seconds_to_serve: Annotated[
        float | None, typer.Option(help="Serve for so many seconds; 0 answers three queries and exits. Default: until Ctrl-C.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with the answers for programs.")] = False,
) -> None:
    """Load the demo data, build the graph, train, answer three queries and open the playground.

    Steps whose last run had the same inputs, parameters and committed code are not done again.
    Example: `shelfgraph demo --seconds-to-serve 0`.
    """
    with failing_clearly():
        installation = Installation.open()
        shown = _Shown(installation, as_json=as_json)
        console.rule(f"Shelfgraph demo, graph store: {installation.settings.store}")
        _prepare(installation, progress_for(as_json=as_json), as_json=as_json)
        port = installation.settings.port
        run_server(installation, port=port, seconds=seconds_to_serve, announce=console.print, when_ready=shown.answers)


def _prepare(installation: Installation, progress: Progress, *, as_json: bool) -> None:
    """Do what is not done: ingest finds out by itself what is new, the other steps are looked up in the run book."""
    done, told = StepsDone(installation), _nothing if as_json else show_report
    told(installation.ingest(DEMO_SOURCE, None, progress))
    if done.simulated():
        console.print("Simulated feeds: there already.")
    else:
        told(installation.simulate(progress))
    version = done.built()
    console.print(f"Graph {(version or installation.build(progress).version).id}{': there already.' if version else '.'}")
    release = done.trained()
    console.print(f"Release {(release or installation.train(progress)).id}{': there already.' if release else '.'}")


def _nothing(_: IngestReport) -> None:
    return


@dataclass(slots=True)
class _Shown:
    """Asks the demo's queries of the running server and prints query, variables and answer of each."""

    installation: Installation
    as_json: bool
    began: float = field(default_factory=time.perf_counter)

    def answers(self, address: str) -> None:
        """Raises: DemoUnanswered."""
        told: list[dict[str, Any]] = []
        for example in build_examples(self.installation.snapshot())[:SHOWN_EXAMPLES]:
            data = answered(example, ask(address, example.query, dict(example.variables)))
            if not told:
                console.print(f"First answer after {time.perf_counter() - self.began:.0f} s.")
            told.append({**example.as_json(), "data": data})
            if not self.as_json:
                _print_answer(example, data)
        if self.as_json:
            show_json({"address": address, "release": self.installation.books.releases.current(), "answers": told})
        console.print(f"\nPlayground: {address}/  (every saved query runs there with one click; Ctrl-C ends the server)")


def answered(example: Example, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a whole answer. Raises: DemoUnanswered for errors, a problem, or an answer without a path."""
    if answer.get("errors") or not answer.get("data"):
        raise DemoUnanswered(example.title, json.dumps(answer.get("errors") or "it has no data.")[:1000])
    data: dict[str, Any] = answer["data"]
    for name, value in data.items():
        if isinstance(value, dict) and "remedy" in value:
            raise DemoUnanswered(example.title, f"{name}: {value.get('message')} {value['remedy']}")
    if not any(path["hops"] for path in _paths(data)):
        raise DemoUnanswered(example.title, "no path stands behind its answer.")
    return data


def _paths(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every explanation path of an answer."""
    if isinstance(value, dict):
        yield from value.get("paths", ())
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def _print_answer(example: Example, data: dict[str, Any]) -> None:
    console.rule(f"{example.role}: {example.title}")
    console.print(example.query.strip(), markup=False, soft_wrap=True)
    console.print(f"variables {json.dumps(dict(example.variables))}", markup=False, soft_wrap=True)
    console.print(json.dumps(_shortened(data), indent=1, ensure_ascii=False), markup=False, soft_wrap=True)


def _shortened(value: Any) -> Any:
    """Return an answer with the first items of each list, hops apart: a path is shown whole."""
    if isinstance(value, dict):
        return {name: inner if name == "hops" else _shortened(inner) for name, inner in value.items()}
    if isinstance(value, list) and len(value) > SHOWN_ITEMS:
        return [*map(_shortened, value[:SHOWN_ITEMS]), f"… {len(value) - SHOWN_ITEMS} more"]
    return [_shortened(item) for item in value] if isinstance(value, list) else value
