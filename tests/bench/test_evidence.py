"""`bench evidence` on a tiny world: DuckDB and Spark count the same, and every figure that is promised is there."""

import subprocess
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest

from bench import evidence
from bench.evidence import BENCH, QUICK, compared, evidence_rows
from bench.frame import BenchRow
from bench.world import WorldSize, generate_world
from bench.world.sizes import AS_OF
from features.relation_evidence import EVIDENCE_SCHEMA
from lake.delta_lake import DeltaLake

ENGINES = ("duckdb", "spark")
TINY = WorldSize("tiny", 60, 4, 2, 5, 5, 8, 5.0, 2, 8, chunk=25)
COSTS = {"seconds", "peak_rss_mb"}
AGREEMENT = {"rows_missing", "largest_difference"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("tiny")
    generate_world(TINY, 1, made / "lake")
    return made


def by_name(rows: list[BenchRow]) -> dict[tuple[str, str, str], float]:
    return {(row.system, row.metric, row.slice): row.value for row in rows}


@pytest.mark.command_line
@pytest.mark.timeout(600)
def test_duckdb_and_spark_count_the_same(folder: Path, tmp_path: Path) -> None:
    # every kind is held to the other engine in tests/lake: here it is what the benchmark tells of one
    rows = evidence_rows(folder / "lake", AS_OF, "tiny", tmp_path, QUICK)
    found = by_name(rows)
    slices = ["tiny", *(f"tiny:{kind}" for kind in QUICK.kinds)]
    promised = {*product(ENGINES, COSTS, [*slices, "tiny:trips"]), *product(ENGINES, ["rows"], slices)}
    promised |= {*product(["spark"], AGREEMENT, slices), *product(ENGINES, ["start_seconds"], ["tiny"])}
    assert found.keys() == promised
    assert {found["spark", "rows_missing", where] for where in slices} == {0.0}
    assert max(found["spark", "largest_difference", where] for where in slices) < 1e-9
    for where in slices:
        assert found["duckdb", "rows", where] == found["spark", "rows", where] > 100
    assert min(found[engine, "peak_rss_mb", where] for engine in ENGINES for where in slices) > 100
    assert {row.n for row in rows if row.metric == "seconds"} == {DeltaLake(folder / "lake").version("sales_lines").rows}


def pairs(told: Mapping[str, float]) -> pa.Table:
    """Evidence with those observations, by source."""
    columns = {"source": list(told), "target": ["z"] * len(told), "scope": ["chain"] * len(told), "observed": list(told.values())}
    rows = pa.table(columns)
    for field in EVIDENCE_SCHEMA:
        if field.name not in columns:
            rows = rows.append_column(field, pa.nulls(len(told), field.type))
    return rows.select(EVIDENCE_SCHEMA.names).cast(EVIDENCE_SCHEMA)


def test_missing_rows_and_differences_are_told_apart() -> None:
    one = pairs({"a": 1.0, "b": 4.0, "c": 8.0})
    assert compared(one, one) == (0, 0.0)
    assert compared(one, pairs({"a": 1.0, "b": 5.0, "c": 8.0})) == (0, 0.2)
    assert compared(one, pairs({"b": 5.0, "c": 8.0, "d": 1.0, "e": 1.0})) == (3, 0.2)
    at = EVIDENCE_SCHEMA.get_field_index("households")
    counted = one.set_column(at, EVIDENCE_SCHEMA.field(at), pa.array([1, 2, 3], pa.int64()))
    assert compared(one, counted) == (0, 1.0)


def test_growth_is_told_where_two_sizes_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"medium": (10.0, 1000.0, 100), "large": (100.0, 1500.0, 1000)}
    rows = [
        BenchRow("duckdb", metric, size, value, n=lines)
        for size, (seconds, memory, lines) in sizes.items()
        for metric, value in (("seconds", seconds), ("peak_rss_mb", memory))
    ]
    growth = "From medium to large, 10.0 times the sales lines: duckdb takes 10.0 times as long and 1.5 times the memory."
    told = evidence._notes(rows)
    assert growth in told
    assert any("Spark is not installed" in note for note in told)
    assert not any("From medium" in note for note in evidence._notes(rows[:2]))
    monkeypatch.setattr(evidence, "find_spec", lambda name: None)
    assert list(evidence._engines()) == ["duckdb"]
    assert BENCH.data_sets == ("small", "medium", "large")


def test_duckdb_is_measured_where_spark_is_not_installed() -> None:
    words = "import sys; sys.modules['pyspark'] = None; import bench.evidence_engines"
    subprocess.run([sys.executable, "-c", words], check=True)
