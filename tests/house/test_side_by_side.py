"""Two computations at once: both results, progress of both, and what either raises, whatever its arguments are."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kit.errors import ShelfgraphError
from kit.progress import Progress
from kit.side_by_side import OtherProcessEnded, side_by_side


class RecordingProgress:
    """Keeps what it is told, of stages in any thread."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.open: set[str] = set()
        self.advanced: dict[str, float] = {}
        self.notes: dict[str, str] = {}

    @contextmanager
    def stage(self, title: str, total: float | None = None) -> Iterator["RecordingStage"]:
        self.titles.append(title)
        self.open.add(title)
        try:
            yield RecordingStage(self, title)
        finally:
            self.open.remove(title)


class RecordingStage:
    def __init__(self, progress: RecordingProgress, title: str) -> None:
        self._progress = progress
        self._title = title

    def advance(self, amount: float = 1.0) -> None:
        self._progress.advanced[self._title] = self._progress.advanced.get(self._title, 0) + amount

    def note(self, text: str) -> None:
        self._progress.notes[self._title] = text


def named(progress: Progress, *, title: str, answer: object) -> tuple[object, int]:
    with progress.stage(title, 2) as stage:
        stage.advance()
        stage.note(f"{title} is half done")
        stage.advance()
    return answer, os.getpid()


def failing(progress: Progress) -> None:
    with progress.stage("failing"):
        raise Missing(7, product="milk")


def killed(progress: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def telling_its_id_then_waiting(progress: Progress) -> None:
    with progress.stage(f"process {os.getpid()}"):
        time.sleep(60)


def waiting_in_stages(progress: Progress) -> None:
    for number in range(600):
        with progress.stage(f"stage {number}"):
            time.sleep(0.1)


class Missing(ShelfgraphError):
    def __init__(self, shelf: int, *, product: str) -> None:
        super().__init__(f"{product} is missing on shelf {shelf}.", "Look on another one.")


class Stubborn(Exception):
    def __init__(self) -> None:
        super().__init__("stubborn")
        self.held = lambda: None


class Unreadable(Exception):
    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"unreadable {one + other}")


class Closed:
    """A watcher whose terminal is gone: what it raises is no `Exception`."""

    def stage(self, title: str, total: float | None = None):
        raise SystemExit(1)


def raising_what_cannot_travel(progress: Progress) -> None:
    raise Stubborn


def raising_what_cannot_be_read(progress: Progress) -> None:
    raise Unreadable(1, 2)


def waiting_alone(progress: Progress) -> int:
    time.sleep(1.0)
    return 1


def test_both_return_and_the_second_ran_in_a_process_of_its_own():
    progress = RecordingProgress()
    here, there = side_by_side(partial(named, title="here", answer=1), partial(named, title="there", answer={"a": [2]}), progress)
    assert (here[0], there[0]) == (1, {"a": [2]})
    assert here[1] == os.getpid() != there[1]
    assert sorted(progress.titles) == ["here", "there"]
    assert progress.advanced == {"here": 2, "there": 2}
    assert progress.notes == {"here": "here is half done", "there": "there is half done"}
    assert not progress.open


def test_what_the_other_raises_ends_the_first_at_its_next_stage():
    progress = RecordingProgress()
    with pytest.raises(Missing) as raised:
        side_by_side(waiting_in_stages, failing, progress)
    assert (raised.value.problem, raised.value.remedy) == ("milk is missing on shelf 7.", "Look on another one.")
    assert "failing" in "".join(raised.value.__notes__)
    assert len(progress.titles) < 500
    assert not progress.open


def test_what_the_first_raises_kills_the_other():
    progress = RecordingProgress()

    def failing_once_the_other_is_there(mine: Progress) -> None:
        while not progress.titles:
            time.sleep(0.05)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        side_by_side(failing_once_the_other_is_there, telling_its_id_then_waiting, progress)
    with pytest.raises(ProcessLookupError):
        os.kill(int(progress.titles[0].split()[1]), 0)


@pytest.mark.parametrize(
    ("task", "said"),
    [(killed, "code -9"), (raising_what_cannot_travel, "stubborn"), (raising_what_cannot_be_read, "unreadable 3")],
)
def test_an_end_without_a_result_is_told(task, said):
    with pytest.raises(OtherProcessEnded, match=said):
        side_by_side(partial(named, title="here", answer=1), task, RecordingProgress())


def test_a_watcher_that_fails_ends_both():
    with pytest.raises(SystemExit):
        side_by_side(waiting_alone, partial(named, title="there", answer=1), Closed())


def test_a_stage_of_a_process_that_failed_is_not_told_as_done():
    done = []

    class Telling(RecordingProgress):
        @contextmanager
        def stage(self, title: str, total: float | None = None) -> Iterator[RecordingStage]:
            with super().stage(title, total) as stage:
                yield stage
            done.append(title)

    with pytest.raises(Missing):
        side_by_side(waiting_in_stages, failing, Telling())
    assert "failing" not in done


def test_the_other_dies_with_the_process_that_waits(tmp_path):
    told = tmp_path / "id"
    script = (
        "import sys; from functools import partial\n"
        "from kit.progress import SilentProgress; from kit.side_by_side import side_by_side\n"
        "from tests.house.test_side_by_side import writing_its_id_then_waiting, waiting_in_stages\n"
        f"side_by_side(waiting_in_stages, partial(writing_its_id_then_waiting, path={str(told)!r}), SilentProgress())\n"
    )
    waiting = subprocess.Popen([sys.executable, "-c", script])
    other = int(_soon(lambda: told.exists() and told.read_text()))
    waiting.kill()
    waiting.wait()
    assert _soon(lambda: not Path(f"/proc/{other}").exists())


def writing_its_id_then_waiting(progress: Progress, *, path: str) -> None:
    Path(path).write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(60)


def _soon(found: Callable[[], Any]) -> Any:
    for _ in range(300):
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError("nothing came within 30 s")
