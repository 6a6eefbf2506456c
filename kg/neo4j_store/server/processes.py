"""Processes by number and start time, so that a number given to somebody else in the meantime is never mistaken for ours."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

__all__ = ["command_line", "end_process", "is_alive", "start_mark", "wait_for_threads"]

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


def command_line(pid: int) -> str:
    """Return what a process was started with, words apart by spaces; empty when it is gone."""
    if Path("/proc/self/stat").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    found = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def wait_for_threads(pid: int, *, patience_seconds: float) -> bool:
    """Wait until no thread of an ended process is left; return whether that came about.

    A large process that is killed lets its files and memory go some time after its first thread has ended. Where the system
    does not list threads (`/proc`) there is nothing to wait for.
    """
    deadline = time.monotonic() + patience_seconds
    while _tasks(pid) > 1 and not is_alive(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _tasks(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return 0


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
