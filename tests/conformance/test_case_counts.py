"""The suite knows how many cases it has on each store, so that none can be lost in silence."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.conformance.counting import store_of

EXPECTED = {"snapshot": 60, "embedded": 104, "neo4j": 102}


def test_every_store_has_its_cases(project_root: Path) -> None:
    command = [sys.executable, "-m", "pytest", "tests/conformance", "--collect-only", "-q"]
    listed = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True).stdout.splitlines()
    # a rebuild from one store in another counts for the first it names
    assert Counter(name for name in map(store_of, listed) if name) == EXPECTED
