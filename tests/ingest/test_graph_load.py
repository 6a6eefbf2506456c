"""Facts on their way into the graph: what is dated later says nothing, and what hangs in the air is set apart, never fatal."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from ingest.graph_load import GraphLoadReport, load_graph
from kg.embedded_store import open_embedded
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake
from ontology.schema import load_schema
from tests.tiny_retailer import AS_OF, STORES, build_tiny_lake, household


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return build_tiny_lake(tmp_path / "lake")


def loaded(lake: DeltaLake, folder: Path) -> GraphLoadReport:
    store = open_embedded(folder, load_schema())
    try:
        store.prepare()
        return load_graph(lake, store, as_of=AS_OF, progress=SilentProgress())
    finally:
        store.close()


def append(lake: DeltaLake, table: str, row: dict[str, object]) -> None:
    schema = lake.arrow(table).schema
    lake.append(table, pa.Table.from_pylist([row | {"simulated": False, "source": "tiny"}], schema))


def test_a_later_promotion_in_a_new_store_changes_no_earlier_coverage(lake: DeltaLake, tmp_path: Path) -> None:
    before = loaded(lake, tmp_path / "before")
    assert set(before.batches["Promotion"].column("coverage").to_pylist()) == {1.0}
    assert set(before.batches["Promotion"].column("stores").to_pylist()) == {STORES}
    monday = AS_OF + timedelta(days=1)
    append(lake, "stores", {"store_id": "opened_later", "name": None, "country": None})
    later = {"product_id": "soap", "store_id": "opened_later", "week_start": monday}
    append(lake, "promotion_weeks", later | {"display_location": "7", "mailer_location": None})
    after = loaded(lake, tmp_path / "after")
    assert after.batches["Promotion"].equals(before.batches["Promotion"])
    assert after.batches["promotes"].equals(before.batches["promotes"])


def test_edges_without_an_end_are_set_apart_and_the_rest_is_loaded(lake: DeltaLake, tmp_path: Path) -> None:
    """k1 and c1 both exist, and so does the new campaign: only the pair of k2 and c2 does not."""
    sound = loaded(lake, tmp_path / "sound")
    assert lake.version("graph_rejections").rows == 0
    day = AS_OF - timedelta(days=30)
    append(lake, "campaigns", {"campaign_id": "c2", "campaign_type": "Type B", "valid_from": day, "valid_to": AS_OF})
    redeemed = {"household_id": household(0), "coupon_id": "k2", "campaign_id": "c2", "redeemed_on": day}
    append(lake, "coupon_redemptions", redeemed)
    append(lake, "campaign_households", {"campaign_id": "c2", "household_id": household(999)})
    report = loaded(lake, tmp_path / "graph")
    lost = {term: count for term, count in report.rejected.items() if count}
    assert lost == {"redeemed": 1, "received": 1}
    assert report.written["redeemed"] == sound.written["redeemed"] == 3
    assert report.written["Campaign"] == sound.written["Campaign"] + 1
    rows = {row["term"]: row for row in lake.arrow("graph_rejections").to_pylist()}
    assert {term: row["rule"] for term, row in rows.items()} == {
        "redeemed": "redeemed.target/class",
        "received": "received.source/class",
    }
    assert json.loads(rows["redeemed"]["row"])["target"] == "c2:k2"
    assert "must be the id of a known Coupon" in rows["redeemed"]["message"]


def test_edges_of_a_rejected_node_are_rejected_with_it(lake: DeltaLake, tmp_path: Path) -> None:
    sound = loaded(lake, tmp_path / "sound")
    day = AS_OF - timedelta(days=5)
    append(lake, "campaigns", {"campaign_id": "c" * 600, "campaign_type": None, "valid_from": day, "valid_to": AS_OF})
    append(lake, "campaign_households", {"campaign_id": "c" * 600, "household_id": household(1)})
    report = loaded(lake, tmp_path / "graph")
    assert {term: count for term, count in report.rejected.items() if count} == {"Campaign": 1, "received": 1}
    assert dict(report.written) == dict(sound.written)
