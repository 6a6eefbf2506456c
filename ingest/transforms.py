"""The declared transformations of mapping files. Each turns source columns into one column of a contract."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Mask, decoded, encoded, mask_of
from ingest.contract import LogicalType
from ingest.mapping import ColumnMapping
from ingest.parse import Parsed, parse, parse_instant, parse_text
from kit.ids import pseudonym

__all__ = [
    "HOUSEHOLD_PREFIX",
    "TRANSFORMS",
    "KeptPseudonyms",
    "KeyedPseudonyms",
    "LookupTable",
    "Pseudonyms",
    "TransformContext",
    "transform",
]

HOUSEHOLD_PREFIX = "hh_"


class Pseudonyms(Protocol):
    """Turns the retailer's household numbers into pseudonyms."""

    def of(self, values: pa.Array) -> pa.Array:
        """Return the pseudonym of each text; null stays null."""
        ...


class KeyedPseudonyms:
    """HMAC-SHA-256 under the retailer's key, remembered per value."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {}

    def of(self, values: pa.Array) -> pa.Array:
        return pa.array([None if value is None else self._one(value) for value in values.to_pylist()], pa.string())

    def _one(self, value: str) -> str:
        if value not in self._known:
            self._known[value] = pseudonym(self._key, HOUSEHOLD_PREFIX, value)
        return self._known[value]


class KeptPseudonyms:
    """For rows out of the quarantine, which hold pseudonyms already."""

    def of(self, values: pa.Array) -> pa.Array:
        return values


@dataclass(frozen=True, slots=True)
class LookupTable:
    """Keys of a table and the column looked up, in the same order."""

    keys: pa.Array
    values: pa.Array


@dataclass(frozen=True, slots=True)
class TransformContext:
    """What transformations need besides the cells."""

    business_zone: str
    pseudonyms: Pseudonyms
    lookups: Mapping[tuple[str, str, str], LookupTable]


@dataclass(frozen=True, slots=True)
class _Call:
    """One transformation at work: the options of the mapping, the type of the contract, and the context."""

    options: Mapping[str, Any]
    kind: LogicalType
    context: TransformContext


def transform(column: ColumnMapping, kind: LogicalType, raw: pa.Table, context: TransformContext) -> Parsed:
    """Return the canonical column of every row of `raw`, text dictionary-encoded, and the cells that could not be read."""
    call = _Call(column.options, kind, context)
    arrays = [raw.column(name).chunk(0) if raw.column(name).num_chunks else pa.nulls(0, pa.string()) for name in column.sources]
    if column.transform == "constant":
        return _constant(call, raw.num_rows)
    if column.transform in SEVERAL:
        values, unreadable = SEVERAL[column.transform]([decoded(array) for array in arrays], call)
        return (encoded(values) if kind is LogicalType.STRING else values), unreadable
    return _per_value(TRANSFORMS[column.transform], arrays[0], call)


def _per_value(function: "ValueTransform", values: pa.Array, call: _Call) -> Parsed:
    """Work on distinct values, except for decimal numbers, of which nearly every one is distinct."""
    if pa.types.is_floating(values.type) and call.kind is not LogicalType.STRING:
        return function(_blanked(values, call), call)
    values = encoded(values)
    results, unreadable = function(_blanked(values.dictionary, call), call)
    lost = mask_of(pc.take(pa.array(unreadable), values.indices))
    if call.kind is LogicalType.STRING:
        return encoded(pa.DictionaryArray.from_arrays(values.indices, results)), lost
    return pc.take(results, values.indices), lost


def _blanked(values: pa.Array, call: _Call) -> pa.Array:
    """Null where the source's value stands for nothing (`null_when`)."""
    if "null_when" not in call.options:
        return values
    stands_for_nothing = pc.is_in(parse_text(values)[0], value_set=pa.array([str(item) for item in call.options["null_when"]]))
    return pc.if_else(stands_for_nothing, pa.scalar(None, values.type), values)


def _constant(call: _Call, rows: int) -> Parsed:
    value = pa.scalar(call.options["value"], call.kind.arrow)
    column = pa.repeat(value, rows)
    return (encoded(column) if call.kind is LogicalType.STRING else column), np.zeros(rows, dtype=bool)


