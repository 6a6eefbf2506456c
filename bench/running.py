"""A server in a process of its own, while something is measured: ours from its command line, or any that tells its port."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kit.progress import Progress

__all__ = ["HOST", "announcing", "running_server"]

HOST = "127.0.0.1"
COMMAND = "from cli.main import main; main()"
END_SECONDS = 30
NOT_LENT = ("decisions", "events", "outcomes")
"""Books that a measured server begins anew: it fills them, and nobody who reads an installation's should find that there."""


@contextmanager
def running_server(home: Path, progress: Progress) -> Iterator[tuple[int, int]]:
    """Serve the current release of a home in which it leaves no trace; give the port and the process id."""
    command = [sys.executable, "-c", COMMAND, "serve", "--port", "0"]
    with ExitStack() as stack:
        with progress.stage("Starting the server"):
            lent = stack.enter_context(_lent_home(home))
            environment = {**os.environ, "SHELFGRAPH_HOME": str(lent)}
            found = stack.enter_context(announcing(command, r"Listening on http://127\.0\.0\.1:(\d+)", environment=environment))
        yield found


@contextmanager
def _lent_home(home: Path) -> Iterator[Path]:
    """Lend a home that reads what lies in another one and writes books of its own."""
    with TemporaryDirectory(prefix="shelfgraph-bench-home-") as name:
        lent = Path(name)
        for part in home.resolve().iterdir():
            if part.name != "books":
                (lent / part.name).symlink_to(part)
        (lent / "books").mkdir()
        for book in home.glob("books/*.sqlite"):
            if book.stem not in NOT_LENT:
                _copy_book(book, lent / "books" / book.name)
        yield lent


def _copy_book(book: Path, to: Path) -> None:
    """Copy a database that others may be writing in."""
    with closing(sqlite3.connect(f"file:{book}?mode=ro", uri=True)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


@contextmanager
def announcing(
    command: Sequence[str], pattern: str, *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """Run a server that tells its port in words that `pattern` finds; give the port and the process id."""
    process = subprocess.Popen(  # noqa: S603 - our own command lines
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, env=environment
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
