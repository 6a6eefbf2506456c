"""The locked requirements: every package pinned with hashes, no index address anywhere."""

import re
import tomllib
from pathlib import Path

import pytest

LOCKS = ("bootstrap", "run", "dev", "scale-out")


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_hashes(project_root: Path, name: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (project_root / "requirements" / f"{name}.txt").read_text().strip(), flags=re.IGNORECASE)
    for block in blocks:
        assert re.match(r"[A-Za-z0-9._\[\]-]+==\S+", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]
    assert len(blocks) >= 3


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_an_index(project_root: Path, name: str) -> None:
    text = (project_root / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert "--index" not in text


def test_direct_dependencies_are_in_the_locks(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=; ]", dependency)[0].lower().replace("_", "-") for dependency in project["dependencies"]}
    for lock in ("run", "dev", "scale-out"):
        locked = set(
            re.findall(r"^([a-z0-9-]+)==", (project_root / "requirements" / f"{lock}.txt").read_text(), flags=re.MULTILINE)
        )
        assert names <= locked, lock


def test_dependencies_and_licences_are_documented(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text())
    documented = (project_root / "docs" / "dependencies.md").read_text()
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    declared += [name for extra in project["project"]["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[\[<>=; ]", dependency)[0] for dependency in declared}
    missing = sorted(name for name in names if f"| {name} |" not in documented)
    assert missing == []
