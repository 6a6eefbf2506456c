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


def planted_partition(groups: int = 4, size: int = 20, seed: int = 5) -> pa.Table:
    """Edges within and between planted groups; the group of node nII is II modulo `groups`. Weights 1 to 3, dearer within."""
    random = np.random.default_rng(seed)
    count = groups * size
    one, other = np.triu_indices(count, 1)
    within = one % groups == other % groups
    there = random.random(one.size) < np.where(within, 0.35, 0.05)
    weights = random.integers(1, 4, one.size).astype(float) / np.where(within, 1.0, 2.0)
    names = np.array([f"n{i:02d}" for i in range(count)])
    return pa.table({"source": names[one[there]], "target": names[other[there]], "weight": weights[there]})


def modularity(edges: pa.Table, community: dict[str, str], resolution: float = 1.0) -> float:
    """Newman's measure, written out pair by pair: what lies within communities less what chance would lay there."""
    strength = dict.fromkeys(community, 0.0)
    inside = total = 0.0
    for edge in edges.to_pylist():
        one, other, weight = edge["source"], edge["target"], edge["weight"]
        strength[one] += weight
        strength[other] += weight
        total += 2.0 * weight
        inside += 2.0 * weight * (community[one] == community[other])
    by_community: dict[str, float] = {}
    for name, value in strength.items():
        by_community[community[name]] = by_community.get(community[name], 0.0) + value
    return inside / total - resolution * sum((value / total) ** 2 for value in by_community.values())


def table_graph(tables: dict[str, pa.Table]) -> TableGraph:
    schema = load_schema()
    nodes = {name: rows for name, rows in tables.items() if name in schema.nodes}
    return TableGraph(schema, nodes, {name: rows for name, rows in tables.items() if name in schema.relations})


def _named(ids: list[str]) -> pa.Table:
    return pa.table({"id": ids, "display_name": ids})
