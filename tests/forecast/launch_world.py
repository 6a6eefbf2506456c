"""A shop in which products are launched every week, with rates that are known.

Brand X sells four times brand Y; a launch that a mailer supports sells three times as much in that week. Half of the launches are
supported. What a launch sells is Poisson around its rate, at least one unit in its first week.
"""

from datetime import timedelta

import numpy as np
import pyarrow as pa

from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from lake.delta_lake import DeltaLake
from ontology import load_schema

from .conftest import FIRST_MONDAY, RECORDED, SHOPS

WEEKS = 44
PLANNED = 8
LAUNCH_DAY = FIRST_MONDAY + timedelta(days=7 * WEEKS - 1)
OLD = 8
A_WEEK = 24
SOLD_WEEKS = 6
"""Launched products are sold no longer: too few weeks for a forecast of their own, so that only launches are modelled."""
FIRST, LAST = 13, WEEKS - 1
RATES = {"X": 8.0, "Y": 2.0}
UPLIFT = 3.0
UNSOLD = ("new-x", "new-x-promoted", "new-y", "new-y-promoted", "alone")


def all_products() -> list[tuple[str, str, int, int]]:
    """Id, brand, type and week of the first sale of every product that sells."""
    old = [(f"old-{n}", "XY"[n % 2], n % 3, 0) for n in range(OLD)]
    new = [(f"l{week:02d}-{n:02d}", "XY"[n % 2], (n // 2) % 3, week) for week in range(FIRST, LAST + 1) for n in range(A_WEEK)]
    return old + new


def supported(product: str, week: int, launch: int) -> bool:
    """Every second launch of a brand has a mailer in all stores in its first two weeks."""
    return launch > 0 and int(product[-2:]) % 4 < 2 and launch <= week < launch + 2


def rate(product: str, brand: str, week: int, launch: int) -> float:
    return RATES[brand] * (UPLIFT if supported(product, week, launch) else 1.0)


def launch_lake(folder, weeks: int = WEEKS, seed: int = 4) -> DeltaLake:
    lake, random = DeltaLake(folder, threads=1), np.random.default_rng(seed)
    lines = []
    for product, week, units in _sales(random, weeks):
        lines += [_line(product, week, units)] if units else []
    lake.replace("sales_lines", pa.Table.from_pylist(lines, SALES))
    lake.replace("products", _products())
    lake.replace("promotion_weeks", _promotions())
    return lake


def _sales(random: np.random.Generator, weeks: int):
    """Yield product, week and units, week by week, so that a past of more weeks begins alike."""
    for week in range(weeks):
        for product, brand, _, launch in all_products():
            if launch <= week and (launch == 0 or week < launch + SOLD_WEEKS):
                yield product, week, max(int(random.poisson(rate(product, brand, week, launch))), int(week == launch))


def sold(launches, seed: int = 4) -> np.ndarray:
    """What the launches of some weeks sold in their first four weeks (n x 4)."""
    first = {product: launch for product, _, _, launch in all_products()}
    units: dict[str, list[int]] = {}
    for product, week, count in _sales(np.random.default_rng(seed), WEEKS):
        if first[product] in launches and week < first[product] + 4:
            units.setdefault(product, []).append(count)
    return np.asarray(list(units.values()), dtype=np.float64)


SALES = pa.schema(
    [
        *((name, pa.string()) for name in ("basket_id", "product_id", "household_id", "store_id")),
        ("sold_at", pa.timestamp("us", "UTC")),
        ("business_date", pa.date32()),
        ("week_start", pa.date32()),
        *((name, pa.float64()) for name in ("quantity", "net_sales", "retail_discount", "coupon_discount")),
        ("coupon_match_discount", pa.float64()),
        ("merchandise", pa.bool_()),
        ("simulated", pa.bool_()),
        ("source", pa.string()),
    ]
)


def _line(product: str, week: int, units: int) -> dict[str, object]:
    monday = FIRST_MONDAY + timedelta(days=7 * week)
    return {
        "basket_id": f"b{week}-{product}", "product_id": product, "household_id": "hh_0", "store_id": SHOPS[0],
        "sold_at": RECORDED, "business_date": monday, "week_start": monday, "quantity": float(units),
        "net_sales": 2.0 * units, "retail_discount": 0.0, "coupon_discount": 0.0, "coupon_match_discount": 0.0,
        "merchandise": True, "simulated": False, "source": "known",
    }  # fmt: skip


def catalogue() -> dict[str, tuple[str, int, str]]:
    """Brand, type and supplier of every product; `alone` is of a type, brand and supplier of its own."""
    known = {product: (brand, kind, f"s{brand}{kind}") for product, brand, kind, _ in all_products()}
    new = {product: (product.split("-")[1].upper(), 0, f"s{product.split('-')[1].upper()}0") for product in UNSOLD[:4]}
    return known | new | {"alone": ("Z", 9, "sZ")}


def _products() -> pa.Table:
    told = catalogue()
    return pa.table(
        {
            "product_id": list(told),
            "department": ["D"] * len(told),
            "category": [f"C{kind // 3}" for _, kind, _ in told.values()],
            "product_type": [f"T{kind}" for _, kind, _ in told.values()],
            "brand": [brand for brand, _, _ in told.values()],
            "supplier_id": [supplier for _, _, supplier in told.values()],
            "size": ["1 L"] * len(told),
            "merchandise": [True] * len(told),
        }
    )


def _promotions() -> pa.Table:
    shown = [
        (product, week)
        for product, _, _, launch in all_products()
        for week in range(launch, launch + 2)
        if supported(product, week, launch)
    ]
    ahead = [(product, WEEKS + step) for product in UNSOLD if product.endswith("promoted") for step in range(2)]
    # a product that is promoted every week, so that a plan is known for all weeks ahead
    always = [("old-0", week) for week in range(WEEKS + PLANNED)]
    rows = [
        {"product_id": product, "store_id": shop, "week_start": FIRST_MONDAY + timedelta(days=7 * week), "display_location": None,
         "mailer_location": "A", "simulated": False, "source": "known"}
        for product, week in [*shown, *ahead, *always]
        for shop in SHOPS
    ]  # fmt: skip
    texts = [(name, pa.string()) for name in ("product_id", "store_id")]
    places = [(name, pa.string()) for name in ("display_location", "mailer_location")]
    return pa.Table.from_pylist(
        rows, pa.schema([*texts, ("week_start", pa.date32()), *places, ("simulated", pa.bool_()), ("source", pa.string())])
    )


def launch_graph(root):
    told = catalogue()
    ids = list(told)
    types = [f"D > C{kind // 3} > T{kind}" for _, kind, _ in told.values()]
    paths = sorted({path for one in set(types) for path in ("D", one.rsplit(" > ", 1)[0], one)})
    level = ["department", "category", "type"]
    brands, suppliers = (sorted({one[at] for one in told.values()}) for at in (0, 2))
    mailers = [(product, WEEKS) for product in UNSOLD if product.endswith("promoted")]
    begins = [FIRST_MONDAY + timedelta(days=7 * week) for _, week in mailers]
    nodes = {
        "Product": pa.table(
            {
                "id": ids,
                "display_name": [f"Product {one}" for one in ids],
                "size": ["1 L"] * len(ids),
                "merchandise": [True] * len(ids),
            }
        ),
        "Store": pa.table({"id": SHOPS, "display_name": SHOPS}),
        "ProductCategory": pa.table(
            {"id": paths, "display_name": paths, "level": [level[one.count(">")] for one in paths], "notation": paths}
        ),
        "Brand": pa.table({"id": brands, "display_name": brands}),
        "Supplier": pa.table({"id": suppliers, "display_name": suppliers}),
        "Promotion": pa.table(
            {
                "id": [f"m-{product}" for product, _ in mailers],
                "display_name": [f"Mailer {product}" for product, _ in mailers],
                "mechanic": ["mailer"] * len(mailers),
                "stores": pa.array([2] * len(mailers), pa.int64()),
                "coverage": [1.0] * len(mailers),
                "valid_from": begins,
                "valid_to": [begin + timedelta(days=14) for begin in begins],
            }
        ),
    }
    wider = [(one, one.rsplit(" > ", 1)[0]) for one in paths if ">" in one]
    edges = {
        "inCategory": pa.table({"source": ids, "target": types}),
        "broader": pa.table({"source": [one for one, _ in wider], "target": [one for _, one in wider]}),
        "ofBrand": pa.table({"source": ids, "target": [brand for brand, _, _ in told.values()]}),
        "suppliedBy": pa.table({"source": ids, "target": [supplier for _, _, supplier in told.values()]}),
        "promotes": pa.table(
            {"source": [f"m-{product}" for product, _ in mailers], "target": [product for product, _ in mailers]}
        ),
    }
    schema = load_schema()
    publish_snapshot(TableGraph(schema, nodes, edges), root, schema=schema, as_of=LAUNCH_DAY, clock=FixedClock(RECORDED))
    return open_current_snapshot(root)
