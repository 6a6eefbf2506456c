"""The documentation names what exists: settings, commands, errors, files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.core
import typer.main

from api.settings import Settings
from cli.main import app


def commands_of(group: typer.core.TyperGroup, before: str = "shelfgraph") -> dict[str, str]:
    """The help text of each command by its whole name."""
    found: dict[str, str] = {}
    for name, command in group.commands.items():
        path = f"{before} {name}"
        if isinstance(command, typer.core.TyperGroup):
            found.update(commands_of(command, path))
        else:
            found[path] = command.help or ""
    return found


def all_commands() -> dict[str, str]:
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    return commands_of(root)


def test_every_setting_is_documented_with_its_default(project_root: Path) -> None:
    page = (project_root / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        row = re.search(rf"^\| `SHELFGRAPH_{name.upper()}` \| (.+?) \|", page, flags=re.MULTILINE)
        assert row is not None, name
        default = (
            "none"
            if field.default is None
            else f"`{field.default:g}`"
            if isinstance(field.default, float)
            else f"`{field.default}`"
        )
        assert row.group(1) == default, name
    assert page.count("| `SHELFGRAPH_") == len(Settings.model_fields)


def test_every_command_teaches_with_an_example() -> None:
    commands = all_commands()
    assert len(commands) >= 20
    for path, text in commands.items():
        assert "Example" in text, f"{path} has no example in its help"


def test_every_command_is_in_the_readme(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text()
    groups = {" ".join(path.split()[:2]) for path in all_commands()}
    assert [group for group in sorted(groups) if group not in readme] == []


def test_commands_named_in_the_documentation_exist(project_root: Path) -> None:
    known = all_commands()
    named: set[str] = set()
    for page in [project_root / "README.md", *(project_root / "docs").rglob("*.md")]:
        named |= set(re.findall(r"`(shelfgraph [a-z0-9_]+(?: [a-z_]+)?)", page.read_text()))
    assert len(named) >= 10
    groups = {" ".join(path.split()[:2]) for path in known}
    for command in named:
        assert command in known or " ".join(command.split()[:2]) in groups, command


@pytest.mark.command_line
@pytest.mark.parametrize("arguments", [["--help"], ["graph", "--help"], ["doctor", "--help"]])
def test_help_answers(project_root: Path, arguments: list[str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", *arguments],
        cwd=project_root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage" in shown.stdout


def test_relative_links_lead_somewhere(project_root: Path) -> None:
    checked = 0
    for page in [project_root / "README.md", *(project_root / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} → {target}"
            checked += 1
    assert checked >= 10


def test_decisions_are_one_page_each(project_root: Path) -> None:
    pages = sorted((project_root / "docs" / "decisions").glob("*.md"))
    assert len(pages) >= 10
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    assert all(len(page.read_text().splitlines()) <= 40 for page in pages)
