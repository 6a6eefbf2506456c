"""Requests per second and latency of the served answers, on loopback, one worker, closed loop.

The server is `shelfgraph serve` in a process of its own; `rest` is the plain JSON road to the same recommendations.
"""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bench.frame import Bench, BenchContext, BenchRow
from bench.http_load import LoadFigures, Request, run_load
from bench.stores import resident_mb
from kg.ports import ArrayGraph
from kg.snapshot import current_folder, open_snapshot
from pipeline.errors import NotBuilt
from pipeline.layout import HomeLayout

__all__ = ["BENCH"]

HOST = "127.0.0.1"
CONNECTIONS = (1, 8)
ASKED = 400
SEED = 11
SECONDS = 20.0
QUICK_SECONDS = 3.0
WARM_UP_SECONDS = 3.0
COMMAND = "from cli.main import main; main()"
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
RECOMMENDATIONS = """
query R($household: ID!) { recommendations(householdId: $household, first: 10) { ... on RecommendationConnection {
  edges { rank score node { displayName }
    explanation { text paths { contribution hops { source { displayName } relation target { displayName } } } } }
  decision { id }
} } }
"""


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Serve the current release and ask for products, recommendations over GraphQL and recommendations over JSON."""
    folder = current_folder(HomeLayout(context.home).snapshots)
    if folder is None:
        raise NotBuilt("published graph", "shelfgraph graph build")
    graph = open_snapshot(folder)
    seconds = QUICK_SECONDS if context.quick else SECONDS
    rows: list[BenchRow] = []
    with _server(context) as (port, pid):
        for name, requests in _requests(graph).items():
            asyncio.run(run_load(HOST, port, requests, connections=1, seconds=WARM_UP_SECONDS))
            for connections in CONNECTIONS:
                with context.progress.stage(f"{name}, {connections} at once"):
                    figures = asyncio.run(run_load(HOST, port, requests, connections=connections, seconds=seconds))
                rows += _rows(name, connections, figures)
        rows.append(BenchRow("shelfgraph", "peak_rss_mb", "server", resident_mb(pid)))
    return rows, [
        f"{ASKED} different products and households in turn; the load runs on the same cores as the server.",
        "Slices name the question and the number of connections; errors are answers that are no success.",
    ]


def _requests(graph: ArrayGraph) -> dict[str, list[Request]]:
    random = np.random.default_rng(SEED)
    products = random.choice(np.unique(np.asarray(graph.export_edges("isSubstituteFor")["target"].to_pylist())), ASKED)
    households = random.choice(np.asarray(graph.ids("Household")), ASKED)
    return {
        "product": [_graphql(PRODUCT, {"id": str(product)}) for product in products],
        "recommendations": [_graphql(RECOMMENDATIONS, {"household": str(household)}) for household in households],
        "recommendations_rest": [
            Request("GET", f"/v1/recommendations?household={household}&limit=10") for household in households
        ],
    }


def _graphql(query: str, variables: dict[str, str]) -> Request:
    return Request("POST", "/graphql", json.dumps({"query": query, "variables": variables}).encode())


def _rows(name: str, connections: int, figures: LoadFigures) -> list[BenchRow]:
    where = f"{name}:{connections}"
    return [
        BenchRow("shelfgraph", "requests_per_second", where, figures.requests_per_second, n=figures.answers),
        BenchRow("shelfgraph", "p50_ms", where, figures.p50_ms, n=figures.answers),
        BenchRow("shelfgraph", "p95_ms", where, figures.p95_ms, n=figures.answers),
        BenchRow("shelfgraph", "p99_ms", where, figures.p99_ms, n=figures.answers),
        BenchRow("shelfgraph", "errors", where, figures.errors, n=figures.answers),
    ]


@contextmanager
def _server(context: BenchContext) -> Iterator[tuple[int, int]]:
    with context.progress.stage("Starting the server"):
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-c", COMMAND, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True
        )
        port = _announced_port(process)
    try:
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _announced_port(process: "subprocess.Popen[str]") -> int:
    seen: list[str] = []
    for line in process.stderr or ():
        seen.append(line)
        if found := re.search(r"Listening on http://127\.0\.0\.1:(\d+)", line):
            return int(found.group(1))
    raise RuntimeError("the server did not start: " + "".join(seen)[-1000:])


BENCH = Bench(
    name="serve",
    claim="requests per second and latency of product and recommendation answers, one worker",
    run=run,
    tables=("sales_lines", "products"),
)
