"""The worker of jobs: a process of its own, so that its work never holds up an answer of the server.

    python -m api.planning.worker NAME HOME PARENT

It works until no job is queued for a while, until its parent is gone, or until it is told to stop: then it ends its step,
keeps it, and hands the job back. Killed outright it loses the step it was at, and nothing before.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from api.planning.job_kinds import open_work
from api.settings import Settings
from api.wiring import Installation
from governance.records import Job, JobDraft
from kit.logging import configure_logging
from kit.progress import Progress, SilentProgress
from pipeline.job_runner import LEASE_SECONDS, JobWork, run_next_job

__all__ = ["main", "work_on_jobs"]

IDLE_SECONDS = 60.0
LOOK_SECONDS = 0.5
NICENESS = 10
"""Answers come first where worker and server share cores."""


def work_on_jobs(
    installation: Installation,
    worker: str,
    *,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
    idle_seconds: float = 0.0,
    lease_seconds: float = LEASE_SECONDS,
    ended: Callable[[Job], None] = lambda _: None,
) -> None:
    """Work on queued jobs until there is none for `idle_seconds`, or `stop` says so. `ended` hears of every job that was left."""
    book = installation.planning_books.jobs

    def opened(draft: JobDraft) -> JobWork:
        return open_work(draft, installation.kept_services(draft.release_id))

    last = time.monotonic()
    while not stop():
        job = run_next_job(book, worker, opened, progress=progress, stop=stop, lease_seconds=lease_seconds)
        if job is not None:
            ended(job)
            last = time.monotonic()
        elif time.monotonic() - last >= idle_seconds:
            return
        else:
            time.sleep(LOOK_SECONDS)


def main(arguments: list[str]) -> None:
    """Run the worker of a server: its name in the book, the home, and the process that it belongs to."""
    name, home, parent = arguments
    configure_logging()
    os.nice(NICENESS)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    signal.signal(signal.SIGINT, lambda *_: told.set())

    def stop() -> bool:
        return told.is_set() or os.getppid() != int(parent)

    installation = Installation.open(Settings(home=Path(home)))
    work_on_jobs(installation, name, progress=SilentProgress(), stop=stop, idle_seconds=IDLE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