def _cast(values: pa.Array, call: _Call) -> Parsed:
    return parse(values, call.kind)


def _pseudonym(values: pa.Array, call: _Call) -> Parsed:
    text, unreadable = parse_text(values)
    return call.context.pseudonyms.of(text), unreadable


def _absolute(values: pa.Array, _: _Call) -> Parsed:
    numbers, unreadable = parse(values, LogicalType.NUMBER)
    return pc.abs(numbers), unreadable


def _week_of_number(values: pa.Array, call: _Call) -> Parsed:
    """Weeks counted from 1 at the Monday `first_monday`."""
    weeks, unreadable = parse(values, LogicalType.INTEGER)
    usable = pc.and_(pc.greater_equal(weeks, -10_000), pc.less_equal(weeks, 10_000))
    weeks = pc.if_else(usable, weeks, pa.scalar(None, pa.int64()))
    first = (_as_day(call.options["first_monday"]) - date(1970, 1, 1)).days
    days = pc.add(pc.multiply(pc.subtract(weeks, 1), 7), first)
    return days.cast(pa.int32()).cast(pa.date32()), unreadable | mask_of(pc.invert(usable))


def _instant(values: pa.Array, call: _Call) -> Parsed:
    return parse_instant(values, call.options.get("zone", call.context.business_zone))


def _local_date(values: pa.Array, call: _Call) -> Parsed:
    instants, unreadable = _instant(values, call)
    local = pc.local_timestamp(instants.cast(pa.timestamp("us", call.context.business_zone)))
    return pc.floor_temporal(local, unit="day").cast(pa.date32()), unreadable


def _local_week(values: pa.Array, call: _Call) -> Parsed:
    days, unreadable = _local_date(values, call)
    return pc.subtract(days.cast(pa.int32()), pc.day_of_week(days).cast(pa.int32())).cast(pa.date32()), unreadable


def _day_after(values: pa.Array, _: _Call) -> Parsed:
    days, unreadable = parse(values, LogicalType.DATE)
    return pc.add(days.cast(pa.int32()), pa.scalar(1, pa.int32())).cast(pa.date32()), unreadable


def _is_among(values: pa.Array, call: _Call) -> Parsed:
    text, unreadable = parse_text(values)
    found = pc.is_in(text, value_set=pa.array([str(item) for item in call.options["values"]]))
    return (pc.invert(found) if call.options.get("negated") else found), unreadable


def _matches(values: pa.Array, call: _Call) -> Parsed:
    text, unreadable = parse_text(values)
    return pc.fill_null(pc.match_substring_regex(text, call.options["pattern"]), pa.scalar(value=False)), unreadable


def _lookup(values: pa.Array, call: _Call) -> Parsed:
    text, unreadable = parse_text(values)
    table = call.context.lookups[call.options["table"], call.options["key"], call.options["column"]]
    return pc.take(table.values, pc.index_in(text, value_set=table.keys)), unreadable


def _product(arrays: list[pa.Array], _: _Call) -> Parsed:
    parsed = [parse(array, LogicalType.NUMBER) for array in arrays]
    result = parsed[0][0]
    for numbers, _lost in parsed[1:]:
        result = pc.multiply(result, numbers)
    return result, _any_lost(parsed)


def _compose(arrays: list[pa.Array], call: _Call) -> Parsed:
    parsed = [parse_text(array) for array in arrays]
    joined = pc.binary_join_element_wise(*(text for text, _ in parsed), call.options.get("separator", " "), null_handling="skip")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined), _any_lost(parsed)


def _any_lost(parsed: list[Parsed]) -> Mask:
    result: Mask = np.logical_or.reduce([lost for _, lost in parsed])
    return result


def _as_day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


ValueTransform: TypeAlias = Callable[[pa.Array, _Call], Parsed]
TRANSFORMS: dict[str, ValueTransform] = {
    "cast": _cast,
    "pseudonym": _pseudonym,
    "absolute": _absolute,
    "week_of_number": _week_of_number,
    "instant": _instant,
    "local_date": _local_date,
    "local_week": _local_week,
    "day_after": _day_after,
    "among": _is_among,
    "matches": _matches,
    "lookup": _lookup,
}
SEVERAL: dict[str, Callable[[list[pa.Array], _Call], Parsed]] = {"product": _product, "compose": _compose}
