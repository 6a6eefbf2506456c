"""A server in a process of its own, while something is measured: ours from its command line, or any that tells its port."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kit.progress import Progress

__all__ = ["HOST", "announcing", "running_server"]

HOST = "127.0.0.1"
COMMAND = "from cli.main import main; main()"
END_SECONDS = 30


@contextmanager
def running_server(progress: Progress) -> Iterator[tuple[int, int]]:
    """Serve the current release; give the port and the process id."""
    command = [sys.executable, "-c", COMMAND, "serve", "--port", "0"]
    with ExitStack() as stack:
        with progress.stage("Starting the server"):
            found = stack.enter_context(announcing(command, r"Listening on http://127\.0\.0\.1:(\d+)"))
        yield found


@contextmanager
def announcing(command: Sequence[str], pattern: str, *, folder: Path | None = None) -> Iterator[tuple[int, int]]:
    """Run a server that tells its port in words that `pattern` finds; give the port and the process id."""
    process = subprocess.Popen(  # noqa: S603 - our own command lines
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )
    try:
        yield _announced_port(process, pattern), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=END_SECONDS)


def _announced_port(process: "subprocess.Popen[str]", pattern: str) -> int:
    seen: list[str] = []
    for line in process.stdout or ():
        seen.append(line)
        if found := re.search(pattern, line):
            return int(found.group(1))
    raise RuntimeError("the server did not start: " + "".join(seen)[-1000:])
