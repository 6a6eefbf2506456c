"""The bench of completing a basket: every system in every metric, on a tiny shop whose pairs are known."""

from pathlib import Path

import pytest

from bench import basket
from bench.frame import BenchContext
from kit.progress import SilentProgress
from tests.tiny_retailer import AS_OF, build_tiny_lake


@pytest.mark.training
def test_a_run_gives_every_system_every_metric_and_tells_its_floors(tmp_path: Path) -> None:
    lake = build_tiny_lake(tmp_path / "lake")
    rows, notes = basket.run(BenchContext(lake, tmp_path, quick=False, progress=SilentProgress(), as_of=AS_OF))
    found = {(row.system, row.metric): row for row in rows}
    assert len(found) == len(rows)
    metrics = {f"{metric}@{k}" for metric in ("recall", "ndcg", "hit_rate") for k in (10, 20)}
    for system in (*basket.FLOORS, "shelfgraph"):
        assert {metric for name, metric in found if name == system and "ratio" not in metric} == metrics
        assert all(0 <= found[system, metric].low <= found[system, metric].value <= 1 for metric in metrics)
    # fourteen products: a list of twenty holds all that anybody may want, where what sells is listed, too
    assert found["shelfgraph", "recall@20"].value == found["popularity", "recall@20"].value
    assert found["shelfgraph", "ndcg@10"].value > found["als", "ndcg@10"].value
    ratio = found["shelfgraph", "ndcg@10_ratio_to_popularity"]
    assert ratio.value == pytest.approx(found["shelfgraph", "ndcg@10"].value / found["popularity", "ndcg@10"].value)
    assert ratio.low <= ratio.value <= ratio.high
    assert "drawn" in notes[0]
