"""How many requests of this process wait for their answer, and when that is too many.

One process answers one request at a time and has a queue before it. A queue that only grows makes every answer late, and goes on
doing so long after the rush; beyond a bound it is better to say at once that one should come back.
"""

from collections.abc import Callable, Sized

__all__ = ["Backlog"]


class Backlog:
    """The queue of one server. Where no server is followed, nothing waits.

    Args:
        most: requests that may wait; those beyond are to be refused.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: Callable[[], int] = int

    def follow(self, tasks: Sized) -> None:
        """Look at the requests that a server has taken and not yet answered."""
        self._waiting = tasks.__len__

    @property
    def full(self) -> bool:
        """Whether more wait than may."""
        return self._waiting() > self._most
