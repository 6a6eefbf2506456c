"""Plans and events of weeks to come against an oracle that walks over rows and days, and against what was announced later."""

import time
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from features.known_future import EVENT_KINDS, event_columns, planned_price_matrix, store_event_columns
from ingest import contract_of
from lake.delta_lake import DeltaLake
from tests.known_future_worlds import AS_OF, HORIZON, PRODUCTS, STORES, WEEKS, known_future_lake, write_known_future
from tests.planted_future import plant_future
from tests.tiny_retailer import build_tiny_lake

SEEDS = (1, 2, 3, 4)
CHAIN = pa.table({"product_id": PRODUCTS})
SHELVES = pa.table({"product_id": [p for p in PRODUCTS for _ in STORES], "store_id": STORES * len(PRODUCTS)})
COLUMNS = [WEEKS[0] + timedelta(days=7 * number) for number in range(len(WEEKS) + HORIZON)]
SELLING = STORES[:3]


@pytest.fixture(scope="module", params=SEEDS)
def lake(request, tmp_path_factory) -> DeltaLake:
    return known_future_lake(tmp_path_factory.mktemp("lake"), request.param)


def known_by(week: date, as_of: date) -> date:
    return min(week - timedelta(days=1), as_of) if week <= WEEKS[-1] else as_of


def price_at(rows, product, store, week, as_of):
    """The price in one store: the last word, and of two on one day the store's own."""
    heard = [
        row for row in rows
        if (row["product_id"], row["week_start"]) == (product, week) and row["store_id"] in (None, store)
        and row["announced_on"] <= known_by(week, as_of)
    ]  # fmt: skip
    last = max(heard, key=lambda row: (row["announced_on"], row["store_id"] is not None), default=None)
    return last and last["planned_price"]


def chain_price(rows, product, week, as_of):
    heard = [
        r for r in rows if (r["product_id"], r["week_start"]) == (product, week) and r["announced_on"] <= known_by(week, as_of)
    ]
    stores = {row["store_id"] for row in heard if row["store_id"]}
    if any(row["store_id"] is None for row in heard):
        stores |= set(SELLING)
    prices = [price_at(heard, product, store, week, as_of) for store in stores]
    return sum(prices) / len(prices) if prices else np.nan


def test_the_plan_of_a_store_equals_an_oracle_over_rows(lake):
    rows = lake.arrow("planned_prices").to_pylist()
    found = planned_price_matrix(lake, SHELVES, WEEKS, AS_OF)
    expected = [
        [price_at(rows, shelf["product_id"], shelf["store_id"], week, AS_OF) for week in COLUMNS] for shelf in SHELVES.to_pylist()
    ]
    assert (found.dtype, found.shape) == (np.float32, (24, 18))
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float32))
    assert 0.2 < np.isnan(found).mean() < 0.9


def test_the_plan_of_the_chain_is_the_mean_of_its_stores(lake):
    rows = lake.arrow("planned_prices").to_pylist()
    found = planned_price_matrix(lake, CHAIN, WEEKS, AS_OF)
    expected = [[chain_price(rows, product, week, AS_OF) for week in COLUMNS] for product in PRODUCTS]
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-6)
    assert (~np.isnan(found[:, : len(WEEKS)])).sum() > 10
    assert (~np.isnan(found[:, len(WEEKS) :])).sum() > 20


@pytest.mark.parametrize("back", [0, 1, 6, 13, 50])
def test_an_earlier_day_knows_what_it_knew(lake, back):
    as_of = AS_OF - timedelta(days=back)
    rows = lake.arrow("planned_prices").to_pylist()
    found = planned_price_matrix(lake, SHELVES, WEEKS, as_of, HORIZON)
    expected = [
        [price_at(rows, shelf["product_id"], shelf["store_id"], week, as_of) for week in COLUMNS] for shelf in SHELVES.to_pylist()
    ]
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float32))


def takes_place(rows, kind, store, week, as_of) -> bool:
    """Whether one event of a kind is known in a store and week: each event's last announcement counts."""
    last: dict = {}
    for row in sorted(rows, key=lambda row: row["announced_on"]):
        if row["announced_on"] <= known_by(week, as_of) and row["store_id"] in (None, store):
            last[row["event_id"], row["store_id"]] = row
    days = {week + timedelta(days=number) for number in range(7)}
    return any(row["kind"] == kind and any(row["first_day"] <= day <= row["last_day"] for day in days) for row in last.values())


def test_events_equal_an_oracle_over_days(lake):
    rows = lake.arrow("calendar_events").to_pylist()
    chain = event_columns(lake, WEEKS, AS_OF)
    stores = store_event_columns(lake, STORES, WEEKS, AS_OF)
    assert list(chain) == list(stores) == [f"event_{kind}" for kind in EVENT_KINDS]
    for kind in EVENT_KINDS:
        expected = np.array([[takes_place(rows, kind, store, week, AS_OF) for week in COLUMNS] for store in STORES])
        np.testing.assert_array_equal(stores[f"event_{kind}"], expected.astype(np.float32))
        np.testing.assert_allclose(chain[f"event_{kind}"], expected[:3].mean(axis=0), rtol=1e-6)
        assert (stores[f"event_{kind}"].dtype, chain[f"event_{kind}"].dtype, expected.any()) == (np.float32, np.float32, True)


