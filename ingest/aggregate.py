"""Merging lines that share a key, where a mapping declares it."""

from collections.abc import Iterable

import pyarrow as pa

from ingest.arrays import decoded, flat
from ingest.contract import Contract
from ingest.mapping import Aggregation
from ingest.spool import OFFSET

__all__ = ["AGGREGATED_OFFSETS", "aggregate_rows"]

AGGREGATED_OFFSETS = "row:offsets"
"""The column with the offsets of all lines that went into one."""


def aggregate_rows(tables: Iterable[pa.Table], how: Aggregation | None, contract: Contract) -> pa.Table | None:
    """Return one row per key and per set of values that must agree, in the order of first lines; None without rows.

    Lines of one key that disagree in a column neither summed nor taken at its smallest stay apart: the key rule judges them.
    """
    parts = [pa.table({name: decoded(flat(part.column(name))) for name in part.column_names}) for part in tables]
    if not parts or how is None:
        return None
    rows = pa.concat_tables(parts)
    names = [item.name for item in contract.fields]
    agreeing = [name for name in names if name not in (*how.total, *how.smallest)]
    measures = [(name, "sum") for name in how.total] + [(name, "min") for name in how.smallest]
    # one thread: the sums of decimals, and so the table's digest, must not depend on scheduling
    grouped = rows.group_by(agreeing, use_threads=False).aggregate([*measures, (OFFSET, "min"), (OFFSET, "list")])
    columns = {name: grouped.column(name) for name in agreeing}
    columns |= {name: grouped.column(f"{name}_{function}") for name, function in measures}
    columns[OFFSET] = grouped.column(f"{OFFSET}_min")
    columns[AGGREGATED_OFFSETS] = grouped.column(f"{OFFSET}_list")
    ordered = [*names, OFFSET, AGGREGATED_OFFSETS]
    merged: pa.Table = pa.table({name: columns[name] for name in ordered}).sort_by(OFFSET).combine_chunks()
    return merged
