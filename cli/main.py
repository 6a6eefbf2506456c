"""The command line `shelfgraph`: one file per verb, no logic of its own."""

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
