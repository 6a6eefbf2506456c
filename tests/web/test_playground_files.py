"""The playground's sources: locked without addresses, nothing from another host."""

import json
import re
from pathlib import Path


def test_the_lock_names_no_registry(project_root: Path) -> None:
    lock = json.loads((project_root / "web" / "package-lock.json").read_text())
    assert len(lock["packages"]) > 50
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    assert [name for name, entry in lock["packages"].items() if name and "integrity" not in entry] == []


def test_versions_are_exact(project_root: Path) -> None:
    package = json.loads((project_root / "web" / "package.json").read_text())
    for group in ("dependencies", "devDependencies"):
        for name, version in package[group].items():
            assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name} {version}"


def test_the_built_page_loads_nothing_from_elsewhere(project_root: Path) -> None:
    page = (project_root / "web" / "dist" / "index.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert [source for source in sources if source.startswith(("http", "//"))] == []
