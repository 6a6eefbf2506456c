"""`bench training` on a tiny world: what one training takes, and how many results came of it."""

from pathlib import Path

import pytest

from bench.frame import BenchContext
from bench.training import BENCH, training_rows
from bench.world import WorldSize, generate_world
from bench.world.sizes import AS_OF
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake

TINY = WorldSize("tiny", 60, 4, 2, 5, 5, 8, 5.0, 2, 8, chunk=25)


@pytest.mark.command_line
@pytest.mark.timeout(600)
def test_costs_and_results_are_told(tmp_path: Path) -> None:
    generate_world(TINY, 1, tmp_path / "lake")
    lake = DeltaLake(tmp_path / "lake")
    context = BenchContext(lake, tmp_path, quick=False, progress=SilentProgress(), as_of=AS_OF)
    rows = training_rows(context, tmp_path / "lake", AS_OF, "tiny", 2)
    found = {(row.system, row.metric, row.slice): row for row in rows}
    assert found.keys() == {("network", name, "tiny") for name in ("seconds", "peak_rss_mb", "digests")}
    assert (found["network", "digests", "tiny"].value, found["network", "digests", "tiny"].n) == (1.0, 2)
    assert found["network", "seconds", "tiny"].n == lake.version("sales_lines").rows
    assert found["network", "peak_rss_mb", "tiny"].value > 100
    assert BENCH.data_sets == ("small", "medium", "large")
