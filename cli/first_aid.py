"""When a package is missing no verb can be imported; what `shelfgraph doctor` says of the machine needs none."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from api.machine import INSTALL, Finding, examine_machine

__all__ = ["end_with"]

PROJECT = Path(__file__).resolve().parent.parent


def end_with(error: ModuleNotFoundError | OSError) -> NoReturn:
    """End the program with exit code 1, what is missing and what to do. An error about a module of ours is raised again."""
    if isinstance(error, ModuleNotFoundError) and (PROJECT / str(error.name).partition(".")[0]).is_dir():
        raise error
    if sys.argv[1:2] == ["doctor"]:
        told = Finding("Start", "missing", f"Shelfgraph cannot start: {error}", INSTALL)
        _tell([*examine_machine(), told], as_json="--json" in sys.argv)
    else:
        print(f"Error: Shelfgraph cannot start: {error}.", file=sys.stderr)
        print(f"What to do: {INSTALL} `shelfgraph doctor` looks at the rest of this machine.", file=sys.stderr)
    raise SystemExit(1) from error


def _tell(findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
        return
    for finding in findings:
        print(f"{finding.what}: {finding.state}, {finding.detail}. {finding.remedy}".rstrip())
