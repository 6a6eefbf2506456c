"""A small chain of eight stores in which products go, pause, come, run out and are promoted on days that are known."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from lake.delta_lake import DeltaLake

FIRST_DAY = date(2024, 1, 1)
WEEKS = 44
AS_OF = FIRST_DAY + timedelta(days=7 * WEEKS - 1)
HOUSEHOLDS = 30
STORES = 8
GONE_ON, AWAY = 200, (150, 184)
"""`gone` is last on sale the day before; `away` is missing on these days, both included; `new` comes when `gone` goes."""
PRODUCTS = {
    "gone": ("DRINKS", "JUICE"), "new": ("DRINKS", "JUICE"), "juice": ("DRINKS", "JUICE"), "away": ("DRINKS", "WATER"),
    "water": ("DRINKS", "WATER"), "pasta": ("GROCERY", "PASTA"), "penne": ("GROCERY", "PASTA"), "sauce": ("GROCERY", "SAUCE"),
    "pesto": ("GROCERY", "SAUCE"), "bread": ("BAKERY", "BREAD"), "rolls": ("BAKERY", "BREAD"), "odd": ("BAKERY", None),
    "fuel": ("FUEL", "FUEL"),
}  # fmt: skip
NAMES = sorted(PRODUCTS)
LINES = pa.schema(
    [
        *((name, pa.string()) for name in ("basket_id", "product_id", "household_id", "store_id")),
        ("sold_at", pa.timestamp("us", "UTC")),
        ("business_date", pa.date32()),
        ("week_start", pa.date32()),
        *((name, pa.float64()) for name in ("quantity", "net_sales", "retail_discount")),
        ("merchandise", pa.bool_()),
        ("simulated", pa.bool_()),
    ]
)
STOCK = pa.schema(
    [("product_id", pa.string()), ("store_id", pa.string()), ("week_start", pa.date32()), ("stock_out_days", pa.float64()),
     ("simulated", pa.bool_())]
)  # fmt: skip
PROMOTED = pa.schema(
    [("product_id", pa.string()), ("store_id", pa.string()), ("week_start", pa.date32()), ("display_location", pa.string()),
     ("mailer_location", pa.string())]
)  # fmt: skip
CLUSTERS = pa.table({"store_id": [f"s{n}" for n in range(STORES)], "cluster_id": [f"cluster-{1 + n % 2}" for n in range(STORES)]})
SEGMENTS = pa.table(
    {"household_id": [f"h{n:02d}" for n in range(HOUSEHOLDS - 3)], "segment_id": [f"g{n % 2}" for n in range(HOUSEHOLDS - 3)]}
)


def line_rows(seed: int = 1, trips_a_week: int = 3) -> list[dict]:
    random = np.random.default_rng(seed)
    taste = random.gamma(0.7, size=(HOUSEHOLDS, len(NAMES)))
    rows = []
    for number in range(HOUSEHOLDS * WEEKS * trips_a_week):
        household, day = int(random.integers(HOUSEHOLDS)), int(random.integers(7 * WEEKS))
        weight = taste[household] * np.array([on_sale(name, day) for name in NAMES])
        chosen = random.choice(len(NAMES), random.integers(1, 6), replace=False, p=weight / weight.sum())
        rows += [
            line(f"b{number:05d}", NAMES[at], f"h{household:02d}", f"s{random.integers(STORES)}" if household % 5 else "s0", day)
            for at in chosen.tolist()
        ]
    first = {}
    # a basket is bought in one store
    return [{**row, "store_id": first.setdefault(row["basket_id"], row["store_id"])} for row in rows]


def on_sale(name: str, day: int) -> float:
    sold = {"gone": day < GONE_ON, "new": day >= GONE_ON, "away": not AWAY[0] <= day <= AWAY[1]}
    return float(sold.get(name, True)) + 1e-12


def line(basket: str, product: str, household: str, store: str, day_number: int, *, quantity: float = 1.0) -> dict:
    day = FIRST_DAY + timedelta(days=day_number)
    monday = day - timedelta(days=day.weekday())
    price = 1.0 + 0.25 * NAMES.index(product)
    cheap = product == "bread" and monday in CHEAP_WEEKS
    return {
        "basket_id": basket, "product_id": product, "household_id": household, "store_id": store,
        "sold_at": datetime.combine(day, time(9 + int(basket[1:]) % 10, int(basket[1:]) % 60), UTC),
        "business_date": day, "week_start": monday,
        "quantity": quantity, "net_sales": quantity * price * (0.6 if cheap else 1.0),
        "retail_discount": quantity * price * 0.4 if cheap else 0.0, "merchandise": product != "fuel", "simulated": False,
    }  # fmt: skip


def week(number: int) -> date:
    return FIRST_DAY + timedelta(days=7 * number)


CHEAP_WEEKS = {week(20), week(21)}
OUT_WEEKS = (10, 11, 30)
"""Weeks in which `juice` is out of stock in s0."""
MAILER_WEEKS = (5, 6, 7, 25)
"""Weeks in which `pasta` is in the mailer of every store; `sauce` is on display in one store alone."""


def write_sales(folder: Path, rows: list[dict], products: dict[str, tuple[str, str | None]]) -> DeltaLake:
    """Write lines, and products by their department and category."""
    lake = DeltaLake(folder, threads=1)
    lake.replace("sales_lines", pa.Table.from_pylist(rows, LINES))
    names = sorted(products)
    columns = {
        "product_id": names,
        "department": [products[name][0] for name in names],
        "category": [products[name][1] for name in names],
    }
    lake.replace("products", pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))
    return lake


def write_chain(folder: Path, rows: list[dict] | None = None) -> DeltaLake:
    lake = write_sales(folder, line_rows() if rows is None else rows, PRODUCTS)
    out = [
        {
            "product_id": "juice",
            "store_id": "s0",
            "week_start": week(n),
            "stock_out_days": 2.0 if n in OUT_WEEKS else 0.0,
            "simulated": True,
        }
        for n in range(WEEKS)
    ]
    lake.replace("stock_levels", pa.Table.from_pylist(out, STOCK))
    mailers = [
        {"product_id": "pasta", "store_id": f"s{store}", "week_start": week(n), "display_location": None, "mailer_location": "A"}
        for n in MAILER_WEEKS
        for store in range(STORES)
    ]
    display = {"product_id": "sauce", "store_id": "s1", "week_start": week(8), "display_location": "5", "mailer_location": None}
    lake.replace("promotion_weeks", pa.Table.from_pylist([*mailers, display], PROMOTED))
    return lake
