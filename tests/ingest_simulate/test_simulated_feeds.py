"""The simulated feeds fit their contracts, are the same twice, and never look ahead."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ingest.simulate import SIMULATED_TABLES, Assumptions, simulate_feeds
from lake.delta_lake import DeltaLake

ZONE = ZoneInfo("America/New_York")
FIRST = date(2017, 1, 2)
WEEKS = 30
STRINGS = ("product_id", "store_id", "supplier_id", "session_id", "event_id", "household_id", "event_type", "query", "source")
NUMBERS = (
    "stock_on_hand_units",
    "stock_out_days",
    "unit_cost",
    "lead_time_days",
    "lead_time_deviation_days",
    "review_period_days",
)
TYPES = (
    dict.fromkeys(STRINGS, pa.string())
    | dict.fromkeys(NUMBERS, pa.float64())
    | dict.fromkeys(("week_start", "valid_from", "business_date"), pa.date32())
    | {"happened_at": pa.timestamp("us", "UTC"), "simulated": pa.bool_()}
)


ASSUMED = Assumptions(("PRODUCE",), {"GROCERY": 0.24, "PRODUCE": 0.36})


def simulated(lake: DeltaLake, seed: int = 20170101) -> dict[str, pa.Table]:
    return simulate_feeds(lake, time_zone=ZONE.key, assumptions=ASSUMED, seed=seed)


def _products() -> pa.Table:
    count = 24
    return pa.table(
        {
            "product_id": [f"p{i:02d}" for i in range(count)],
            "supplier_id": [f"s{i % 5}" if i % 7 else None for i in range(count)],
            "department": ["PRODUCE" if i % 5 == 0 else "GROCERY" for i in range(count)],
            "category": ["FRUIT" if i % 5 == 0 else "CHEESE" for i in range(count)],
            "product_type": [None if i == 3 else f"TYPE {i % 3} (LOOSE)" for i in range(count)],
        }
    )


def _sales(days: int = WEEKS * 7, seed: int = 5) -> pa.Table:
    rng = np.random.default_rng(seed)
    rows = []
    for basket in range(days * 4):
        day = FIRST + timedelta(days=basket // 4)
        minute = int(rng.integers(5, 24 * 60))
        sold_at = (datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(minutes=minute)).astimezone(UTC)
        for item in sorted(set(rng.integers(0, 24, 5).tolist())):
            units = float(rng.integers(1, 4)) if item else 0.0
            rows.append(
                {
                    "basket_id": f"b{basket:05d}",
                    "product_id": f"p{item:02d}",
                    "household_id": f"hh_{basket % 9:020x}",
                    "store_id": f"t{basket % 3}",
                    "sold_at": sold_at,
                    "business_date": day,
                    "week_start": day - timedelta(days=day.weekday()),
                    "quantity": units,
                    "net_sales": units * (1.5 + item / 10 + (0.5 if day.month > 4 else 0.0)),
                    "retail_discount": 0.0,
                    "coupon_match_discount": 0.0,
                    "merchandise": item != 1,
                }
            )
    table = pa.Table.from_pylist(rows)
    return table.set_column(4, "sold_at", table.column("sold_at").cast(pa.timestamp("us", "UTC")))


def _lake(folder: Path, sales: pa.Table) -> DeltaLake:
    lake = DeltaLake(folder, threads=1)
    lake.replace("products", _products())
    lake.replace("sales_lines", sales)
    return lake


@pytest.fixture(scope="module")
def sales() -> pa.Table:
    return _sales()


@pytest.fixture(scope="module")
def world(tmp_path_factory, sales) -> DeltaLake:
    return _lake(tmp_path_factory.mktemp("lake"), sales)


@pytest.fixture(scope="module")
def feeds(world) -> dict[str, pa.Table]:
    return simulated(world)


def test_columns_are_those_of_the_page_and_every_row_is_marked(feeds, project_root):
    page = (project_root / "docs" / "vocabulary.md").read_text(encoding="utf-8")
    assert set(feeds) == set(SIMULATED_TABLES)
    for name, rows in feeds.items():
        cell = re.search(rf"\| `{name}` \| ([^|]*) \| ([^|]*) \|", page)
        listed = re.sub(r"\([^)]*\)", "", cell.group(2)).replace("the key", cell.group(1))
        assert rows.column_names == [*re.findall(r"[a-z]+_?[a-z_]*", listed), "simulated", "source"], name
        assert {field.name: field.type for field in rows.schema} == {column: TYPES[column] for column in rows.column_names}
        assert rows.num_rows > 0
        assert pc.all(rows.column("simulated")).as_py()
        assert pc.unique(rows.column("source")).to_pylist() == ["simulated"]


def test_keys_are_unique_and_values_in_range(feeds):
    keys = {
        "lead_times": ["supplier_id"],
        "purchase_costs": ["product_id", "valid_from"],
        "stock_levels": ["product_id", "store_id", "week_start"],
        "session_events": ["event_id"],
    }
    for name, key in keys.items():
        assert feeds[name].group_by(key).aggregate([]).num_rows == feeds[name].num_rows
    stock = feeds["stock_levels"]
    assert pc.min(stock.column("stock_on_hand_units")).as_py() >= 0
    assert pc.min_max(stock.column("stock_out_days")).as_py() == {"min": 0.0, "max": 7.0}
    assert {day.weekday() for day in stock.column("week_start").to_pylist()} == {0}
    lead = feeds["lead_times"]
    assert lead.num_rows == 5
    assert pc.min(lead.column("lead_time_days")).as_py() >= 1
    assert pc.min(lead.column("review_period_days")).as_py() >= 1
    assert pc.min(feeds["purchase_costs"].column("unit_cost")).as_py() > 0


def test_what_is_no_merchandise_or_was_never_sold_is_in_no_feed(feeds):
    for name in ("purchase_costs", "stock_levels", "session_events"):
        named = set(feeds[name].column("product_id").to_pylist()) - {None}
        assert "p01" not in named
        assert "p00" not in named
        assert "p02" in named


def test_the_same_lake_and_seed_give_the_same_rows_in_the_same_order(world, feeds, sales, tmp_path):
    shuffled = sales.take(pa.array(np.random.default_rng(1).permutation(sales.num_rows)))
    again = simulated(_lake(tmp_path / "shuffled", shuffled))
    for name in SIMULATED_TABLES:
        assert again[name].equals(feeds[name]), name
    other = simulated(world, seed=2)
    assert not any(other[name].equals(feeds[name]) for name in SIMULATED_TABLES)


@pytest.mark.parametrize("weeks", [6, 17, 29])
def test_later_sales_change_no_earlier_row(feeds, sales, tmp_path, weeks):
    last = FIRST + timedelta(days=weeks * 7 - 1)
    before = simulated(_lake(tmp_path, sales.filter(pc.less_equal(sales.column("business_date"), pa.scalar(last)))))
    assert before["lead_times"].equals(feeds["lead_times"])
    for name, clock in (("stock_levels", "week_start"), ("purchase_costs", "valid_from"), ("session_events", "business_date")):
        known = feeds[name].filter(pc.less_equal(feeds[name].column(clock), pa.scalar(last)))
        assert before[name].equals(known), name
        assert known.num_rows < feeds[name].num_rows or name == "purchase_costs"


def test_planted_future_sales_of_new_products_change_no_earlier_row(feeds, sales, tmp_path):
    day = FIRST + timedelta(days=WEEKS * 7 + 3)
    planted = sales.slice(0, 500)
    values = {"business_date": day, "week_start": day - timedelta(days=3), "product_id": "p00", "quantity": 50.0}
    for name, value in values.items():
        place = planted.schema.get_field_index(name)
        planted = planted.set_column(place, name, pa.repeat(pa.scalar(value, planted.schema.field(name).type), planted.num_rows))
    moved = pa.array([datetime(day.year, day.month, day.day, 20, tzinfo=UTC)] * 500, pa.timestamp("us", "UTC"))
    planted = planted.set_column(4, "sold_at", moved).set_column(0, "basket_id", pa.array([f"future{i}" for i in range(500)]))
    after = simulated(_lake(tmp_path, pa.concat_tables([sales, planted])))
    last = FIRST + timedelta(days=WEEKS * 7 - 1)
    for name, clock in (("stock_levels", "week_start"), ("session_events", "business_date")):
        assert after[name].filter(pc.less_equal(after[name].column(clock), pa.scalar(last))).equals(feeds[name]), name
        assert after[name].num_rows > feeds[name].num_rows


def test_carts_imply_an_earlier_view_and_searches_have_words(feeds):
    viewed: dict[tuple[str, str], datetime] = {}
    counts = dict.fromkeys(("view", "cart", "search"), 0)
    for row in feeds["session_events"].to_pylist():
        counts[row["event_type"]] += 1
        key = (row["session_id"], row["product_id"])
        if row["event_type"] == "view":
            viewed.setdefault(key, row["happened_at"])
        elif row["event_type"] == "cart":
            assert viewed[key] < row["happened_at"]
        else:
            assert row["product_id"] is None
            assert re.fullmatch(r"[a-z0-9 ]{1,200}", row["query"])
        assert (row["query"] is None) == (row["event_type"] != "search")
    assert min(counts.values()) > 20


def test_sessions_before_a_basket_lie_within_its_day_and_others_after_it(feeds, sales):
    baskets = {row["basket_id"]: row for row in sales.to_pylist()}
    kinds: dict[str, set[str]] = {"before": set(), "browse": set()}
    for row in feeds["session_events"].to_pylist():
        kind, basket_id = row["session_id"].split("-")
        basket = baskets[basket_id]
        kinds[kind].add(row["session_id"])
        assert row["store_id"] == basket["store_id"]
        assert row["household_id"] in (None, basket["household_id"])
        assert row["business_date"] == row["happened_at"].astimezone(ZONE).date()
        if kind == "before":
            assert row["happened_at"] < basket["sold_at"]
            assert row["business_date"] == basket["business_date"]
        else:
            assert row["happened_at"] > basket["sold_at"]
    assert len(kinds["before"]) > 40
    assert len(kinds["browse"]) > 25


def test_what_is_viewed_was_in_the_basket_or_is_a_known_alternative_of_its_type(feeds, sales):
    types = dict(zip(*(_products().column(name).to_pylist() for name in ("product_id", "product_type")), strict=True))
    held: dict[str, set[str]] = {}
    first_sold: dict[str, date] = {}
    for row in sales.to_pylist():
        held.setdefault(row["basket_id"], set()).add(row["product_id"])
        if row["quantity"] > 0 and row["merchandise"]:
            first_sold[row["product_id"]] = min(first_sold.get(row["product_id"], row["business_date"]), row["business_date"])
    alternatives = 0
    for row in feeds["session_events"].to_pylist():
        if row["event_type"] == "search":
            continue
        basket = held[row["session_id"].split("-")[1]]
        if row["product_id"] not in basket:
            alternatives += 1
            assert row["event_type"] == "view"
            assert types[row["product_id"]] in {types[product] for product in basket}
            assert first_sold[row["product_id"]] < row["business_date"]
    assert alternatives > 30


def test_costs_follow_prices_by_quarter(feeds):
    costs: dict[str, list[tuple[date, float]]] = {}
    for row in feeds["purchase_costs"].to_pylist():
        costs.setdefault(row["product_id"], []).append((row["valid_from"], row["unit_cost"]))
    for product, rows in costs.items():
        days = [day for day, _ in rows]
        assert days[0] < FIRST + timedelta(days=60)
        # prices rise in May: the first quarter's mean equals the first day's price, so only July brings a new cost
        assert days[1:] == [date(2017, 7, 1)], product
        price = 1.5 + int(product[1:]) / 10
        assert 0.5 * price < rows[0][1] < 0.85 * price
        assert rows[1][1] > rows[0][1] * 1.02


def test_a_lake_without_sales_gives_empty_feeds(sales, tmp_path):
    feeds = simulated(_lake(tmp_path, sales.slice(0, 0)))
    assert {name: rows.num_rows for name, rows in feeds.items()} == {
        "lead_times": 5,
        "purchase_costs": 0,
        "stock_levels": 0,
        "session_events": 0,
    }
    for rows in feeds.values():
        assert {field.name: field.type for field in rows.schema} == {column: TYPES[column] for column in rows.column_names}
