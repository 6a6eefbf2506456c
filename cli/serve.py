"""`shelfgraph serve`: the API and the playground of the current release."""

from typing import Annotated

import typer

from api.server import run_server
from api.wiring import Installation
from cli.terminal import console, failing_clearly

__all__ = ["serve"]


def serve(
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one. Default: SHELFGRAPH_PORT or 8080.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop by itself after so many seconds.")] = None,
) -> None:
    """Serve GraphQL, the JSON fast path and the playground on loopback until Ctrl-C.

    Example: `shelfgraph serve --port 9000`.
    """
    with failing_clearly():
        installation = Installation.open()
        chosen = installation.settings.port if port is None else port
        run_server(installation, port=chosen, seconds=seconds, announce=console.print)
