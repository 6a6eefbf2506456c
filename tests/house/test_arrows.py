"""The import contract covers every room, holds, and fails when a fault is planted."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLANTED = {
    "upwards": ("arrows", "kit/planted.py", "import decisions.envelope\n"),
    "sideways": ("arrows", "features/planted.py", "import ingest\n"),
    "between decision rooms": ("decisions", "decisions/recommend/planted.py", "import decisions.forecast.contract\n"),
    "a decision room outside the contract": ("decisions", "decisions/astrology/__init__.py", "\n"),
    "a part of governance outside the contract": ("governance", "governance/rituals/__init__.py", "import api.app\n"),
    "policy looks at records": ("governance", "governance/policy/planted.py", "import governance.records\n"),
    "store to store": ("stores", "kg/embedded_store/planted.py", "import kg.neo4j_store\n"),
    "driver outside kg": ("graph-drivers", "api/planted.py", "import neo4j\n"),
    "rdf outside ontology": ("rdf", "ingest/planted.py", "import rdflib\n"),
    "web below api": ("web", "decisions/planted.py", "import fastapi\n"),
    "delta tables outside lake": ("delta", "ingest/planted.py", "import deltalake\n"),
    "the query engine in features": ("delta", "features/planted.py", "import duckdb\n"),
    "the query engine in a benchmark": ("delta", "bench/planted.py", "from duckdb import connect\n"),
    "torch in serving": ("torch", "api/planted.py", "import torch\n"),
}
"""By fault: the contract that must break, and where what is planted."""


def rooms_of(root: Path) -> set[str]:
    return {path.parent.name for path in root.glob("*/__init__.py") if path.parent.name != "tests"}


def contract_of(root: Path) -> configparser.ConfigParser:
    contract = configparser.ConfigParser()
    contract.read(root / ".importlinter")
    return contract


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [command, "--no-cache", "--config", ".importlinter"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def house(project_root: Path, tmp_path: Path) -> Path:
    for room in rooms_of(project_root):
        shutil.copytree(project_root / room, tmp_path / room, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    shutil.copy(project_root / ".importlinter", tmp_path)
    return tmp_path


def test_no_room_is_outside_the_contract(project_root: Path) -> None:
    named = set(contract_of(project_root)["importlinter"]["root_packages"].split())
    assert named == rooms_of(project_root)


def test_every_room_stands_in_the_layers(project_root: Path) -> None:
    layers = contract_of(project_root)["importlinter:contract:arrows"]["layers"]
    standing = {name.split(".")[0] for line in layers.splitlines() for name in line.replace("|", " ").split()}
    assert standing == rooms_of(project_root)


def test_the_contract_holds(house: Path) -> None:
    result = lint(house)
    assert result.returncode == 0, result.stdout


def test_every_contract_has_been_seen_to_fail(project_root: Path) -> None:
    sections = contract_of(project_root).sections()
    contracts = {name.removeprefix("importlinter:contract:") for name in sections if ":contract:" in name}
    assert contracts == {contract for contract, _, _ in PLANTED.values()}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_import_is_found(house: Path, fault: str) -> None:
    contract, name, content = PLANTED[fault]
    planted = house / name
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(content)
    result = lint(house)
    assert result.returncode == 1, f"{fault}: {result.stdout}"
    assert f"{contract_of(house)[f'importlinter:contract:{contract}']['name']} BROKEN" in result.stdout


def test_front_doors_name_what_they_show(project_root: Path) -> None:
    doors = [path for room in rooms_of(project_root) for path in (project_root / room).rglob("__init__.py")]
    without = [str(door.relative_to(project_root)) for door in doors if "__all__" not in door.read_text()]
    assert without == []
    assert len(doors) > 20
