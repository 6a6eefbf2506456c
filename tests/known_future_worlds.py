"""Plans and calendars drawn at random: announced early, late, anew, for one store or for all, and called off."""

import random
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from lake.delta_lake import DeltaLake

__all__ = [
    "AS_OF",
    "HORIZON",
    "PRODUCTS",
    "STORES",
    "WEEKS",
    "event_table",
    "known_future_lake",
    "price_table",
    "write_known_future",
]

FIRST_MONDAY = date(2024, 1, 1)
WEEKS = tuple(FIRST_MONDAY + timedelta(days=7 * number) for number in range(10))
HORIZON = 8
AS_OF = WEEKS[-1] + timedelta(days=8)
"""The Tuesday after the last complete week: the running week is the first one to come."""
PRODUCTS = [f"p{number}" for number in range(6)]
STORES = ["s1", "s2", "s3", "s4"]
"""The last one sells nothing until `AS_OF` has passed."""
STAMP = {"simulated": False, "source": "drawn"}
MARKS = [("simulated", pa.bool_()), ("source", pa.string())]
PRICE_SCHEMA = pa.schema(
    [("product_id", pa.string()), ("store_id", pa.string()), ("week_start", pa.date32()), ("planned_price", pa.float64()),
     ("announced_on", pa.date32()), *MARKS]
)  # fmt: skip
EVENT_SCHEMA = pa.schema(
    [("event_id", pa.string()), ("name", pa.string()), ("kind", pa.string()), ("first_day", pa.date32()),
     ("last_day", pa.date32()), ("store_id", pa.string()), ("announced_on", pa.date32()), *MARKS]
)  # fmt: skip
KINDS = ("holiday", "school_holidays", "local_event", "closure", "other", "called_off")


def price_table(seed: int, count: int = 400) -> pa.Table:
    chance, rows = random.Random(seed), {}
    for _ in range(count):
        week = FIRST_MONDAY + timedelta(days=7 * chance.randrange(-2, 22))
        key = (chance.choice([*PRODUCTS, "unsold"]), chance.choice([None, None, *STORES]), week, _day(chance, -30, 100))
        rows[key] = round(chance.uniform(0.5, 9.0), 2)
    names = ("product_id", "store_id", "week_start", "announced_on")
    table = [{**dict(zip(names, key, strict=True)), "planned_price": price, **STAMP} for key, price in rows.items()]
    return pa.Table.from_pylist(table, PRICE_SCHEMA)


def event_table(seed: int, count: int = 120) -> pa.Table:
    chance, rows = random.Random(seed), {}
    for _ in range(count):
        event, store = f"e{chance.randrange(25)}", chance.choice([None, *STORES])
        first = _day(chance, -30, 150)
        rows[event, store, _day(chance, -30, 100)] = {
            "kind": chance.choice(KINDS), "first_day": first, "last_day": first + timedelta(days=chance.randrange(21)),
        }  # fmt: skip
    names = ("event_id", "store_id", "announced_on")
    table = [{**dict(zip(names, key, strict=True)), **row, "name": "Fair", **STAMP} for key, row in rows.items()]
    return pa.Table.from_pylist(table, EVENT_SCHEMA)


def known_future_lake(folder: Path, seed: int) -> DeltaLake:
    """A lake in which three of the four stores have sold by `AS_OF`."""
    lake = DeltaLake(folder, threads=1)
    days = [AS_OF - timedelta(days=20), AS_OF, WEEKS[0], AS_OF + timedelta(days=1)]
    lake.replace("sales_lines", pa.table({"store_id": STORES, "business_date": pa.array(days, pa.date32())}))
    write_known_future(lake, seed)
    return lake


def write_known_future(lake: DeltaLake, seed: int) -> None:
    lake.replace("planned_prices", price_table(seed))
    lake.replace("calendar_events", event_table(seed))


def _day(chance: random.Random, start: int, end: int) -> date:
    return FIRST_MONDAY + timedelta(days=chance.randrange(start, end))
