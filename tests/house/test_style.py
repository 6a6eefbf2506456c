"""Walls of the house style that a linter does not know."""

import ast
import re
from pathlib import Path

WALL = 600
OWN_SOURCES = (
    "kit",
    "ontology",
    "governance",
    "lake",
    "kg",
    "ingest",
    "features",
    "gnn",
    "decisions",
    "pipeline",
    "api",
    "cli",
    "bench",
)


def sources(root: Path) -> list[Path]:
    return [path for room in OWN_SOURCES for path in (root / room).rglob("*.py")]


def test_no_file_passes_the_wall(project_root: Path) -> None:
    files = sources(project_root)
    assert len(files) > 100
    assert [str(f) for f in files if len(f.read_text().splitlines()) > WALL] == []


def test_nine_functions_in_ten_are_short(project_root: Path) -> None:
    lengths = [
        (node.end_lineno or 0) - node.lineno + 1
        for path in sources(project_root)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    short = sum(length <= 40 for length in lengths) / len(lengths)
    assert short >= 0.9, f"{short:.2%} of {len(lengths)} functions have at most 40 lines"


def test_no_room_of_leftovers(project_root: Path) -> None:
    names = {path.stem for path in sources(project_root)} | {path.parent.name for path in sources(project_root)}
    assert names.isdisjoint({"utils", "helpers", "common", "misc", "util", "helper"})


def test_every_exemption_has_its_reason(project_root: Path) -> None:
    without = [
        f"{path.relative_to(project_root)}:{number}"
        for path in sources(project_root)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"# (noqa|type: ignore)", line)
        and not re.search(r"# (noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\])\s+(- |# |– )\S+", line)
    ]
    assert without == []


def test_environment_is_read_in_one_place(project_root: Path) -> None:
    # the launchers hand the environment on to what they start, the door to pandera puts back what it found, the command line
    # sets what OpenMP reads as it is loaded: none takes a setting
    launchers = {"kg/neo4j_store/server/running.py", "lake/spark_engine.py", "bench/running.py", "kit/side_by_side.py"}
    allowed = {"api/settings.py", "ingest/pandera_door.py", "cli/main.py", *launchers}
    reading = [
        str(path.relative_to(project_root))
        for path in sources(project_root)
        if re.search(r"os\.(environ|getenv)\b", path.read_text()) and str(path.relative_to(project_root)) not in allowed
    ]
    assert reading == []
