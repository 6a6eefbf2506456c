"""`make help` tells everything, and CI runs what a developer runs."""

import re
import subprocess
from pathlib import Path


def test_help_names_every_public_target(project_root: Path) -> None:
    shown = subprocess.run(["make", "help"], cwd=project_root, capture_output=True, text=True, check=True).stdout
    declared = re.search(r"^\.PHONY: (.+)$", (project_root / "Makefile").read_text(), flags=re.MULTILINE)
    assert declared is not None
    for target in declared.group(1).split():
        assert f"make {target}" in shown, target


def test_ci_calls_make_test(project_root: Path) -> None:
    assert "exec make test" in (project_root / ".ci" / "run").read_text()
