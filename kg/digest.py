"""One digest for the content of a graph, whichever store holds it and however its exports are cut into chunks.

The SHA-256 covers every label and relation by name, every property by name and kind, and every value, in canonical order
(`kg.order`). Three evidence columns stay out of it: `run_id`, `recorded_from` and `recorded_to` say which run wrote an edge and
when it was known to us. They are provenance by the wall clock, and a rebuild from equal facts with equal code must
prove itself by an equal digest. A published snapshot covers them too: its file digests are over every byte (`kg.snapshot`).

A column is hashed as: its name and kind, the row count, one byte per row that says whether the value is there, and then the
values, nulls as zero: numbers, dates and times as little-endian words, text as its lengths in bytes (int32) and the joined
UTF-8, lists as their lengths (int32) and the flattened text.
"""

import hashlib
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.ports import GraphExporter
from ontology.schema_types import GraphSchema

__all__ = ["PROVENANCE_COLUMNS", "combined_digest", "graph_digest", "table_digest"]

PROVENANCE_COLUMNS = frozenset({"run_id", "recorded_from", "recorded_to"})
"""Left out of the digest of relations: who wrote an edge and when, not what it says."""


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...


def graph_digest(schema: GraphSchema, exporter: GraphExporter) -> str:
    """Return the digest of everything that `exporter` holds, one label or relation in memory at a time."""
    nodes = {label: table_digest(exporter.export_nodes(label)) for label in schema.nodes}
    edges = {relation: table_digest(exporter.export_edges(relation)) for relation in schema.relations}
    return combined_digest(nodes, edges)


def combined_digest(nodes: Mapping[str, str], edges: Mapping[str, str]) -> str:
    """Return the digest of a graph from the digests of its exported labels and relations."""
    lines = [f"node {label} {digest}" for label, digest in sorted(nodes.items())]
    lines += [f"edge {relation} {digest}" for relation, digest in sorted(edges.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def table_digest(rows: pa.Table) -> str:
    """Return the digest of one exported label or relation; rows are taken to be in canonical order."""
    whole = hashlib.sha256()
    provenance = PROVENANCE_COLUMNS if "source" in rows.column_names else frozenset()
    for name in sorted(set(rows.column_names) - provenance):
        column = rows.column(name)
        # the name of a list's items differs between producers and says nothing
        kind = pa.list_(pa.string()) if pa.types.is_list(column.type) else column.type
        whole.update(f"{name} {kind} {len(column)}\n".encode())
        _hash_column(whole, _one_chunk(column))
    return whole.hexdigest()


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _hash_column(whole: _Hash, column: pa.Array) -> None:
    whole.update(_bytes(pc.is_valid(column).cast(pa.uint8()), np.uint8))
    if pa.types.is_string(column.type):
        _hash_text(whole, column)
    elif pa.types.is_list(column.type):
        whole.update(_bytes(pc.list_value_length(column).fill_null(0), np.dtype("<i4")))
        _hash_text(whole, pc.list_flatten(column))
    else:
        whole.update(_fixed_bytes(column))


def _hash_text(whole: _Hash, column: pa.Array) -> None:
    whole.update(_bytes(pc.binary_length(column).fill_null(0), np.dtype("<i4")))
    present = column.drop_null() if column.null_count else column
    if not len(present):
        return
    _, offsets, data = present.buffers()
    window = np.frombuffer(offsets, dtype=np.int32)[present.offset : present.offset + len(present) + 1]
    if data is not None:
        whole.update(memoryview(data)[int(window[0]) : int(window[-1])])


def _fixed_bytes(column: pa.Array) -> memoryview:
    if pa.types.is_boolean(column.type):
        return _bytes(column.fill_null(False).cast(pa.uint8()), np.uint8)  # noqa: FBT003 - the value that stands for null
    if pa.types.is_floating(column.type):
        return _bytes(column.fill_null(0.0), np.dtype("<f8"))
    if pa.types.is_date32(column.type):
        return _bytes(column.cast(pa.int32()).fill_null(0), np.dtype("<i4"))
    return _bytes(column.cast(pa.int64()).fill_null(0), np.dtype("<i8"))


def _bytes(column: pa.Array, dtype: "np.dtype[np.generic] | type[np.generic]") -> memoryview:
    values: np.ndarray = np.ascontiguousarray(column.to_numpy(zero_copy_only=False), dtype=dtype)
    return values.data
