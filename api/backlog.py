"""How many requests of this process are under way, when that is too many, and how fast those beyond are refused.

One process computes one answer at a time, and each answer waits for its record to be on disk. A queue that only grows makes every
answer late, and goes on doing so long after the rush; beyond a bound it is better to say that one should come back. Only
those that were let in count: if those refused did, a rush would keep everybody out for as long as it lasts.

Refusals are paced: one of a few waits hardly at all, one of a rush waits its turn, so that whoever asks again at once cannot keep
the process busy with nothing but refusing.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Backlog"]

REFUSALS_PER_SECOND = 200.0
LONGEST_PAUSE_SECONDS = 2.5
"""Nobody is held longer, however many there are: what holds a connection open must not be without end."""


class Backlog:
    """The requests that were let in and are not answered yet.

    Args:
        most: how many may be; those beyond are to be refused.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = 0
        self._refusal_at = 0.0

    @property
    def full(self) -> bool:
        """Whether as many are under way as may be."""
        return self._under_way >= self._most

    def pause(self) -> float:
        """Return the seconds after which the next refusal has its turn."""
        now = time.monotonic()
        self._refusal_at = min(max(now, self._refusal_at + 1 / REFUSALS_PER_SECOND), now + LONGEST_PAUSE_SECONDS)
        return self._refusal_at - now

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count a request from here to its end."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
