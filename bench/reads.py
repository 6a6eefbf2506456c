"""Read latencies of the published graph in each store and in the snapshot, over the same questions.

`shelfgraph` is the snapshot: what requests are answered from. The stores hold the graph of record.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bench.frame import Bench, BenchContext, BenchRow
from bench.stores import MEASURED_STORES, fresh_store
from kg.ports import CHAIN, Direction, GraphReader, GraphStore, NodeRef
from kg.snapshot import Snapshot, current_folder, open_snapshot
from pipeline.errors import NotBuilt
from pipeline.layout import HomeLayout

__all__ = ["BENCH"]

QUESTIONS = 300
WARM_UP = 20
PATH_QUESTIONS = 100
SEED = 7
QUICK_LABELS = ("Product", "ProductCategory", "Supplier", "Brand")


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Fill a fresh store of each kind with the published version, then ask each of them the same questions."""
    folder = current_folder(HomeLayout(context.home).snapshots)
    if folder is None:
        raise NotBuilt("published graph", "shelfgraph graph build")
    snapshot = open_snapshot(folder)
    rows = _measure("shelfgraph", snapshot, snapshot, context)
    for kind in MEASURED_STORES:
        with fresh_store(kind, context.progress) as fresh:
            with context.progress.stage(f"Filling {kind}"):
                _fill(fresh.store, snapshot, context)
            rows += _measure(kind, fresh.store, snapshot, context)
    return rows, [
        f"{QUESTIONS} questions of each kind ({PATH_QUESTIONS} for paths), one at a time, after {WARM_UP} others to warm up.",
        "`shelfgraph` is the published snapshot, which answers requests; the stores hold the graph of record.",
    ]


def _fill(store: GraphStore, snapshot: Snapshot, context: BenchContext) -> None:
    store.prepare()
    schema = snapshot.schema
    labels = QUICK_LABELS if context.quick else tuple(schema.nodes)
    for label in labels:
        store.upsert_nodes(label, snapshot.export_nodes(label))
    for name, relation in schema.relations.items():
        if relation.source in labels and relation.target in labels:
            store.upsert_edges(name, snapshot.export_edges(name))


def _measure(system: str, reader: GraphReader, snapshot: Snapshot, context: BenchContext) -> list[BenchRow]:
    rows: list[BenchRow] = []
    with context.progress.stage(f"Asking {system}") as stage:
        for name, questions in _questions(reader, snapshot, context).items():
            stage.note(name)
            latencies = _latencies(questions)
            for metric, quantile in (("p50_ms", 50), ("p95_ms", 95), ("p99_ms", 99)):
                rows.append(BenchRow(system, metric, name, float(np.percentile(latencies, quantile)), n=len(latencies)))
    return rows


def _questions(reader: GraphReader, snapshot: Snapshot, context: BenchContext) -> dict[str, list[Callable[[], object]]]:
    random = np.random.default_rng(SEED)
    products = _related_products(snapshot, random)
    questions: dict[str, list[Callable[[], object]]] = {
        "product": [partial(reader.nodes, "Product", [product]) for product in products],
        "suppliers": _related(reader, "suppliedBy", products, Direction.OUT, 10),
        "substitutes": _related(reader, "isSubstituteFor", products, Direction.IN, 10, CHAIN),
        "bought_with": _related(reader, "isBoughtWith", products, Direction.OUT, 20, CHAIN),
    }
    if not context.quick:
        day = snapshot.version.as_of
        known = snapshot.ids("Household")
        households = [known[int(position)] for position in random.integers(len(known), size=QUESTIONS + WARM_UP)]
        questions["repertoire"] = [partial(reader.repertoire, [household], as_of=day, limit=20) for household in households]
        questions["paths"] = [partial(_paths, reader, snapshot, product) for product in products[: PATH_QUESTIONS + WARM_UP]]
    return questions


def _related(
    reader: GraphReader, relation: str, products: Sequence[str], direction: Direction, limit: int, scope: str | None = None
) -> list[Callable[[], object]]:
    ask = partial(reader.related, relation, direction=direction, limit=limit, scope=scope)
    return [partial(ask, [product]) for product in products]


def _paths(reader: GraphReader, snapshot: Snapshot, product: str) -> object:
    edge = snapshot.related("isSubstituteFor", [product], direction=Direction.IN, limit=1)[product][0]
    relations = ("inCategory", "suppliedBy", "isSubstituteFor")
    return reader.paths(edge.source, NodeRef("Product", product), relations=relations, maximum_hops=2, limit=5)


def _related_products(snapshot: Snapshot, random: np.random.Generator) -> Sequence[str]:
    edges = snapshot.export_edges("isSubstituteFor")
    missing = np.unique(np.asarray(edges["target"].to_pylist()))
    return [str(product) for product in random.choice(missing, size=QUESTIONS + WARM_UP)]


def _latencies(questions: list[Callable[[], object]]) -> np.ndarray:
    for ask in questions[:WARM_UP]:
        ask()
    counted = questions[WARM_UP:]
    seen = np.empty(len(counted))
    for position, ask in enumerate(counted):
        begun = time.perf_counter()
        ask()
        seen[position] = (time.perf_counter() - begun) * 1e3
    return seen


BENCH = Bench(name="reads", claim="read latency of the snapshot and of each store over the same questions", run=run)
