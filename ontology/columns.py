"""Constraints on single columns and pairs of columns, evaluated over whole batches.

Each check takes Arrow columns of one batch and returns a NumPy mask of the rows that break it, and means what SHACL means:
a missing value breaks nothing but a minimum count, and a value of another type breaks the datatype and nothing else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Check", "Column", "Mask", "check_for", "column_of", "pair_check_for"]

Mask: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"
Check: TypeAlias = Callable[["Column"], Mask]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a batch, flattened: `values[i]` belongs to row `rows[i]`; a scalar column has one value a row at most."""

    values: pa.Array
    rows: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    count: int
    scalar: bool
    datatype: str | None
    """The local name of the XSD datatype that the Arrow type stands for; None for types that no property has."""

    def mask(self, broken: pa.Array) -> Mask:
        """Return the rows in which any value is marked in `broken` (null counts as not marked)."""
        mask = np.zeros(self.count, dtype=bool)
        mask[self.rows[np.asarray(broken.fill_null(fill_value=False), dtype=bool)]] = True
        return mask


def column_of(rows: pa.Table, name: str) -> Column:
    """Return a column of a batch, without its missing values; an absent column has no values."""
    if name not in rows.column_names:
        return Column(pa.array([], pa.null()), np.empty(0, dtype=np.int64), rows.num_rows, scalar=True, datatype=None)
    whole = rows.column(name).combine_chunks()
    listed = pa.types.is_list(whole.type) or pa.types.is_large_list(whole.type)
    if listed:
        places, values = np.asarray(pc.list_parent_indices(whole), dtype=np.int64), pc.list_flatten(whole)
    else:
        places, values = np.arange(len(whole), dtype=np.int64), whole
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    present = np.asarray(pc.is_valid(values), dtype=bool)
    return Column(values.filter(pa.array(present)), places[present], rows.num_rows, not listed, _datatype(values.type))


def _datatype(type_: pa.DataType) -> str | None:
    if pa.types.is_timestamp(type_):
        return "dateTime" if type_.tz is not None else None
    for test, name in _DATATYPES:
        if test(type_):
            return name
    return None


_DATATYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t), "string"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_float64, "double"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_date32, "date"),
)


def _minimum_count(needed: int) -> Check:
    return lambda column: _distinct_counts(column) < needed


def _maximum_count(allowed: int) -> Check:
    return lambda column: _distinct_counts(column) > allowed


def _distinct_counts(column: Column) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    if column.scalar:
        return np.bincount(column.rows, minlength=column.count)
    pairs = pa.table({"row": column.rows, "value": column.values}).group_by(["row", "value"]).aggregate([])
    return np.bincount(np.asarray(pairs.column("row")), minlength=column.count)


def _datatype_is(expected: str) -> Check:
    def check(column: Column) -> Mask:
        mask = np.zeros(column.count, dtype=bool)
        if column.datatype != expected:
            mask[column.rows] = True
        return mask

    return check


def _compared(function: Callable[[Any, Any], pa.Array], bound: Any) -> Check:
    return lambda column: column.mask(pc.invert(function(column.values, pa.scalar(bound))))


def _one_of(values: tuple[Any, ...]) -> Check:
    return lambda column: column.mask(pc.invert(_among(column.values, pa.array(values))))


def _among(values: pa.Array, listed: pa.Array) -> pa.Array:
    if _datatype(values.type) != _datatype(listed.type):
        # a text is not the number that it spells
        return pa.array(np.zeros(len(values), dtype=bool))
    return pc.is_in(values, value_set=listed.cast(values.type))


def _pattern(pattern: str) -> Check:
    re.compile(pattern)
    return lambda column: column.mask(pc.invert(pc.match_substring_regex(column.values, pattern)))


def _shortest(characters: int) -> Check:
    return lambda column: column.mask(pc.less(pc.utf8_length(column.values), characters))


def _longest(characters: int) -> Check:
    return lambda column: column.mask(pc.greater(pc.utf8_length(column.values), characters))


_CHECKS: dict[str, tuple[tuple[type, ...], Callable[[Any], Check]]] = {
    "datatype": ((str,), _datatype_is),
    "minCount": ((int,), _minimum_count),
    "maxCount": ((int,), _maximum_count),
    "minInclusive": ((int, float), lambda bound: _compared(pc.greater_equal, bound)),
    "maxInclusive": ((int, float), lambda bound: _compared(pc.less_equal, bound)),
    "minExclusive": ((int, float), lambda bound: _compared(pc.greater, bound)),
    "maxExclusive": ((int, float), lambda bound: _compared(pc.less, bound)),
    "minLength": ((int,), _shortest),
    "maxLength": ((int,), _longest),
    "in": ((tuple,), _one_of),
    "pattern": ((str,), _pattern),
}
_PAIRS: dict[str, Callable[[Any, Any], pa.Array]] = {
    "lessThan": pc.less,
    "lessThanOrEquals": pc.less_equal,
    "disjoint": pc.not_equal,
}


def check_for(constraint: str, parameter: Any) -> Check | None:
    """Return the check of a constraint on one column, by the local name of its SHACL parameter.

    None when there is no such check, or when it does not take a parameter of this type.
    """
    types, maker = _CHECKS.get(constraint, ((), None))
    return maker(parameter) if maker is not None and isinstance(parameter, types) else None


def pair_check_for(constraint: str) -> Callable[[Column, Column], Mask] | None:
    """Return the check of a constraint between two scalar columns of a batch; None when unknown."""
    function = _PAIRS.get(constraint)
    return (lambda one, other: _pairwise(function, one, other)) if function else None


def _pairwise(function: Callable[[Any, Any], pa.Array], one: Column, other: Column) -> Mask:
    shared, left, right = np.intersect1d(one.rows, other.rows, return_indices=True)
    mask = np.zeros(one.count, dtype=bool)
    if one.datatype != other.datatype:
        mask[shared] = True
        return mask
    holds = function(one.values.take(pa.array(left)), other.values.take(pa.array(right)))
    mask[shared] = ~np.asarray(holds.fill_null(fill_value=False), dtype=bool)
    return mask
