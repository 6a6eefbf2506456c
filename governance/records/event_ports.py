"""The book of online events: what happened since, in the order in which it was told."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

__all__ = [
    "Event",
    "EventBatch",
    "EventBook",
    "EventCounts",
    "EventDraft",
    "EventKey",
    "EventOutcome",
    "Landing",
    "Receipt",
    "RefusedLine",
]


class EventKey(StrEnum):
    """What events can be asked for by."""

    HOUSEHOLD = "household"
    SESSION = "session"
    STORE = "store"
    """A store's stock alone: who visited it is asked for by household or session."""


class EventOutcome(StrEnum):
    """What became of an event that was handed in."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """The book holds this event already: once handed in, once counted."""
    CONFLICT = "conflict"
    """The book holds another event of that id: the first stays, this one is kept with what was refused."""


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """One line of an event that was refused: as it came, households by pseudonym, with the rule that decided."""

    event_id: str
    row: str
    rule_id: str
    violations: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class EventDraft:
    """One event that keeps its contract.

    Args:
        content: canonical JSON bytes of the whole event; the same event has the same bytes.
        rows: its lines as they came, for the case that another event has its id.
    """

    event_id: str
    kind: str
    household_id: str | None
    session_id: str | None
    store_id: str | None
    happened_at: datetime
    business_date: date
    content: bytes
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What one caller hands in at once: kept together or not at all."""

    drafts: tuple[EventDraft, ...]
    refused: tuple[RefusedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one draft; `number` is that of the event in the book, of the one that was there before for a repeat."""

    outcome: EventOutcome
    number: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the book. Numbers are dense and ascend in the order of taking."""

    number: int
    event_id: str
    kind: str
    household_id: str | None
    session_id: str | None
    store_id: str | None
    happened_at: datetime
    business_date: date
    recorded_at: datetime
    content: bytes


@dataclass(frozen=True, slots=True)
class Landing:
    """Events up to number `until` that happened up to the business day `through` are facts of the lake since `recorded_at`."""

    recorded_at: datetime
    through: date
    until: int
    refused_until: int

    def holds(self, number: int, business_date: date) -> bool:
        """Return whether an event was among those that landed."""
        return number <= self.until and business_date <= self.through


@dataclass(frozen=True, slots=True)
class EventCounts:
    """How much the book holds. `refused` counts lines, each once however often it was handed in."""

    events: int
    newest: int
    refused: int
    by_kind: tuple[tuple[str, int], ...]
    last_recorded_at: datetime | None


class EventBook(Protocol):
    """Events are only ever added, each once, and leave when they are old and have landed. Any number of processes take them."""

    def take(self, batch: EventBatch) -> tuple[Receipt, ...]:
        """Keep a batch and return what became of each draft, in order, once all of it is durable. Raises: BookUnavailable."""
        ...

    def newest(self) -> int:
        """Return the number of the last event, 0 for none. Raises: BookUnavailable."""
        ...

    def after(self, number: int, *, limit: int) -> tuple[Event, ...]:
        """Return the events behind a number, in their order. Raises: BookUnavailable."""
        ...

    def about(self, key: EventKey, value: str, until: int) -> tuple[Event, ...]:
        """Return the events of one household, session or store up to a number, in their order. Raises: BookUnavailable."""
        ...

    def refused_after(self, number: int, *, limit: int) -> tuple[tuple[int, RefusedLine], ...]:
        """Return refused lines behind a number with their numbers. Raises: BookUnavailable."""
        ...

    def note_landing(self, landing: Landing) -> None:
        """Keep that events are in the lake. Raises: BookUnavailable."""
        ...

    def landings(self) -> tuple[Landing, ...]:
        """Return all landings, the first one first. Raises: BookUnavailable."""
        ...

    def forget(self, before: date) -> int:
        """Take out what happened before a business day and has landed; return how many events. Raises: BookUnavailable."""
        ...

    def counts(self) -> EventCounts:
        """Return how much the book holds. Raises: BookUnavailable."""
        ...

    def close(self) -> None:
        """Keep what was handed in, then release the file. Closing twice is allowed."""
        ...
