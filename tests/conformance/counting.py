"""Counts the cases of the conformance suite by store and prints them, also where several processes run the tests."""

import re
from collections import Counter

import pytest

STORES = ("snapshot", "embedded", "neo4j")
PASSED: Counter[str] = Counter()


def store_of(nodeid: str) -> str | None:
    """Return which store a case runs on, from the parameters in its name."""
    found = re.search(r"\[(.+)\]", nodeid)
    if "tests/conformance/" not in nodeid or found is None:
        return None
    parameters = found.group(1).split("-")
    return next((name for name in STORES if name in parameters), None)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = store_of(report.nodeid)
    if name and report.when == "call" and report.passed:
        PASSED[name] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if PASSED:
        line = ", ".join(f"{name} {PASSED[name]}" for name in STORES)
        terminalreporter.write_sep("=", f"graph port conformance, cases passed by store: {line}")
