"""The lake on one machine: Delta tables in a folder, queried by DuckDB through Ibis."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import unquote, urlparse

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from lake.errors import TableMissing, TableUnreadable
from lake.ports import TableVersion

__all__ = ["DeltaLake", "TableFiles"]

QUERY_MEMORY_GB = 3
"""Leaves room for the graph and the models inside the 8 GB that the demo may take."""


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The Parquet files of one version of a table."""

    version: int
    paths: tuple[str, ...]
    schema: pa.Schema


class DeltaLake:
    """Delta tables below `folder`.

    Args:
        folder: where the tables lie; created when missing.
        threads: DuckDB threads; None lets DuckDB take every core.
        memory_gb: of one query; what needs more is written to disk meanwhile, and takes longer.
    """

    def __init__(self, folder: Path, threads: int | None = None, memory_gb: int = QUERY_MEMORY_GB) -> None:
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._limits = (threads, memory_gb)
        self._lock = RLock()
        self._registered: dict[str, int] = {}
        self._connection = _open_engine(self._folder, threads, memory_gb)
        self._ibis = ibis.duckdb.from_connection(self._connection)
        # after Ibis, which sets the time zone once more as it takes the connection over
        self._connection.execute("SET lock_configuration=true")

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as what opens the lake there."""
        return DeltaLake, (self._folder, *self._limits)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(path.parent.name for path in self._folder.glob("*/_delta_log")))

    def version(self, name: str) -> TableVersion:
        delta = self._open(name)
        return TableVersion(name=name, version=delta.version(), rows=delta.count(), digest=_content_digest(delta))

    def table(self, name: str) -> ir.Table:
        with self._lock:
            self._register(name)
            return self._ibis.table(name)

    def arrow(self, name: str, columns: tuple[str, ...] | None = None) -> pa.Table:
        table = self.table(name)
        return self.to_arrow(table.select(*columns) if columns else table)

    def to_arrow(self, expression: ir.Table) -> pa.Table:
        with self._lock:
            return expression.to_pyarrow()

    def sql(self, query: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        with self._lock:
            for name in self.names():
                self._register(name)
            return self._connection.execute(query, dict(parameters or {})).to_arrow_table()

    def replace(self, name: str, rows: pa.Table | Iterable[pa.RecordBatch], schema: pa.Schema | None = None) -> TableVersion:
        if isinstance(rows, pa.Table) and self._holds_exactly(name, rows):
            return self.version(name)
        source = rows if isinstance(rows, pa.Table) else pa.RecordBatchReader.from_batches(_needed(schema), rows)
        write_deltalake(self._path(name), source, mode="overwrite", schema_mode="overwrite")
        return self.version(name)

    def append(self, name: str, rows: pa.Table) -> TableVersion:
        write_deltalake(self._path(name), rows, mode="append")
        return self.version(name)

    def _path(self, name: str) -> Path:
        if not name.isidentifier():
            raise ValueError(f"'{name}' is not a table name: use letters, digits and underscores")
        return self._folder / name

    def _open(self, name: str) -> DeltaTable:
        try:
            return DeltaTable(self._path(name))
        except TableNotFoundError as error:
            raise TableMissing(name) from error
        except DeltaError as error:
            raise TableUnreadable(name, str(error)) from error

    def files(self, name: str) -> TableFiles:
        """Return the Parquet files of the current version, for another engine to read. Raises: TableMissing."""
        delta = self._open(name)
        return TableFiles(delta.version(), tuple(_path_of(uri) for uri in delta.file_uris()), _empty(delta).schema)

    def _register(self, name: str) -> None:
        delta = self._open(name)
        if self._registered.get(name) == delta.version():
            return
        files = [_path_of(uri) for uri in delta.file_uris()]
        # the file list is fixed here, so a reader keeps its version while a writer commits the next
        relation = self._connection.read_parquet(files) if files else self._connection.from_arrow(_empty(delta))
        relation.create_view(name, replace=True)
        self._registered[name] = delta.version()

    def _holds_exactly(self, name: str, rows: pa.Table) -> bool:
        if name not in self.names():
            return False
        delta = self._open(name)
        if delta.count() != rows.num_rows or pa.schema(delta.schema().to_arrow()) != rows.schema.remove_metadata():
            return False
        return bool(self.arrow(name).equals(rows))


def _open_engine(folder: Path, threads: int | None, memory_gb: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("SET autoinstall_known_extensions=false")
    connection.execute("SET autoload_known_extensions=false")
    connection.execute("SET TimeZone='UTC'")
    # stages are told through kit.progress; the engine's own bar would break their lines
    connection.execute("SET enable_progress_bar=false")
    connection.execute(f"SET memory_limit='{memory_gb:d}GB'")
    if threads is not None:
        connection.execute(f"SET threads={threads:d}")
    # of this engine alone: another process takes files of these names for its own, and removes them as it ends
    spill = folder / f".spill-{os.getpid()}-{secrets.token_hex(4)}"
    connection.execute("SET temp_directory=$folder", {"folder": str(spill)})
    connection.execute("SET allowed_directories=[$folder]", {"folder": str(folder)})
    connection.execute("SET enable_external_access=false")
    return connection


def _path_of(uri: str) -> str:
    return unquote(urlparse(uri).path)


def _content_digest(delta: DeltaTable) -> str:
    digests = sorted(_file_digest(Path(_path_of(uri))) for uri in delta.file_uris())
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _empty(delta: DeltaTable) -> pa.Table:
    return pa.schema(delta.schema().to_arrow()).empty_table()


def _needed(schema: pa.Schema | None) -> pa.Schema:
    if schema is None:
        raise ValueError("an iterable of batches needs its schema")
    return schema
