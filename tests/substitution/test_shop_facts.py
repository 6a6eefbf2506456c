"""What a release keeps of the shop: recent sales, the cost that holds, and nothing that is known later."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from decisions.substitution import RecoveryFigures, SubstitutionArtefactError, fit, read_figures
from decisions.substitution.artefact import SUBSTITUTION_FILE
from features.shop_facts import PRODUCTS, SOLD_DAYS, STORE_UNITS, STORES, shop_facts
from lake.delta_lake import DeltaLake
from tests.planted_future import plant_future
from tests.tiny_retailer import AS_OF, build_tiny_lake

COSTS = pa.schema(
    [
        ("product_id", pa.string()), ("valid_from", pa.date32()), ("unit_cost", pa.float64()), ("simulated", pa.bool_()),
        ("source", pa.string()),
    ]
)  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return build_tiny_lake(tmp_path / "lake")


def costs(*rows: tuple[str, date, float, bool]) -> pa.Table:
    named = [dict(zip(("product_id", "valid_from", "unit_cost", "simulated"), row, strict=True)) for row in rows]
    return pa.Table.from_pylist([{**row, "source": "test"} for row in named], COSTS)


def counted(lake: DeltaLake, product: str) -> tuple[float, float]:
    """Units and money of a product, row by row."""
    since = AS_OF - timedelta(days=SOLD_DAYS)
    rows = [row for row in lake.arrow("sales_lines").to_pylist() if row["product_id"] == product]
    kept = [row for row in rows if since < row["business_date"] <= AS_OF and row["merchandise"] and row["quantity"] > 0]
    return sum(row["quantity"] for row in kept), sum(row["net_sales"] for row in kept)


def test_units_and_money_are_those_of_the_latest_13_weeks(lake: DeltaLake) -> None:
    tables = shop_facts(lake, AS_OF)
    rows = {row["product_id"]: row for row in tables[PRODUCTS].to_pylist()}
    assert len(rows) >= 5
    for product, row in rows.items():
        assert (row["units"], row["net_sales"]) == pytest.approx(counted(lake, product)), product
        of_stores = [one["units"] for one in tables[STORE_UNITS].to_pylist() if one["product_id"] == product]
        assert sum(of_stores) == pytest.approx(row["units"])
    assert {row["unit_cost"] for row in rows.values()} == {None}
    assert tables[STORES].column_names == ["store_id", "cluster_id"]


def test_the_cost_that_holds_is_the_latest_that_began_and_says_whether_it_is_simulated(lake: DeltaLake) -> None:
    first, second = sorted(shop_facts(lake, AS_OF)[PRODUCTS]["product_id"].to_pylist())[:2]
    before, later = AS_OF - timedelta(days=200), AS_OF + timedelta(days=1)
    lake.replace(
        "purchase_costs",
        costs((first, before, 1.0, False), (first, AS_OF, 1.5, True), (first, later, 9.0, False), (second, later, 9.0, True)),
    )
    rows = {row["product_id"]: row for row in shop_facts(lake, AS_OF)[PRODUCTS].to_pylist()}
    assert (rows[first]["unit_cost"], rows[first]["cost_simulated"]) == (1.5, True)
    assert (rows[second]["unit_cost"], rows[second]["cost_simulated"]) == (None, False)


def test_facts_after_the_day_change_nothing(lake: DeltaLake) -> None:
    now = shop_facts(lake, AS_OF)
    assert plant_future(lake, AS_OF)["sales_lines"] > 0
    later = shop_facts(lake, AS_OF)
    assert {name: table.equals(later[name]) for name, table in now.items()} == dict.fromkeys(now, True)


def test_the_artefact_comes_back_and_damage_is_noticed(lake: DeltaLake) -> None:
    told = RecoveryFigures(0.6, 0.1, 20, "graph")
    artefact, tables, figures = fit(lake, as_of=AS_OF, recovery=told)
    assert read_figures(artefact) == told
    assert figures["recovery"] == 0.6
    assert set(tables) == {PRODUCTS, STORE_UNITS, STORES}
    content = artefact[SUBSTITUTION_FILE]
    for damaged in ({}, {SUBSTITUTION_FILE: b"{"}, {SUBSTITUTION_FILE: content.replace(b"substitution/1", b"substitution/0")},
                    {SUBSTITUTION_FILE: content.replace(b"0.6", b"6.0")}):  # fmt: skip
        with pytest.raises(SubstitutionArtefactError):
            read_figures(damaged)
