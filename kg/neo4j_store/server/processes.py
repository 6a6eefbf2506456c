"""Processes by number and start time, so that a number given to somebody else in the meantime is never mistaken for ours."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

__all__ = ["end_process", "is_alive", "start_mark"]

POLL_SECONDS = 0.1


def start_mark(pid: int) -> str | None:
    """Return a text that is the same for the life of a process and differs between processes; None when it is gone."""
    record = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        return _linux_mark(record)
    found = subprocess.run(["/bin/ps", "-o", "lstart=,stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    text = found.stdout.strip()
    return None if not text or text.endswith("Z") else text.rsplit(" ", 1)[0].strip()


def _linux_mark(record: Path) -> str | None:
    try:
        # the command's name, in brackets, may hold anything; what follows it is: state, parent, … start time (22nd field)
        fields = record.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def is_alive(pid: int) -> bool:
    """Say whether a process of this number runs. One that ended and was not collected by its parent does not."""
    return start_mark(pid) is not None


def end_process(pid: int, mark: str, *, patience_seconds: float) -> bool:
    """End a process and its group: politely first, by force when it has not gone after `patience_seconds`.

    Returns whether there was one to end. Does nothing when the number belongs to another process by now.
    """
    if start_mark(pid) != mark:
        return False
    os.kill(pid, signal.SIGTERM)
    if not _wait_gone(pid, mark, patience_seconds):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        _wait_gone(pid, mark, patience_seconds)
    return True


def _wait_gone(pid: int, mark: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if start_mark(pid) != mark:
            return True
        time.sleep(POLL_SECONDS)
    return False
