"""Rows on their way through the quarantine and back: nothing about them changes on the way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest import ingest_feed, ingest_feeds, load_source, replay
from ingest.parse import parse_instant
from lake.delta_lake import DeltaLake
from tests.ingest.conftest import HOUSEHOLDS, KEY, SALES, SOURCE, STORES, TILL

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", None)

PLAIN_PRODUCTS = """
feed: products
file: articles.csv
columns: {product_id: {from: nr}, merchandise: {transform: constant, value: true}}
"""


def rows(lake: DeltaLake, table: str) -> list[dict[str, object]]:
    return lake.arrow(table).to_pylist()


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_keeps_its_zone_in_the_quarantine(zone: str | None, tmp_path: Path) -> None:
    """The till's hour around the end of summer time, once taken at once and once by way of the quarantine."""
    mapping, data = tmp_path / "mapping", tmp_path / "data"
    mapping.mkdir()
    data.mkdir()
    (mapping / "source.yaml").write_text(SOURCE)
    for name, text in (("stores", STORES), ("sales", SALES), ("households", HOUSEHOLDS)):
        (mapping / f"{name}.yaml").write_text(text.replace("till.csv", "till.parquet") + "format: {name: parquet}\n")
    (mapping / "products.yaml").write_text(PLAIN_PRODUCTS)
    moments = [datetime(2024, 10, 26, 23, 15, 30, 250_000, UTC) + timedelta(minutes=20 * step) for step in range(12)]
    count = len(moments)
    times = pa.array([moment.replace(tzinfo=None) for moment in moments], pa.timestamp("us"))
    times = times if zone is None else pa.array(moments, pa.timestamp("us", zone))
    till = {
        "receipt": [f"r{n}" for n in range(count)], "article": ["a1"] * count, "card": ["c"] * count, "shop": ["s1"] * count,
        "time": times, "units": [1.0] * count, "price": [2.5] * count, "rebate": [0.0] * count,
    }  # fmt: skip
    pq.write_table(pa.table(till), data / "till.parquet")
    source = load_source(mapping, data)
    (data / "articles.csv").write_text("nr\na1\n")
    at_once = DeltaLake(tmp_path / "at_once")
    ingest_feeds(source, at_once, pseudonym_key=KEY, run_id="run_1")
    expected = rows(at_once, "sales_lines")
    assert len(expected) == count

    by_way = DeltaLake(tmp_path / "by_way")
    (data / "articles.csv").write_text("nr\nother\na0\n")
    pq.write_table(pa.table(till | {"article": ["a1"] * (count - 1) + ["a0"]}), data / "till.parquet")
    ingest_feeds(source, by_way, pseudonym_key=KEY, run_id="run_1")
    (data / "articles.csv").write_text("nr\na1\na0\n")
    ingest_feed(source, "products", by_way, pseudonym_key=KEY, run_id="run_2")
    report = replay("sales_lines", by_way, source=source, run_id="run_3")
    assert (report.restored, report.remaining) == (count - 1, 0)
    found = {row["basket_id"]: row for row in rows(by_way, "sales_lines")}
    assert [found[row["basket_id"]] for row in expected[:-1]] == expected[:-1]


def test_offsets_of_texts_are_read() -> None:
    texts = {
        "2024-04-01T10:00:00Z": (10, 0), "2024-04-01 10:00:00+0200": (8, 0), "2024-04-01 10:00:00.5-05:30": (15, 30),
        "2024-04-01 10:00:00": (14, 0),
    }  # fmt: skip
    read, lost = parse_instant(pa.array(list(texts)), "America/New_York")
    assert not lost.any()
    assert [(moment.hour, moment.minute) for moment in read.to_pylist()] == list(texts.values())
    _, lost = parse_instant(pa.array(["2024-04-01 10:00:00+25:00", "2024-04-01 10:00:00+02", "2024-04-01+02:00"]), "UTC")
    assert lost.all()


