"""The same Delta tables, read by Spark: the same Ibis expressions over the Parquet files of a version."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.pyspark import Backend as SparkBackend
from ibis.backends.sql.compilers import PySparkCompiler
from pyarrow import parquet

from lake.delta_lake import DeltaLake
from lake.ports import TableVersion
from lake.spark_engine import SparkEngine

__all__ = ["SparkLake"]


class _Compiler(PySparkCompiler):  # type: ignore[misc]  # Ibis ships no types
    """Ibis's words for Spark, and one that it leaves out."""

    def visit_BitOr(self, op: Any, *, arg: Any, where: Any) -> Any:  # noqa: N802 - Ibis finds it by the operation's name
        return self.agg.bit_or(arg, where=where)


class _Backend(SparkBackend):  # type: ignore[misc]  # Ibis ships no types
    """Ibis's Spark, but a table that is kept (`Table.cache`) is written down.

    Spark's own cache keeps the whole plan behind the rows, so that a plan over kept tables grows with every step and is never
    done being read; and Ibis 12 does not make rows in memory known to it.
    """

    compiler = _Compiler()
    kept_in: Path

    def _create_cached_table(self, name: str, expr: ir.Table) -> ir.Table:
        self.write(expr, self.kept_in / name)
        self._session.read.parquet(str(self.kept_in / name)).createOrReplaceTempView(name)
        return self.table(name)

    def write(self, expr: ir.Table, folder: Path) -> None:
        self._run_pre_execute_hooks(expr)
        self._session.sql(self.compile(expr)).write.parquet(str(folder))

    def _drop_cached_table(self, name: str) -> None:
        shutil.rmtree(self.kept_in / name, ignore_errors=True)
        # what was kept is let go of with the last reference, which may outlive the engine
        if self._session.sparkContext._jsc is not None:  # noqa: SLF001 - PySpark has no public word for a session that ended
            self._session.catalog.dropTempView(name)


class SparkLake:
    """A lake whose expressions Spark runs. Writes, versions and constant SQL are those of the lake that holds the files.

    Args:
        files: where the tables lie.
        engine: a running Spark; the caller stops it.
    """

    def __init__(self, files: DeltaLake, engine: SparkEngine) -> None:
        self._files = files
        self._session = engine.session
        _Backend.register_options()
        self._ibis = _Backend().connect(engine.session)
        self._ibis.kept_in = engine.folder / "kept"
        self._registered: dict[str, int] = {}

    def names(self) -> tuple[str, ...]:
        return self._files.names()

    def version(self, name: str) -> TableVersion:
        return self._files.version(name)

    def table(self, name: str) -> ir.Table:
        self._register(name)
        return self._ibis.table(name)

    def arrow(self, name: str, columns: tuple[str, ...] | None = None) -> pa.Table:
        table = self.table(name)
        return self.to_arrow(table.select(*columns) if columns else table)

    def to_arrow(self, expression: ir.Table) -> pa.Table:
        # Ibis would gather the rows in Java and turn them into Python objects: tens of millions take gigabytes twice over
        with tempfile.TemporaryDirectory(dir=self._ibis.kept_in.parent) as folder:
            self._ibis.write(expression, Path(folder) / "rows")
            parts = [parquet.read_table(part) for part in sorted(Path(folder).glob("rows/*.parquet"))]
        return pa.concat_tables(parts).cast(expression.schema().to_pyarrow()).replace_schema_metadata(None)

    def sql(self, query: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        return self._files.sql(query, parameters)

    def replace(self, name: str, rows: pa.Table | Iterable[pa.RecordBatch], schema: pa.Schema | None = None) -> TableVersion:
        return self._files.replace(name, rows, schema)

    def append(self, name: str, rows: pa.Table) -> TableVersion:
        return self._files.append(name, rows)

    def _register(self, name: str) -> None:
        found = self._files.files(name)
        if self._registered.get(name) == found.version:
            return
        # the file list is fixed here, so a reader keeps its version while a writer commits the next
        reader = self._session.read
        rows = reader.parquet(*found.paths) if found.paths else self._session.createDataFrame(found.schema.empty_table())
        rows.createOrReplaceTempView(name)
        self._registered[name] = found.version
