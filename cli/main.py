"""The command line `shelfgraph`: one file per verb, no logic of its own."""

import os

# before anything loads OpenMP: threads that wait give their core to the other process that trains
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from cli.first_aid import end_with

try:
    from cli.verbs import app
    from kit.logging import configure_logging
except (ModuleNotFoundError, OSError) as error:
    end_with(error)

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    configure_logging()
    app()
