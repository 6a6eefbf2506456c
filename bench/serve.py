"""Requests per second and latency of the served answers, on loopback, one worker: closed loop, then open loop.

The server is `shelfgraph serve` in a process of its own; `recommendations_rest` is the plain JSON road to the same answers. Each
recommendation is asked once before it is asked again: `recommendations_cold` is that first time, in which nothing can have been
remembered. `empty_graphql` and `empty_rest` are the ceilings: the same roads with an answer that needs no decision. Slices with
`@` are the open loop of `bench.serve_open`: so many requests a second, whatever the server does.
"""

import json

import numpy as np

from bench.frame import Bench, BenchContext, BenchRow
from bench.http_load import LoadFigures, Request, run_load
from bench.running import HOST, running_server
from bench.serve_events import Cart, event_rows
from bench.serve_open import OpenPlan, open_rows
from bench.stores import resident_mb
from kg.ports import ArrayGraph
from kg.snapshot import current_folder, open_snapshot
from pipeline.errors import NotBuilt
from pipeline.layout import HomeLayout

__all__ = ["BENCH", "open_requests"]

CONNECTIONS = (8, 1)
ASKED = 400
SEED = 11
SECONDS = 20.0
QUICK_SECONDS = 2.0
WARM_UP_SECONDS = 3.0
PRODUCT = """
query P($id: ID!) { product(id: $id) { ... on Product {
  displayName categoryPath { displayName } brand { displayName } suppliers { displayName }
  substitutes(first: 10) { ...related }
  complements(first: 10) { ...related }
} } }
fragment related on RelatedConnection {
  edges { node { displayName } evidence { strength low high unit events support grade } explanation { text } }
  decision { id }
}
"""
SUGGESTED = """
fragment suggested on RecommendationConnection {
  edges { rank score node { displayName }
    explanation { text paths { contribution hops { source { displayName } relation target { displayName } } } } }
  decision { id }
}
"""
RECOMMENDATIONS = (
    f"query R($household: ID!) {{ recommendations(householdId: $household, first: 10) {{ ...suggested }} }}{SUGGESTED}"
)
ITEM = (
    f"query I($product: ID!) {{ recommendations(surface: ITEM, productId: $product, first: 10) {{ ...suggested }} }}{SUGGESTED}"
)
CARTS, QUICK_CARTS = 800, 40
OPEN_ASKED = 20_000
"""Requests of an open load before they come round again: households and products drawn with replacement."""


