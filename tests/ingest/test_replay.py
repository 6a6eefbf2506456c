"""Rows on their way through the quarantine and back: nothing about them changes on the way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest import ingest_feed, ingest_feeds, load_source, replay
from ingest.parse import parse_instant
from lake.delta_lake import DeltaLake
from tests.ingest.conftest import HOUSEHOLDS, KEY, SALES, SOURCE, STORES

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
