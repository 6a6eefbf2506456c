"""Every error class is on the errors page, and no error sends its reader to a command that does not exist."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from cli.main import app
from kit.errors import ShelfgraphError

ROOMS = (
    "api",
    "bench",
    "cli",
    "decisions",
    "features",
    "gnn",
    "governance",
    "ingest",
    "kg",
    "kit",
    "lake",
    "ontology",
    "pipeline",
)


def sources(root: Path) -> list[Path]:
    return sorted(path for room in ROOMS for path in (root / room).rglob("*.py"))


def error_classes(root: Path) -> dict[str, list[type[ShelfgraphError]]]:
    """Error classes by room: those of every errors.py, and those that another module derives from the root."""
    found: dict[str, list[type[ShelfgraphError]]] = {}
    for path in sources(root):
        if path.name != "errors.py" and "(ShelfgraphError):" not in path.read_text():
            continue
        module = importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
        room = ".".join(path.relative_to(root).parent.parts)
        found.setdefault(room, []).extend(
            kind
            for kind in vars(module).values()
            if inspect.isclass(kind) and issubclass(kind, ShelfgraphError) and kind.__module__ == module.__name__
        )
    return {room: kinds for room, kinds in found.items() if room != "kit"}


def test_every_error_class_is_in_its_room_s_table(project_root: Path) -> None:
    page = (project_root / "docs" / "errors.md").read_text()
    rooms = error_classes(project_root)
    assert len(rooms) >= 14
    assert sum(map(len, rooms.values())) >= 85
    for room, kinds in rooms.items():
        section = page.partition(f"\n## {room}\n")[2].partition("\n## ")[0]
        rows = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \| \S.+ \|$", section, flags=re.MULTILINE))
        assert rows == {(kind.__name__, kind.__bases__[0].__name__) for kind in kinds}, room


def test_every_error_class_is_drawn_at_the_head_of_its_file(project_root: Path) -> None:
    for path in sources(project_root):
        if path.name == "errors.py" and path.parent.name != "kit":
            module = importlib.import_module(".".join(path.relative_to(project_root).with_suffix("").parts))
            kinds = [name for name, kind in vars(module).items() if getattr(kind, "__module__", "") == module.__name__]
            classes = [name for name in kinds if inspect.isclass(getattr(module, name))]
            assert [name for name in classes if name not in (module.__doc__ or "")] == [], path


def commands_of(group: TyperGroup, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], TyperCommand | TyperGroup]:
    found: dict[tuple[str, ...], TyperCommand | TyperGroup] = {before: group}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found |= commands_of(command, (*before, name))
        else:
            found[(*before, name)] = command
    return found


def problem_with(line: str, known: dict[tuple[str, ...], TyperCommand | TyperGroup]) -> str | None:
    """Why a command line cannot be run, or None: its verbs and its options must exist."""
    words = line.split()[1:]
    verbs = next((tuple(words[:size]) for size in (2, 1) if tuple(words[:size]) in known), None)
    if verbs is None:
        return f"no command {' '.join(words[:2])}"
    command = known[verbs]
    if isinstance(command, TyperGroup) and len(words) > 1:
        return f"no command {' '.join(words[:2])}"
    options = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in words if word.startswith("--") and word not in options]
    return f"no option {unknown[0]}" if unknown else None


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, ...], TyperCommand | TyperGroup]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return commands_of(group)


def test_commands_named_in_the_code_and_the_pages_exist(project_root: Path, known) -> None:
    checked = 0
    pages = [project_root / "README.md", *(project_root / "docs").rglob("*.md")]
    for path in [*sources(project_root), *pages]:
        for line in re.findall(r"`(shelfgraph [a-z][^`{]*)`", path.read_text()):
            assert problem_with(line, known) is None, f"{path.relative_to(project_root)}: {line}"
            checked += 1
    assert checked >= 40


def test_a_command_or_an_option_that_does_not_exist_is_noticed(known) -> None:
    assert problem_with("shelfgraph graph publish", known) == "no command graph publish"
    assert problem_with("shelfgraph train --as-of DAY", known) == "no option --as-of"
    assert problem_with("shelfgraph nowhere", known) == "no command nowhere"
    assert problem_with("shelfgraph graph build --fresh", known) is None
