"""What must hold of a mapping before a file is opened: a slip in the YAML is told by its place, not by a row that fails."""

import codecs
from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from ingest.conditions import Rule, check_rule
from ingest.contract import Contract, LogicalType, contract_of
from ingest.mapping import ColumnMapping, FeedMapping, FileFormat
from ingest.mapping_words import TRANSFORM_WORDS

__all__ = ["check_mapping", "check_zone"]

TEXTS, NUMBERS = (LogicalType.STRING,), (LogicalType.NUMBER, LogicalType.INTEGER)
GIVES: Mapping[str, tuple[LogicalType, ...]] = {
    "pseudonym": TEXTS,
    "compose": TEXTS,
    "absolute": (LogicalType.NUMBER,),
    "product": (LogicalType.NUMBER,),
    "week_of_number": (LogicalType.DATE,),
    "local_date": (LogicalType.DATE,),
    "local_week": (LogicalType.DATE,),
    "day_after": (LogicalType.DATE,),
    "instant": (LogicalType.TIMESTAMP,),
    "among": (LogicalType.BOOLEAN,),
    "matches": (LogicalType.BOOLEAN,),
}
"""The types that a transformation can fill; one that is not named fills any."""


def check_mapping(mapping: FeedMapping) -> None:
    """Hold a mapping against its contract and against the words of the language. Raises: ValueError, FeedUnknown."""
    contract = mapping.contract
    _check_targets(mapping, contract)
    for form in (mapping.format, *(sighting.format for sighting in mapping.sightings)):
        _check_format(form)
    kinds = {item.name: item.type for item in contract.fields}
    for column in mapping.columns:
        _check_column(column, kinds[column.target])
    _check_personal(mapping)
    _check_entities(mapping)
    _check_aggregation(mapping, kinds)
    for rule in mapping.rules:
        _check_rule(rule, contract)


