"""A small shop whose truth is known: pasta and sauce go together, cola A and cola B replace each other."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from lake.delta_lake import DeltaLake

FIRST_MONDAY = date(2024, 1, 1)
WEEKS = 40
AS_OF = FIRST_MONDAY + timedelta(days=7 * WEEKS - 1)
HOUSEHOLDS = 80
STORES = 3
CATALOGUE = (
    # id, supplier, department, category, type, brand, size, base rate
    ("cola_a", "s1", "DRINKS", "SOFT DRINKS", "COLA", "National", "1 L", 0.0),
    ("cola_b", "s2", "DRINKS", "SOFT DRINKS", "COLA", "Private", "1 L", 0.0),
    ("lemonade", "s1", "DRINKS", "SOFT DRINKS", "LEMONADE", "National", "1 L", 0.15),
    ("pasta", "s3", "GROCERY", "PASTA", "SPAGHETTI", "National", "500 G", 0.35),
    ("penne", "s3", "GROCERY", "PASTA", "PENNE", "National", "500 G", 0.15),
    ("sauce", "s4", "GROCERY", "SAUCES", "TOMATO SAUCE", "National", "400 G", 0.04),
    ("pesto", "s4", "GROCERY", "SAUCES", "PESTO", "Private", "200 G", 0.1),
    ("milk", "s5", "DAIRY", "MILK", "FLUID MILK", "Private", "1 GA", 0.6),
    ("yoghurt", "s5", "DAIRY", "YOGHURT", "PLAIN", "National", "6 OZ", 0.25),
    ("butter", "s5", "DAIRY", "BUTTER", "SALTED", "National", "1 LB", 0.2),
    ("bread", "s6", "BAKERY", "BREAD", "WHITE", "Private", None, 0.5),
    ("rolls", "s6", "BAKERY", "BREAD", None, "National", None, 0.2),
    ("soap", "s7", "HOME", "CLEANING", "SOAP", "National", "3 CT", 0.08),
    ("mystery", "s7", "HOME", None, None, "National", None, 0.05),
    ("fuel", "s8", "FUEL", "FUEL", "REGULAR", "National", None, 0.1),
)
PRICES = {row[0]: 1.0 + 0.4 * position for position, row in enumerate(CATALOGUE)}
LINE_TYPES = pa.schema(
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
        ("coupon_discount", pa.float64()),
        ("coupon_match_discount", pa.float64()),
        ("merchandise", pa.bool_()),
        ("simulated", pa.bool_()),
        ("source", pa.string()),
    ]
)
STAMP = {"simulated": False, "source": "tiny"}


def household(number: int) -> str:
    return f"hh_{number:020x}"


def build_tiny_lake(folder: Path, seed: int = 5) -> DeltaLake:
    """Write every table of the vocabulary that a shop must have, with 40 weeks of sales."""
    lake = DeltaLake(folder, threads=1)
    lake.replace("sales_lines", pa.Table.from_pylist(_lines(seed), LINE_TYPES))
    lake.replace("products", _products())
    lake.replace(
        "stores",
        pa.table(
            {
                "store_id": [f"st{n}" for n in range(STORES)],
                "name": ["North", None, "South"],
                "country": [None, "UK", "UK"],
                **_stamps(STORES),
            },
            _strings("store_id", "name", "country"),
        ),
    )
    lake.replace("households", _households())
    lake.replace("promotion_weeks", _promotions())
    _campaigns(lake)
    return lake


def future_lines(first: int = 1) -> list[dict[str, object]]:
    """Facts after `AS_OF`: a basket that pairs two products as never before, and sells far more of them."""
    day = AS_OF + timedelta(days=first)
    return [_line(f"future-{n}", product, household(n), "st0", day, 50.0) for n in range(60) for product in ("soap", "yoghurt")]


def append_lines(lake: DeltaLake, lines: list[dict[str, object]]) -> None:
    lake.append("sales_lines", pa.Table.from_pylist(lines, LINE_TYPES))


def _lines(seed: int) -> list[dict[str, object]]:
    random = np.random.default_rng(seed)
    prefers_b = random.random(HOUSEHOLDS) < 0.4
    tastes = random.uniform(0.4, 1.6, (HOUSEHOLDS, len(CATALOGUE)))
    lines: list[dict[str, object]] = []
    for week in range(WEEKS):
        for number in range(HOUSEHOLDS):
            if random.random() > 0.8:
                continue
            day = FIRST_MONDAY + timedelta(days=7 * week + int(random.integers(7)))
            chosen = [row[0] for row, taste in zip(CATALOGUE, tastes[number], strict=True) if random.random() < row[7] * taste]
            if random.random() < 0.45:
                switched = random.random() < 0.25
                chosen.append("cola_b" if prefers_b[number] != switched else "cola_a")
            if "pasta" in chosen and random.random() < 0.6 and "sauce" not in chosen:
                chosen.append("sauce")
            basket = f"b{week:02d}-{number:03d}"
            store = f"st{number % STORES}"
            lines.extend(
                _line(basket, p, household(number), store, day, float(random.integers(1, 4))) for p in dict.fromkeys(chosen)
            )
    return lines


def _line(basket: str, product: str, household_id: str, store: str, day: date, quantity: float) -> dict[str, object]:
    price, week_start = PRICES[product], day - timedelta(days=day.weekday())
    return {
        "basket_id": basket, "product_id": product, "household_id": household_id, "store_id": store,
        "sold_at": datetime.combine(day, time(15, 30), UTC), "business_date": day, "week_start": week_start,
        "quantity": quantity, "net_sales": round(price * quantity, 2), "retail_discount": 0.0, "coupon_discount": 0.0,
        "coupon_match_discount": 0.0, "merchandise": product != "fuel", **STAMP,
    }  # fmt: skip


def _products() -> pa.Table:
    names = ("product_id", "supplier_id", "department", "category", "product_type", "brand", "size")
    columns = {name: [row[position] for row in CATALOGUE] for position, name in enumerate(names)}
    columns["name"] = [None] * len(CATALOGUE)
    columns["merchandise"] = [row[0] != "fuel" for row in CATALOGUE]
    schema = pa.schema(
        [*(pa.field(name, pa.string()) for name in (*names, "name")), ("merchandise", pa.bool_()), *_stamp_fields()]
    )
    return pa.table({**columns, **_stamps(len(CATALOGUE))}, schema)


def _households() -> pa.Table:
    names = (
        "household_id",
        "age_band",
        "income_band",
        "home_ownership",
        "marital_status",
        "household_size",
        "composition",
        "children",
    )
    columns: dict[str, list[object]] = {name: [None] * HOUSEHOLDS for name in names}
    columns["household_id"] = [household(n) for n in range(HOUSEHOLDS)]
    columns["age_band"] = ["35-44" if n % 2 else None for n in range(HOUSEHOLDS)]
    return pa.table({**columns, **_stamps(HOUSEHOLDS)}, _strings(*names))


def _promotions() -> pa.Table:
    rows = [
        {"product_id": product, "store_id": f"st{store}", "week_start": FIRST_MONDAY + timedelta(days=7 * week),
         "display_location": "5" if display else None, "mailer_location": None if display else "A", **STAMP}
        for product, weeks, display in (("cola_a", (10, 11, 30), False), ("pasta", (20, 21), True), ("lemonade", (38, 39), False))
        for week in weeks
        for store in range(STORES)
    ]  # fmt: skip
    fields = [("product_id", pa.string()), ("store_id", pa.string()), ("week_start", pa.date32())]
    schema = pa.schema([*fields, ("display_location", pa.string()), ("mailer_location", pa.string()), *_stamp_fields()])
    return pa.Table.from_pylist(rows, schema)


def _campaigns(lake: DeltaLake) -> None:
    begin, end = FIRST_MONDAY + timedelta(days=70), FIRST_MONDAY + timedelta(days=98)
    dated = [("valid_from", pa.date32()), ("valid_to", pa.date32())]
    lake.replace("campaigns", pa.table(
        {"campaign_id": ["c1"], "campaign_type": ["Type A"], "valid_from": [begin], "valid_to": [end], **_stamps(1)},
        pa.schema([("campaign_id", pa.string()), ("campaign_type", pa.string()), *dated, *_stamp_fields()])))  # fmt: skip
    members = [household(n) for n in range(0, HOUSEHOLDS, 4)]
    lake.replace("campaign_households", pa.table(
        {"campaign_id": ["c1"] * len(members), "household_id": members, **_stamps(len(members))},
        _strings("campaign_id", "household_id")))  # fmt: skip
    lake.replace("coupon_products", pa.table(
        {"coupon_id": ["k1", "k1", "k2"], "product_id": ["cola_a", "lemonade", "pesto"], "campaign_id": ["c1"] * 3, **_stamps(3)},
        _strings("coupon_id", "product_id", "campaign_id")))  # fmt: skip
    keys = [("household_id", pa.string()), ("coupon_id", pa.string()), ("campaign_id", pa.string()), ("redeemed_on", pa.date32())]
    lake.replace("coupon_redemptions", pa.table(
        {"household_id": members[:3], "coupon_id": ["k1", "k1", "k2"], "campaign_id": ["c1"] * 3,
         "redeemed_on": [begin + timedelta(days=n) for n in (3, 5, 9)], **_stamps(3)},
        pa.schema([*keys, *_stamp_fields()])))  # fmt: skip


def _stamps(rows: int) -> dict[str, list[object]]:
    return {"simulated": [False] * rows, "source": ["tiny"] * rows}


def _stamp_fields() -> list[pa.Field]:
    return [pa.field("simulated", pa.bool_()), pa.field("source", pa.string())]


def _strings(*names: str) -> pa.Schema:
    return pa.schema([*(pa.field(name, pa.string()) for name in names), *_stamp_fields()])