def everything(lake, as_of=AS_OF):
    return [
        planned_price_matrix(lake, CHAIN, WEEKS, as_of),
        planned_price_matrix(lake, SHELVES, WEEKS, as_of),
        *event_columns(lake, WEEKS, as_of).values(),
        *store_event_columns(lake, STORES, WEEKS, as_of).values(),
    ]


@pytest.mark.requirement("R-DAT-06")
def test_what_is_announced_later_changes_nothing(tmp_path):
    lake = build_tiny_lake(tmp_path)
    write_known_future(lake, 7)
    before = everything(lake)
    later = AS_OF + timedelta(days=1)
    for name in ("planned_prices", "calendar_events"):
        rows = lake.arrow(name)
        known = {"announced_on": later, "planned_price": 99.0, "kind": "closure"}
        planted = [{**row, **{key: value for key, value in known.items() if key in row}} for row in rows.to_pylist()]
        lake.append(name, pa.Table.from_pylist(planted, rows.schema))
    planted = plant_future(lake, AS_OF)
    assert (planted["planned_prices"], planted["calendar_events"], planted["sales_lines"]) == (2, 2, 4)
    for old, new in zip(before, everything(lake), strict=True):
        np.testing.assert_array_equal(old, new)
    known = everything(lake, later)
    assert not np.array_equal(before[1][:, len(WEEKS) :], known[1][:, len(WEEKS) :], equal_nan=True)
    np.testing.assert_array_equal(before[1][:, : len(WEEKS)], known[1][:, : len(WEEKS)])


@pytest.mark.parametrize("empty", [False, True])
def test_a_retailer_without_plan_and_calendar(tmp_path, empty):
    lake = known_future_lake(tmp_path / "full", 1)
    bare = DeltaLake(tmp_path / "bare", threads=1)
    bare.replace("sales_lines", lake.arrow("sales_lines"))
    for name in ("planned_prices", "calendar_events") if empty else ():
        bare.replace(name, lake.arrow(name).slice(0, 0))
    chain, shelves, *events = everything(bare)
    assert np.isnan(chain).all()
    assert np.isnan(shelves).all()
    assert (chain.shape, shelves.shape, {part.shape for part in events}) == ((6, 18), (24, 18), {(18,), (4, 18)})
    assert not any(part.any() for part in events)


def test_a_price_for_every_store_weighs_as_many_stores_as_do_not_name_their_own(tmp_path):
    lake = known_future_lake(tmp_path, 1)
    row = lake.arrow("planned_prices").to_pylist()[0] | {"product_id": "p0", "week_start": COLUMNS[12], "announced_on": AS_OF}
    plans = [row | {"store_id": None, "planned_price": 2.0}, row | {"store_id": "s1", "planned_price": 1.4}]
    schema = lake.arrow("planned_prices").schema

    def planned(rows):
        lake.replace("planned_prices", pa.Table.from_pylist(rows, schema))
        return planned_price_matrix(lake, CHAIN, WEEKS, AS_OF)[0, 12]

    assert planned(plans) == pytest.approx((1.4 + 2.0 + 2.0) / 3)
    assert planned(plans[1:]) == pytest.approx(1.4)
    assert planned(plans[:1]) == pytest.approx(2.0)
    # the price for every store comes later and takes the store's own with it
    plans[1]["announced_on"] -= timedelta(days=1)
    assert planned(plans) == pytest.approx(2.0)
    lake.replace("sales_lines", lake.arrow("sales_lines").slice(0, 0))
    assert planned(plans[:1]) == pytest.approx(2.0)


def test_kinds_are_those_of_the_contract():
    (allowed,) = [rule for rule in contract_of("calendar_events").rules if rule.id == "kind.allowed"]
    assert allowed.when[0].value == (*EVENT_KINDS, "called_off")


def test_a_large_plan_takes_seconds_at_most(tmp_path):
    """Half a million announcements: nothing walks over them one by one."""
    products, weeks = [f"p{number:04d}" for number in range(2000)], COLUMNS
    chance = np.random.default_rng(1)
    count = len(products) * len(weeks) * 14
    row = np.arange(count)
    table = pa.table(
        {
            "product_id": pa.array(products).take(pa.array(row % len(products))),
            "store_id": pa.array([*STORES, None]).take(pa.array(row % 5)),
            "week_start": pa.array(weeks, pa.date32()).take(pa.array(row // len(products) % len(weeks))),
            "planned_price": chance.uniform(1, 5, count),
            "announced_on": pa.array([AS_OF - timedelta(days=n) for n in range(14)], pa.date32()).take(
                pa.array(row // (len(products) * len(weeks)))
            ),
        }
    )
    lake = known_future_lake(tmp_path, 1)
    lake.replace("planned_prices", table)
    started = time.perf_counter()
    found = planned_price_matrix(lake, pa.table({"product_id": products}), WEEKS, AS_OF)
    assert time.perf_counter() - started < 10
    assert not np.isnan(found[:, len(WEEKS) :]).any()
