"""Ours beside a ready-made alternative: `@neo4j/graphql` with Apollo Server over a Neo4j that holds the same graph.

Both answer one question, a product with its suppliers and ten products that can be taken in its place, each with its evidence.
Before anything is measured they must agree on what they say. Ours logs a decision for every answer and waits until it is on
disk; theirs asks the database and logs nothing.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.frame import Bench, BenchContext, BenchRow
from bench.http_load import LoadFigures, Request, run_load
from bench.running import HOST, announcing, running_server
from kg.neo4j_store import Neo4jSettings, open_neo4j
from kg.neo4j_store.server import RunningServer, start, stop
from kg.snapshot import Snapshot, current_folder, open_snapshot
from kit.progress import Progress
from ontology.schema import load_schema
from pipeline.errors import NotBuilt
from pipeline.layout import HomeLayout

__all__ = ["BENCH", "answers_agree", "ratio_row", "round_rows"]

PEER = Path(__file__).resolve().parent / "peers" / "neo4j_graphql"
TOOLS = Path(sys.executable).parent
CONNECTIONS = (1, 8, 32)
ASKED, COMPARED, SEED = 400, 25, 23
SECONDS, QUICK_SECONDS, WARM_UP_SECONDS = 4.0, 1.0, 4.0
ROUNDS, QUICK_ROUNDS = 7, 1
"""Both are asked in turns, since the speed of a machine that is shared changes from one minute to the next."""
FRESH, FRESH_ROUNDS, FRESH_SECONDS = "1, never asked before", 3, 60.0
LABELS = ("Product", "Supplier")
RELATIONS = ("suppliedBy", "isSubstituteFor")
OURS = """
query P($id: ID!) { product(id: $id) { ... on Product { displayName suppliers { displayName }
  substitutes(first: 10) { edges { evidence { strength low high unit events support grade } node { displayName } } } } } }
"""
THEIRS = """
query P($id: ID!) { products(where: { id: { eq: $id } }) { display_name suppliers { display_name }
  substitutesConnection(first: 10, where: { edge: { scope: { eq: "chain" } } }, sort: [{ edge: { strength: DESC } }]) {
    edges { properties { strength low high unit events support grade } node { display_name } } } } }
