"""The floors of the next basket against lists made household by household, and figures whose value is known."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bench.forecast_scores import ratio_bootstrap, series_errors, value_of, wape, wrmsse
from bench.next_basket_floors import floor_qualities
from decisions.recommend.examples import origins_before, outcomes
from decisions.relations.scores import ndcg_at_10
from features.repertoire import read_purchases
from lake.delta_lake import DeltaLake

FIRST = date(2024, 1, 1)
SCHEMA = pa.schema(
    [("basket_id", pa.string()), ("product_id", pa.string()), ("household_id", pa.string()), ("store_id", pa.string()),
     ("sold_at", pa.timestamp("us", "UTC")), ("business_date", pa.date32()), ("merchandise", pa.bool_())]
)  # fmt: skip
BASKETS = {
    "h1": [("a", "b"), ("a", "c"), ("a", "b"), ("a", "b")],
    "h2": [("d",), ("d", "e"), ("e",), ("d", "z")],
    "h3": [("a",), ("a",), ("c",), ("y",)],
}


def shop(folder: Path) -> DeltaLake:
    lake = DeltaLake(folder, threads=1)
    rows = [
        {"basket_id": f"{household}-{number}", "product_id": product, "household_id": household, "store_id": "s",
         "sold_at": datetime(2024, 1, 1 + number, 12, tzinfo=UTC), "business_date": FIRST + timedelta(days=number),
         "merchandise": True}
        for household, baskets in BASKETS.items()
        for number, basket in enumerate(baskets)
        for product in basket
    ]  # fmt: skip
    lake.replace("sales_lines", pa.Table.from_pylist(rows, SCHEMA))
    names = sorted({product for baskets in BASKETS.values() for basket in baskets for product in basket})
    described = {"product_id": names, "department": ["D"] * len(names), "category": ["C"] * len(names), "product_type": names}
    lake.replace("products", pa.table(described))
    return lake


def test_lists_are_those_made_by_hand(tmp_path: Path) -> None:
    purchases = read_purchases(shop(tmp_path), FIRST + timedelta(days=10))
    last = purchases.household_start[1:] - 1
    origins = origins_before(purchases, last)
    wanted = np.bincount(outcomes(purchases, origins).origin, minlength=len(origins))
    found = floor_qualities(purchases, origins, wanted)
    for name, quality in found.items():
        assert quality.recall.tolist() == pytest.approx([1.0, 0.5, 0.0]), name
    # h1 bought a three times and b twice before its last basket of a and b; everybody bought a most often
    assert found["personal_frequency"].ndcg[0] == pytest.approx(1.0)
    # h2 bought d and e twice each, e last: equal counts go to the latest purchase, so d, wanted beside z, comes second
    ideal = 1 + 1 / np.log2(3)
    assert found["personal_frequency"].ndcg[1] == pytest.approx(1 / np.log2(3) / ideal)
    assert found["decayed_frequency_95"].ndcg[1] == pytest.approx(1 / np.log2(3) / ideal)
    # popularity before that day: a five times, then b, c, d and e twice each, in the order of their ids
    before = Counter(p for baskets in BASKETS.values() for basket in baskets[:3] for p in basket)
    assert sorted(before, key=lambda product: (-before[product], product)) == ["a", "b", "c", "d", "e"]
    assert found["popularity"].ndcg[1] == pytest.approx(1 / np.log2(5) / ideal)


def test_what_a_household_buys_next_is_not_known_to_its_floor(tmp_path: Path) -> None:
    purchases = read_purchases(shop(tmp_path), FIRST + timedelta(days=10))
    origins = origins_before(purchases, purchases.household_start[1:] - 1)
    wanted = np.bincount(outcomes(purchases, origins).origin, minlength=len(origins))
    assert [quality.recall[2] for quality in floor_qualities(purchases, origins, wanted).values()] == [0.0] * 5


def test_figures_of_known_value() -> None:
    assert ndcg_at_10(np.array([3.0, 2.0, 1.0]), np.array([1.0, 0.0, 0.0])) == 1.0
    assert ndcg_at_10(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0])) == pytest.approx(0.5)
    history = np.array([[1.0, 3.0, 1.0, 3.0], [0.0, 0.0, 4.0, 0.0]])
    actual = np.array([[2.0, 4.0], [2.0, 0.0]])
    errors = series_errors(np.array([0, 1]), 0, history, actual, np.array([[1.0, 4.0], [2.0, 2.0]]))
    assert value_of(wape, errors) == pytest.approx(3 / 8)
    # mean squared change 4 and 16; squared errors .5 and 2; weights 8 and 4
    assert value_of(wrmsse, errors) == pytest.approx((np.sqrt(0.5 / 4) * 8 + np.sqrt(2 / 16) * 4) / 12)
    same = ratio_bootstrap(wape, [errors], [errors], seed=0)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
