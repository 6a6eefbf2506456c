"""Values on their way in and out: Arrow columns to parameter lists, rows to Arrow columns, properties to the port's values."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from neo4j.time import Date, DateTime

from kg.ports import PropertyValue
from ontology.schema_types import PropertyDefinition

__all__ = ["columns_of_rows", "parameter_columns", "port_date", "port_properties"]


def parameter_columns(rows: pa.Table) -> dict[str, list[Any]]:
    """Return one list per column; dates and times as ISO 8601 text, which the statements turn back."""
    return {name: _plain(column).to_pylist() for name, column in zip(rows.column_names, rows.columns, strict=True)}


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date32(column.type):
        return pc.cast(column, pa.string())
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    return column


def columns_of_rows(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Return exported rows as a table of `schema`."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [_column(list(values), field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(values: list[Any], target: pa.DataType) -> pa.Array:
    if pa.types.is_date32(target):
        return pc.cast(pa.array(values, pa.string()), target)
    if pa.types.is_timestamp(target):
        return pc.cast(pa.array(values, pa.int64()), target)
    return pa.array(values, target)


def port_properties(stored: Mapping[str, Any], definitions: Sequence[PropertyDefinition]) -> dict[str, PropertyValue]:
    """Return a node's or edge's properties in the ontology's order, as the port's values."""
    return {p.name: _port_value(stored[p.name]) for p in definitions if stored.get(p.name) is not None}


def _port_value(value: Any) -> PropertyValue:
    if isinstance(value, DateTime):
        native: datetime = value.to_native()
        return native.astimezone(UTC)
    if isinstance(value, Date):
        return port_date(value)
    plain: PropertyValue = tuple(value) if isinstance(value, list) else value
    return plain


def port_date(value: Date) -> date:
    """Return a day of the driver as Python's."""
    native: date = value.to_native()
    return native
