"""Events of the book on their way into the lake, kept as a run; from there the next build takes them into the graph."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from governance.records import Event, EventBook, Landing, RefusedLine
from ingest import IngestReport, held_retailer
from ingest.contract import shipped_contracts
from ingest.feeds import ensure_tables
from ingest.landing import file_refused_events, land_rows, write_events
from ingest.landing_queries import LANDED_TABLES
from ingest.sources.configuration import ONLINE, SourceConfiguration
from kit.clock import Clock
from kit.progress import Progress
from lake import Lake
from pipeline.books import Books, kept_run
from pipeline.errors import NothingIngested

__all__ = ["LandingReport", "at_home", "land_events", "last_full_business_day"]

CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class LandingReport:
    """What landed: rows by table, refused lines that are new in the quarantine, and what had to stay behind.

    `waiting` names tables that have no contract here yet: their events are kept in `online_events` and land with it.
    """

    through: date
    until: int
    report: IngestReport
    quarantined_lines: int
    forgotten: int
    waiting: tuple[str, ...]


def last_full_business_day(lake: Lake, now: datetime) -> date:
    """Return the day before today in the retailer's time zone. Raises: NothingIngested."""
    retailer = held_retailer(lake)
    if retailer is None:
        raise NothingIngested
    return now.astimezone(ZoneInfo(retailer.business_zone)).date() - timedelta(days=1)


def land_events(
    lake: Lake, books: Books, book: EventBook, *, through: date, keep_days: int, clock: Clock, progress: Progress
) -> LandingReport:
    """Land what happened up to the business day `through`; landing twice adds nothing.

    The book notes the landing last: a landing that is cut off is done again, and what it had written is found there.
    What is older than `keep_days` and has landed leaves the book.
    """
    ensure_tables(lake)
    until, refused = book.newest(), tuple(_refused(book))
    contracts = {contract.feed for contract in shipped_contracts()}
    with (
        kept_run(books, "land", parameters={"through": through}, inputs={"events": str(until)}) as notes,
        progress.stage("Landing events") as stage,
    ):
        contents = [event.content for event in _unlanded(book, until) if event.business_date <= through]
        written = write_events(lake, contents, notes.run_id)
        stage.note(f"{written.accepted:,} lines of events")
        quarantined = file_refused_events(lake, refused, notes.run_id)
        feeds = (written, *land_rows(lake, notes.run_id, through=through))
        now = clock.now()
        book.note_landing(Landing(now, through, until, max((number for number, _ in refused), default=_last_refused(book))))
        forgotten = book.forget((now - timedelta(days=keep_days)).date())
        for feed in feeds:
            notes.figures[f"{feed.feed}_accepted"] = float(feed.accepted)
            notes.outputs[feed.feed] = feed.table.digest
    waiting = tuple(table.feed for table in LANDED_TABLES if table.feed not in contracts)
    return LandingReport(through, until, IngestReport(ONLINE, notes.run_id, feeds), quarantined, forgotten, waiting)


def at_home(source: SourceConfiguration, lake: Lake) -> SourceConfiguration:
    """Return the source of events in the time zone of the retailer whose facts the lake holds; any other source as it is."""
    retailer = held_retailer(lake)
    if source.name != ONLINE or retailer is None:
        return source
    return replace(source, business_zone=retailer.business_zone)


def _unlanded(book: EventBook, until: int) -> Iterator[Event]:
    landings, read = book.landings(), 0
    while events := book.after(read, limit=CHUNK):
        read = events[-1].number
        yield from (one for one in events if one.number <= until and not _has_landed(one, landings))


def _has_landed(event: Event, landings: tuple[Landing, ...]) -> bool:
    return any(landing.holds(event.number, event.business_date) for landing in landings)


def _last_refused(book: EventBook) -> int:
    return max((landing.refused_until for landing in book.landings()), default=0)


def _refused(book: EventBook) -> Iterator[tuple[int, RefusedLine]]:
    read = _last_refused(book)
    while lines := book.refused_after(read, limit=CHUNK):
        read = lines[-1][0]
        yield from lines
