"""Launches in the forecast benchmark, in a shop whose launches are known."""

import numpy as np
import pytest

from bench.forecast_launches import measured_launches
from bench.frame import BenchContext
from kit.progress import SilentProgress
from tests.forecast.launch_world import A_WEEK, LAUNCH_DAY, WEEKS, launch_lake, sold

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return launch_lake(tmp_path_factory.mktemp("launch-bench"))


def measured(lake, home, *, quick):
    context = BenchContext(lake=lake, home=home, quick=quick, progress=SilentProgress(), as_of=LAUNCH_DAY)
    rows, notes = measured_launches(context)
    return {(row.system, row.metric, row.slice): row for row in rows}, notes


def test_a_whole_run_measures_what_is_served_beside_its_floors(shop, tmp_path):
    found, notes = measured(shop, tmp_path, quick=False)
    everything = {key: row.value for key, row in found.items()}
    assert {label for _, _, label in found} == {"launches", "launches_not_promoted", "launches_all"}
    # twenty weeks before the end too little is known for a model: only what every block has is compared
    floors = {"launch_mean", "launch_mean_of_category", "launch_donors", "category_mean", "one_unit", "nothing"}
    assert floors <= {system for system, _, _ in found}
    for label in ("launches", "launches_not_promoted", "launches_all"):
        assert everything["nothing", "wape", label] == 1.0
        assert everything["nothing", "bias", label] == -1.0
    blocks = [sold(range(WEEKS - before, WEEKS - before + 4)) for before in (20, 16, 12, 8)]
    units = np.concatenate(blocks)
    assert found["nothing", "wape", "launches_all"].n == len(units) == 4 * 4 * A_WEEK
    by_hand = (np.abs(units[:, 0] - 1).sum() + units[:, 1:].sum()) / units.sum()
    assert everything["one_unit", "wape", "launches_all"] == pytest.approx(by_hand)
    assert len(notes) == 4
    assert all("Served: " in note for note in notes)
    assert (
        0.5 < everything["shelfgraph", "coverage_80", "launches_all"] <= everything["shelfgraph", "coverage_95", "launches_all"]
    )


def test_a_quick_run_asks_the_model_and_is_blind_to_later_sales(shop, tmp_path):
    found, _ = measured(shop, tmp_path / "one", quick=True)
    values = {key: row.value for key, row in found.items()}
    for rival in ("launch_mean", "launch_mean_of_category", "launch_donors", "one_unit"):
        assert values["launch_attributes", "wape", "launches"] < values[rival, "wape", "launches"]
    assert ("shelfgraph", "wape", "launches") not in found
    later, _ = measured(launch_lake(tmp_path / "lake", weeks=WEEKS + 2), tmp_path / "two", quick=True)
    assert {key: row.value for key, row in later.items()} == values
