"""What happened since the release was made, as far as one answer depends on it: the port between events and answers."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

__all__ = ["NOTHING_SINCE", "LiveFacts", "LivePurchase", "NoEvents", "OnlineFacts"]


@dataclass(frozen=True, slots=True)
class LivePurchase:
    """One basket that was bought since the release: its day, its store and its products."""

    basket_id: str
    day: date
    store_id: str | None
    product_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What is known beyond the release about one household, session and store.

    Args:
        purchases: baskets of the household, oldest first. The ranker does not look at them yet.
        viewed, carted: products of the session (and of the household's own sessions), latest first, at most 50 each.
        out_of_stock, back_in_stock: products whose shelf in the store is known to have become empty, or filled, since then.
        withdrawn: purposes for which the household withdrew its consent.
        newest_event: the highest number among the events that these facts rest on; 0 for none.
    """

    purchases: tuple[LivePurchase, ...] = ()
    viewed: tuple[str, ...] = ()
    carted: tuple[str, ...] = ()
    out_of_stock: frozenset[str] = frozenset()
    back_in_stock: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    newest_event: int = 0


NOTHING_SINCE = LiveFacts()


class OnlineFacts(Protocol):
    """Facts of events by their number. The same keys and number give the same facts for ever."""

    def newest(self, household_id: str | None, session_id: str | None, store_id: str | None) -> int:
        """Return the number of the last event that concerns any of the three, 0 for none."""
        ...

    def facts(self, household_id: str | None, session_id: str | None, store_id: str | None, until: int) -> LiveFacts:
        """Return what the events up to number `until` say about the three. `until` 0 gives `NOTHING_SINCE`."""
        ...


class NoEvents:
    """Stands where no events are taken."""

    def newest(self, household_id: str | None, session_id: str | None, store_id: str | None) -> int:
        return 0

    def facts(self, household_id: str | None, session_id: str | None, store_id: str | None, until: int) -> LiveFacts:
        return NOTHING_SINCE
