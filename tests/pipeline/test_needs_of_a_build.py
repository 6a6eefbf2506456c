"""Needs on their way into a store: nodes merged, edges replaced, and what an earlier build found is not forgotten."""

from contextlib import closing
from pathlib import Path

import pyarrow as pa

from features.needs import NeedLimits
from kg.algorithms import PortableAlgorithms
from kg.embedded_store import open_embedded
from ontology.schema import load_schema
from pipeline.needs import NEED, SERVES, write_need_nodes
from tests.features_graph.occasions import AS_OF, RECORDED_AT, bought_with, planted_pairs, products


def facts() -> dict[str, pa.Table]:
    categories = sorted(set(products().values()))
    nodes = {"id": categories, "display_name": categories, "level": ["category"] * len(categories), "notation": categories}
    names = sorted(products())
    return {
        "ProductCategory": pa.table(nodes),
        "broader": pa.table({"source": pa.array([], pa.string()), "target": pa.array([], pa.string())}),
        "inCategory": pa.table({"source": names, "target": [products()[name] for name in names]}),
        "Product": pa.table({"id": names, "display_name": names, "merchandise": [True] * len(names)}),
    }


def test_a_later_build_replaces_who_serves_what_and_keeps_the_nodes(tmp_path: Path) -> None:
    schema, pairs = load_schema(), planted_pairs()
    with closing(open_embedded(tmp_path / "graph", schema)) as store:
        store.prepare()
        store.upsert_nodes("Product", facts()["Product"])
        algorithms = PortableAlgorithms(store, schema)
        asked = {"as_of": AS_OF, "recorded_at": RECORDED_AT, "seed": 1, "limits": NeedLimits(resolution=1.0)}
        before: set[str] = set()
        for run, some in (("first", pairs), ("second", [pair for pair in pairs if "barb" not in pair[0] + pair[1]])):
            needs = write_need_nodes(store, facts(), bought_with(some), algorithms, run_id=run, **asked)
            store.replace_derived(SERVES, needs.edges)
            assert store.export_nodes(NEED).select(["id", "display_name"]).equals(needs.nodes)
            assert before <= set(needs.nodes["id"].to_pylist())
            before = set(needs.nodes["id"].to_pylist())
            served = store.export_edges(SERVES)
            assert set(served["run_id"].to_pylist()) == {run}
            assert set(served["target"].to_pylist()) == {need for need in before if run == "first" or "barb" not in need}
        assert any("barb" in need for need in before)
