"""How many requests of this process are under way, and when that is too many.

One process computes one answer at a time, and each answer waits for its record to be on disk. A queue that only grows makes every
answer late, and goes on doing so long after the rush; beyond a bound it is better to say that one should come back. Only
those that were let in count: if those refused did, a rush would keep everybody out for as long as it lasts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Backlog"]


class Backlog:
    """The requests that were let in and are not answered yet.

    Args:
        most: how many may be; those beyond are to be refused.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = 0

    @property
    def full(self) -> bool:
        """Whether as many are under way as may be."""
        return self._under_way >= self._most

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count a request from here to its end."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
