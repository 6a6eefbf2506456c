"""From raw batches to canonical ones: the columns of the contract, and marks on the cells that could not be read."""

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import decoded, flat
from ingest.conditions import UNREADABLE
from ingest.mapping import FeedMapping
from ingest.parse import parse_text
from ingest.sources.batches import MalformedLine, Offsets
from ingest.transforms import Pseudonyms, TransformContext, transform

__all__ = ["canonicalise", "raw_line_json", "raw_rows_json"]


def canonicalise(mapping: FeedMapping, raw: pa.Table, context: TransformContext) -> pa.Table:
    """Return the contract's columns (text dictionary-encoded) of every raw row, unmapped ones null.

    Columns named `unreadable:<column>` follow where a cell could not be read as its type.
    """
    mapped = {column.target: column for column in mapping.columns}
    columns, marks = {}, {}
    for field in mapping.contract.fields:
        if field.name not in mapped:
            columns[field.name] = pa.nulls(raw.num_rows, field.type.arrow)
            continue
        values, unreadable = transform(mapped[field.name], field.type, raw, context)
        columns[field.name] = values
        if unreadable.any():
            marks[UNREADABLE + field.name] = pa.array(unreadable)
    return pa.table({**columns, **marks})


def raw_rows_json(mapping: FeedMapping, raw: pa.Table, rows: Sequence[int] | Offsets, pseudonyms: Pseudonyms) -> list[str]:
    """Return the chosen raw rows as JSON objects of texts, household numbers already replaced by their pseudonyms."""
    chosen = raw.take(pa.array(np.asarray(rows, dtype=np.int64)))
    texts = {name: _text(flat(chosen.column(name))) for name in raw.column_names}
    for name in mapping.personal:
        texts[name] = pseudonyms.of(parse_text(texts[name])[0])
    names = list(texts)
    cells = zip(*(column.to_pylist() for column in texts.values()), strict=True)
    return [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in cells]


def raw_line_json(mapping: FeedMapping, lines: Iterable[MalformedLine], pseudonyms: Pseudonyms) -> list[str]:
    """Return malformed lines as JSON.

    Where a field of such a line belongs cannot be known. In a feed with household numbers any of them may be one, so all
    are replaced; such a line is found in the file by its source offset and restored by a correction only.
    """
    return [json.dumps({"line": _line(mapping, line, pseudonyms)}, ensure_ascii=False) for line in lines]


def _line(mapping: FeedMapping, line: MalformedLine, pseudonyms: Pseudonyms) -> list[str | None]:
    fields = pa.array(list(line.fields), pa.string())
    kept: list[str | None] = (pseudonyms.of(fields) if mapping.personal else fields).to_pylist()
    return kept


def _text(values: pa.Array) -> pa.Array:
    values = decoded(values)
    if pa.types.is_floating(values.type):
        return parse_text(values)[0]
    if pa.types.is_timestamp(values.type):
        # an aware time keeps its offset: without it, another try would read it as local time
        form = "%Y-%m-%d %H:%M:%S%z" if values.type.tz else "%Y-%m-%d %H:%M:%S"
        return pc.strftime(values.cast(pa.timestamp("us", values.type.tz), safe=False), format=form)
    return values.cast(pa.string())
