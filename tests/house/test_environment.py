"""Importing the rooms changes nothing for the rest of the process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import importlib, json, os, pathlib, sys
before = dict(os.environ)
rooms = sys.argv[1:]
files = [path for room in rooms for path in sorted(pathlib.Path(room).rglob("*.py")) if path.name != "__main__.py"]
for path in files:
    importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
after = dict(os.environ)
import datetime as dt
import pyarrow as pa
evening = dt.datetime(2017, 3, 12, 20, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
print(json.dumps({
    "files": len(files),
    "changed": sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n)),
    "instant_kept": pa.array([evening], pa.timestamp("us", "UTC"))[0].as_py() == evening,
}))
"""
OPENMP = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}
"""Set by scikit-learn for the OpenMP runtime it shares with LightGBM; they mean nothing to any other part."""
ROOMS = ("kit", "ontology", "governance", "lake", "kg", "ingest", "features", "decisions", "pipeline", "api", "cli", "bench")


@pytest.mark.command_line
def test_imports_leave_the_environment_alone(project_root: Path) -> None:
    looked = subprocess.run([sys.executable, "-c", LOOK, *ROOMS], cwd=project_root, capture_output=True, text=True, check=True)
    seen = json.loads(looked.stdout.splitlines()[-1])
    assert seen["files"] > 200
    assert set(seen["changed"]) - OPENMP == set()
    assert seen["instant_kept"]