def test_corrected_rows_outlive_a_change_of_what_they_refer_to(shop, lake, tmp_path: Path) -> None:
    """r4 was corrected; a new article makes the sales be taken from the file again, where r4 is as wrong as ever."""
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    corrections = tmp_path / "corrected.csv"
    corrections.write_text(TILL[0] + ",source_offset\nr4,a1,CARD-777002,s1,2024-04-02 10:00:00,4,2.00,0,4\n")
    replay("sales_lines", lake, source=shop, run_id="run_2", corrections=corrections, pseudonym_key=KEY)
    corrected = next(row for row in rows(lake, "sales_lines") if row["basket_id"] == "r4")

    (shop.folder / "articles.csv").write_text("nr,label,size,aisle\na1,Milk,1 l,DAIRY\na2,Fuel,,FUEL\na3,Jam,,none\n")
    report = ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_3").feed("sales_lines")
    assert (report.rows_in, report.accepted, report.merged, report.quarantined, report.duplicates) == (6, 5, 1, 1, 0)
    assert report.by_rule == {"line.malformed": 1}
    sold = {row["basket_id"]: row for row in rows(lake, "sales_lines")}
    assert sorted(sold) == ["r1", "r2", "r3", "r4"]
    assert sold["r4"] == corrected
    (entry,) = [row for row in rows(lake, "quarantine") if row["source_offset"] == 4 and row["feed"] == "sales_lines"]
    assert (entry["status"], entry["closed_by_run_id"]) == ("restored", "run_3")
    (line,) = [row for row in rows(lake, "ingest_ledger") if row["feed"] == "sales_lines"]
    assert (line["accepted"], line["quarantined"], line["by_rule"]) == (5, 1, '{"line.malformed": 1}')

    before = {name: lake.version(name) for name in lake.names()}
    again = ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_4")
    assert {name: lake.version(name) for name in lake.names()} == before
    assert all(feed.unchanged for feed in again.feeds)
    assert again.feed("sales_lines").accepted == 5


def test_a_correction_follows_its_row_into_the_next_delivery(shop, lake, tmp_path: Path) -> None:
    """The file has grown and its digest is another, but the wrong row stands where it stood."""
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    corrections = tmp_path / "corrected.csv"
    corrections.write_text(TILL[0] + ",source_offset\nr4,a1,CARD-777002,s1,2024-04-02 10:00:00,4,2.00,0,4\n")
    replay("sales_lines", lake, source=shop, run_id="run_2", corrections=corrections, pseudonym_key=KEY)
    more = [*TILL, "r6,a1,CARD-777002,s1,2024-04-03 10:00:00,1,2.00,0"]
    (shop.folder / "till.csv").write_text("\n".join(more) + "\n")
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_3")
    assert {row["basket_id"] for row in rows(lake, "sales_lines")} == {"r1", "r2", "r4", "r6"}
    # a row of that place that says something else is another row, and its correction nobody knows
    other = [line.replace(",many,", ",several,") for line in more]
    (shop.folder / "till.csv").write_text("\n".join(other) + "\n")
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_4")
    assert {row["basket_id"] for row in rows(lake, "sales_lines")} == {"r1", "r2", "r6"}


def test_a_basket_has_one_household_and_one_store(shop, lake, tmp_path: Path) -> None:
    """The first line tells; a line that says otherwise is refused also when it is tried again."""
    lines = [TILL[0], *(f"r1,{article},{card},{shop_id},2024-04-02 10:00:00,1,2.00,0" for article, card, shop_id in (
        ("a1", "CARD-777001", "s1"), ("a2", "CARD-777002", "s1"), ("a2", "CARD-777001", "s2"), ("a2", "CARD-777001", "s1"),
    ))]  # fmt: skip
    lines += ["r2,a1,CARD-777002,s2,2024-04-02 11:00:00,1,2.00,0"]
    (shop.folder / "till.csv").write_text("\n".join(lines) + "\n")
    report = ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1").feed("sales_lines")
    assert (report.rows_in, report.accepted, report.quarantined) == (5, 3, 2)
    assert report.by_rule == {"basket_id.one_visit": 2}
    assert {row["source_offset"] for row in rows(lake, "quarantine")} == {1, 2}
    sold = rows(lake, "sales_lines")
    assert [(row["basket_id"], row["product_id"], row["store_id"]) for row in sold] == [
        ("r1", "a1", "s1"), ("r1", "a2", "s1"), ("r2", "a1", "s2"),
    ]  # fmt: skip
    before = lake.version("sales_lines")
    again = replay("sales_lines", lake, source=shop, run_id="run_2")
    assert (again.examined, again.restored, again.by_rule) == (2, 0, {"basket_id.one_visit": 2})
    assert lake.version("sales_lines") == before
    corrections = tmp_path / "corrected.csv"
    corrections.write_text(TILL[0] + ",source_offset\nr3,a2,CARD-777001,s2,2024-04-02 10:00:00,1,2.00,0,2\n")
    put_right = replay("sales_lines", lake, source=shop, run_id="run_3", corrections=corrections, pseudonym_key=KEY)
    assert (put_right.restored, put_right.by_rule) == (1, {"basket_id.one_visit": 1})
