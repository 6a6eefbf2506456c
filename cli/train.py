"""`shelfgraph train`: fit what is served and make it the current release."""

from typing import Annotated

import typer

from api.wiring import Installation
from cli.terminal import console, failing_clearly, progress_for, show_json

__all__ = ["train"]


def train(as_json: Annotated[bool, typer.Option("--json", help="Print the release as JSON.")] = False) -> None:
    """Train forecasts and recommendations on the published graph, and release all of it together.

    Example: `shelfgraph train`. Needs a published graph (`shelfgraph graph build`).
    """
    with failing_clearly():
        release = Installation.open().train(progress_for(as_json=as_json))
    if as_json:
        show_json(release)
    else:
        console.print(f"Released {release.id}: graph {release.graph_version}, as of {release.as_of}.")
