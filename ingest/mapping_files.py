"""Mapping files read from YAML: every block has known keys, and nothing is taken that could fail on the first row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ingest.conditions import Rule, rule_from_yaml
from ingest.errors import ConfigurationInvalid, FeedUnknown
from ingest.mapping import Aggregation, ColumnMapping, FeedMapping, FileFormat, Sighting
from ingest.mapping_checks import check_mapping
from ingest.mapping_words import KEYS

__all__ = ["known_keys", "read_mapping"]


def read_mapping(path: Path) -> FeedMapping:
    """Read one feed's mapping. Raises: ConfigurationInvalid."""
    text = path.read_text(encoding="utf-8")
    try:
        mapping = _mapping(yaml.safe_load(text), text)
        check_mapping(mapping)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, FeedUnknown) as error:
        raise ConfigurationInvalid(f"{path.parent.name}/{path.name}", _said(error)) from error
    return mapping


def known_keys(block: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entry of a block. Raises: ValueError when it has a key that the block does not."""
    if unknown := set(entry.keys()) - KEYS[block]:
        raise ValueError(f"`{block}` has no key {', '.join(sorted(map(str, unknown)))}; it has {', '.join(sorted(KEYS[block]))}")
    return entry


def _mapping(document: Mapping[str, Any], text: str) -> FeedMapping:
    known_keys("feed", document)
    form = _format(document.get("format", {}))
    entities = known_keys("entities", document.get("entities", {}))
    columns = tuple(_column(target, entry) for target, entry in document["columns"].items())
    hashed = [name for column in columns if column.transform == "pseudonym" for name in column.sources]
    return FeedMapping(
        feed=document["feed"],
        file=document.get("file"),
        format=form,
        columns=columns,
        personal=tuple(dict.fromkeys([*_names(document.get("personal", ())), *hashed])),
        rules=tuple(_rule(entry) for entry in document.get("rules", ())),
        key_column=entities.get("column"),
        sightings=tuple(_sighting(entry, form) for entry in entities.get("seen_in", ())),
        aggregation=_aggregation(document["aggregate"]) if "aggregate" in document else None,
        text=text,
    )


def _column(target: str, entry: Mapping[str, Any]) -> ColumnMapping:
    options = {name: value for name, value in entry.items() if name not in ("from", "transform")}
    source = entry.get("from", [])
    sources = (source,) if isinstance(source, str) else _names(source)
    return ColumnMapping(target=target, sources=sources, transform=entry.get("transform", "cast"), options=options)


def _names(value: Any) -> tuple[str, ...]:
    """A list of column names. A text would fall apart into letters."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{value!r} must be a list of column names")
    return tuple(value)


def _rule(entry: Mapping[str, Any]) -> Rule:
    for condition in known_keys("rules", entry)["when"]:
        known_keys("when", condition)
    return rule_from_yaml(entry)


def _aggregation(entry: Mapping[str, Any]) -> Aggregation:
    known_keys("aggregate", entry)
    return Aggregation(_names(entry["sum"]), _names(entry.get("smallest", ())))


def _format(entry: Mapping[str, Any]) -> FileFormat:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in known_keys("format", entry).items()
    }
    form = FileFormat(**values)
    if form.name not in ("csv", "parquet"):
        raise ValueError(f"'{form.name}' is no file format; there are csv and parquet")
    return form


def _sighting(entry: Mapping[str, Any], form: FileFormat) -> Sighting:
    own = _format(entry["format"]) if "format" in known_keys("seen_in", entry) else form
    return Sighting(entry["file"], own, entry["column"], _names(entry.get("most_frequent", ())))


def _said(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
