"""Mappings: how one source's files become the columns of the contracts, read from YAML into frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ingest.conditions import Rule, rule_from_yaml
from ingest.contract import Contract, contract_of
from ingest.errors import ConfigurationInvalid, FeedUnknown

__all__ = ["Aggregation", "ColumnMapping", "FeedMapping", "FileFormat", "Sighting", "read_mapping"]


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
    """Source columns with the retailer's own household numbers: they leave the reader as pseudonyms only."""
    rules: tuple[Rule, ...]
    key_column: str | None
    """Source column that names the things, where they are also collected from sightings."""
    sightings: tuple[Sighting, ...]
    aggregation: Aggregation | None
    text: str
    """The YAML itself, for digests."""

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
    def lookups(self) -> tuple[tuple[str, str, str], ...]:
        """(table, key, column) of all looked-up columns."""
        found = [column.options for column in self.columns if column.transform == "lookup"]
        return tuple((options["table"], options["key"], options["column"]) for options in found)


def read_mapping(path: Path) -> FeedMapping:
    """Read one feed's mapping. Raises: ConfigurationInvalid."""
    text = path.read_text(encoding="utf-8")
    try:
        mapping = _mapping(yaml.safe_load(text), text)
        _check_columns(mapping)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, FeedUnknown) as error:
        raise ConfigurationInvalid(f"{path.parent.name}/{path.name}", str(error)) from error
    return mapping


def _mapping(document: Mapping[str, Any], text: str) -> FeedMapping:
    form = _format(document.get("format", {}))
    entities = document.get("entities", {})
    aggregate = document.get("aggregate")
    return FeedMapping(
        feed=document["feed"],
        file=document.get("file"),
        format=form,
        columns=tuple(_column(target, entry) for target, entry in document["columns"].items()),
        personal=tuple(document.get("personal", ())),
        rules=tuple(rule_from_yaml(entry) for entry in document.get("rules", ())),
        key_column=entities.get("column"),
        sightings=tuple(_sighting(entry, form) for entry in entities.get("seen_in", ())),
        aggregation=Aggregation(tuple(aggregate["sum"]), tuple(aggregate.get("smallest", ()))) if aggregate else None,
        text=text,
    )


def _column(target: str, entry: Mapping[str, Any]) -> ColumnMapping:
    options = {name: value for name, value in entry.items() if name not in ("from", "transform")}
    source = entry.get("from", [])
    sources = (source,) if isinstance(source, str) else tuple(source)
    return ColumnMapping(target=target, sources=sources, transform=entry.get("transform", "cast"), options=options)


def _format(entry: Mapping[str, Any]) -> FileFormat:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    form = FileFormat(**values)
    if form.name not in ("csv", "parquet"):
        raise ValueError(f"'{form.name}' is no file format; there are csv and parquet")
    return form


def _sighting(entry: Mapping[str, Any], form: FileFormat) -> Sighting:
    own = _format(entry["format"]) if "format" in entry else form
    return Sighting(entry["file"], own, entry["column"], tuple(entry.get("most_frequent", ())))


def _check_columns(mapping: FeedMapping) -> None:
    fields = {item.name: item for item in mapping.contract.fields}
    targets = {column.target for column in mapping.columns}
    if unknown := targets - set(fields):
        raise ValueError(f"the contract has no column {', '.join(sorted(unknown))}")
    if missing := {name for name, item in fields.items() if item.required} - targets:
        raise ValueError(f"nothing fills the required column {', '.join(sorted(missing))}")
    if mapping.file is None and not mapping.sightings:
        raise ValueError("neither a file nor sightings are named")
