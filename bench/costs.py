"""What a part of a benchmark takes: wall-clock seconds, and the largest memory of a process while it ran (Linux)."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.frame import BenchRow

__all__ = ["Cost", "metered", "peak_rss_mb", "run_module"]

NEW_PEAK = "5"
"""Written to a process's `clear_refs`, this lets its peak begin anew (proc(5))."""
LOOK_SECONDS = 0.5


@dataclass(slots=True)
class Cost:
    """`seconds` of wall clock, and `peak_rss_mb` of whichever process was largest."""

    seconds: float = 0.0
    peak_rss_mb: float = 0.0

    def plus(self, other: "Cost") -> "Cost":
        """Return what one after the other takes."""
        return Cost(self.seconds + other.seconds, max(self.peak_rss_mb, other.peak_rss_mb))

    def rows(self, system: str, label: str) -> list[BenchRow]:
        """Return a row for each of the two."""
        return [BenchRow(system, name, label, round(getattr(self, name), 1)) for name in ("seconds", "peak_rss_mb")]


@contextmanager
def metered() -> Iterator[Cost]:
    """Give a cost that holds, once the block has ended, what this process took for it."""
    cost, began = Cost(), time.perf_counter()
    Path("/proc/self/clear_refs").write_text(NEW_PEAK)
    yield cost
    cost.seconds, cost.peak_rss_mb = time.perf_counter() - began, peak_rss_mb()


def peak_rss_mb(pid: int | None = None) -> float:
    """Return the largest memory of this process (or another) so far, from Linux's own books.

    `ru_maxrss` would count what the parent held when it started this process.
    """
    status = Path(f"/proc/{pid or 'self'}/status").read_text()
    peak = status.partition("VmHWM:")[2]
    return float(peak.split()[0]) / 1024 if peak else 0.0


def run_module(module: str, arguments: Sequence[str]) -> Cost:
    """Run a module of the project in a process of its own and return what it took. Raises: CalledProcessError."""
    command, began, largest = [sys.executable, "-m", module, *arguments], time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own module and arguments
        while process.poll() is None:
            largest = max(largest, peak_rss_mb(process.pid))
            try:
                process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(time.perf_counter() - began, largest)
