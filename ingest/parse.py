"""Reading cells as their type: what cannot be read becomes null and is marked, never guessed."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Mask, mask_of
from ingest.contract import LogicalType

__all__ = ["Parsed", "parse", "parse_instant", "parse_text"]

Parsed: TypeAlias = tuple[pa.Array, Mask]
"""Values of the wanted type, and which cells held something else."""

NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
INTEGER = r"^[+-]?\d{1,18}(\.0+)?$"
OFFSET = r"(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)"
DAY = rf"^\d{{4}}-\d{{2}}-\d{{2}}([ T]00:00:00(\.0+)?{OFFSET}?)?$"
INSTANT = rf"^\d{{4}}-\d{{2}}-\d{{2}}[ T]\d{{2}}:\d{{2}}:\d{{2}}(\.\d{{1,9}})?{OFFSET}?$"
TRUTHS, FALSEHOODS = ("true", "t", "yes", "1"), ("false", "f", "no", "0")


def parse(values: pa.Array, kind: LogicalType) -> Parsed:
    """Read `values` (text or any single-valued Arrow type) as `kind`."""
    return _PARSERS[kind](values)


def parse_text(values: pa.Array) -> Parsed:
    """Read anything as text: white space around it goes, whole numbers lose their decimals, empty text is null."""
    if pa.types.is_floating(values.type):
        values = _number_text(values)
    text = pc.utf8_trim_whitespace(values.cast(pa.string()))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text), _none(values)


def parse_instant(values: pa.Array, zone: str) -> Parsed:
    """Read instants. What carries no offset of its own is local time in `zone`; the result is UTC in microseconds."""
    if pa.types.is_timestamp(values.type):
        return _to_utc(values.cast(pa.timestamp("us", values.type.tz), safe=False), zone), _none(values)
    if pa.types.is_date(values.type):
        return _to_utc(values.cast(pa.timestamp("us")), zone), _none(values)
    if not _is_text(values):
        return pa.nulls(len(values), pa.timestamp("us", "UTC")), mask_of(pc.is_valid(values))
    text, _ = parse_text(values)
    whole = pc.if_else(pc.match_substring_regex(text, INSTANT), text, pa.scalar(None, pa.string()))
    seconds = _strptime(pc.replace_substring(pc.utf8_slice_codeunits(whole, 0, 19), "T", " "), "%Y-%m-%d %H:%M:%S")
    fraction = _micros(whole)
    local = pc.add(seconds.cast(pa.timestamp("us")), fraction)
    stated = pc.match_substring_regex(whole, rf"{OFFSET}$")
    result = pc.if_else(stated, _to_utc(pc.subtract(local, _offsets(whole)), "UTC"), _to_utc(local, zone))
    return result, _lost(text, result)


def _parse_number(values: pa.Array) -> Parsed:
    if _is_text(values):
        text, _ = parse_text(values)
        written = pc.if_else(pc.match_substring_regex(text, NUMBER), text, pa.scalar(None, pa.string()))
        numbers = pc.utf8_ltrim(written, characters="+").cast(pa.float64())
        values = text
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        numbers = values.cast(pa.float64())
    else:
        return pa.nulls(len(values), pa.float64()), mask_of(pc.is_valid(values))
    finite = pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
    return finite, _lost(values, finite)


def _parse_integer(values: pa.Array) -> Parsed:
    if _is_text(values):
        text, _ = parse_text(values)
        whole = pc.if_else(pc.match_substring_regex(text, INTEGER), text, pa.scalar(None, pa.string()))
        numbers = pc.replace_substring_regex(whole, r"^\+|\.0+$", "").cast(pa.int64())
        return numbers, _lost(text, numbers)
    numbers, unreadable = _parse_number(values)
    fits = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), 2.0**53))
    whole = pc.if_else(fits, numbers, pa.scalar(None, pa.float64())).cast(pa.int64())
    return whole, unreadable | _lost(values, whole)


def _parse_boolean(values: pa.Array) -> Parsed:
    if pa.types.is_boolean(values.type):
        return values, _none(values)
    text = pc.utf8_lower(parse_text(values)[0])
    yes, no = (pc.is_in(text, value_set=pa.array(words)) for words in (TRUTHS, FALSEHOODS))
    truth = pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))
    return truth, _lost(text, truth)


def _parse_date(values: pa.Array) -> Parsed:
    if pa.types.is_date(values.type):
        return values.cast(pa.date32()), _none(values)
    if pa.types.is_timestamp(values.type):
        days = pc.floor_temporal(values, unit="day").cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.date32())
        return days, mask_of(pc.not_equal(pc.floor_temporal(values, unit="day"), values))
    if not _is_text(values):
        return pa.nulls(len(values), pa.date32()), mask_of(pc.is_valid(values))
    text, _ = parse_text(values)
    whole = pc.if_else(pc.match_substring_regex(text, DAY), pc.utf8_slice_codeunits(text, 0, 10), pa.scalar(None, pa.string()))
    days = _strptime(whole, "%Y-%m-%d").cast(pa.date32())
    return days, _lost(text, days)


def _parse_timestamp(values: pa.Array) -> Parsed:
    return parse_instant(values, "UTC")


def _strptime(text: pa.Array, form: str) -> pa.Array:
    """Seconds since 1970; null where the calendar has no such day."""
    found = pc.strptime(text, format=form, unit="s", error_is_null=True)
    again = pc.strftime(found, format=form)
    return pc.if_else(pc.equal(again, text), found, pa.scalar(None, found.type))


def _micros(text: pa.Array) -> pa.Array:
    digits = pc.struct_field(pc.extract_regex(text, r"\.(?P<fraction>\d{1,9})"), 0)
    padded = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(digits, "0"), 6, padding="0"), 0, 6)
    return padded.cast(pa.int64()).cast(pa.duration("us"))


def _offsets(text: pa.Array) -> pa.Array:
    """How far each text's own clock is ahead of UTC; nothing where it says `Z` or no offset."""
    parts = pc.extract_regex(text, r"(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})$")
    hours, minutes = (pc.fill_null(pc.struct_field(parts, place).cast(pa.int64()), 0) for place in (1, 2))
    behind = pc.fill_null(pc.equal(pc.struct_field(parts, 0), "-"), pa.scalar(value=False))
    seconds = pc.multiply(pc.add(pc.multiply(hours, 3600), pc.multiply(minutes, 60)), pc.if_else(behind, -1, 1))
    return seconds.cast(pa.duration("s")).cast(pa.duration("us"))