"""


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: its name, where it listens, and how it is asked."""

    name: str
    port: int
    path: str
    query: str

    def request(self, product: str) -> Request:
        """Return the request for a product."""
        return Request("POST", self.path, json.dumps({"query": self.query, "variables": {"id": product}}).encode())

    def ask(self, product: str) -> Any:
        """Return the parsed answer for a product."""
        asked = self.request(product)
        address = f"http://{HOST}:{self.port}{asked.path}"
        sent = urllib.request.Request(address, asked.body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(sent, timeout=60) as answer:  # noqa: S310 - loopback
            return json.load(answer)


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Serve both, see that they agree, and load them in turns with 1, 8 and 32 connections."""
    folder = current_folder(HomeLayout(context.home).snapshots)
    if folder is None:
        raise NotBuilt("published graph", "shelfgraph graph build")
    snapshot = open_snapshot(folder)
    products = _products(snapshot)
    rows: list[BenchRow] = []
    with ExitStack() as stack:
        theirs = stack.enter_context(_peer(snapshot, context.progress))
        port, _ = stack.enter_context(running_server(context.home, context.progress))
        ours = _Side("shelfgraph", port, "/graphql", OURS)
        with context.progress.stage("Comparing what both say"):
            for product in products[:COMPARED]:
                answers_agree(ours.ask(product), theirs.ask(product))
        rows += _measured((ours, theirs), products[:ASKED], context)
        rows += _first_answers((ours, theirs), products[ASKED : 2 * ASKED] if context.quick else products[ASKED:], context)
    return rows, [
        f"{ASKED} products in turn, closed loop; slices are connections; load, servers and database share the machine's cores.",
        f"In turns, {ROUNDS} rounds of {SECONDS:.0f} seconds each: medians; of the ratio the lowest and the highest round, too.",
        "Ours gives a question's bytes again from its third time on, its decisions made and logged anew.",
        f"The last slice is {FRESH_ROUNDS} times {ASKED} products that neither was asked for before, one at a time.",
        f"Both were compared on {COMPARED} products before: name, suppliers, substitutes in their order, evidence.",
    ]


def _measured(sides: tuple[_Side, _Side], products: list[str], context: BenchContext) -> list[BenchRow]:
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if context.quick else (SECONDS, ROUNDS)
    rows: list[BenchRow] = []
    for connections in CONNECTIONS:
        found: tuple[list[LoadFigures], list[LoadFigures]] = ([], [])
        asked = [(side.port, [side.request(product) for product in products]) for side in sides]
        with context.progress.stage(f"{connections} at once, in turns", rounds) as stage:
            for port, requests in asked:
                run_load(HOST, port, requests, connections=connections, seconds=WARM_UP_SECONDS)
            for _ in range(rounds):
                for (port, requests), figures in zip(asked, found, strict=True):
                    figures.append(run_load(HOST, port, requests, connections=connections, seconds=seconds))
                stage.advance()
        for side, figures in zip(sides, found, strict=True):
            rows += round_rows(side.name, str(connections), figures)
        rows.append(ratio_row(sides[1].name, str(connections), *found))
    return rows


def _first_answers(sides: tuple[_Side, _Side], products: list[str], context: BenchContext) -> list[BenchRow]:
    """Return the figures of products that were never asked for: both sides have warmed up, and nothing of an answer is kept."""
    found: tuple[list[LoadFigures], list[LoadFigures]] = ([], [])
    with context.progress.stage("Products never asked for, in turns", FRESH_ROUNDS) as stage:
        for first in range(0, len(products), ASKED):
            for side, figures in zip(sides, found, strict=True):
                requests = [side.request(product) for product in products[first : first + ASKED]]
                figures.append(run_load(HOST, side.port, requests, connections=1, seconds=FRESH_SECONDS, once=True))
            stage.advance()
    rows = [row for side, figures in zip(sides, found, strict=True) for row in round_rows(side.name, FRESH, figures)]
    return [*rows, ratio_row(sides[1].name, FRESH, *found)]


def round_rows(system: str, name: str, rounds: Sequence[LoadFigures]) -> list[BenchRow]:
    """Return the medians of all rounds, and the errors of all of them."""
    values = {
        metric: float(np.median([getattr(one, metric) for one in rounds]))
        for metric in ("requests_per_second", "p50_ms", "p99_ms")
    }
    values["errors"] = float(sum(one.errors for one in rounds))
    answers = sum(one.answers for one in rounds)
    return [BenchRow(system, metric, name, value, n=answers) for metric, value in values.items()]


def ratio_row(peer: str, name: str, ours: Sequence[LoadFigures], theirs: Sequence[LoadFigures]) -> BenchRow:
    """Return the median of the rounds' ratios, with the lowest and the highest."""
    ratios = [one.requests_per_second / other.requests_per_second for one, other in zip(ours, theirs, strict=True)]
    metric = f"requests_per_second_ratio_to_{peer}"
    return BenchRow("shelfgraph", metric, name, float(np.median(ratios)), min(ratios), max(ratios), len(ratios))


def answers_agree(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Compare what both say of a product. Raises: ValueError, with the first that differs.

    Edges of equal strength may come in any order, so they are compared as sets of each strength; both end at ten.
    """
    mine, other = ours["data"]["product"], theirs["data"]["products"][0]
    edges = [(one["evidence"], one["node"]["displayName"]) for one in mine["substitutes"]["edges"]]
    others = [(one["properties"], one["node"]["display_name"]) for one in other["substitutesConnection"]["edges"]]
    pairs = (
        ("name", mine["displayName"], other["display_name"]),
        ("suppliers", {one["displayName"] for one in mine["suppliers"]}, {one["display_name"] for one in other["suppliers"]}),
        ("strengths", [one["strength"] for one, _ in edges], [one["strength"] for one, _ in others]),
        ("edges", _above_the_last(edges), _above_the_last(others)),
    )
    for what, left, right in pairs:
        if left != right:
            raise ValueError(f"the two do not agree on {what} of {mine['displayName']}: {left} and {right}")


def _above_the_last(edges: list[tuple[dict[str, Any], str]]) -> set[tuple[object, ...]]:
    last = edges[-1][0]["strength"] if edges else 0.0
    return {(name, *_plain(evidence)) for evidence, name in edges if evidence["strength"] > last}


def _plain(evidence: Mapping[str, Any]) -> tuple[object, ...]:
    """Return evidence in one order; JavaScript writes 0.0 as 0."""
    return tuple((name, float(told) if isinstance(told, int) else told) for name, told in sorted(evidence.items()))


def _products(snapshot: Snapshot) -> list[str]:
    """Return products that can be replaced in the whole chain: those that are asked for, and those that wait for their turn."""
    edges = snapshot.export_edges("isSubstituteFor")
    scopes = np.asarray(edges["scope"].to_pylist())
    replaced = np.unique(np.asarray(edges["target"].to_pylist())[scopes == "chain"])
    return [str(one) for one in np.random.default_rng(SEED).permutation(replaced)[: (1 + FRESH_ROUNDS) * ASKED]]


@contextmanager
def _peer(snapshot: Snapshot, progress: Progress) -> Iterator[_Side]:
    """Fill a Neo4j of its own, install what is pinned, and serve it."""
    with tempfile.TemporaryDirectory(prefix="shelfgraph-bench-peer-") as name, ExitStack() as stack:
        folder = Path(name)
        database = start(folder / "neo4j", progress=progress)
        stack.callback(stop, folder / "neo4j")
        with progress.stage("Filling Neo4j"):
            _fill(snapshot, database)
        with progress.stage("Installing the alternative"):
            _install(folder / "peer", database)
        command = [str(TOOLS / "node"), "server.mjs"]
        port, _ = stack.enter_context(announcing(command, r"listening (\d+)", folder=folder / "peer"))
        yield _Side("neo4j_graphql", port, "/", THEIRS)


def _fill(snapshot: Snapshot, database: RunningServer) -> None:
    store = open_neo4j(database.uri, database.user, database.password, load_schema(), settings=Neo4jSettings())
    try:
        store.prepare()
        for label in LABELS:
            store.upsert_nodes(label, snapshot.export_nodes(label))
        for relation in RELATIONS:
            store.upsert_edges(relation, snapshot.export_edges(relation))
    finally:
        store.close()


def _install(folder: Path, database: RunningServer) -> None:
    """Install exactly what the lock names, and say where the database is."""
    shutil.copytree(PEER, folder, ignore=shutil.ignore_patterns("node_modules"))
    command = [str(TOOLS / "npm"), "ci", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own command line
    address = {"uri": database.uri, "user": database.user, "password": database.password}
    (folder / "database.json").write_text(json.dumps(address))


BENCH = Bench(
    name="peers",
    claim="requests per second and latency beside @neo4j/graphql with Apollo Server over the same graph, one question to both",
    run=run,
    tables=("sales_lines", "products"),
)