EMPTY = Request("GET", "/health")
EMPTY_GRAPHQL = "{ health { status } }"


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Serve the current release and ask for products, recommendations over GraphQL and recommendations over JSON."""
    folder = current_folder(HomeLayout(context.home).snapshots)
    if folder is None:
        raise NotBuilt("published graph", "shelfgraph graph build")
    graph = open_snapshot(folder)
    seconds, warm_up = (QUICK_SECONDS, 1.0) if context.quick else (SECONDS, WARM_UP_SECONDS)
    rows: list[BenchRow] = []
    with running_server(context.home, context.progress) as (port, pid):
        with context.progress.stage("recommendations, each for the first time"):
            cold = _first_time(graph)
            figures = run_load(HOST, port, cold, connections=1, seconds=seconds, once=True)
        rows += _rows("shelfgraph", "recommendations_cold", figures)
        for system, name, requests in _requests(graph):
            run_load(HOST, port, requests, connections=1, seconds=warm_up)
            for connections in CONNECTIONS:
                with context.progress.stage(f"{name or system}, {connections} at once"):
                    figures = run_load(HOST, port, requests, connections=connections, seconds=seconds)
                rows += _rows(system, name if connections == CONNECTIONS[0] else f"{name}:{connections}", figures)
        plan = OpenPlan.quick() if context.quick else OpenPlan()
        rows += open_rows((HOST, port, pid), lambda name: open_requests(graph, name), plan, context.progress)
        carts = _carts(graph, QUICK_CARTS if context.quick else CARTS)
        rows += event_rows((HOST, port), carts, open_requests(graph, "recommendations"), context.progress)
        rows.append(BenchRow("shelfgraph", "peak_rss_mb", "", resident_mb(pid)))
    return rows, [
        f"{CONNECTIONS[0]} connections at once; `:1` is one connection, and so is `recommendations_cold`.",
        f"{ASKED} products and households in turn: most were answered before; `recommendations_cold`: {len(cold)} others, once.",
        "The load runs on the same cores as the server; errors are answers that are no success.",
        "`NAME@RATE`: open loop, latency from when a request was to leave; the best of several tries; who asks is drawn.",
        "`late_seconds`: with a 99th percentile above what is allowed; `stolen_share`: of the processors, by other machines.",
        "`event_to_answer`: from before an event is sent until an answer that heeds it is read, over HTTP.",
    ]


def _first_time(graph: ArrayGraph) -> list[Request]:
    others = np.setdiff1d(np.asarray(graph.ids("Household")), _households(graph))
    return [_graphql(RECOMMENDATIONS, {"household": str(household)}) for household in others]


def _households(graph: ArrayGraph) -> np.ndarray:
    return np.asarray(_drawn(graph, ASKED))


def _carts(graph: ArrayGraph, count: int) -> list[Cart]:
    """Return carts of households drawn, in stores drawn."""
    stores = np.random.default_rng(SEED).choice(np.asarray(graph.ids("Store")), count)
    return [Cart(household, str(store)) for household, store in zip(_drawn(graph, count), stores, strict=True)]


def _drawn(graph: ArrayGraph, count: int) -> list[str]:
    return [str(one) for one in np.random.default_rng(SEED).choice(np.asarray(graph.ids("Household")), count, replace=False)]


def _requests(graph: ArrayGraph) -> list[tuple[str, str, list[Request]]]:
    """Return system, slice and what is asked."""
    products = np.random.default_rng(SEED).choice(_replaced(graph), ASKED, replace=False)
    households = _households(graph)
    rest = [Request("GET", f"/v1/recommendations?household={household}&limit=10") for household in households]
    return [
        ("shelfgraph", "product", [_graphql(PRODUCT, {"id": str(product)}) for product in products]),
        ("shelfgraph", "recommendations", [_graphql(RECOMMENDATIONS, {"household": str(one)}) for one in households]),
        ("shelfgraph", "recommendations_rest", rest),
        ("empty_graphql", "", [_graphql(EMPTY_GRAPHQL, {})]),
        ("empty_rest", "", [EMPTY]),
    ]


def open_requests(graph: ArrayGraph, name: str) -> list[Request]:
    """Return the requests of an open load; the first of most households and products finds nothing remembered."""
    rng = np.random.default_rng(SEED)
    if name == "item":
        return [_graphql(ITEM, {"product": str(one)}) for one in rng.choice(_replaced(graph), OPEN_ASKED)]
    households = rng.choice(np.asarray(graph.ids("Household")), OPEN_ASKED)
    if name == "recommendations_rest":
        return [Request("GET", f"/v1/recommendations?household={one}&limit=10") for one in households]
    return [_graphql(RECOMMENDATIONS, {"household": str(one)}) for one in households]


def _replaced(graph: ArrayGraph) -> np.ndarray:
    """Return the products that something can be taken in place of."""
    return np.unique(np.asarray(graph.export_edges("isSubstituteFor")["target"].to_pylist()))


def _graphql(query: str, variables: dict[str, str]) -> Request:
    return Request("POST", "/graphql", json.dumps({"query": query, "variables": variables}).encode())


def _rows(system: str, name: str, figures: LoadFigures) -> list[BenchRow]:
    values = {
        "requests_per_second": figures.requests_per_second,
        "p50_ms": figures.p50_ms,
        "p95_ms": figures.p95_ms,
        "p99_ms": figures.p99_ms,
        "errors": float(figures.errors),
    }
    return [BenchRow(system, metric, name, value, n=figures.answers) for metric, value in values.items()]


BENCH = Bench(
    name="serve",
    claim="requests per second and latency of product and recommendation answers, one worker, beside empty answers",
    run=run,
    tables=("sales_lines", "products"),
)
