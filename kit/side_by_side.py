"""Two long computations at once, the second in a process of its own.

A process, not a thread: LightGBM and BLAS keep their number of threads for a whole process, and equal bytes need equal numbers.
"""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self, TypeVar

from kit.progress import Progress, Stage

__all__ = ["OtherProcessEnded", "side_by_side", "work"]

BEGIN = "import sys; from kit.side_by_side import work; work(int(sys.argv[1]))"
"""Not `multiprocessing`'s own way: that would run a caller's script once more."""
ENDING_SECONDS = 10.0
"""So long a process that has said its last word may take to end."""
HereT = TypeVar("HereT")
ThereT = TypeVar("ThereT")


class OtherProcessEnded(RuntimeError):
    """The other process ended without a result: it was killed, or the machine had no memory left."""


def side_by_side(
    here: Callable[[Progress], HereT], there: Callable[[Progress], ThereT], progress: Progress
) -> tuple[HereT, ThereT]:
    """Return what both return. `there` runs in a fresh process, so it and what it returns must be picklable.

    What either raises is raised here: when `there` fails, `here` ends as it begins its next stage; when `here` fails, the other
    process is killed. It dies with this one, too.

    Args:
        here: runs in this process.
        there: runs beside it.
        progress: is told of the stages of both.

    Raises:
        OtherProcessEnded: the other process was killed.
    """
    with _Other(there, progress) as other:
        first = here(_Watching(progress, other))
        return first, other.result()


class _Other:
    """The other process, and the thread that hears of it."""

    def __init__(self, task: Callable[[Progress], Any], progress: Progress) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one or str(Path.cwd()) for one in sys.path)}
        # `-P`: modules come from where this process has them from, and from nowhere before that
        command = [sys.executable, "-P", "-c", BEGIN, str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), env=environment)  # noqa: S603 - this interpreter
        theirs.close()
        self._done: Future[Any] = Future()
        self._listener = threading.Thread(target=self._listen, args=(task, progress), daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            # what it spilled to disk it removes as it ends
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(ENDING_SECONDS)
        self._process.kill()
        self._process.wait()
        self._listener.join()
        self._connection.close()

    def result(self) -> Any:
        """Wait for the end. Raises: what the task raised, OtherProcessEnded."""
        return self._done.result()

    def raise_if_failed(self) -> None:
        """Raise what the task raised, if it has ended with that."""
        if self._done.done():
            self._done.result()

    def _listen(self, task: Callable[[Progress], Any], progress: Progress) -> None:
        """Hear the other process to its end. Whatever ends this thread, a watcher's own fault too, reaches who waits."""
        stages: dict[int, tuple[ExitStack, Stage]] = {}
        failure: BaseException | None = None
        try:
            self._connected(partial(self._connection.send, task))
            while not self._done.done():
                self._take(stages, progress, *self._connected(self._connection.recv))
            failure = self._done.exception()
        except BaseException as error:  # noqa: BLE001 - a stage of a closed terminal raises SystemExit
            failure = error
            self._done.set_exception(error)
        finally:
            for stack, _ in stages.values():
                with suppress(BaseException):
                    stack.__exit__(type(failure) if failure else None, failure, failure.__traceback__ if failure else None)

    def _connected(self, speak: Callable[[], Any]) -> Any:
        """Send or hear something. Raises: OtherProcessEnded."""
        try:
            return speak()
        except (EOFError, ConnectionError) as error:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(ENDING_SECONDS)
            self._process.kill()
            raise OtherProcessEnded(f"a process beside this one ended with code {self._process.wait()}") from error

    def _take(self, stages: dict[int, tuple[ExitStack, Stage]], progress: Progress, kind: str, *what: Any) -> None:
        if kind == "opened":
            number, title, total = what
            stack = ExitStack()
            stages[number] = (stack, stack.enter_context(progress.stage(title, total)))
        elif kind == "closed":
            stages.pop(what[0])[0].close()
        elif kind == "advanced":
            stages[what[0]][1].advance(what[1])
        elif kind == "noted":
            stages[what[0]][1].note(what[1])
        elif kind == "returned":
            self._done.set_result(what[0])
        else:
            self._done.set_exception(what[0])


class _Watching:
    """Progress that begins no stage once the other process has failed."""

    def __init__(self, progress: Progress, other: _Other) -> None:
        self._progress = progress
        self._other = other

    def stage(self, title: str, total: float | None = None) -> AbstractContextManager[Stage]:
        self._other.raise_if_failed()
        return self._progress.stage(title, total)


class _ToldStage:
    def __init__(self, said: Connection, number: int) -> None:
        self._said = said
        self._number = number

    def advance(self, amount: float = 1.0) -> None:
        self._said.send(("advanced", self._number, amount))

    def note(self, text: str) -> None:
        self._said.send(("noted", self._number, text))


class _ToldProgress:
    """Progress of the other process: told to the one that waits."""

    def __init__(self, said: Connection) -> None:
        self._said = said
        self._stages = 0

    @contextmanager
    def stage(self, title: str, total: float | None = None) -> Iterator[Stage]:
        number, self._stages = self._stages, self._stages + 1
        self._said.send(("opened", number, title, total))
        yield _ToldStage(self._said, number)
        self._said.send(("closed", number))


def work(descriptor: int) -> None:
    """Be the other process from beginning to end; `descriptor` is its end of the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who pressed Ctrl-C ends the process that waits, and that one this
    said: Connection = Connection(descriptor)
    with suppress(ConnectionError):
        try:
            task = said.recv()
            threading.Thread(target=_die_with_parent, args=(said,), daemon=True).start()
            result = task(_ToldProgress(said))
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            error.add_note("In a process beside, where it was raised:\n" + traceback.format_exc())
            _send_failure(said, error)
        else:
            said.send(("returned", result))


def _send_failure(said: Connection, error: Exception) -> None:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - its own, and many that can be written cannot be read
    except Exception:  # noqa: BLE001 - what cannot travel is told in words
        error = OtherProcessEnded("\n".join(error.__notes__))
    said.send(("raised", error))


def _die_with_parent(heard: Connection) -> None:
    """Wait for a word that never comes: the connection ends with the process that waits."""
    with suppress(EOFError, OSError):
        heard.recv()
    os._exit(1)
