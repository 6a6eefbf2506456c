"""IngestError
├── ConfigurationInvalid   a contract or mapping file does not say what it must
├── SourceUnknown          no source of that name is shipped, and no such file exists
├── SourceFolderMissing    the folder that holds the source's files is not there
├── OtherSourceHeld        the home holds the facts of another retailer
├── FeedUnknown            the source has no such feed
│   └── FeedUnmapped       there is a contract, and the source has no mapping for it
├── ReferenceMissing       a table that the feed is looked up in has not been ingested
├── SourceStopped          a run over all feeds met a fault after it had written some of them
├── CountsDisagree         rows in are not accepted + quarantined + duplicates: nothing was written
├── KeyNeeded              a correction names a household by the retailer's number, and no key was given
├── CorrectionUnknown      a correction names a row that is not waiting in the quarantine
├── CorrectionInvalid      a correction does not say which row it corrects
├── KafkaMissing           events are to come from Kafka, and its client is not installed
├── StreamUnavailable      the stream of events cannot be read
├── EventsUnreadable       a file of events is no JSON list and no JSON lines
└── FileFault              the file as a whole cannot be taken; nothing was written
    ├── FileMissing
    ├── FileEmpty
    ├── FileCutOff
    ├── FileDamaged
    ├── WrongEncoding
    ├── NotDeclaredFormat
    ├── ColumnsMissing
    ├── ColumnTypeUnusable
    └── NothingAccepted
"""

from pathlib import Path

from kit.errors import ShelfgraphError

__all__ = [
    "ColumnTypeUnusable",
    "ColumnsMissing",
    "ConfigurationInvalid",
    "CorrectionInvalid",
    "CorrectionUnknown",
    "CountsDisagree",
    "EventsUnreadable",
    "FeedUnknown",
    "FeedUnmapped",
    "FileCutOff",
    "FileDamaged",
    "FileEmpty",
    "FileFault",
    "FileMissing",
    "IngestError",
    "KafkaMissing",
    "KeyNeeded",
    "NotDeclaredFormat",
    "NothingAccepted",
    "OtherSourceHeld",
    "ReferenceMissing",
    "SourceFolderMissing",
    "SourceStopped",
    "SourceUnknown",
    "StreamUnavailable",
    "WrongEncoding",
]

NOTHING_CHANGED = "Nothing was changed."
"""True of one feed. A run over several says for itself what it wrote before."""


class IngestError(ShelfgraphError):
    """A source could not be taken in."""


class ConfigurationInvalid(IngestError):
    """A contract or mapping file is wrong."""

    def __init__(self, where: str, cause: str) -> None:
        self.where = where
        super().__init__(
            f"{where} is not valid: {cause}.", "Correct the YAML file; `docs/howto/add-a-source.md` leads through its fields."
        )


class SourceUnknown(IngestError):
    """Neither a shipped source nor a folder of mapping files."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        super().__init__(
            f"There is no source '{name}'.", f"Name one of {', '.join(known)}, or the path of a folder with a source.yaml."
        )


class SourceFolderMissing(IngestError):
    """The folder of the source's files was not given, does not exist, or is one file where several are needed."""

    def __init__(self, source: str, folder: Path | None, files: tuple[str, ...] = ()) -> None:
        self.folder = folder
        problem = f"The folder '{folder}' does not exist."
        if folder is None:
            problem = f"Source '{source}' has no folder of files."
        elif files:
            problem = f"'{folder}' is one file; source '{source}' is read from {', '.join(files)}."
        super().__init__(
            problem, "Give the folder that holds the source's files with --path, or install the package that brings them."
        )


class OtherSourceHeld(IngestError):
    """Facts of two retailers must not be mixed in one lake."""

    def __init__(self, held: str, source: str) -> None:
        self.held = held
        self.source = source
        super().__init__(
            f"This home holds the facts of source '{held}'; '{source}' is another.",
            f"Give it a home of its own: SHELFGRAPH_HOME=.shelfgraph-{source}. Nothing was changed.",
        )


class FeedUnknown(IngestError):
    """The source has no mapping for this feed."""

    def __init__(self, feed: str, known: tuple[str, ...], otherwise: str = "") -> None:
        self.feed = feed
        super().__init__(f"The source has no feed '{feed}'.", f"Name one of {', '.join(known)}.{otherwise}")


class FeedUnmapped(FeedUnknown):
    """The feed has a contract, but the source does not say how its own files would fill it."""

    def __init__(self, feed: str, known: tuple[str, ...]) -> None:
        super().__init__(
            feed,
            known,
            f" Or give a CSV or Parquet file with the columns that `shelfgraph ingest contract {feed}` shows: --path FILE.",
        )


