"""`shelfgraph doctor`: what is missing on this machine, and how to get it."""

import typer

from api.doctor import examine
from cli.terminal import failing_clearly, show_json, show_table

__all__ = ["doctor"]


def doctor(as_json: bool = typer.Option(False, "--json", help="Print one JSON list for programs.")) -> None:
    """Check the machine and the installation; each line that is not well says what to do.

    Example: `shelfgraph doctor`. Exit code 0: nothing needed is missing; 1: something is.
    """
    with failing_clearly():
        findings = examine()
    if as_json:
        show_json(findings)
    else:
        rows = [(finding.what, finding.state, finding.detail, finding.remedy) for finding in findings]
        show_table("Shelfgraph on this machine", ("what", "state", "seen", "what to do"), rows)
    raise typer.Exit(1 if any(finding.state == "missing" for finding in findings) else 0)
