"""A product that breaks a shape takes its edges with it, facts and derived ones, and the build goes on without them."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from api.wiring import Installation
from kit.progress import SilentProgress
from pipeline import build as build_module
from pipeline.derived import sift_edges
from tests.pipeline.conftest import settings_for
from tests.tiny_retailer import build_tiny_lake

pytestmark = pytest.mark.training

DERIVED = ("isBoughtWith", "isSubstituteFor", "isComplementTo")
STORES = ("embedded", "neo4j")


def rename(lake, product: str, name: str) -> None:
    rows = lake.arrow("products").to_pylist()
    changed = [{**row, "name": name} if row["product_id"] == product else row for row in rows]
    lake.replace("products", pa.Table.from_pylist(changed, lake.arrow("products").schema))


@pytest.fixture(params=STORES)
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Installation:
    opened = Installation.open(settings_for(tmp_path, request.param, request))
    build_tiny_lake(opened.layout.lake)
    return opened


def test_a_product_that_breaks_a_shape_takes_its_derived_edges_with_it(installation: Installation) -> None:
    # displayName may have 500 characters
    rename(installation.lake, "cola_b", "x" * 600)
    built = installation.build(SilentProgress(), fresh=True)
    graph = installation.snapshot()
    assert graph.position("Product", "cola_b") is None
    for relation in DERIVED:
        rows = graph.export_edges(relation)
        assert rows.num_rows > 0
        assert rows.num_rows == built.edges[relation].num_rows
        assert "cola_b" not in {*rows["source"].to_pylist(), *rows["target"].to_pylist()}
    kept = [row for row in installation.lake.arrow("graph_rejections").to_pylist() if row["term"] in DERIVED]
    assert {row["rule"].rpartition("/")[2] for row in kept} == {"class"}
    assert all("cola_b" in (json.loads(row["row"])["source"], json.loads(row["row"])["target"]) for row in kept)
    assert {"isSubstituteFor"} <= {row["term"] for row in kept}
    assert sum(built.rejected_edges.values()) == len(kept)
    run = installation.books.runs.get(built.run_id)
    assert sum(run.figures[f"rejected_{relation}"] for relation in DERIVED) == len(kept)


def test_a_derived_edge_that_breaks_the_shape_of_evidence_is_never_written(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    derive = build_module.derive

    def with_a_fault(*arguments, **named):
        found = derive(*arguments, **named)
        rows = found.edges["isBoughtWith"].to_pylist()
        rows[0]["grade"] = "hearsay"
        faulty = pa.Table.from_pylist(rows, found.edges["isBoughtWith"].schema)
        return replace(found, edges={**found.edges, "isBoughtWith": faulty})

    monkeypatch.setattr(build_module, "derive", with_a_fault)
    built = installation.build(SilentProgress(), fresh=True)
    rows = installation.snapshot().export_edges("isBoughtWith")
    assert set(rows["grade"].to_pylist()) == {"association"}
    [kept] = installation.lake.arrow("graph_rejections").to_pylist()
    assert (kept["term"], kept["rule"]) == ("isBoughtWith", "isBoughtWith.grade/in")
    assert json.loads(kept["row"])["grade"] == "hearsay"
    assert built.edges["isBoughtWith"].num_rows == rows.num_rows


def test_sound_edges_pass_as_they_are(embedded_shop) -> None:
    graph = embedded_shop.services.graph
    edges = {relation: graph.export_edges(relation) for relation in DERIVED}
    sound = sift_edges(edges, {"Product": graph.export_nodes("Product")})
    assert sound.rejections.num_rows == 0
    assert set(sound.rejected.values()) == {0}
    assert all(sound.edges[relation].equals(rows) for relation, rows in edges.items())
