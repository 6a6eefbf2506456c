"""Small shops whose trips are written down by hand, and counts over them made with plain Python."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from pathlib import Path

import pyarrow as pa

from lake.delta_lake import DeltaLake

FIRST_DAY = date(2024, 1, 1)
LINES = pa.schema(
    [
        ("basket_id", pa.string()),
        ("product_id", pa.string()),
        ("household_id", pa.string()),
        ("store_id", pa.string()),
        ("sold_at", pa.timestamp("us", "UTC")),
        ("business_date", pa.date32()),
        ("week_start", pa.date32()),
        ("quantity", pa.float64()),
        ("net_sales", pa.float64()),
        ("retail_discount", pa.float64()),
        ("merchandise", pa.bool_()),
    ]
)
PRODUCTS = pa.schema(
    [
        (name, pa.string())
        for name in ("product_id", "department", "category", "product_type", "supplier_id", "brand", "size", "name")
    ]
)

CATALOGUE = {
    "cola_a": ("DRINKS", "COLA"),
    "cola_b": ("DRINKS", "COLA"),
    "lemonade": ("DRINKS", "LEMONADE"),
    "pasta": ("PASTA", "SPAGHETTI"),
    "sauce": ("SAUCES", "TOMATO"),
    "bread": ("BREAD", "WHITE"),
    "soap": (None, None),
}
LAST_DAY = 97

Trip = tuple[int, str, tuple[str, ...]]
"""Day number, household, products."""


def planted_trips() -> list[Trip]:
    """Ten households: colas in turn, pasta with sauce every second week, bread and soap whenever."""
    trips = []
    for number in range(10):
        for week in range(14):
            day, name = week * 7 + number % 7, f"h{number}"
            cola = "cola_a" if (week + number) % 2 else "cola_b"
            dinner = ("pasta", "sauce") if week % 2 == number % 2 else ("soap",)
            trips.append((day, name, (cola, *dinner)))
            trips.append(
                (
                    day + 1 if number % 7 < 6 else day,
                    name,
                    ("bread", "lemonade") if (week + number) % 5 == 0 else ("bread", "soap"),
                )
            )
    return [trip for trip in trips if trip[0] <= LAST_DAY]


def line_rows(trips: list[Trip], *, prefix: str = "b", merchandise: bool = True, quantity: float = 1.0) -> list[dict]:
    rows = []
    for number, (day_number, household, products) in enumerate(trips):
        day = FIRST_DAY + timedelta(days=day_number)
        for product in products:
            rows.append(
                {
                    "basket_id": f"{prefix}{number:05d}",
                    "product_id": product,
                    "household_id": household,
                    "store_id": "s",
                    "sold_at": datetime.combine(day, time(12), UTC),
                    "business_date": day,
                    "week_start": day - timedelta(days=day.weekday()),
                    "quantity": quantity,
                    "net_sales": 2.0 * quantity,
                    "retail_discount": 0.0,
                    "merchandise": merchandise,
                }
            )
    return rows


def write_world(
    folder: Path, rows: list[dict], catalogue: dict[str, tuple[str | None, str | None]], names: dict[str, str] | None = None
) -> DeltaLake:
    """Write sales_lines and products: `catalogue` gives category and type by product, `names` its name where it has one."""
    lake = DeltaLake(folder, threads=1)
    lake.replace("sales_lines", pa.Table.from_pylist(rows, LINES))
    described = [
        {
            "product_id": product,
            "category": category,
            "product_type": kind,
            "department": None,
            "supplier_id": None,
            "brand": "National",
            "size": None,
            "name": (names or {}).get(product),
        }
        for product, (category, kind) in sorted(catalogue.items())
    ]
    lake.replace("products", pa.Table.from_pylist(described, PRODUCTS))
    return lake


def pairs_by_hand(trips: list[Trip]) -> dict[tuple[str, str], tuple[int, int, date, date]]:
    """Count baskets, households, first and last day of every pair, one trip at a time."""
    met = defaultdict(list)
    for day, household, products in trips:
        for pair in combinations(sorted(products), 2):
            met[pair].append((FIRST_DAY + timedelta(days=day), household))
    return {
        pair: (len(found), len({household for _, household in found}), min(found)[0], max(found)[0])
        for pair, found in met.items()
    }
