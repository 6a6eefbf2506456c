"""Checking Arrow batches against the schema, and bringing them into the one form that every store writes.

A checked batch has canonical types and column order: the key columns, then the given properties in the ontology's order.
Columns that were not given stay out of it, because an upsert leaves stored properties that it does not name as they are;
`complete` adds them as nulls where rows are new by definition.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from kg.columns import ARROW_TYPES, edge_columns, edge_schema, find_node_type, find_relation, node_columns
from kg.errors import InvalidBatch
from ontology.schema_types import GraphSchema, PropertyDefinition, PropertyKind, RelationKind

__all__ = ["MAXIMUM_ID_BYTES", "check_derived_batch", "check_edge_batch", "check_node_batch", "complete"]

MAXIMUM_ID_BYTES = 1_024
"""Well below what an index entry may hold in any of the stores."""


def check_node_batch(schema: GraphSchema, label: str, rows: pa.Table) -> pa.Table:
    """Return the batch in canonical form.

    Raises:
        UnknownTerm: the label is not in the schema.
        InvalidBatch: unknown or repeated columns, values of another type, nulls in required columns, empty or repeated ids,
            numbers that are not finite, times without a time zone.
    """
    node_type = find_node_type(schema, label)
    return _check(label, rows, ("id",), ("id",), node_columns(node_type))


def check_edge_batch(schema: GraphSchema, relation: str, rows: pa.Table) -> pa.Table:
    """Return the batch in canonical form. Raises: as `check_node_batch`; the key is both ends and the key properties."""
    definition = find_relation(schema, relation)
    ends = ("source", "target")
    return _check(relation, rows, ends, ends + tuple(definition.key), edge_columns(definition))


def check_derived_batch(schema: GraphSchema, relation: str, rows: pa.Table) -> pa.Table:
    """Return the complete set of a derived relation's edges in canonical form, every column present.

    Raises: as `check_edge_batch`; InvalidBatch also when the relation is not derived.
    """
    definition = find_relation(schema, relation)
    if definition.kind is not RelationKind.DERIVED:
        raise InvalidBatch(relation, f"it is a {definition.kind.value} relation, and only derived ones are replaced.")
    return complete(check_edge_batch(schema, relation, rows), edge_schema(definition))


def complete(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `rows` with every column of `schema`, in its order; columns that were not given are null."""
    columns = [_given_or_null(rows, field) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _given_or_null(rows: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name in rows.column_names:
        return rows.column(field.name)
    return pa.chunked_array([pa.nulls(rows.num_rows, field.type)])


def _check(
    term: str, rows: pa.Table, ends: tuple[str, ...], key: tuple[str, ...], properties: tuple[PropertyDefinition, ...]
) -> pa.Table:
    _check_names(term, rows, ends, key, properties)
    kinds = dict.fromkeys(ends, PropertyKind.STRING) | {p.name: p.kind for p in properties}
    given = [name for name in kinds if name in rows.column_names]
    columns = [_canonical_column(term, name, rows.column(name), kinds[name]) for name in given]
    checked = pa.table(columns, names=given)
    required = dict.fromkeys((*key, *(p.name for p in properties if p.required)))
    for name in required:
        if checked.column(name).null_count:
            raise InvalidBatch(term, f"the required column '{name}' has {checked.column(name).null_count} nulls.")
    for name in ends:
        _check_ids(term, name, checked.column(name))
    _check_unique(term, checked, key)
    return checked


def _check_names(
    term: str, rows: pa.Table, ends: tuple[str, ...], key: tuple[str, ...], properties: tuple[PropertyDefinition, ...]
) -> None:
    given = rows.column_names
    known = {*ends, *(p.name for p in properties)}
    if unknown := sorted(set(given) - known):
        raise InvalidBatch(term, f"it has no property {', '.join(repr(name[:100]) for name in unknown[:5])}.")
    if len(set(given)) < len(given):
        raise InvalidBatch(term, "a column is given twice.")
    needed = dict.fromkeys((*ends, *key, *(p.name for p in properties if p.required)))
    if missing := [name for name in needed if name not in given]:
        raise InvalidBatch(term, f"the required columns {', '.join(missing)} are missing.")


def _canonical_column(term: str, name: str, column: pa.ChunkedArray, kind: PropertyKind) -> pa.ChunkedArray:
    target = ARROW_TYPES[kind]
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if not _is_castable(column.type, kind):
        raise InvalidBatch(term, f"column '{name}' holds {column.type}, and {target} is needed.")
    try:
        cast = column if column.type == target else pc.cast(column, target, safe=True)
        cast.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidBatch(term, f"column '{name}' does not fit {target} ({str(error)[:200]}).") from error
    return _checked_values(term, name, cast, kind)


def _checked_values(term: str, name: str, column: pa.ChunkedArray, kind: PropertyKind) -> pa.ChunkedArray:
    if kind is PropertyKind.FLOAT:
        if not pc.all(pc.is_finite(column), min_count=0).as_py():
            raise InvalidBatch(term, f"column '{name}' holds a number that is not finite; use null for unknown.")
        # adding zero turns -0.0 into 0.0: equal values have equal bytes in the digest
        return pc.add(column, 0.0)
    if kind is PropertyKind.STRING:
        _check_text(term, name, column)
    if kind is PropertyKind.STRING_LIST:
        texts = pc.list_flatten(column)
        if texts.null_count:
            raise InvalidBatch(term, f"column '{name}' has nulls inside its lists.")
        _check_text(term, name, texts)
    return column


def _check_text(term: str, name: str, column: pa.ChunkedArray) -> None:
    if pc.any(pc.match_substring(column, "\x00"), min_count=0).as_py():
        raise InvalidBatch(term, f"column '{name}' holds the character U+0000, which not every store can keep.")


def _is_castable(given: pa.DataType, kind: PropertyKind) -> bool:
    """Say whether values of an Arrow type keep their meaning as `kind`: no parsing of text, no times without a zone."""
    return bool(pa.types.is_null(given) or _ACCEPTED[kind](given))


def _is_text(given: pa.DataType) -> bool:
    return bool(pa.types.is_string(given) or pa.types.is_large_string(given) or pa.types.is_string_view(given))


def _is_number(given: pa.DataType) -> bool:
    return bool(pa.types.is_floating(given) or pa.types.is_integer(given))


def _is_zoned_time(given: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(given)) and given.tz is not None


def _is_text_list(given: pa.DataType) -> bool:
    is_list = pa.types.is_list(given) or pa.types.is_large_list(given)
    return bool(is_list) and (_is_text(given.value_type) or bool(pa.types.is_null(given.value_type)))


_ACCEPTED: dict[PropertyKind, Callable[[pa.DataType], bool]] = {
    PropertyKind.STRING: _is_text,
    PropertyKind.INTEGER: pa.types.is_integer,
    PropertyKind.FLOAT: _is_number,
    PropertyKind.BOOLEAN: pa.types.is_boolean,
    PropertyKind.DATE: pa.types.is_date,
    PropertyKind.DATETIME: _is_zoned_time,
    PropertyKind.STRING_LIST: _is_text_list,
}


def _check_ids(term: str, name: str, column: pa.ChunkedArray) -> None:
    if not len(column):
        return
    bounds = pc.min_max(pc.binary_length(column)).as_py()
    if bounds["min"] == 0:
        raise InvalidBatch(term, f"column '{name}' holds an empty id.")
    if bounds["max"] > MAXIMUM_ID_BYTES:
        raise InvalidBatch(term, f"column '{name}' holds an id of {bounds['max']} bytes; {MAXIMUM_ID_BYTES} are allowed.")


def _check_unique(term: str, rows: pa.Table, key: tuple[str, ...]) -> None:
    distinct = rows.select(list(key)).group_by(list(key), use_threads=False).aggregate([]).num_rows
    if distinct < rows.num_rows:
        raise InvalidBatch(term, f"{rows.num_rows - distinct} rows repeat the key ({', '.join(key)}) of another row.")
