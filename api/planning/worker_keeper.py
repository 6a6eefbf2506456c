"""Keeps one worker process alive while jobs are open, and none when there is nothing to do."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from governance.records import JobBook
from governance.records.errors import BookUnavailable

__all__ = ["WorkerKeeper"]

PROJECT = Path(__file__).resolve().parent.parent.parent
LOOK_SECONDS = 1.0
STOP_SECONDS = 15.0
FAULT_SECONDS = 5.0
"""How long nobody is started after a worker died of itself: a broken machine is not to be kept busy with starting."""
logger = logging.getLogger("shelfgraph.jobs")


class WorkerKeeper:
    """Starts a worker when a job is queued, and another one where it died; its leases end at once, so nobody waits for them.

    Args:
        book: the jobs.
        home: of the installation.
    """

    def __init__(self, book: JobBook, home: Path) -> None:
        self._book = book
        self._home = home
        self._wake = threading.Event()
        self._over = threading.Event()
        self._started = 0
        self._child: tuple[str, subprocess.Popen[bytes]] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True, name="worker-keeper")

    def start(self) -> None:
        """Begin to look after jobs, also those that an earlier server left."""
        self._thread.start()

    def wake(self) -> None:
        """Say that a job was queued."""
        self._wake.set()

    @property
    def process_id(self) -> int | None:
        """The process id of the worker that is at work, None where there is none."""
        child = self._child
        return child[1].pid if child is not None and child[1].poll() is None else None

    def close(self) -> None:
        """Tell the worker to hand its job back and wait for it. Closing twice is allowed."""
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS + 5)

    def _keep(self) -> None:
        while not self._over.is_set():
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            try:
                self._look()
            except (BookUnavailable, OSError) as error:
                logger.warning("jobs wait: %s", str(error)[:500])
                self._over.wait(FAULT_SECONDS)
        self._stop()

    def _look(self) -> None:
        if self._child is not None and self._child[1].poll() is not None:
            self._bury()
        if self._child is None and not self._over.is_set() and self._book.open_jobs():
            self._start()

    def _start(self) -> None:
        self._started += 1
        name = f"server-{os.getpid()}-{self._started}"
        command = [sys.executable, "-m", "api.planning.worker", name, str(self._home), str(os.getpid())]
        self._child = name, subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL)  # noqa: S603 - our own module

    def _bury(self) -> None:
        if self._child is None:
            return
        name, process = self._child
        self._child = None
        self._book.lapse(name)
        if process.returncode != 0:
            logger.warning("worker %s ended with %s", name, process.returncode)
            if process.returncode > 0:
                self._over.wait(FAULT_SECONDS)

    def _stop(self) -> None:
        if self._child is None:
            return
        process = self._child[1]
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._bury()
