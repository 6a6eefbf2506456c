"""Working on jobs: take one, do its steps one after the other, keep each, and say at the end what came out.

A step is a pure function of the job's release, its parameters and its number, so it does not matter which worker does it,
or how often: what is kept is the same. Between two steps a worker looks whether it is to stop or the job to be cancelled.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from governance.records import Job, JobBook, JobDraft, Lease
from governance.records.errors import BookUnavailable, LeaseLost
from kit.errors import ShelfgraphError
from kit.progress import Progress, Stage

__all__ = ["LEASE_SECONDS", "JobWork", "run_next_job"]

LEASE_SECONDS = 30.0
"""How long a job is left alone after its worker was last heard of."""
logger = logging.getLogger("shelfgraph.jobs")


class JobWork(Protocol):
    """What a job does, opened on its release."""

    def step(self, number: int) -> bytes:
        """Return the result of one step, the same whenever and wherever it is done."""
        ...

    def whole(self, results: Sequence[bytes]) -> bytes:
        """Return the whole result from those of all steps, in their order."""
        ...


def run_next_job(
    book: JobBook,
    worker: str,
    open_work: Callable[[JobDraft], JobWork],
    *,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
    lease_seconds: float = LEASE_SECONDS,
) -> Job | None:
    """Take the next job and work on it until it ends, is cancelled, or `stop` says so; return it, or None where there is none.

    An error of a room ends the job as failed, with its words. Anything else is a fault of ours and goes up: the worker dies of
    it, and the job is taken up again, three times at most.
    """
    lease = book.claim(worker, lease_seconds=lease_seconds)
    if lease is None:
        return None
    draft = lease.job.draft
    title = f"{draft.kind} {lease.job.id}"
    with progress.stage(title, total=draft.steps_total) as stage, _Heart(book, lease, lease_seconds):
        stage.advance(lease.job.steps_done)
        try:
            return _work(book, lease, open_work(draft), stop, stage)
        except LeaseLost:
            return book.get(lease.job.id)
        except ShelfgraphError as error:
            return _failed(book, lease, error)


def _work(book: JobBook, lease: Lease, work: JobWork, stop: Callable[[], bool], stage: Stage) -> Job:
    for number in range(lease.job.steps_done, lease.job.draft.steps_total):
        if book.get(lease.job.id).cancel_requested:
            return book.confirm_cancel(lease)
        if stop():
            return book.hand_back(lease)
        book.keep_step(lease, number, work.step(number))
        stage.advance()
    return book.succeed(lease, work.whole(book.step_results(lease.job.id)))


def _failed(book: JobBook, lease: Lease, error: ShelfgraphError) -> Job:
    try:
        return book.fail(lease, error.problem, error.remedy)
    except LeaseLost:
        return book.get(lease.job.id)


class _Heart:
    """Prolongs a lease from a thread of its own while a step takes its time, and stops when the lease is gone."""

    def __init__(self, book: JobBook, lease: Lease, lease_seconds: float) -> None:
        self._book = book
        self._lease = lease
        self._seconds = lease_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        pause = self._seconds / 3
        while not self._over.wait(pause):
            pause = self._seconds / 3
            try:
                self._book.heartbeat(self._lease, lease_seconds=self._seconds)
            except LeaseLost:
                return
            except BookUnavailable as error:
                # the lease outlasts a missed beat, so the next one comes soon; a book that stays away fails the next step
                logger.warning("%s was not prolonged: %s", self._lease.job.id, str(error)[:500])
                pause = self._seconds / 30
