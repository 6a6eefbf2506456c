"""The truth of several products gone together, and what-ifs of a world judged by it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bench.whatif_planted import planted_rows, tried_on
from bench.world import World, WorldSize, chain, generate_world, of_stores
from decisions.relations.recovery import Recovery

TINY = WorldSize("tiny", 60, 4, 2, 5, 5, 8, 5.0, 2, 8, chunk=25)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> World:
    return generate_world(TINY, 3, tmp_path_factory.mktemp("tiny"))


def column(world: World, table: pa.Table, target: str, value: str) -> dict[str, float]:
    kept = table.filter(pc.and_(pc.equal(table["scope"], "chain"), pc.equal(table["target"], target)))
    return dict(zip(kept["source"].to_pylist(), kept[value].to_pylist(), strict=True))


def test_one_product_gone_is_the_truth_of_diversion(tiny: World) -> None:
    checked = 0
    for category in range(3):
        products = tiny.assortment.products_of(category)
        ids = tiny.names.products[products.start : products.stop].to_pylist()
        gone = tiny.gone_together({category: [np.array([at]) for at in range(len(ids))]}, [chain()])
        for at, target in enumerate(ids):
            found, told = gone[category, at, "chain"], column(tiny, tiny.truth_substitutes, target, "diversion")
            if not told:
                continue
            ratio = found.gained / found.lost.sum()
            assert {one: ratio[ids.index(one)] for one in told} == pytest.approx(told, rel=1e-3, abs=1e-5)
            checked += 1
    assert checked >= 10


def test_more_gone_is_less_kept_and_stores_add_up(tiny: World) -> None:
    inside = np.arange(TINY.stores) < 2
    scopes = [chain(), of_stores("one", inside), of_stores("other", ~inside)]
    gone = tiny.gone_together({0: [np.array([0]), np.array([0, 1]), np.array([0, 1, 2])]}, scopes)
    kept = [gone[0, number, "chain"].gained.sum() / gone[0, number, "chain"].lost.sum() for number in range(3)]
    assert kept[0] > kept[1] > kept[2] > 0
    for number in range(3):
        parts = [gone[0, number, name] for name in ("one", "other")]
        assert sum(part.gained for part in parts) == pytest.approx(gone[0, number, "chain"].gained)
        assert not gone[0, number, "chain"].gained[: number + 1].any()


def true_edges(world: World, width: float) -> pa.Table:
    """The truth as edges: the twelve largest of each product."""
    truth = world.truth_substitutes
    kept = truth.filter(pc.and_(pc.equal(truth["scope"], "chain"), pc.greater(truth["diversion"], 0.002)))
    count = kept.num_rows
    day = pa.array([world.as_of] * count, pa.date32())
    strength = kept["diversion"].to_numpy()
    return pa.table({
        "source": kept["source"], "target": kept["target"], "assertion_id": [str(one) for one in range(count)],
        "strength": strength, "low": strength * (1 - width), "high": strength * (1 + width), "unit": ["diversion_ratio"] * count,
        "scope": ["chain"] * count, "events": pa.array([9] * count, pa.int64()), "support": pa.array([9] * count, pa.int64()),
        "first_observed": day, "last_observed": day,
        "sources": [["sales_lines"]] * count, "run_id": ["r"] * count, "model_version": ["m"] * count,
        "grade": ["association"] * count, "status": ["active"] * count, "valid_from": day,
        "recorded_from": pa.array([0] * count, pa.timestamp("us", tz="UTC")),
    })  # fmt: skip


def test_a_room_that_knows_the_truth_is_judged_right(tiny: World, tmp_path: Path) -> None:
    outside = tiny.truth_outside
    share = 1 - pc.mean(outside.filter(pc.equal(outside["scope"], "chain"))["outside"]).as_py()
    rows = {
        (row.metric, row.slice): row.value
        for row in planted_rows(tried_on(tiny, true_edges(tiny, 0.3), Recovery(share, 0.05, 9)), 1)
    }
    assert rows["coverage_90", "planted:alone"] > 0.99
    assert rows["mae", "planted:alone"] < 0.02
    # everybody is named: nothing stays elsewhere, and no rounding of a sum does
    assert rows["coverage_90", "planted:alone:stays_elsewhere"] > 0.99
    assert rows["mae", "planted:together"] < 0.15
    assert rows["coverage_90", "planted:together"] > 0.7
