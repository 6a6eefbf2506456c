"""The online overlay: what happened since the release was made, seen within a fraction of a second by every process of a home.

Each process follows the event book by its dense numbers. The states of households, sessions and stores are kept within bounds;
what fell out, and what is asked as of an older number, is folded from the book again, so that bounds lose no fact.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from decisions.recommend.live import NOTHING_SINCE, LiveFacts
from decisions.recommend.online_state import HouseholdState, KeyState, SessionState, StoreState, compose
from governance.records import Event, EventBook, EventKey, Landing
from governance.records.errors import BookUnavailable

__all__ = ["KEPT_STATES", "Overlay", "Since"]

POLL_SECONDS = 0.1
CHUNK = 2000
KEPT_STATES: Mapping[EventKey, int] = {EventKey.HOUSEHOLD: 20_000, EventKey.SESSION: 20_000, EventKey.STORE: 1_000}
"""How many states of each kind stay in memory: those asked for or told of last."""
logger = logging.getLogger("shelfgraph.recommend")


@dataclass(frozen=True, slots=True)
class Since:
    """Which events a release does not hold yet.

    A release knows no fact after its `as_of`, so an event of a later business day counts. One of an earlier day, told late,
    counts unless it had landed in the lake when the release was made. Both are settled once the release is there: what lands
    later is not in it, and the same event counts for the same release for ever.
    """

    as_of: date
    landed: tuple[Landing, ...] = ()

    @classmethod
    def release(cls, as_of: date, created_at: datetime, landings: tuple[Landing, ...]) -> "Since":
        """Return what counts for a release of that day, made at that time."""
        return cls(as_of, tuple(landing for landing in landings if landing.recorded_at <= created_at))

    def counts(self, event: Event) -> bool:
        """Return whether the release does not hold the event."""
        if event.business_date > self.as_of:
            return True
        return not any(landing.holds(event.number, event.business_date) for landing in self.landed)


class Overlay:
    """Implements `decisions.recommend.live.OnlineFacts` over an event book. Safe for any number of threads.

    Nothing is read before the first question. Where nobody follows the book, `newest` looks into it itself.

    Args:
        book: where the events are.
        since: which of them count.
        kept: how many states of each kind stay in memory. Beside them stays the last number of each household, session and
            store that an event named, about 150 bytes each.
    """

    def __init__(self, book: EventBook, since: Since, *, kept: Mapping[EventKey, int] = KEPT_STATES) -> None:
        self._book = book
        self._since = since
        self._kept = kept
        self._lock = threading.RLock()
        self._read = 0
        self._last: dict[tuple[EventKey, str], int] = {}
        self._states: dict[EventKey, OrderedDict[str, KeyState]] = {key: OrderedDict() for key in EventKey}
        self._closed = threading.Event()
        self._tail: threading.Thread | None = None

    def follow(self) -> Self:
        """Take in what the book holds and what any process writes from now on, until `close`. Raises: BookUnavailable."""
        self.catch_up()
        self._tail = threading.Thread(target=self._follow, name="online-overlay", daemon=True)
        self._tail.start()
        return self

    def close(self) -> None:
        """Stop following. Closing twice is allowed; the book stays open."""
        self._closed.set()
        if self._tail is not None:
            self._tail.join()

    def catch_up(self) -> int:
        """Take in all that the book holds by now and return the last number. Raises: BookUnavailable."""
        with self._lock:
            while events := self._book.after(self._read, limit=CHUNK):
                for event in events:
                    self._take(event)
                self._read = events[-1].number
            return self._read

    def newest(self, household_id: str | None, session_id: str | None, store_id: str | None) -> int:
        if self._tail is None:  # nobody follows: look now
            self.catch_up()
        with self._lock:
            return max((self._last.get(key, 0) for key in _asked(household_id, session_id, store_id)), default=0)

    def facts(self, household_id: str | None, session_id: str | None, store_id: str | None, until: int) -> LiveFacts:
        if until <= 0:
            return NOTHING_SINCE
        with self._lock:
            if until > self._read:
                self.catch_up()
            keys = _asked(household_id, session_id, store_id)
            states = {key: self._state(key, value, until) for key, value in keys if (key, value) in self._last}
            household, session, store = (states.get(key) for key in EventKey)
            assert not isinstance(household, SessionState | StoreState)
            assert not isinstance(session, HouseholdState | StoreState)
            assert not isinstance(store, HouseholdState | SessionState)
            if not any(state.newest for state in (household, session, store) if state is not None):
                return NOTHING_SINCE
            return compose(household_id, household, session, store)

    def _take(self, event: Event) -> None:
        if not self._since.counts(event):
            return
        for key, value in _named(event):
            known = (key, value) in self._last
            self._last[key, value] = event.number
            state = self._states[key].get(value) if known else self._keep(key, value, _new(key))
            if state is not None:
                state.fold(event)

    def _state(self, key: EventKey, value: str, until: int) -> KeyState:
        """Return what is known up to a number: what is kept, unless it has seen more; else the book is read again."""
        if self._last[key, value] > until:
            return self._folded(key, value, until)
        state = self._states[key].get(value)
        if state is None:
            return self._keep(key, value, self._folded(key, value, self._read))
        self._states[key].move_to_end(value)
        return state

    def _folded(self, key: EventKey, value: str, until: int) -> KeyState:
        state = _new(key)
        for event in self._book.about(key, value, until):
            if self._since.counts(event):
                state.fold(event)
        return state

    def _keep(self, key: EventKey, value: str, state: KeyState) -> KeyState:
        kept = self._states[key]
        kept[value] = state
        while len(kept) > self._kept[key]:
            kept.popitem(last=False)
        return state

    def _follow(self) -> None:
        fault = ""
        while not self._closed.wait(POLL_SECONDS):
            try:
                if self._book.newest() > self._read:
                    self.catch_up()
                fault = ""
            except BookUnavailable as error:
                # what is known keeps answering; the next look may succeed
                if str(error) != fault:
                    logger.warning("the online overlay cannot follow the event book: %s", error)
                fault = str(error)


def _asked(household_id: str | None, session_id: str | None, store_id: str | None) -> list[tuple[EventKey, str]]:
    given = ((EventKey.HOUSEHOLD, household_id), (EventKey.SESSION, session_id), (EventKey.STORE, store_id))
    return [(key, value) for key, value in given if value is not None]


def _named(event: Event) -> Iterator[tuple[EventKey, str]]:
    """Yield whom an event concerns. Only stock concerns a store: what one customer does changes no other's answer."""
    if event.kind == "stock":
        yield from _asked(None, None, event.store_id)
    else:
        yield from _asked(event.household_id, event.session_id, None)


def _new(key: EventKey) -> KeyState:
    states: dict[EventKey, type[HouseholdState | SessionState | StoreState]] = {
        EventKey.HOUSEHOLD: HouseholdState,
        EventKey.SESSION: SessionState,
        EventKey.STORE: StoreState,
    }
    return states[key]()
