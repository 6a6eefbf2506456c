"""The tiny shop, fitted and published: its graph is loaded from its facts, its edges are written by hand."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from decisions.recommend import RecommendService, fit
from decisions.recommend.lists import list_tables
from decisions.recommend.model import open_ranker
from decisions.recommend.ranking import Ranking, RankingSystem
from features import InMemory, publish_features
from features.recommend_relations import neighbours_by_relation
from features.recommend_tables import read_serving_features
from features.repertoire import read_purchases
from ingest.graph_load import load_graph
from kg.ports import WriteCount
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from kit.progress import SilentProgress
from ontology import load_schema
from tests.tiny_retailer import AS_OF, FIRST_MONDAY, build_tiny_lake, household

RECORDED = datetime(2026, 1, 1, tzinfo=UTC)
BOUGHT_WITH = [("pasta", "sauce", 3.0), ("sauce", "pasta", 3.0), ("pasta", "bread", 1.2), ("bread", "pasta", 1.2)]
COMPLEMENTS = [("pesto", "penne", 0.4)]
COLD = household(9999)


class CollectingWriter:
    """Keeps what a load writes, so that it can be published without a store."""

    def __init__(self):
        self.nodes, self.edges = defaultdict(list), defaultdict(list)

    def upsert_nodes(self, label, rows):
        self.nodes[label].append(rows)
        return WriteCount(rows.num_rows, rows.num_rows)

    def upsert_edges(self, relation, rows):
        self.edges[relation].append(rows)
        return WriteCount(rows.num_rows, rows.num_rows)


def handwritten_edges(relation, pairs):
    count = len(pairs)
    days = {name: pa.array([FIRST_MONDAY] * count, pa.date32()) for name in ("first_observed", "valid_from")}
    return pa.table(
        {
            "source": [a for a, _, _ in pairs],
            "target": [b for _, b, _ in pairs],
            "assertion_id": [f"{relation}:{a}:{b}" for a, b, _ in pairs],
            "strength": [s for _, _, s in pairs],
            "low": [s / 2 for _, _, s in pairs],
            "high": [s * 2 for _, _, s in pairs],
            "unit": ["lift"] * count,
            "scope": ["chain"] * count,
            "events": pa.array([30] * count, pa.int64()),
            "support": pa.array([20] * count, pa.int64()),
            "last_observed": pa.array([AS_OF] * count, pa.date32()),
            "sources": [["sales_lines"]] * count,
            "run_id": ["r"] * count,
            "model_version": ["m"] * count,
            "grade": ["association"] * count,
            "status": ["active"] * count,
            "recorded_from": pa.array([RECORDED] * count, pa.timestamp("us", "UTC")),
            **days,
        }
    )


def derived_edges():
    return {
        "isBoughtWith": handwritten_edges("isBoughtWith", BOUGHT_WITH),
        "isComplementTo": handwritten_edges("isComplementTo", COMPLEMENTS),
    }


def published_graph(lake, root, *, without=(), as_of=AS_OF):
    writer = CollectingWriter()
    load_graph(lake, writer, as_of=AS_OF, progress=SilentProgress())
    nodes = {label: pa.concat_tables(parts) for label, parts in writer.nodes.items()}
    cold = pa.table({"id": [COLD], "display_name": ["Household without a purchase"]})
    nodes["Household"] = pa.concat_tables([nodes["Household"], cold], promote_options="default")
    edges = {relation: pa.concat_tables(parts) for relation, parts in writer.edges.items()} | derived_edges()
    if without:
        gone = pa.array(without)
        nodes["Product"] = nodes["Product"].filter(pc.invert(pc.is_in(nodes["Product"]["id"], gone)))
        edges = {name: without_ends(table, gone) for name, table in edges.items()}
    schema = load_schema()
    graph = TableGraph(schema, nodes, edges)
    publish_snapshot(graph, root, schema=schema, as_of=as_of, clock=FixedClock(RECORDED))
    return open_current_snapshot(root)


def without_ends(edges, gone):
    touched = pc.or_(pc.is_in(edges["source"], gone), pc.is_in(edges["target"], gone))
    return edges.filter(pc.invert(touched))


def fitted(lake, as_of: date = AS_OF, seed: int = 7):
    return fit(lake, as_of=as_of, edges_as_of=lambda day: derived_edges(), seed=seed, progress=SilentProgress())


@pytest.fixture(scope="session")
def recommend_shop(tmp_path_factory):
    root = tmp_path_factory.mktemp("recommend")
    lake = build_tiny_lake(root / "lake")
    graph = published_graph(lake, root / "graph")
    artefact, tables, figures = fitted(lake)
    fitted_artefact, artefact = artefact, served_by_the_ranker(artefact)
    snapshot = publish_features(root / "features", AS_OF, {**tables, **lists_of(artefact, tables)})
    service = RecommendService(graph, snapshot, artefact)
    return SimpleNamespace(
        lake=lake,
        graph=graph,
        artefact=artefact,
        fitted_artefact=fitted_artefact,
        tables=tables,
        figures=figures,
        snapshot=snapshot,
        service=service,
        root=root,
    )


def lists_of(artefact, tables):
    """The lists that `fit` would have kept, had this system won."""
    about, features = json.loads(artefact["recommend.json"]), read_serving_features(InMemory(tables))
    ranker = open_ranker(artefact["ranker.txt"], about["model"]) if about["system"] == "shelfgraph" else None
    neighbours = neighbours_by_relation(derived_edges(), features.product_ids, AS_OF)
    return list_tables(Ranking(features, neighbours, RankingSystem(about["system"], ranker)))


def served_by_the_ranker(artefact):
    """The tiny shop is too regular for a ranker to win for certain; its answers are tested whichever system won."""
    return served_by(artefact, "shelfgraph", item="complements", trending="trending")


def served_by(artefact, system, **surfaces):
    """The artefact in which this system orders habits and what is bought again, and those named won their surfaces."""
    about = {**json.loads(artefact["recommend.json"]), "system": system}
    for surface, winner in {"buy_again": system, **surfaces}.items():
        about["surfaces"][surface]["system"] = winner
    return {**artefact, "recommend.json": json.dumps(about).encode()}


@pytest.fixture(scope="module")
def purchases(recommend_shop):
    return read_purchases(recommend_shop.lake, AS_OF)


@pytest.fixture(scope="module")
def neighbours(purchases):
    return neighbours_by_relation(derived_edges(), purchases.product_ids, AS_OF)


@pytest.fixture
def lists_for():
    return lists_of


@pytest.fixture
def graph_of():
    return published_graph


@pytest.fixture
def fit_again():
    return fitted


@pytest.fixture(scope="session")
def shop_constants():
    return SimpleNamespace(cold=COLD, bought_with=BOUGHT_WITH, complements=COMPLEMENTS, edges=derived_edges)
