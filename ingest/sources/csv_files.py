"""CSV files line by line, so that one bad line never swallows its neighbours and every row keeps its number.

A value must not hold a line break: a quote that does not close on its line makes that line malformed, and only that line.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.errors import FileCutOff, FileEmpty, NotDeclaredFormat, WrongEncoding
from ingest.mapping import FileFormat
from ingest.sources.batches import MalformedLine, Offsets, RawBatch
from ingest.sources.headers import columns_to_read

__all__ = ["read_csv"]

BLOCK_BYTES = 32 * 1024 * 1024
BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
OTHER_FORMATS = (b"PAR1", b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\x28\xb5\x2f\xfd")


def read_csv(path: Path, form: FileFormat, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Iterator[RawBatch]:
    """Stream the named columns as text; `form.empty` texts are null, `optional` columns may be missing. Raises: FileFault."""
    _check_start(path, form)
    blocks = _line_blocks(path, form)
    first = next(blocks, [])
    if not first:
        raise FileEmpty(path)
    header = _header(form, first[0])
    columns = columns_to_read(path, columns, header, optional)
    start = 0
    for lines in _after_header(first, blocks):
        yield _batch(lines, start, header, form, columns)
        start += len(lines)
    if start == 0:
        raise FileEmpty(path)


def _after_header(first: list[str], blocks: Iterator[list[str]]) -> Iterator[list[str]]:
    if len(first) > 1:
        yield first[1:]
    yield from blocks


def _check_start(path: Path, form: FileFormat) -> None:
    if path.stat().st_size == 0:
        raise FileEmpty(path)
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(OTHER_FORMATS):
        raise NotDeclaredFormat(path, "CSV")
    if start.startswith(BYTE_ORDER_MARKS) or b"\0" in start.split(b"\n", 1)[0]:
        raise WrongEncoding(path, form.encoding, 1)


def _line_blocks(path: Path, form: FileFormat) -> Iterator[list[str]]:
    """Lines without their breaks, a block at a time."""
    rest, line = b"", 1
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            whole, found, rest = (rest + block).rpartition(b"\n")
            if found:
                lines = _decoded(path, form, whole, line)
                line += len(lines)
                yield lines
    if rest and form.final_newline:
        raise FileCutOff(
            path, f"its last line ({line}) does not end with a line break; if it is complete, declare `final_newline: false`"
        )
    if rest:
        yield _decoded(path, form, rest, line)


def _decoded(path: Path, form: FileFormat, content: bytes, first_line: int) -> list[str]:
    try:
        text = content.decode(form.encoding)
    except UnicodeDecodeError as error:
        raise WrongEncoding(path, form.encoding, first_line + content.count(b"\n", 0, error.start)) from error
    lines = text.split("\n")
    return [line[:-1] if line.endswith("\r") else line for line in lines]


def _header(form: FileFormat, line: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in _fields(line.removeprefix("\ufeff"), form) or ())


def _batch(lines: list[str], start: int, header: tuple[str, ...], form: FileFormat, columns: tuple[str, ...]) -> RawBatch:
    array = pa.array(lines, pa.string())
    offsets = np.arange(start, start + len(lines), dtype=np.int64)
    quoted = np.asarray(pc.match_substring(array, '"'))
    plain, plain_offsets, malformed = _split_plain(array.filter(~quoted), offsets[~quoted], len(header), form)
    rows, row_offsets, more = _split_quoted(array.filter(quoted).to_pylist(), offsets[quoted], len(header), form)
    places = [header.index(name) for name in columns]
    merged = [_column(plain, rows, place, len(header), form) for place in places]
    all_offsets = np.concatenate([plain_offsets, row_offsets])
    order = np.argsort(all_offsets, kind="stable")
    table = pa.table({name: column.take(order) for name, column in zip(columns, merged, strict=True)})
    return RawBatch(table, all_offsets[order], tuple(sorted([*malformed, *more], key=lambda line: line.offset)))


def _split_plain(
    lines: pa.Array, offsets: Offsets, width: int, form: FileFormat
) -> tuple[pa.Array, Offsets, list[MalformedLine]]:
    """Return the cells of all whole lines one after the other, the lines' offsets, and the lines of another width."""
    cells = pc.split_pattern(lines, form.delimiter)
    whole = np.asarray(pc.equal(pc.list_value_length(cells), width), dtype=bool)
    bad = zip(offsets[~whole].tolist(), cells.filter(~whole).to_pylist(), strict=True)
    return cells.filter(whole).flatten(), offsets[whole], [MalformedLine(offset, tuple(fields)) for offset, fields in bad]


def _split_quoted(
    lines: list[str], offsets: Offsets, width: int, form: FileFormat
) -> tuple[list[list[str]], Offsets, list[MalformedLine]]:
    rows, kept, malformed = [], [], []
    for offset, line in zip(offsets.tolist(), lines, strict=True):
        fields = _fields(line, form)
        if fields is not None and len(fields) == width:
            rows.append(fields)
            kept.append(offset)
        else:
            malformed.append(MalformedLine(offset, tuple(line.split(form.delimiter))))
    return rows, np.asarray(kept, dtype=np.int64), malformed


def _fields(line: str, form: FileFormat) -> list[str] | None:
    """The fields of one line; None where its quotes are wrong."""
    try:
        return next(csv.reader([line], delimiter=form.delimiter, strict=True), [])
    except csv.Error:
        return None


def _column(plain: pa.Array, rows: list[list[str]], place: int, width: int, form: FileFormat) -> pa.Array:
    first = plain.take(np.arange(place, len(plain), width))
    values = pa.concat_arrays([first, pa.array([row[place] for row in rows], pa.string())])
    nothing = pc.is_in(values, value_set=pa.array(form.empty, pa.string()))
    return pc.if_else(nothing, pa.scalar(None, pa.string()), values)