def check_zone(name: Any) -> str:
    """Return the name of a time zone that exists. Raises: ValueError."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"'{name}' is no time zone, such as Europe/Berlin") from error


def _check_targets(mapping: FeedMapping, contract: Contract) -> None:
    targets = {column.target for column in mapping.columns}
    if unknown := targets - {item.name for item in contract.fields}:
        raise ValueError(f"the contract has no column {_listed(unknown)}")
    if missing := {item.name for item in contract.fields if item.required} - targets:
        raise ValueError(f"nothing fills the required column {_listed(missing)}")
    if mapping.file is None and not mapping.sightings:
        raise ValueError("neither a file nor sightings are named")


def _check_format(form: FileFormat) -> None:
    # whatever its type says, a value is what somebody wrote in YAML
    encoding, delimiter, empty, final_newline = (
        getattr(form, name) for name in ("encoding", "delimiter", "empty", "final_newline")
    )
    try:
        codecs.lookup(encoding)
    except (LookupError, TypeError) as error:
        raise ValueError(f"'{encoding}' is no encoding, such as utf-8 or latin-1") from error
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ValueError(f"the delimiter is {delimiter!r}; it must be one character")
    if not isinstance(empty, tuple) or not all(isinstance(text, str) for text in empty):
        raise ValueError(f"`empty` is {empty!r}; it must be a list of texts")
    if not isinstance(final_newline, bool):
        raise ValueError("`final_newline` must be true or false")  # noqa: TRY004 - one kind of error for whatever is wrong in YAML


def _check_column(column: ColumnMapping, kind: LogicalType) -> None:
    words = TRANSFORM_WORDS.get(column.transform)
    if words is None:
        raise ValueError(f"'{column.transform}' is no transformation; there are {_listed(TRANSFORM_WORDS)}")
    where = f"{column.target} ({column.transform})"
    if missing := set(words.needs) - set(column.options):
        raise ValueError(f"{where} lacks {_listed(missing)}")
    if unknown := set(column.options) - {*words.needs, *words.allows}:
        raise ValueError(f"{where} does not know {_listed(unknown)}")
    counts = {"none": len(column.sources) == 0, "one": len(column.sources) == 1, "several": len(column.sources) > 0}
    if not counts[words.columns] or not all(isinstance(name, str) for name in column.sources):
        raise ValueError(f"{where} reads {words.columns} of the file's columns, `from` names {len(column.sources)}")
    if kind not in GIVES.get(column.transform, (kind,)):
        raise ValueError(f"{where} does not give a {kind}")
    for option, value in column.options.items():
        _check_option(where, option, value, kind)
    if column.transform == "lookup":
        _check_lookup(column)


def _check_option(where: str, option: str, value: Any, kind: LogicalType) -> None:
    if option in ("values", "null_when") and not isinstance(value, list):
        raise ValueError(f"{where}: `{option}` must be a list")
    if option == "zone":
        check_zone(value)
    if option == "pattern":
        _check_pattern(where, value)
    if option == "first_monday" and _day(value).weekday() != 0:
        raise ValueError(f"{where}: {value} is no Monday")
    if option == "value":
        _check_constant(where, value, kind)
    if option == "separator" and not isinstance(value, str):
        raise ValueError(f"{where}: `separator` must be a text")
    if option == "negated" and not isinstance(value, bool):
        raise ValueError(f"{where}: `negated` must be true or false")


def _check_constant(where: str, value: Any, kind: LogicalType) -> None:
    try:
        pa.scalar(value, kind.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{where}: {value!r} is no {kind}") from error


def _check_pattern(where: str, pattern: Any) -> None:
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except (pa.ArrowInvalid, TypeError) as error:
        raise ValueError(f"{where}: the pattern {pattern!r} cannot be used: {error}") from error


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _check_personal(mapping: FeedMapping) -> None:
    """A household's number has one way out of the reader: its pseudonym."""
    for column in mapping.columns:
        shown = set(column.sources) & set(mapping.personal)
        if shown and column.transform != "pseudonym":
            raise ValueError(
                f"{column.target} shows the household's own number {_listed(shown)}: it needs `transform: pseudonym`"
            )


def _check_entities(mapping: FeedMapping) -> None:
    if bool(mapping.key_column) != bool(mapping.sightings):
        raise ValueError("`entities` needs both `column` and `seen_in`")
    if mapping.key_column is not None and mapping.key_column not in mapping.source_columns:
        raise ValueError(f"`entities` names the column {mapping.key_column}, which no column is read `from`")


def _check_lookup(column: ColumnMapping) -> None:
    fields = {item.name for item in contract_of(str(column.options["table"])).fields}
    if unknown := {str(column.options[name]) for name in ("key", "column")} - fields:
        raise ValueError(f"{column.target} (lookup): table {column.options['table']} has no column {_listed(unknown)}")


def _check_aggregation(mapping: FeedMapping, kinds: Mapping[str, LogicalType]) -> None:
    how = mapping.aggregation
    if how is None:
        return
    if unknown := {*how.total, *how.smallest} - set(kinds):
        raise ValueError(f"`aggregate` names the column {_listed(unknown)}, which the contract does not have")
    if wrong := [name for name in how.total if kinds[name] not in NUMBERS]:
        raise ValueError(f"`aggregate` cannot sum {_listed(wrong)}")
    if inside := {*how.total, *how.smallest} & set(mapping.contract.key):
        raise ValueError(f"`aggregate` cannot work on {_listed(inside)}, a part of the key")


def _check_rule(rule: Rule, contract: Contract) -> None:
    if any(condition.test == "unknown_in" for condition in rule.when):
        raise ValueError(f"rule '{rule.id}': which tables a column must be known in is for the contract to say, not `unknown_in`")
    check_rule(rule, {item.name: item.type.arrow for item in contract.fields})


def _listed(names: Any) -> str:
    return ", ".join(sorted(map(str, names)))
