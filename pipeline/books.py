"""The books of one installation, opened together, and one way to keep a run in them."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.records import (
    ArtefactStore,
    FolderArtefactStore,
    JobBook,
    OutcomeBook,
    OverrideBook,
    ReleaseBook,
    RunBook,
    ScenarioBook,
    SqliteDecisionLog,
    SqliteEventBook,
    SqliteJobBook,
    SqliteOutcomeBook,
    SqliteOverrideBook,
    SqliteReleaseBook,
    SqliteRunBook,
    SqliteScenarioBook,
)
from pipeline.layout import HomeLayout

__all__ = [
    "Books",
    "PlanningBooks",
    "RunNotes",
    "code_version",
    "kept_run",
    "open_books",
    "open_decision_log",
    "open_event_book",
    "open_outcome_book",
    "open_planning_books",
]

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Books:
    """Runs, releases and artefacts of one installation. The decision log has one writer, so it is opened apart."""

    runs: RunBook
    releases: ReleaseBook
    artefacts: ArtefactStore


@dataclass(frozen=True, slots=True)
class PlanningBooks:
    """Scenarios, overrides and jobs of one installation. Any number of processes may write in them at once."""

    scenarios: ScenarioBook
    overrides: OverrideBook
    jobs: JobBook


@dataclass(slots=True)
class RunNotes:
    """What a run under way wants remembered: figures by name, digests of outputs by name."""

    run_id: str
    figures: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)


def open_books(layout: HomeLayout) -> Books:
    """Open the books below `layout.books`; they are created when missing."""
    layout.books.mkdir(parents=True, exist_ok=True)
    return Books(
        runs=SqliteRunBook(layout.books / "runs.sqlite", code_version=code_version()),
        releases=SqliteReleaseBook(layout.books / "releases.sqlite"),
        artefacts=FolderArtefactStore(layout.artefacts),
    )


def open_planning_books(layout: HomeLayout) -> PlanningBooks:
    """Open the planners' books below `layout.books`; they are created when missing. Raises: BookUnavailable."""
    return PlanningBooks(
        scenarios=SqliteScenarioBook(layout.books / "scenarios.sqlite"),
        overrides=SqliteOverrideBook(layout.books / "overrides.sqlite"),
        jobs=SqliteJobBook(layout.books / "jobs.sqlite"),
    )


def open_outcome_book(layout: HomeLayout) -> OutcomeBook:
    """Open the book of outcomes below `layout.books`; it is created when missing. Raises: BookUnavailable."""
    return SqliteOutcomeBook(layout.books / "outcomes.sqlite")


def open_event_book(layout: HomeLayout) -> SqliteEventBook:
    """Open the book of online events below `layout.books`; it is created when missing. Raises: BookUnavailable."""
    return SqliteEventBook(layout.books / "events.sqlite")


def open_decision_log(layout: HomeLayout, *, read_only: bool = False) -> SqliteDecisionLog:
    """Open the decision log; one process may write, any number may read. Raises: DecisionLogUnavailable."""
    return SqliteDecisionLog(layout.books / "decisions.sqlite", read_only=read_only)


@contextmanager
def kept_run(books: Books, kind: str, *, parameters: Mapping[str, Any], inputs: Mapping[str, str]) -> Iterator[RunNotes]:
    """Open a run in the register and close it with what was noted; a run that raises is closed as `failed`."""
    notes = RunNotes(books.runs.start(kind, parameters=parameters, inputs=inputs).id)
    try:
        yield notes
    except BaseException:
        books.runs.finish(notes.run_id, figures=notes.figures, outputs=notes.outputs, status="failed")
        raise
    books.runs.finish(notes.run_id, figures=notes.figures, outputs=notes.outputs)


def code_version() -> str:
    """Return the commit this code was checked out at, with `+changes` when files differ; `unversioned` outside a checkout
    and where git does not answer in time.
    """
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return f"{commit}+changes" if _git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return "unversioned"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()  # noqa: S603 - constant
