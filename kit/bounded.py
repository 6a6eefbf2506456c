"""What was computed and may be wanted again, kept within a bound by weight: what nobody wanted for longest goes first."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["BoundedMemory"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedMemory(Generic[Key, Value]):
    """A memory whose entries weigh no more than `maximum` together. Safe to share between threads.

    Entries of very different sizes want a weight: a bound on their number alone lets the largest ones fill a machine.

    Args:
        maximum: the most that all entries may weigh, in whatever unit `put` is told.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    @property
    def weight(self) -> int:
        """What all entries weigh now."""
        return self._weight

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """Return the value kept under a key, or None."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Value, weight: int) -> None:
        """Keep a value in place of what the key held. One that is heavier than the bound is not kept."""
        with self._lock:
            self._take_out(key)
            if weight > self._maximum:
                return
            self._entries[key] = (value, weight)
            self._weight += weight
            self._make_room()

    def grew(self, key: Key, value: Value, more: int) -> None:
        """Add to the weight of a value, if it is still the one kept under the key."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None and found[0] is value:
                self._entries[key] = (value, found[1] + more)
                self._weight += more
                self._make_room()

    def _make_room(self) -> None:
        while self._weight > self._maximum:
            _, (_, weight) = self._entries.popitem(last=False)
            self._weight -= weight

    def _take_out(self, key: Key) -> None:
        _, weight = self._entries.pop(key, (None, 0))
        self._weight -= weight