class ReferenceMissing(IngestError):
    """A lookup needs a table that is not in the lake."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            f"Table '{table}' must be there before the feeds that look things up in it.", f"Ingest the feed '{table}' first."
        )


class CountsDisagree(IngestError):
    """The books of one feed do not balance."""

    def __init__(self, feed: str, rows_in: int, accepted: int, quarantined: int, duplicates: int) -> None:
        self.feed = feed
        super().__init__(
            f"Feed '{feed}': {rows_in} rows came in, but "
            f"{accepted} accepted + {quarantined} quarantined + {duplicates} duplicates differ.",
            "Nothing was written; this is a fault of the program: report it with the file.",
        )


class SourceStopped(IngestError):
    """A run over all feeds of a source met a fault after it had written some of them. The fault itself is its cause."""

    def __init__(self, source: str, feed: str, written: tuple[str, ...], fault: IngestError) -> None:
        self.source = source
        self.feed = feed
        self.written = written
        remedy = fault.remedy.removesuffix(NOTHING_CHANGED)
        super().__init__(
            f"Source '{source}' stopped at feed '{feed}': {fault.problem}",
            f"{remedy}Written before it: {', '.join(written)}; '{feed}' and the feeds after it are as they were. "
            "Mend the fault and run it again: what is written already is passed over.",
        )


class CorrectionUnknown(IngestError):
    """A corrected row belongs to no open quarantine entry."""

    def __init__(self, feed: str, offsets: tuple[int, ...]) -> None:
        self.offsets = offsets
        shown = ", ".join(str(offset) for offset in offsets[:10])
        super().__init__(
            f"No row of feed '{feed}' waits in the quarantine under source offset {shown}.",
            "Correct rows that `quarantine` lists as open, each once, and keep their source_offset column.",
        )


class CorrectionInvalid(IngestError):
    """A corrected row whose `source_offset` is no row number, or that of another corrected row."""

    def __init__(self, file: Path, row: int, problem: str) -> None:
        self.file = file
        self.row = row
        super().__init__(
            f"Row {row + 1} of '{file}' {problem}.",
            "Give each corrected row the source_offset under which `shelfgraph ingest quarantine` lists it. Nothing was changed.",
        )


class KeyNeeded(IngestError):
    """Household numbers cannot be replaced without the key."""

    def __init__(self) -> None:
        super().__init__(
            "A correction names a household by the retailer's own number.",
            "Give the pseudonym key, or the quarantine's pseudonym.",
        )


class KafkaMissing(IngestError):
    """Events are to come from Kafka, and its client is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The client of Kafka is not installed: it is an extra.",
            "Install it with `pip install 'shelfgraph[kafka]'`, or send events over HTTP or with `shelfgraph events send`.",
        )


class StreamUnavailable(IngestError):
    """The stream of events cannot be read."""

    def __init__(self, servers: str, cause: str) -> None:
        self.servers = servers
        super().__init__(
            f"Events cannot be read from {servers[:200]}: {cause[:300]}",
            "Check SHELFGRAPH_KAFKA_SERVERS and SHELFGRAPH_KAFKA_CONFIG; what was not committed comes again.",
        )


class EventsUnreadable(IngestError):
    """A file of events is no JSON list and no JSON lines."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(
            f"The file of events cannot be read: line {line} is no JSON.",
            "Give a JSON list of events, or one JSON object a line. Nothing was taken.",
        )


class FileFault(IngestError):
    """A file cannot be taken as a whole."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        self.path = path
        super().__init__(f"'{path}' {problem}", f"{remedy} {NOTHING_CHANGED}")


class FileMissing(FileFault):
    """The file is not there, or a folder stands in its place."""

    def __init__(self, path: Path) -> None:
        problem = "is a folder, not a file." if path.is_dir() else "does not exist."
        super().__init__(path, problem, "Put the file there or give another path.")


class FileEmpty(FileFault):
    """The file has no byte or no row."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "holds no rows.", "Ask the feed's owner for a full delivery.")


class FileCutOff(FileFault):
    """The file ends before its content does."""

    def __init__(self, path: Path, sign: str) -> None:
        super().__init__(path, f"looks cut off: {sign}.", "Have it delivered again and compare its size.")


class FileDamaged(FileFault):
    """The file begins as it should but cannot be read through."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(path, f"is damaged: {cause[:300]}.", "Have it delivered again.")


class WrongEncoding(FileFault):
    """Bytes that the declared encoding cannot have."""

    def __init__(self, path: Path, encoding: str, line: int) -> None:
        self.line = line
        super().__init__(
            path,
            f"is not {encoding}: line {line} holds other bytes.",
            "Deliver it in that encoding or declare its own in the mapping.",
        )


class NotDeclaredFormat(FileFault):
    """The file is of another kind than the mapping says."""

    def __init__(self, path: Path, declared: str) -> None:
        self.declared = declared
        super().__init__(path, f"is not a {declared} file.", "Deliver the declared format or change `format` in the mapping.")


class ColumnsMissing(FileFault):
    """The file lacks columns that the mapping reads."""

    def __init__(self, path: Path, missing: tuple[str, ...], found: tuple[str, ...]) -> None:
        self.missing = missing
        super().__init__(
            path,
            f"lacks the columns {', '.join(missing)}; it has {', '.join(found)[:500]}.",
            "Deliver them or change the mapping's `from`.",
        )


class ColumnTypeUnusable(FileFault):
    """A column holds lists or records where single values are expected."""

    def __init__(self, path: Path, column: str, kind: str) -> None:
        self.column = column
        super().__init__(path, f"holds {kind} in column '{column}'.", "Deliver single values.")


class NothingAccepted(FileFault):
    """Every row breaks its contract: taking the file would empty the table."""

    def __init__(self, path: Path, rows: int, rule: str, message: str) -> None:
        self.rows = rows
        self.rule = rule
        super().__init__(
            path,
            f"holds no row that can be taken: {rows:,} rows break their contract, most of them '{rule}' ({message[:300]}).",
            "Compare its columns with `shelfgraph ingest contract`.",
        )
