"""Runs every saved query in the playground of a running server, in a headless browser, and holds what was seen to what is due."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

__all__ = ["check_playground", "empty_lists"]

ROLES = {"merchandiser", "recommendation client", "planner", "data steward"}
NEVER_EMPTY = ("edges", "points", "paths", "hops", "placements", "items")


def check_playground(address: str, project_root: Path, screenshot: Path) -> None:
    """Every saved query is answered, shown as it was answered, and shows rows; nothing comes from another host."""
    with urllib.request.urlopen(f"{address}/playground/examples.json", timeout=30) as answer:
        examples = json.load(answer)
    node = Path(sys.executable).with_name("node")
    script = project_root / "web" / "tests" / "playground.mjs"
    done = subprocess.run([node, script, address, screenshot], capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert seen["foreignRequests"] == []
    assert seen["consoleErrors"] == []
    assert seen["introspected"] == "Query"
    assert {example["role"] for example in examples} == ROLES
    # the panel groups them by role
    assert sorted(example["title"] for example in seen["examples"]) == sorted(example["title"] for example in examples)
    for example in seen["examples"]:
        check_example(example)
    assert screenshot.stat().st_size > 20_000


def check_example(example: dict[str, object]) -> None:
    assert "errors" not in example["answer"], example
    assert example["shownIsAnswer"] is True, (example["title"], example["shown"], example["expected"])
    assert example["shownCharacters"] > 100, example["title"]
    empty, named = empty_lists(example["answer"]["data"])
    assert named > 0, example["title"]
    assert empty == [], example["title"]


def empty_lists(value: object, place: str = "") -> tuple[list[str], int]:
    """Return the places of empty lists that must hold something, and how many such lists there are. An explanation may have
    a path without hops (what no edge brought), but not only such.
    """
    if isinstance(value, list):
        found = [empty_lists(item, f"{place}[{at}]") for at, item in enumerate(value)]
    elif isinstance(value, dict):
        found = [empty_lists(item, f"{place}.{name}") for name, item in value.items()]
        for name in set(value).intersection(NEVER_EMPTY) - {"hops"}:
            rows = [row for row in value[name] if name != "paths" or row.get("hops")]
            found.append(([] if rows else [f"{place}.{name}"], 1))
    else:
        return [], 0
    return [one for empty, _ in found for one in empty], sum(named for _, named in found)
