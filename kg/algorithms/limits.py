"""How long one call to an algorithm may take, and how much it may hold."""

import time

from kg.errors import GraphTimeout

__all__ = ["MAXIMUM_NUMBERS", "Limit"]

MAXIMUM_NUMBERS = 25_000_000
"""Numbers of one table of embeddings, or of given edges: 100 MB as float32, some 200,000 products of 128 dimensions."""


class Limit:
    """How long one operation may take, counted from when this was made."""

    def __init__(self, operation: str, seconds: float) -> None:
        self.operation = operation
        self.seconds = seconds
        self._deadline = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._deadline

    def left_seconds(self) -> float:
        """Return what is left. Raises: GraphTimeout when nothing is."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise GraphTimeout(self.operation, self.seconds)
        return left
