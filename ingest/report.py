"""What an ingest did, in numbers that balance."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ingest.errors import CountsDisagree
from lake.ports import TableVersion

__all__ = ["FeedReport", "IngestReport", "ReplayReport", "with_restored"]


@dataclass(frozen=True, slots=True)
class FeedReport:
    """One feed. Counts are rows of the source: rows_in = accepted + quarantined + duplicates, or it cannot be made.

    `merged` of the accepted rows went into others by a declared aggregation, so the table holds accepted - merged.
    """

    feed: str
    contract_version: str
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int
    merged: int
    by_rule: Mapping[str, int]
    """Rows that each rule sent to the quarantine or to the duplicates."""
    flagged: Mapping[str, int]
    """Rows kept in spite of a rule."""
    table: TableVersion
    unchanged: bool
    """Whether the same content had been ingested before, so that nothing was written."""
    source_digest: str
    """SHA-256 of the source file (of all files, where several feed one table)."""
    seconds: float = field(compare=False)

    def __post_init__(self) -> None:
        if self.rows_in != self.accepted + self.quarantined + self.duplicates:
            raise CountsDisagree(self.feed, self.rows_in, self.accepted, self.quarantined, self.duplicates)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """All feeds of one run, in the order in which they were taken."""

    source: str
    run_id: str
    feeds: tuple[FeedReport, ...]

    @property
    def rows_in(self) -> int:
        """Rows that came in, over all feeds."""
        return sum(feed.rows_in for feed in self.feeds)

    @property
    def accepted(self) -> int:
        """Rows accepted, over all feeds."""
        return sum(feed.accepted for feed in self.feeds)

    @property
    def quarantined(self) -> int:
        """Rows quarantined, over all feeds."""
        return sum(feed.quarantined for feed in self.feeds)

    @property
    def duplicates(self) -> int:
        """Rows that only repeated another, over all feeds."""
        return sum(feed.duplicates for feed in self.feeds)

    def feed(self, name: str) -> FeedReport:
        """Return one feed's report. Raises: KeyError."""
        return {feed.feed: feed for feed in self.feeds}[name]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """examined = restored + duplicates + remaining."""

    feed: str
    examined: int
    restored: int
    duplicates: int
    """Rows that turned out to be in the table already."""
    remaining: int
    by_rule: dict[str, int]
    """Rows that stay, by the rule they break now."""
    closed_by_rule: dict[str, int]
    """Rows that left, by the rule that had sent them to the quarantine."""
    merged: int
    """Restored rows that went into rows of the table."""
    table_rows: int


def with_restored(report: FeedReport, restored: ReplayReport, table: TableVersion) -> FeedReport:
    """Return the report of an ingest with rows counted where another try has moved them."""
    by_rule = Counter(report.by_rule)
    by_rule.subtract(restored.closed_by_rule)
    by_rule.update({"row.copy": restored.duplicates})
    return replace(
        report,
        accepted=report.accepted + restored.restored,
        quarantined=report.quarantined - restored.restored - restored.duplicates,
        duplicates=report.duplicates + restored.duplicates,
        merged=report.merged + restored.merged,
        by_rule={rule: count for rule, count in by_rule.items() if count},
        table=table,
    )
