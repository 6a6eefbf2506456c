"""The root of every room's error tree.

ShelfgraphError
└── one branch per room, drawn at the head of that room's `errors.py`
"""

from typing import Any

__all__ = ["ShelfgraphError"]

MAXIMUM_TEXT = 2000


class ShelfgraphError(Exception):
    """An error whose text is bounded, names what was wrong and says what to do next.

    Args:
        problem: what is wrong, in one sentence.
        remedy: what the reader can do next, in one sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem[:MAXIMUM_TEXT]
        self.remedy = remedy[:MAXIMUM_TEXT]
        super().__init__(f"{self.problem} {self.remedy}".strip())

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes whatever the arguments of a kind are."""
        return _restored, (type(self), self.args, dict(self.__dict__))


def _restored(kind: type[ShelfgraphError], arguments: tuple[Any, ...], state: dict[str, Any]) -> ShelfgraphError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error
