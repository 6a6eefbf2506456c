"""A tiny retailer of its own: mapping by YAML alone, pseudonyms, sightings, merging, and rows restored from the quarantine."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from ingest import accept_tables, freshness, ingest_feed, ingest_feeds, load_source, replay, shipped_sources, validate_tables
from ingest.contract import shipped_contracts
from ingest.errors import ConfigurationInvalid, CorrectionInvalid, CorrectionUnknown, SourceFolderMissing, SourceUnknown
from ingest.feeds import ensure_tables, ordered_feeds
from kit.ids import pseudonym
from tests.ingest.conftest import KEY, TILL


def _rows(lake, table):
    return lake.arrow(table).to_pylist()


def test_a_source_is_read_by_its_mapping_alone(shop, lake):
    report = ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    sales = report.feed("sales_lines")
    assert (sales.rows_in, sales.accepted, sales.merged, sales.quarantined, sales.duplicates) == (6, 3, 1, 3, 0)
    assert sales.by_rule == {"product_id.reference": 1, "quantity.type": 1, "line.malformed": 1}
    assert [row["name"] for row in _rows(lake, "products")] == ["Milk, 1 l", 'Fuel, "super"']
    merged, fuel = _rows(lake, "sales_lines")
    assert (merged["quantity"], merged["net_sales"], merged["retail_discount"]) == (3.0, 4.5, 0.25)
    # 23:30 in Berlin is summer time of that day: 21:30 UTC, still Sunday
    assert merged["sold_at"] == datetime(2024, 3, 31, 21, 30, tzinfo=UTC)
    assert (merged["business_date"], merged["week_start"]) == (date(2024, 3, 31), date(2024, 3, 25))
    assert (fuel["business_date"], fuel["week_start"], fuel["merchandise"]) == (date(2024, 4, 1), date(2024, 4, 1), False)
    assert {row["source"] for row in _rows(lake, "sales_lines")} == {"corner_shop"}
    empty = {contract.feed for contract in shipped_contracts()} - {"products", "stores", "households", "sales_lines"}
    assert {lake.version(name).rows for name in empty} == {0}
    assert all(lake.arrow(contract.feed).schema.names == contract.table_schema.names for contract in shipped_contracts())


def test_store_numbers_of_any_length_are_numbers_of_stores(shop, lake):
    stores = ("7", "31782", "00042", "1234567890")
    lines = [f"r{n},a1,CARD-777001,{store},2024-04-02 10:00:00,1,2.00,0" for n, store in enumerate(stores)]
    (shop.folder / "till.csv").write_text("\n".join([TILL[0], *lines]) + "\n")
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    assert {row["store_id"] for row in _rows(lake, "stores")} == set(stores)
    assert [row["store_id"] for row in _rows(lake, "sales_lines")] == list(stores)


def test_no_household_number_leaves_the_reader(shop, lake):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    everything = json.dumps([_rows(lake, name) for name in lake.names()], default=str)
    assert "777" not in everything
    known = {pseudonym(KEY, "hh_", f"CARD-77700{number}") for number in (1, 2)}
    assert known <= {row["household_id"] for row in _rows(lake, "households")}
    assert {row["household_id"] for row in _rows(lake, "sales_lines")} == known


def test_ingesting_again_adds_no_version(shop, lake):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    before = {name: lake.version(name) for name in lake.names()}
    report = ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_2")
    assert {name: lake.version(name) for name in lake.names()} == before
    assert all(feed.unchanged for feed in report.feeds)


def test_rows_are_restored_once_when_their_reference_arrives(shop, lake):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    (shop.folder / "articles.csv").write_text("nr,label,size,aisle\na1,Milk,1 l,DAIRY\na2,Fuel,,FUEL\na3,Jam,,none\n")
    ingest_feed(shop, "products", lake, pseudonym_key=KEY, run_id="run_2")
    first = replay("sales_lines", lake, source=shop, run_id="run_3")
    assert (first.examined, first.restored, first.duplicates, first.remaining) == (3, 1, 0, 2)
    assert [row["basket_id"] for row in _rows(lake, "sales_lines")] == ["r1", "r2", "r3"]
    again = replay("sales_lines", lake, source=shop, run_id="run_4")
    assert (again.examined, again.restored, again.remaining, again.table_rows) == (2, 0, 2, 3)
    history = {
        row["source_offset"]: (row["rule_id"], row["status"], row["closed_by_run_id"]) for row in _rows(lake, "quarantine")
    }
    assert history[3] == ("product_id.reference", "restored", "run_3")
    assert history[4] == ("quantity.type", "open", None)
    (ledger,) = [row for row in _rows(lake, "ingest_ledger") if row["feed"] == "sales_lines"]
    assert (ledger["rows_in"], ledger["accepted"], ledger["quarantined"]) == (6, 4, 2)


def test_a_corrected_file_restores_rows(shop, lake, tmp_path):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    corrections = tmp_path / "corrected.csv"
    header = TILL[0] + ",source_offset\n"
    corrections.write_text(
        header + "r4,a1,CARD-777002,s1,2024-04-02 10:00:00,4,2.00,0,4\nr5,a1,CARD-777002,s1,2024-04-02 11:00:00,1,2,0,5\n"
    )
    report = replay("sales_lines", lake, source=shop, run_id="run_2", corrections=corrections, pseudonym_key=KEY)
    assert (report.examined, report.restored, report.remaining) == (3, 2, 1)
    restored = {row["basket_id"]: row for row in _rows(lake, "sales_lines")}
    assert restored["r4"]["net_sales"] == 8.0
    assert restored["r5"]["household_id"] == pseudonym(KEY, "hh_", "CARD-777002")
    assert "777" not in json.dumps(_rows(lake, "quarantine"), default=str)
    before = {name: lake.version(name) for name in lake.names()}
    with pytest.raises(CorrectionUnknown):
        replay("sales_lines", lake, source=shop, run_id="run_3", corrections=corrections, pseudonym_key=KEY)
    assert {name: lake.version(name) for name in lake.names()} == before


@pytest.mark.parametrize(
    ("offsets", "told"),
    [
        (("four", "5"), "Row 1 of"),
        (("4", ""), "Row 2 of"),
        (("4", "4.5"), "Row 2 of"),
        (("4", "4"), "corrects the row 4 once more"),
    ],
)
def test_corrections_that_do_not_say_which_row_change_nothing(shop, lake, tmp_path, offsets, told):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    corrections = tmp_path / "corrected.csv"
    lines = [f"r{n},a1,CARD-777002,s1,2024-04-02 10:00:00,4,2.00,0,{offset}\n" for n, offset in enumerate(offsets)]
    corrections.write_text(TILL[0] + ",source_offset\n" + "".join(lines))
    before = {name: lake.version(name) for name in lake.names()}
    with pytest.raises(CorrectionInvalid, match=told):
        replay("sales_lines", lake, source=shop, run_id="run_2", corrections=corrections, pseudonym_key=KEY)
    assert {name: lake.version(name) for name in lake.names()} == before


def test_made_tables_pass_the_same_contracts(shop, lake, world):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    contract = next(contract for contract in shipped_contracts() if contract.feed == "purchase_costs")
    rows = [("a1", date(2024, 1, 1), 1.0), ("a2", date(2024, 1, 1), -1.0), ("zz", date(2024, 1, 1), 1.0)]
    names = ("product_id", "valid_from", "unit_cost")
    import pyarrow as pa

    table = pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) | {"simulated": True, "source": "x"} for row in rows], contract.table_schema
    )
    refused = validate_tables({"purchase_costs": table}, lake)["purchase_costs"]
    assert [(refusal.offset, refusal.rule_id) for refusal in refused] == [(1, "unit_cost.minimum"), (2, "product_id.reference")]
    report = accept_tables({"purchase_costs": table}, lake, run_id="run_2")
    assert (report.rows_in, report.accepted, report.quarantined) == (3, 1, 2)
    assert [(row["simulated"], row["source"]) for row in _rows(lake, "purchase_costs")] == [(True, "simulated")]


def test_freshness_hides_the_future(shop, lake):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    newest = {item.table: (item.newest, item.late) for item in freshness(lake, date(2024, 3, 31))}
    assert newest["sales_lines"] == (date(2024, 3, 31), False)
    assert newest["promotion_weeks"] == (None, True)
    assert newest["products"] == (None, False)
    late = {item.table: item.late for item in freshness(lake, date(2024, 4, 10))}
    assert late["sales_lines"]


def test_every_promise_of_freshness_can_be_broken(world):
    ensure_tables(world.lake)
    for mapping in ordered_feeds(world.source.feeds):
        ingest_feed(world.source, mapping.feed, world.lake, pseudonym_key=KEY, run_id="run_1")
    promises = {contract.feed: contract for contract in shipped_contracts() if contract.latency_days is not None}
    assert sorted(promises) == ["coupon_redemptions", "planned_prices", "promotion_weeks", "purchase_costs", "sales_lines",
                                "session_events", "stock_levels"]  # fmt: skip
    for feed, contract in promises.items():
        column = contract.freshness_column
        newest = max(world.lake.arrow(feed).column(column).to_pylist())
        allowed = timedelta(days=contract.latency_days + (6 if column == "week_start" else 0))
        for day, late in ((newest, False), (newest + allowed, False), (newest + allowed + timedelta(days=1), True)):
            found = {item.table: item for item in freshness(world.lake, day)}[feed]
            assert (found.newest, found.late, found.latency_days) == (newest, late, contract.latency_days), feed
    standing = [item for item in freshness(world.lake, date(2199, 1, 1)) if item.table not in promises]
    assert len(standing) == 12
    assert not any(item.late or item.latency_days or item.newest for item in standing)


def test_sources_that_are_shipped():
    assert shipped_sources() == ("completejourney", "online_retail", "simulated")
    assert [len(load_source(name).feeds) for name in shipped_sources()] == [9, 4, 4]
    with pytest.raises(SourceUnknown):
        load_source("nobody")
    with pytest.raises(SourceFolderMissing):
        load_source("online_retail").path("online_retail.parquet")


def test_a_wrong_mapping_is_refused(shop, tmp_path):
    (tmp_path / "mapping" / "products.yaml").write_text("feed: products\nfile: a.csv\ncolumns: {colour: {from: x}}\n")
    with pytest.raises(ConfigurationInvalid, match="colour"):
        load_source(tmp_path / "mapping")
