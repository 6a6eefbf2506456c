"""`make requirements`: which requirement is named by which tests, and which waits for its first. Reads the tests, runs none."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "requirements.md"
ROW = re.compile(r"^\| (R-[A-Z]+-\d\d) \| (.+?) \| (.+?) \|$", flags=re.MULTILINE)


def requirements() -> dict[str, str]:
    """Return the text of each requirement by id, in the order of the page."""
    return {row[1]: row[2] for row in ROW.finditer(PAGE.read_text())}


def named_requirements() -> Mapping[str, list[str]]:
    """Return the tests that name each requirement, as file::test."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for name in _named(node.decorator_list):
                    found[name].append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def _named(decorators: list[ast.expr]) -> Iterator[str]:
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.requirement":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def main() -> None:
    """Print every requirement with its tests, and how many have any."""
    named = named_requirements()
    for name, text in requirements().items():
        sys.stdout.write(f"{'named  ' if named.get(name) else 'waiting'}  {name}  {text}\n")
        sys.stdout.writelines(f"                    {test}\n" for test in named.get(name, ()))
    every = requirements()
    sys.stdout.write(f"{sum(name in named for name in every)} of {len(every)} requirements are named by tests.\n")


if __name__ == "__main__":
    main()
