"""Writing the files of a snapshot: labels and relations as Arrow files, adjacency as NumPy files.

`nodes/LABEL.arrow` holds a label sorted by id. `edges/RELATION.arrow` holds a relation in export order, its ends as positions
(int32) among the ids of their labels. `adjacency/RELATION.DIRECTION.PART.npy` holds the compressed sparse rows. Text with few
different values is dictionary encoded: smaller, and a read of it is a list lookup.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import UnknownEndpoint
from kg.order import code_ranks
from kg.ports import Adjacency, Direction
from kg.visibility import RETRACTED, STRENGTH
from ontology.schema_types import RelationDefinition

__all__ = ["build_adjacency", "with_positions", "write_adjacency", "write_arrow"]

MAXIMUM_DICTIONARY = 4_096


def write_arrow(path: Path, rows: pa.Table) -> None:
    """Write a table as one record batch, low-cardinality text dictionary encoded."""
    columns = [_encoded(column.combine_chunks()) for column in rows.columns]
    encoded = pa.table(columns, names=rows.column_names)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, encoded.schema) as writer:
        writer.write_table(encoded)


def with_positions(definition: RelationDefinition, rows: pa.Table, source_ids: pa.Array, target_ids: pa.Array) -> pa.Table:
    """Return a relation with its ends as positions among the ids of their labels. Raises: UnknownEndpoint."""
    source = pc.index_in(rows.column("source"), value_set=source_ids)
    target = pc.index_in(rows.column("target"), value_set=target_ids)
    _check_ends(definition.name, rows, {"source": source, "target": target})
    return rows.set_column(0, "source", source).set_column(1, "target", target)


def build_adjacency(
    definition: RelationDefinition, rows: pa.Table, source_count: int, target_count: int
) -> dict[Direction, Adjacency]:
    """Return a relation, ends as positions, as compressed sparse rows from both ends. Retracted edges are left out."""
    kept = _kept_rows(rows)
    source = rows.column("source").to_numpy()[kept]
    target = rows.column("target").to_numpy()[kept]
    weakness = _weakness(rows, kept)
    keys = [code_ranks(rows.column(name))[kept] for name in definition.key]
    return {
        Direction.OUT: _sparse_rows(source, target, weakness, keys, kept, source_count),
        Direction.IN: _sparse_rows(target, source, weakness, keys, kept, target_count),
    }


def write_adjacency(folder: Path, relation: str, direction: Direction, adjacency: Adjacency) -> None:
    """Write the three arrays of one direction."""
    for part in ("indptr", "neighbours", "edges"):
        np.save(folder / f"{relation}.{direction.value}.{part}.npy", getattr(adjacency, part), allow_pickle=False)


def _check_ends(relation: str, rows: pa.Table, ends: dict[str, pa.ChunkedArray]) -> None:
    missing = [rows.column(name).filter(pc.is_null(positions)) for name, positions in ends.items() if positions.null_count]
    if missing:
        ids = [missed for column in missing for missed in column.slice(0, 5).to_pylist()]
        raise UnknownEndpoint(relation, tuple(ids), sum(len(column) for column in missing))


def _kept_rows(rows: pa.Table) -> np.ndarray:
    if "status" not in rows.column_names:
        return np.arange(rows.num_rows, dtype=np.int64)
    retracted = pc.fill_null(pc.equal(rows.column("status"), RETRACTED), False)  # noqa: FBT003 - the value for null
    return np.flatnonzero(~retracted.to_numpy()).astype(np.int64)


def _weakness(rows: pa.Table, kept: np.ndarray) -> np.ndarray | None:
    """Return what sorts strong edges first and edges of unknown strength last."""
    if STRENGTH not in rows.column_names:
        return None
    strength = pc.fill_null(rows.column(STRENGTH), -np.inf).to_numpy()
    return np.asarray(-strength[kept])


def _sparse_rows(
    start: np.ndarray, end: np.ndarray, weakness: np.ndarray | None, keys: list[np.ndarray], kept: np.ndarray, count: int
) -> Adjacency:
    by = [start, *([] if weakness is None else [weakness]), end, *keys]
    order = np.lexsort(tuple(reversed(by)))
    indptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(start, minlength=count), out=indptr[1:])
    return Adjacency(indptr=indptr, neighbours=end[order].astype(np.int32), edges=kept[order])


def _encoded(column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type):
        items = _encoded(column.flatten())
        return column if items.type == pa.string() else _list_of(column, items)
    if not pa.types.is_string(column.type):
        return column
    coded = column.dictionary_encode()
    few = len(coded.dictionary) <= min(MAXIMUM_DICTIONARY, max(1, len(column) // 2))
    return coded if few else column


def _list_of(column: pa.Array, items: pa.Array) -> pa.Array:
    lengths = pc.list_value_length(column).fill_null(0).to_numpy()
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))
    mask = pc.is_null(column) if column.null_count else None
    return pa.ListArray.from_arrays(offsets, items, mask=mask)
