"""A worker in a process of its own, to be killed: `python -m tests.pipeline.job_worker_process BOOK NAME SECONDS`.

Its steps are what a job's are, pure functions of the parameters and their number; they only take their time.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

from governance.records import JobDraft, SqliteJobBook
from kit.progress import SilentProgress
from pipeline.job_runner import run_next_job


class Hashing:
    """Step n hashes the seed n times over; the whole is the hash of all steps."""

    def __init__(self, draft: JobDraft, seconds: float) -> None:
        self._seed = json.loads(draft.parameters)["seed"]
        self._seconds = seconds

    def step(self, number: int) -> bytes:
        time.sleep(self._seconds)
        content = str(self._seed).encode()
        for _ in range(number + 1):
            content = hashlib.sha256(content).digest()
        return content.hex().encode()

    def whole(self, results) -> bytes:
        return hashlib.sha256(b"".join(results)).hexdigest().encode()


def work(book: SqliteJobBook, name: str, seconds: float, lease_seconds: float = 1.0) -> None:
    while run_next_job(book, name, lambda draft: Hashing(draft, seconds), progress=SilentProgress(), lease_seconds=lease_seconds):
        pass


if __name__ == "__main__":
    work(SqliteJobBook(Path(sys.argv[1])), sys.argv[2], float(sys.argv[3]))
