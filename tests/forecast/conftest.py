"""A shop whose demand is known (Poisson around rates that promotions triple), and the graph of its explanations."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from decisions.forecast import ForecastService, fit
from features import publish_features
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake
from ontology import load_schema

FIRST_MONDAY = date(2024, 1, 1)
WEEKS = 40
PLANNED = 2
PLAN_DAY = FIRST_MONDAY + timedelta(days=7 * WEEKS - 1)
"""The day of the fit. Promotions of the two weeks after it are known as the plan; sales of that time are not read."""
PRODUCTS = [f"p{n:02d}" for n in range(24)]
SHOPS = ["st0", "st1"]
UPLIFT = 3.0
STAMP = {"simulated": False, "source": "known"}
RECORDED = datetime(2026, 1, 1, tzinfo=UTC)


def _edge(source: str, target: str, relation: str, strength: float) -> dict[str, object]:
    return {
        "source": source, "target": target, "assertion_id": f"{relation}:{source}:{target}", "strength": strength,
        "low": strength / 2, "high": strength * 2, "unit": "score", "scope": "chain", "events": 30, "support": 20,
        "first_observed": FIRST_MONDAY, "last_observed": PLAN_DAY,
        "sources": ["sales_lines"], "run_id": "r", "model_version": "m",
        "grade": "association", "status": "active", "valid_from": FIRST_MONDAY, "valid_to": None, "recorded_from": RECORDED,
        "recorded_to": None,
    }  # fmt: skip


EVIDENCE_TYPES = {
    "sources": pa.list_(pa.string()),
    "events": pa.int64(),
    "support": pa.int64(),
    "strength": pa.float64(),
    "low": pa.float64(),
    "high": pa.float64(),
    "first_observed": pa.date32(),
    "last_observed": pa.date32(),
    "valid_from": pa.date32(),
    "valid_to": pa.date32(),
    "recorded_from": pa.timestamp("us", "UTC"),
    "recorded_to": pa.timestamp("us", "UTC"),
}


def _edge_table(rows):
    schema = pa.schema([(name, EVIDENCE_TYPES.get(name, pa.string())) for name in rows[0]])
    return pa.Table.from_pylist(rows, schema)


RELATIONS = {
    "isSubstituteFor": [("p01", "p00", 0.6), ("p00", "p01", 0.4), ("p02", "p00", 0.2), ("p00", "p02", 0.3)],
    "isComplementTo": [("p03", "p04", 2.0), ("p04", "p03", 2.5)],
    "isBoughtWith": [("p05", "p06", 1.2), ("p06", "p05", 1.2)],
}


def promoted(product: int, week: int) -> bool:
    """Every product has a mailer in one week of six, in a rhythm of its own."""
    return (week + 5 * product) % 6 == 0


def rate(product: int, week: int) -> float:
    return (4.0 + 2.0 * (product % 5)) * (UPLIFT if promoted(product, week) else 1.0)


def known_lines(seed: int, weeks: int = WEEKS) -> pa.Table:
    random = np.random.default_rng(seed)
    keys = [(week, product, shop) for week in range(weeks) for product in range(len(PRODUCTS)) for shop in SHOPS]
    units = random.poisson([rate(product, week) for week, product, _ in keys]).astype(float)
    return line_table(keys, units)


def line_table(keys, units) -> pa.Table:
    rows = [
        {
            "basket_id": f"b{week}-{product}-{shop}", "product_id": PRODUCTS[product], "household_id": "hh_0", "store_id": shop,
            "sold_at": RECORDED, "business_date": FIRST_MONDAY + timedelta(days=7 * week + (product + week) % 7),
            "week_start": FIRST_MONDAY + timedelta(days=7 * week), "quantity": float(count), "net_sales": 2.0 * float(count),
            "retail_discount": float(count) if promoted(product, week) else 0.0, "coupon_discount": 0.0,
            "coupon_match_discount": 0.0, "merchandise": True, **STAMP,
        }
        for (week, product, shop), count in zip(keys, units, strict=True)
    ]  # fmt: skip
    types = {"sold_at": pa.timestamp("us", "UTC"), "business_date": pa.date32(), "week_start": pa.date32()}
    return pa.Table.from_pylist(rows, pa.schema([(k, types.get(k) or pa.scalar(v).type) for k, v in rows[0].items()]))


def known_promotions(planned: int = PLANNED) -> pa.Table:
    rows = [
        {"product_id": PRODUCTS[product], "store_id": shop, "week_start": FIRST_MONDAY + timedelta(days=7 * week),
         "display_location": None, "mailer_location": "A", **STAMP}
        for week in range(WEEKS + planned)
        for product in range(len(PRODUCTS))
        for shop in SHOPS
        if promoted(product, week)
    ]  # fmt: skip
    fields = [("product_id", pa.string()), ("store_id", pa.string()), ("week_start", pa.date32())]
    stamps = [("simulated", pa.bool_()), ("source", pa.string())]
    schema = pa.schema([*fields, ("display_location", pa.string()), ("mailer_location", pa.string()), *stamps])
    return pa.Table.from_pylist(rows, schema)


def known_products() -> pa.Table:
    count = len(PRODUCTS)
    return pa.table(
        {
            "product_id": PRODUCTS,
            "department": ["D"] * count,
            "category": [f"C{n % 4}" for n in range(count - 1)] + [None],
            "product_type": [f"T{n % 8}" for n in range(count)],
            "merchandise": [True] * count,
        }
    )


def known_lake(folder) -> DeltaLake:
    lake = DeltaLake(folder, threads=1)
    lake.replace("sales_lines", known_lines(3))
    lake.replace("products", known_products())
    lake.replace("promotion_weeks", known_promotions())
    return lake


def known_edges():
    return {name: _edge_table([_edge(s, t, name, v) for s, t, v in rows]) for name, rows in RELATIONS.items()}


@pytest.fixture(scope="session")
def forecast_edges():
    return known_edges()


@pytest.fixture(scope="session")
def forecast_lake(tmp_path_factory):
    return known_lake(tmp_path_factory.mktemp("forecast-lake"))


def _named(ids, word, **columns) -> pa.Table:
    return pa.table({"id": ids, "display_name": [f"{word} {one}" for one in ids], **columns})


@pytest.fixture(scope="session")
def forecast_graph(tmp_path_factory, forecast_edges):
    return graph_with(forecast_edges, tmp_path_factory.mktemp("forecast-graph"))


def graph_with(relations, root):
    shown = [(product, week) for product in range(len(PRODUCTS)) for week in range(WEEKS + PLANNED) if promoted(product, week)]
    begins = [FIRST_MONDAY + timedelta(days=7 * week) for _, week in shown]
    ids = [f"{PRODUCTS[product]}:mailer:{begin.isoformat()}" for (product, _), begin in zip(shown, begins, strict=True)]
    products = [*PRODUCTS, "unsold"]
    placed = [(product, f"D > C{n % 4}") for n, product in enumerate(PRODUCTS)]
    categories = [*sorted({category for _, category in placed}), "E"]
    nodes = {
        "Product": _named(products, "Product", merchandise=[True] * len(products)),
        "Store": _named([*SHOPS, "st9"], "Store"),
        "ProductCategory": _named(categories, "All of", level=["category"] * len(categories), notation=categories),
        "Promotion": _named(
            ids,
            "Mailer",
            mechanic=["mailer"] * len(ids),
            stores=pa.array([2] * len(ids), pa.int64()),
            coverage=[1.0] * len(ids),
            valid_from=begins,
            valid_to=[begin + timedelta(days=7) for begin in begins],
        ),
    }
    edges = {
        "inCategory": pa.table({"source": [p for p, _ in placed], "target": [c for _, c in placed]}),
        "promotes": pa.table({"source": ids, "target": [PRODUCTS[product] for product, _ in shown]}),
        **relations,
    }
    schema = load_schema()
    publish_snapshot(TableGraph(schema, nodes, edges), root, schema=schema, as_of=PLAN_DAY, clock=FixedClock(RECORDED))
    return open_current_snapshot(root)


def fitted_on(lake, edges, folder, as_of: date, seed: int = 7):
    # with neighbours whatever the back-test says: in this shop they tell nothing, and their paths are to be seen
    artefact, tables, figures = fit(
        lake, as_of=as_of, edges_as_of=lambda day: edges or {}, seed=seed, progress=SilentProgress(), with_neighbours=True
    )
    return SimpleNamespace(artefact=artefact, tables=tables, figures=figures, features=publish_features(folder, as_of, tables))


@pytest.fixture(scope="session")
def fitted(forecast_lake, forecast_edges, tmp_path_factory):
    return fitted_on(forecast_lake, forecast_edges, tmp_path_factory.mktemp("forecast-features"), PLAN_DAY)


@pytest.fixture(scope="session")
def forecaster(forecast_graph, fitted):
    return ForecastService(forecast_graph, fitted.features, fitted.artefact)


LOSS = 0.8
"""Of a product's demand, when the other of its pair is promoted."""


def partner(product: int) -> int:
    return product + 1 if product % 2 == 0 else product - 1


def pair_edges():
    pairs = [(PRODUCTS[partner(number)], product) for number, product in enumerate(PRODUCTS)]
    return {"isSubstituteFor": _edge_table([_edge(source, target, "isSubstituteFor", 0.9) for source, target in pairs])}


@pytest.fixture(scope="module")
def pairs_lake(tmp_path_factory):
    """A shop in which a product loses most of its demand while the other of its pair is promoted."""
    lake, random = known_lake(tmp_path_factory.mktemp("pairs")), np.random.default_rng(5)
    keys = [(week, product, shop) for week in range(WEEKS) for product in range(len(PRODUCTS)) for shop in SHOPS]
    kept = [1 - LOSS if promoted(partner(product), week) else 1.0 for week, product, _ in keys]
    rates = [rate(product, week) * part for (week, product, _), part in zip(keys, kept, strict=True)]
    lake.replace("promotion_weeks", known_promotions(planned=8))
    lake.replace("sales_lines", line_table(keys, random.poisson(rates).astype(float)))
    return lake
