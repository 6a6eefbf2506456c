"""Events on their way in: judged, kept, and the outcome of each told: accepted + duplicate + rejected = received."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from governance.records import EventBook, EventCounts, EventOutcome, Landing, Receipt
from ingest import contract_of, held_retailer
from ingest.errors import EventsUnreadable, FileMissing
from ingest.event_shape import KINDS
from ingest.online_events import ONLINE_EVENTS, EventIntake, EventVerdict, JudgedEvents, known_values
from ingest.preparing import load_references
from lake import Lake
from pipeline.errors import NothingIngested

__all__ = [
    "ACCEPTED",
    "DUPLICATE",
    "REJECTED",
    "UNKNOWN_KIND",
    "EventStatus",
    "TakenEvent",
    "TakenEvents",
    "event_status",
    "open_intake",
    "outcomes",
    "send_events",
    "take_events",
]  # fmt: skip

ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"
UNKNOWN_KIND = "unknown"
MOST, CHUNK = 1000, 10_000


@dataclass(frozen=True, slots=True)
class TakenEvent:
    """What became of one event. `number` is its number in the book, None where it was rejected."""

    event_id: str | None
    kind: str
    outcome: str
    number: int | None = None
    rule: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TakenEvents:
    """What became of all that were handed in, in their order."""

    events: tuple[TakenEvent, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many were received, and what became of them."""
        found = Counter(event.outcome for event in self.events)
        return {"received": len(self.events), **{name: found[name] for name in (ACCEPTED, DUPLICATE, REJECTED)}}

    @classmethod
    def together(cls, parts: "Iterable[TakenEvents]") -> "TakenEvents":
        """Return several as one."""
        return cls(tuple(event for part in parts for event in part.events))


def open_intake(lake: Lake, pseudonym_key: bytes, *, keep_days: int) -> EventIntake:
    """Return what judges events by the lake's products and stores, in its retailer's time zone. Raises: NothingIngested."""
    retailer = held_retailer(lake)
    if retailer is None:
        raise NothingIngested
    known = known_values(load_references(contract_of(ONLINE_EVENTS), lake))
    return EventIntake(known, retailer.business_zone, pseudonym_key, keep_days=keep_days)


def take_events(intake: EventIntake, book: EventBook, told: Sequence[object]) -> TakenEvents:
    """Judge and keep events; what is returned is durable. Raises: BookUnavailable, and nothing was kept then."""
    judged = intake.judge(told)
    return outcomes(judged, book.take(judged.batch))


@dataclass(frozen=True, slots=True)
class EventStatus:
    """What the book holds, and how much of it the lake does not hold yet."""

    counts: EventCounts
    unlanded: int
    landings: tuple[Landing, ...]


def event_status(book: EventBook) -> EventStatus:
    """Return the state of the book. Raises: BookUnavailable."""
    landings, read, unlanded = book.landings(), 0, 0
    while events := book.after(read, limit=CHUNK):
        read = events[-1].number
        unlanded += sum(not any(one.holds(event.number, event.business_date) for one in landings) for event in events)
    return EventStatus(book.counts(), unlanded, landings)


def send_events(intake: EventIntake, book: EventBook, file: Path) -> TakenEvents:
    """Take the events of a file, a JSON list or JSON lines, a thousand at a time.

    Raises: FileMissing, EventsUnreadable, BookUnavailable.
    """
    if not file.is_file():
        raise FileMissing(file)
    told = _parsed(file.read_bytes())
    return TakenEvents.together(take_events(intake, book, told[first : first + MOST]) for first in range(0, len(told), MOST))


def _parsed(text: bytes) -> list[object]:
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [_line(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def _line(number: int, line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise EventsUnreadable(number) from error


def outcomes(judged: JudgedEvents, receipts: Sequence[Receipt]) -> TakenEvents:
    """Return each event's outcome, once its receipt says that it is durable."""
    return TakenEvents(tuple(_outcome(verdict, receipts) for verdict in judged.verdicts))


def _outcome(verdict: EventVerdict, receipts: Sequence[Receipt]) -> TakenEvent:
    kind = verdict.kind if verdict.kind in KINDS else UNKNOWN_KIND
    if verdict.draft is None:
        return TakenEvent(verdict.event_id, kind, REJECTED, None, verdict.rule_id, verdict.message)
    receipt = receipts[verdict.draft]
    if receipt.outcome is EventOutcome.CONFLICT:
        reason = "another event has this event_id and says something else: the first stays"
        return TakenEvent(verdict.event_id, kind, REJECTED, None, "key.taken", reason)
    outcome = ACCEPTED if receipt.outcome is EventOutcome.ACCEPTED else DUPLICATE
    return TakenEvent(verdict.event_id, kind, outcome, receipt.number)
