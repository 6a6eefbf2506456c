"""Whether two engines count the same evidence over the same tables, and how long each takes."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from features.relation_evidence import EVIDENCE_KINDS, EVIDENCE_SCHEMA, EvidenceNeed, EvidenceScopes, evidence_tables
from lake.ports import Lake

__all__ = ["Agreement", "evidence_agreement", "largest_difference"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One kind of evidence on two engines. `difference` is the largest, in parts of the larger figure (1 at least)."""

    kind: str
    rows: int
    other_rows: int
    difference: float
    seconds: float
    other_seconds: float


def evidence_agreement(
    lake: Lake,
    other: Lake,
    as_of: date,
    scopes: EvidenceScopes,
    *,
    kinds: Collection[str] = EVIDENCE_KINDS,
    need: EvidenceNeed | None = None,
) -> list[Agreement]:
    """Count every kind of evidence on both lakes and compare it, row by row. Arguments and errors as `evidence_tables`."""
    return [_agreement(kind, *(_timed(one, as_of, scopes, kind, need) for one in (lake, other))) for kind in kinds]


def largest_difference(one: pa.Table, other: pa.Table) -> float:
    """Return the largest difference of two sorted tables of equal schema: infinite where keys, nulls or rows differ.

    Floats differ by parts of the larger of the two and 1; anything else is equal or infinitely different.
    """
    if one.num_rows != other.num_rows or one.schema.names != other.schema.names:
        return float("inf")
    return max((_of_columns(one[name], other[name]) for name in one.schema.names), default=0.0)


def _timed(lake: Lake, as_of: date, scopes: EvidenceScopes, kind: str, need: EvidenceNeed | None) -> tuple[pa.Table, float]:
    began = time.monotonic()
    table = evidence_tables(lake, as_of, scopes, kinds=[kind], need=need)[kind]
    return table, time.monotonic() - began


def _agreement(kind: str, one: tuple[pa.Table, float], other: tuple[pa.Table, float]) -> Agreement:
    difference = largest_difference(one[0].select(EVIDENCE_SCHEMA.names), other[0].select(EVIDENCE_SCHEMA.names))
    return Agreement(kind, one[0].num_rows, other[0].num_rows, difference, one[1], other[1])


def _of_columns(one: pa.ChunkedArray, other: pa.ChunkedArray) -> float:
    if not pa.types.is_floating(one.type):
        return 0.0 if one.equals(other) else float("inf")
    if not one.is_null().equals(other.is_null()):
        return float("inf")
    first, second = (np.nan_to_num(column.to_numpy(zero_copy_only=False), nan=0.0) for column in (one, other))
    larger = np.maximum(np.maximum(np.abs(first), np.abs(second)), 1.0)
    return float(np.max(np.abs(first - second) / larger, initial=0.0))
