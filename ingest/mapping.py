"""Mappings: how one source's files become the columns of the contracts, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ingest.conditions import Rule
from ingest.contract import Contract, contract_of

__all__ = ["Aggregation", "ColumnMapping", "FeedMapping", "FileFormat", "Sighting"]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a file is written. The last four only count for CSV."""

    name: str = "csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    empty: tuple[str, ...] = ("",)
    """Texts that stand for nothing."""
    final_newline: bool = True
    """Whether a complete file ends with a line break; then one that does not is taken as cut off."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """One column of the contract: read from source columns through one declared transformation."""

    target: str
    sources: tuple[str, ...]
    transform: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file in which the things of a feed are seen besides (or instead of) a list of their own."""

    file: str
    format: FileFormat
    column: str
    most_frequent: tuple[str, ...] = ()
    """Columns whose most frequent value, among the rows that name the thing, describes it."""


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Lines that share a key become one: some columns are summed, of some the smallest counts, all others must agree."""

    total: tuple[str, ...]
    smallest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeedMapping:
    """Everything that is particular to one feed of one source."""

    feed: str
    file: str | None
    format: FileFormat
    columns: tuple[ColumnMapping, ...]
    personal: tuple[str, ...]
    """Source columns with the retailer's own household numbers: they leave the reader as pseudonyms only. Every column that
    is read through the transformation `pseudonym` is one, said or not.
    """
    rules: tuple[Rule, ...]
    key_column: str | None
    """Source column that names the things, where they are also collected from sightings."""
    sightings: tuple[Sighting, ...]
    aggregation: Aggregation | None
    text: str
    """The YAML itself, for digests."""
    optional: tuple[str, ...] = ()
    """Source columns that a file may lack: their cells are empty then."""

    @property
    def contract(self) -> Contract:
        """The contract that the feed is held against."""
        return contract_of(self.feed)

    @property
    def source_columns(self) -> tuple[str, ...]:
        """All columns read from the file, each once."""
        read = [name for column in self.columns for name in column.sources]
        return tuple(dict.fromkeys([*read, *self.personal]))

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that the feed is read from: its own, and those in which its things are seen."""
        named = [*([self.file] if self.file else []), *(sighting.file for sighting in self.sightings)]
        return tuple(dict.fromkeys(named))

    @property
    def lookups(self) -> tuple[tuple[str, str, str], ...]:
        """(table, key, column) of all looked-up columns."""
        found = [column.options for column in self.columns if column.transform == "lookup"]
        return tuple((options["table"], options["key"], options["column"]) for options in found)