def _to_utc(values: pa.Array, zone: str) -> pa.Array:
    if values.type.tz is None:
        values = pc.assume_timezone(values, zone, ambiguous="earliest", nonexistent="latest")
    return values.cast(pa.timestamp("us", "UTC"))


def _number_text(values: pa.Array) -> pa.Array:
    numbers = values.cast(pa.float64())
    fits = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), 2.0**53))
    whole = pc.if_else(fits, numbers, pa.scalar(None, pa.float64())).cast(pa.int64()).cast(pa.string())
    return pc.coalesce(whole, numbers.cast(pa.string()))


def _is_text(values: pa.Array) -> bool:
    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _none(values: pa.Array) -> Mask:
    return np.zeros(len(values), dtype=bool)


def _lost(before: pa.Array, after: pa.Array) -> Mask:
    return mask_of(pc.and_(pc.is_valid(before), pc.is_null(after)))


_PARSERS: dict[LogicalType, Callable[[pa.Array], Parsed]] = {
    LogicalType.STRING: parse_text,
    LogicalType.NUMBER: _parse_number,
    LogicalType.INTEGER: _parse_integer,
    LogicalType.BOOLEAN: _parse_boolean,
    LogicalType.DATE: _parse_date,
    LogicalType.TIMESTAMP: _parse_timestamp,
}
