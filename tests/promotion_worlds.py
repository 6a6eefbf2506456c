"""Small shops whose promotions are written down: every trip is known, so is what was promoted in which week."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from lake.delta_lake import DeltaLake
from tests.relation_worlds import LINES

__all__ = ["FIRST", "PRODUCTS", "PROMOTIONS", "TRIPS", "random_shop", "shop"]

FIRST = date(2024, 1, 1)
PROMOTIONS = pa.schema(
    [
        *((name, pa.string()) for name in ("product_id", "store_id", "display_location", "mailer_location")),
        ("week_start", pa.date32()),
    ]
)
PRODUCTS = {
    "a": ("C", "t1", "s1"),
    "b": ("C", "t1", "s2"),
    "c": ("C", "t2", "s1"),
    "d": ("C", "t2", "s1"),
    "e": ("D", "u", "s3"),
    "f": (None, None, "s3"),
}
TRIPS = 60
STORES = ("s1", "s2")


def shop(folder, weeks, counts, discounts, mailed, products=PRODUCTS):
    """Write a lake: `counts[week, store, product]` of 60 trips hold the product, at a discount, in a week that may be mailed.

    Every trip holds `z`, of no category.
    """
    names = sorted(products)
    rows = []
    for week in range(weeks):
        day = FIRST + timedelta(days=7 * week)
        for s, store in enumerate(STORES):
            for trip in range(TRIPS):
                held = [n for n in range(len(names)) if (trip * 7 + n * 11) % TRIPS < counts[week, s, n]]
                trip_of = {
                    "basket_id": f"{week}-{store}-{trip}", "household_id": f"h{trip}", "store_id": store, "week_start": day,
                    "sold_at": datetime.combine(day, time(12), UTC), "business_date": day + timedelta(days=trip % 7),
                    "quantity": 1.0, "merchandise": True,
                }  # fmt: skip
                sold = [("z", 0.0), *((names[n], float(discounts[week, n])) for n in held)]
                rows += [{**trip_of, "product_id": name, "net_sales": 1 - off, "retail_discount": off} for name, off in sold]
    lake = DeltaLake(folder, threads=1)
    lake.replace("sales_lines", pa.Table.from_pylist(rows, LINES))
    described = [
        {
            "product_id": name,
            "category": of[0],
            "product_type": of[1],
            "supplier_id": of[2],
            "department": "G",
            "brand": "N",
            "size": None,
        }
        for name, of in sorted(products.items())
    ]
    lake.replace("products", pa.Table.from_pylist(described))
    promoted = [
        {
            "product_id": names[n],
            "store_id": store,
            "display_location": None,
            "mailer_location": "A",
            "week_start": FIRST + timedelta(days=7 * week),
        }
        for week, n in zip(*(ends.tolist() for ends in np.nonzero(mailed)), strict=True)
        for store in STORES
    ]
    lake.replace("promotion_weeks", pa.Table.from_pylist(promoted, PROMOTIONS))
    return lake, FIRST + timedelta(days=7 * weeks - 1)


def random_shop(folder, seed=1, weeks=30):
    random = np.random.default_rng(seed)
    n = len(PRODUCTS)
    mailed = random.random((weeks, n)) < 0.2
    discounts = np.where(random.random((weeks, n)) < 0.25, 0.3, 0.0)
    mean = np.array([14, 9, 12, 7, 10, 8]) * np.where(mailed, 1.5, 1.0) * np.where(discounts > 0, 1.6, 1.0)
    counts = np.minimum(random.poisson(np.repeat(mean[:, None, :], 2, axis=1)), TRIPS)
    return shop(folder, weeks, counts, discounts, mailed), counts, discounts, mailed


def planted_shop(folder, response):
    """`b` sells 20 a week and store, and in weeks in which `a` is mailed (which doubles it) that much more or less."""
    weeks = 48
    mailed = np.zeros((weeks, 3), dtype=bool)
    mailed[3::6, 0] = mailed[5::8, 2] = True
    counts = np.full((weeks, 2, 3), 20)
    counts[mailed[:, 0], :, 0] = counts[mailed[:, 2], :, 2] = 40
    counts[mailed[:, 0], :, 1] = 20 + round(20 * response)
    products = {"a": ("C", "t", "1"), "b": ("C", "t", "2"), "c": ("C", "t", "3")}
    return shop(folder, weeks, counts, np.zeros((weeks, 3)), mailed, products)
