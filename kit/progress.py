"""Progress of long work, reported without knowing who watches."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

__all__ = ["Progress", "SilentProgress", "Stage"]


class Stage(Protocol):
    """One step under way."""

    def advance(self, amount: float = 1.0) -> None:
        """Report that `amount` more of the stage's total is done."""
        ...

    def note(self, text: str) -> None:
        """Show a short remark beside the stage, such as a row count."""
        ...


class Progress(Protocol):
    """Whoever watches: a terminal, a log, a job record or nobody."""

    def stage(self, title: str, total: float | None = None) -> AbstractContextManager[Stage]:
        """Open a stage; leaving the context closes it. `total` is None where it is not known."""
        ...


class _SilentStage:
    def advance(self, amount: float = 1.0) -> None:
        return

    def note(self, text: str) -> None:
        return


class SilentProgress:
    """Nobody watches."""

    @contextmanager
    def stage(self, title: str, total: float | None = None) -> Iterator[Stage]:
        yield _SilentStage()
