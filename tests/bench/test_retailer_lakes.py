"""Other retailers' lines become lakes of ours, and the served pipeline runs on them with nothing changed."""

import gzip
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from bench import next_basket, next_basket_retailers
from bench.errors import DataDamaged, DataMissing
from bench.frame import BenchContext
from bench.retailer_lakes import INSTACART, LINES, ONLINE_RETAIL, instacart_tables, lent_lake, online_retail_tables
from decisions.recommend.fitting import read_world
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake


def invoice(
    number: str, code: str, customer: float | None, quantity: float = 2.0, minute: int = 0, day: int = 1
) -> dict[str, object]:
    return {
        "InvoiceNo": number, "StockCode": code, "Description": f"RED {code} MUG ", "Quantity": quantity,
        "InvoiceDate": pd.Timestamp(2011, 3, day, 9, minute), "UnitPrice": 1.5, "CustomerID": customer, "Country": "France",
    }  # fmt: skip


def gift_shop(folder: Path, rows: list[dict[str, object]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(folder / ONLINE_RETAIL.files[0])
    return folder


def test_invoices_become_baskets_and_what_is_no_sale_of_goods_is_left_out(tmp_path: Path) -> None:
    rows = [
        invoice("1", "A", 17.0), invoice("1", "A", 17.0, minute=1), invoice("1", "B", 17.0, minute=1),
        invoice("2", "A", 18.0, day=8), invoice("C3", "A", 17.0), invoice("4", "A", None), invoice("5", "A", 17.0, quantity=-1.0),
        invoice("6", "POST", 17.0),
    ]  # fmt: skip
    lines, products = online_retail_tables(gift_shop(tmp_path, rows))
    assert lines.schema == LINES
    found = [
        (row["basket_id"], row["product_id"], row["household_id"], row["quantity"], row["net_sales"]) for row in lines.to_pylist()
    ]
    assert found == [("1", "A", "c17", 4.0, 6.0), ("1", "B", "c17", 2.0, 3.0), ("2", "A", "c18", 2.0, 3.0)]
    assert lines["business_date"].to_pylist() == [date(2011, 3, 1)] * 2 + [date(2011, 3, 8)]
    assert lines["week_start"].to_pylist() == [date(2011, 2, 28)] * 2 + [date(2011, 3, 7)]
    assert len(set(lines["sold_at"].to_pylist()[:2])) == 1
    assert [(row["product_id"], row["name"], row["product_type"], row["category"]) for row in products.to_pylist()] == [
        ("B", "RED B MUG", "MUG", None),
        ("A", "RED A MUG", "MUG", None),
    ]


ORDERS = [
    # order, user, number, days since the one before, product
    (10, 1, 1, "", 5), (10, 1, 1, "", 6), (11, 1, 2, "7.0", 5), (12, 1, 3, "0.0", 6), (20, 2, 1, "", 5), (30, 3, 1, "", 6),
]  # fmt: skip


def sample(folder: Path, orders: list[tuple[int, int, int, str, int]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    head = (
        ",order_id,user_id,order_number,order_dow,order_hour_of_day,days_since_prior_order,product_id,add_to_cart_order,reordered"
    )
    lines = [f"{place},{o},{u},{n},1,8,{gap},{p},1.0,0.0" for place, (o, u, n, gap, p) in enumerate(orders)]
    (folder / INSTACART.files[0]).write_bytes(gzip.compress("\n".join([head, *lines]).encode()))
    products = "product_id,product_name,aisle_id,department_id\n" + "".join(
        f"{p},Name {p},{p % 7},{p % 3}\n" for p in range(1, 60)
    )
    (folder / INSTACART.files[1]).write_bytes(gzip.compress(products.encode()))
    return folder


def test_orders_without_dates_end_on_one_day_and_the_last_user_is_dropped(tmp_path: Path) -> None:
    lines, products = instacart_tables(sample(tmp_path, ORDERS))
    day = {row["basket_id"]: row["business_date"] for row in lines.to_pylist()}
    assert day == {"10": date(2017, 12, 24), "11": date(2017, 12, 31), "12": date(2017, 12, 31), "20": date(2017, 12, 31)}
    with lent_lake(lines, products) as lake:
        purchases = read_world(lake, date(2017, 12, 31), {}).purchases
        assert purchases.basket_ids.to_pylist() == ["10", "11", "12", "20"]
        assert lake.arrow("products").num_rows == 2
    named = products.to_pylist()[4]
    assert (named["product_id"], named["name"], named["category"], named["department"]) == ("5", "Name 5", "5", "2")


@pytest.mark.training
def test_the_served_pipeline_runs_on_another_retailer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_basket_retailers, "QUICK_STEP", 1)
    random = np.random.default_rng(5)
    orders = []
    for user in range(1, 82):
        likes = random.permutation(np.arange(1, 60))[:8]
        for number in range(1, 7):
            gap = "" if number == 1 else "7.0"
            orders += [(100 * user + number, user, number, gap, int(item)) for item in random.permutation(likes)[:5]]
    context = BenchContext(
        DeltaLake(tmp_path / "home"), tmp_path, quick=True, progress=SilentProgress(), as_of=date(2018, 1, 1), data="instacart",
        path=sample(tmp_path / INSTACART.name, orders).parent,
    )  # fmt: skip
    rows, notes = next_basket.run(context)
    value = {(row.system, row.metric): row.value for row in rows}
    assert {row.n for row in rows} == {80}
    # five of eight: a list of ten that holds all that was ever bought finds nearly everything
    assert value["personal_frequency", "recall@10"] > 0.98
    assert value["shelfgraph", "recall@10"] > 0.9
    assert value["popularity", "recall@10"] < 0.5
    assert any(note.startswith("orders have no dates") for note in notes)


def test_what_is_missing_or_damaged_is_refused_by_name(tmp_path: Path) -> None:
    for read, known in ((online_retail_tables, ONLINE_RETAIL), (instacart_tables, INSTACART)):
        with pytest.raises(DataMissing, match=known.files[0].replace(".", r"\.")):
            read(tmp_path)
    shop = gift_shop(tmp_path / "shop", [invoice("1", "A", 17.0)])
    (shop / ONLINE_RETAIL.files[0]).write_bytes(b"no table")
    with pytest.raises(DataDamaged, match="online_retail"):
        online_retail_tables(shop)
    gift_shop(tmp_path / "shop", [{"InvoiceNo": "1"}])
    with pytest.raises(DataDamaged, match="online_retail"):
        online_retail_tables(shop)
    orders = sample(tmp_path / "orders", ORDERS)
    (orders / INSTACART.files[0]).write_bytes(gzip.compress(b"order_id,user_id\n1,2\n"))
    with pytest.raises(DataDamaged, match="order_products_sample"):
        instacart_tables(orders)
    (orders / INSTACART.files[0]).write_bytes(b"no archive")
    with pytest.raises(DataDamaged, match="order_products_sample"):
        instacart_tables(orders)


def test_days_between_orders_are_kept(tmp_path: Path) -> None:
    lines, _ = instacart_tables(sample(tmp_path, ORDERS))
    first, last = (pc.min(lines["business_date"]).as_py(), pc.max(lines["business_date"]).as_py())
    assert last - first == timedelta(days=7)
