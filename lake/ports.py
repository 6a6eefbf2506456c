"""What every other room may ask of the lake."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import ibis.expr.types as ir
import pyarrow as pa

__all__ = ["Lake", "TableVersion"]


@dataclass(frozen=True, slots=True)
class TableVersion:
    """One committed version of a table."""

    name: str
    version: int
    rows: int
    digest: str
    """SHA-256 over the sorted content digests of the version's files: equal for equal content written alike."""


class Lake(Protocol):
    """Versioned tables of facts. Column names are the terms of the ontology, in snake case.

    Reads see one committed version per table. Writes are atomic per table. Times are UTC,
    business days and weeks are dates (`business_date`, `week_start`, a Monday).
    """

    def names(self) -> tuple[str, ...]:
        """Return the names of all tables that were written, sorted."""
        ...

    def version(self, name: str) -> TableVersion:
        """Return the current version of a table. Raises: TableMissing."""
        ...

    def table(self, name: str) -> ir.Table:
        """Return a lazy Ibis table over the current version. Raises: TableMissing."""
        ...

    def arrow(self, name: str, columns: tuple[str, ...] | None = None) -> pa.Table:
        """Return the current version in memory, all columns or those named. Raises: TableMissing."""
        ...

    def to_arrow(self, expression: ir.Table) -> pa.Table:
        """Run an Ibis expression over tables of this lake and return its rows."""
        ...

    def sql(self, query: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run one constant SQL query over the tables by name, on the embedded engine; values come as `$name` parameters."""
        ...

    def replace(self, name: str, rows: pa.Table | Iterable[pa.RecordBatch], schema: pa.Schema | None = None) -> TableVersion:
        """Write a new version that holds exactly `rows`. `schema` is needed for an iterable of batches.

        Writing rows equal to the current version's adds no version.
        """
        ...

    def append(self, name: str, rows: pa.Table) -> TableVersion:
        """Write a new version that holds the old rows and `rows`."""
        ...
