"""Held-back events of a simulated retailer: every system is measured on the same ones, and what stayed beside them."""

from pathlib import Path

import pytest

from bench.frame import BenchContext, BenchRow
from bench.whatif_demo import demo_rows
from bench.world import SMALL, generate_world
from kit.progress import SilentProgress

pytestmark = pytest.mark.training

SYSTEMS = {"shelfgraph", "type_popularity", "repertoire", "popularity", "raw_gain"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[BenchRow], list[str]]:
    world = generate_world(SMALL, 1, tmp_path_factory.mktemp("small"))
    return demo_rows(BenchContext(world.lake, Path(), quick=False, progress=SilentProgress(), as_of=world.as_of))


def test_all_systems_are_tried_on_the_same_events(measured) -> None:
    rows, notes = measured
    for metric in ("bias", "mae", "excess_captured@5"):
        found = {row.system: row for row in rows if row.metric == metric and row.slice == "demo"}
        assert set(found) == SYSTEMS
        assert len({row.n for row in found.values()}) == 1
        assert all(row.low <= row.value <= row.high for row in found.values())
    assert any("later events" in note for note in notes)


def test_what_stayed_stands_beside_and_finds_little(measured) -> None:
    found = {row.metric: row for row in measured[0] if row.metric.startswith("placebo_z")}
    assert abs(found["placebo_z_mean"].value) < 0.5
    assert 0.5 < found["placebo_z_sd"].value < 1.6
    assert found["placebo_z_mean"].n >= 20


def test_coverage_is_a_share_of_the_events(measured) -> None:
    found = [row for row in measured[0] if row.metric == "coverage_90"]
    assert {row.slice for row in found} >= {"demo", "demo:stays_in_category"}
    assert all(0.5 <= row.value <= 1 for row in found)
