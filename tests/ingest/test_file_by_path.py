"""A file given by its path: as the folder it lies in, as the file itself, under any name, for the whole source or one feed."""

import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.main import app
from kit.ids import pseudonym
from lake.delta_lake import DeltaLake
from pipeline.layout import HomeLayout

MOMENT = datetime(2011, 6, 6, 9, 30)  # noqa: DTZ001 - the feed's times are local and bear no zone
INVOICES = {
    "InvoiceNo": ["536365", "536365", "536366", "C536367", "536368"],
    "StockCode": ["85123A", "85123A", "POST", "85123A", "22423"],
    "Description": ["WHITE HEART", "WHITE HEART", "POSTAGE", "WHITE HEART", "CAKESTAND"],
    "Quantity": [6.0, 2.0, 1.0, -6.0, 3.0],
    "InvoiceDate": [MOMENT] * 5,
    "UnitPrice": [2.55, 2.55, 18.0, 2.55, 10.0],
    "CustomerID": [17850.0, 17850.0, 12583.0, 17850.0, None],
    "Country": ["United Kingdom", "United Kingdom", "France", "United Kingdom", "France"],
}
COUNTS = {
    "households": (2, 2, 0, 0), "products": (3, 3, 0, 0), "stores": (2, 2, 0, 0), "sales_lines": (5, 3, 2, 0),
}  # fmt: skip
"""Rows in, accepted, quarantined, duplicates."""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHELFGRAPH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "online_retail.parquet"
    pq.write_table(pa.table(INVOICES), path)
    return path


def run(*arguments: str) -> tuple[int, dict[str, tuple[int, ...]], str]:
    result = CliRunner().invoke(app, ["ingest", "run", *arguments, "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    feeds = json.loads(result.stdout)["feeds"] if result.exit_code == 0 else []
    columns = ("rows_in", "accepted", "quarantined", "duplicates")
    return (
        result.exit_code,
        {feed["feed"]: tuple(feed[name] for name in columns) for feed in feeds},
        " ".join(result.stderr.split()),
    )


def test_the_folder_and_the_file_itself_under_any_name_are_the_same(file: Path, tmp_path: Path) -> None:
    assert run("online_retail", "--path", str(file.parent))[:2] == (0, COUNTS)
    lake = DeltaLake(tmp_path / "home" / "lake")
    before = {name: lake.version(name) for name in lake.names()}
    renamed = file.rename(file.with_name("invoices of 2011.parquet"))
    assert run("online_retail", "--path", str(renamed))[:2] == (0, COUNTS)
    assert {name: lake.version(name) for name in lake.names()} == before


@pytest.mark.parametrize("feed", sorted(COUNTS))
def test_one_feed_is_taken_from_the_file_or_its_folder(feed: str, file: Path, tmp_path: Path) -> None:
    assert run("online_retail", "--path", str(file))[0] == 0
    expected = {feed: COUNTS[feed]}
    assert run("online_retail", "--feed", feed, "--path", str(file))[:2] == (0, expected)
    assert run("online_retail", "--feed", feed, "--path", str(file.parent))[:2] == (0, expected)


def test_customers_given_as_floating_numbers_are_the_numbers_people_write(file: Path, tmp_path: Path) -> None:
    assert run("online_retail", "--path", str(file))[0] == 0
    layout = HomeLayout(tmp_path / "home")
    held = DeltaLake(layout.lake).arrow("households").column("household_id").to_pylist()
    assert set(held) == {pseudonym(layout.pseudonym_key(), "hh_", number) for number in ("17850", "12583")}
    refused = DeltaLake(layout.lake).arrow("quarantine").column("row").to_pylist()
    assert not any("17850" in row for row in refused)


def test_of_equally_frequent_descriptions_the_first_in_order_of_words_counts(file: Path, tmp_path: Path) -> None:
    """One word begins another here: the shorter comes first, wherever it stands in the file."""
    described = [("22423", "CAKESTAND BLUE"), ("22423", "CAKESTAND"), ("85123A", "HEART"), ("85123A", "HEART RED"), ("POST", "Z")]
    codes, words = (list(column) for column in zip(*described, strict=True))
    pq.write_table(pa.table(INVOICES | {"StockCode": codes, "Description": words}), file)
    assert run("online_retail", "--feed", "products", "--path", str(file))[0] == 0
    rows = DeltaLake(tmp_path / "home" / "lake").arrow("products").to_pylist()
    assert {row["product_id"]: row["name"] for row in rows} == {"22423": "CAKESTAND", "85123A": "HEART", "POST": "Z"}


def test_a_path_that_will_not_do_is_told(file: Path, tmp_path: Path) -> None:
    code, _, said = run("online_retail")
    assert code == 1
    assert "Source 'online_retail' has no folder of files." in said
    assert "--path" in said
    code, _, said = run("online_retail", "--path", str(tmp_path / "nowhere"))
    assert (code, "nowhere' does not exist" in said) == (1, True)
    code, _, said = run("completejourney", "--path", str(file))
    assert code == 1
    assert "is one file; source 'completejourney' is read from campaign_descriptions.parquet, campaigns.parquet," in said
    code, _, said = run("online_retail", "--feed", "products", "--path", str(tmp_path / "nowhere"))
    assert (code, "does not exist" in said) == (1, True)
