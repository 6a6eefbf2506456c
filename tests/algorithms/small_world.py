"""A retailer of planted tastes: households of three groups buy mostly from their own group's products."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from kg.tables import TableGraph
from ontology.schema import load_schema

GROUPS, HOUSEHOLDS, PRODUCTS, BASKETS = 3, 60, 45, 240
DAY = date(2017, 6, 1)
LATER = date(2017, 6, 20)


def planted_retailer(seed: int = 7) -> dict[str, pa.Table]:
    """Nodes and edges by term; the last tenth of the baskets is dated LATER."""
    random = np.random.default_rng(seed)
    households = [f"hh{i:03d}" for i in range(HOUSEHOLDS)]
    products = [f"p{i:03d}" for i in range(PRODUCTS)]
    lines: set[tuple[str, str]] = set()
    made: list[tuple[str, str]] = []
    for number in range(BASKETS):
        household = int(random.integers(HOUSEHOLDS))
        made.append((f"b{number:04d}", households[household]))
        for _ in range(6):
            own = random.random() < 0.85
            group = household % GROUPS if own else int(random.integers(GROUPS))
            product = group + GROUPS * int(random.integers(PRODUCTS // GROUPS))
            lines.add((f"b{number:04d}", products[product]))
    days = [LATER if number >= BASKETS * 9 // 10 else DAY for number in range(BASKETS)]
    baskets = [basket for basket, _ in made]
    contains = sorted(lines)
    return {
        "Household": _named(households),
        "Product": _named(products).append_column("merchandise", pa.array([p != "p044" for p in products])),
        "Basket": _named(baskets)
        .append_column("sold_at", pa.array([datetime(2017, 6, 1, tzinfo=UTC)] * BASKETS, pa.timestamp("us", "UTC")))
        .append_column("business_date", pa.array(days))
        .append_column("net_sales", pa.array([1.0] * BASKETS)),
        "madeBy": pa.table({"source": baskets, "target": [household for _, household in made]}),
        "contains": pa.table(
            {
                "source": [basket for basket, _ in contains],
                "target": [product for _, product in contains],
                "quantity": [1.0] * len(contains),
                "net_sales": [1.0] * len(contains),
            }
        ),
        "similarTo": planted_relation(),
    }


def planted_relation() -> pa.Table:
    """`similarTo` edges: two rings and a pair, one retracted bridge, one doubled edge in another scope, the rest alone."""
    ring = [(f"p{i:03d}", f"p{(i + 3) % 30:03d}") for i in range(30)]
    edges = [*ring, ("p040", "p041"), ("p000", "p003"), ("p000", "p001")]
    count = len(edges)
    statuses = ["active"] * (count - 1) + ["retracted"]
    scopes = ["chain"] * (count - 2) + ["north", "chain"]
    when = pa.array([datetime(2017, 6, 1, tzinfo=UTC)] * count, pa.timestamp("us", "UTC"))
    strengths = [1.0 + (i % 5) / 4 for i in range(count)]
    return pa.table(
        {
            "source": [a for a, _ in edges],
            "target": [b for _, b in edges],
            "assertion_id": [f"a{i}" for i in range(count)],
            "strength": strengths,
            "low": strengths,
            "high": strengths,
            "unit": ["score"] * count,
            "scope": scopes,
            "events": [1] * count,
            "support": [1] * count,
            "sources": [["sales_lines"]] * count,
            "run_id": ["r"] * count,
            "model_version": ["m"] * count,
            "grade": ["association"] * count,
            "status": statuses,
            "valid_from": pa.array([DAY] * count),
            "recorded_from": when,
        }
    )


def table_graph(tables: dict[str, pa.Table]) -> TableGraph:
    schema = load_schema()
    nodes = {name: rows for name, rows in tables.items() if name in schema.nodes}
    return TableGraph(schema, nodes, {name: rows for name, rows in tables.items() if name in schema.relations})


def _named(ids: list[str]) -> pa.Table:
    return pa.table({"id": ids, "display_name": ids})
