"""Leiden's communities on planted worlds: what was planted is found, and the measure is the one written out."""

from datetime import date

import networkx as nx
import pyarrow as pa
import pytest

from kg.algorithms import GivenEdges, PortableAlgorithms, RelationGraph
from kg.errors import ProjectionRefused, QueryTooLarge
from ontology.schema import load_schema
from tests.algorithms.small_world import DAY, modularity, planted_partition, planted_retailer, table_graph

GROUPS = 4


@pytest.fixture(scope="module")
def algorithms():
    return PortableAlgorithms(table_graph(planted_retailer()), load_schema())


def communities(rows) -> dict[str, str]:
    return dict(zip(rows["id"].to_pylist(), rows["community"].to_pylist(), strict=True))


def test_planted_groups_are_found_and_named_by_their_smallest_id(algorithms) -> None:
    found = algorithms.leiden(GivenEdges(planted_partition(GROUPS), DAY), seed=3)
    assert communities(found) == {f"n{i:02d}": f"n{i % GROUPS:02d}" for i in range(80)}
    assert found["id"].to_pylist() == sorted(found["id"].to_pylist())


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0, 4.0])
def test_communities_are_at_least_as_good_as_another_method_finds(algorithms, resolution: float) -> None:
    edges = planted_partition(6, 15, seed=9)
    found = communities(algorithms.leiden(GivenEdges(edges, DAY), resolution=resolution, seed=3))
    other = nx.Graph()
    other.add_weighted_edges_from(zip(*(edges[name].to_pylist() for name in edges.column_names), strict=True))
    louvain = nx.community.louvain_communities(other, resolution=resolution, seed=1)
    theirs = {name: min(group) for group in louvain for name in group}
    assert modularity(edges, found, resolution) >= modularity(edges, theirs, resolution) - 0.002


def test_a_higher_resolution_gives_more_communities(algorithms) -> None:
    edges = GivenEdges(planted_partition(GROUPS), DAY)
    counts = [len(set(communities(algorithms.leiden(edges, resolution=r, seed=3)).values())) for r in (0.05, 1.0, 8.0)]
    assert counts[0] < counts[1] == GROUPS < counts[2]


def test_the_same_seed_gives_the_same_communities(algorithms) -> None:
    edges = GivenEdges(planted_partition(8, 10, seed=4), DAY)
    once = algorithms.leiden(edges, resolution=3.0, seed=5)
    assert all(algorithms.leiden(edges, resolution=3.0, seed=5).equals(once) for _ in range(3))


def test_rings_of_a_published_relation_stand_apart_and_nodes_without_edges_alone(algorithms) -> None:
    found = communities(algorithms.leiden(RelationGraph("similarTo"), resolution=0.1, seed=1))
    rings = {f"p{i:03d}": f"p{i % 3:03d}" for i in range(30)}
    alone = {f"p{i:03d}": f"p{i:03d}" for i in range(30, 45)}
    assert found == {**rings, **alone, "p041": "p040"}


def test_a_relation_on_another_day_has_the_edges_that_were_valid_then(algorithms) -> None:
    before = communities(algorithms.leiden(RelationGraph("similarTo", as_of=date(2017, 5, 31)), seed=1))
    assert all(name == group for name, group in before.items())
    assert len(before) == 45
    assert communities(algorithms.leiden(RelationGraph("similarTo", as_of=DAY), resolution=0.1, seed=1))["p041"] == "p040"


def test_given_edges_answer_like_the_relation_they_are_taken_from(algorithms) -> None:
    tables = planted_retailer()
    active = tables["similarTo"].filter(pa.array([status == "active" for status in tables["similarTo"]["status"].to_pylist()]))
    given = GivenEdges(active.select(["source", "target", "strength"]).rename_columns(["source", "target", "weight"]), DAY)
    published = algorithms.page_rank(RelationGraph("similarTo", "strength"))
    ranked = algorithms.page_rank(given)
    assert ranked["id"].to_pylist() == [name for name in published["id"].to_pylist() if name < "p030" or name in {"p040", "p041"}]
    expected = dict(zip(published["id"].to_pylist(), published["score"].to_pylist(), strict=True))
    assert ranked["score"].to_pylist() == pytest.approx([expected[name] for name in ranked["id"].to_pylist()], abs=1e-9)
    assert algorithms.weakly_connected_components(given)["component"].to_pylist()[-1] == "p040"


def test_no_edges_are_no_communities(algorithms) -> None:
    nothing = GivenEdges(planted_partition().slice(0, 0), DAY)
    assert algorithms.leiden(nothing, seed=1).num_rows == 0
    assert algorithms.page_rank(nothing).num_rows == 0


def test_what_the_method_is_not_made_for_is_refused(algorithms, monkeypatch) -> None:
    edges = planted_partition()
    with pytest.raises(ProjectionRefused, match="its edges go one way"):
        algorithms.leiden(GivenEdges(edges, DAY, undirected=False), seed=1)
    for resolution in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ProjectionRefused, match="is not above 0"):
            algorithms.leiden(GivenEdges(edges, DAY), resolution=resolution, seed=1)
    with pytest.raises(ProjectionRefused, match="a weight is negative"):
        algorithms.leiden(GivenEdges(one_edge(-1.0), DAY), seed=1)
    with pytest.raises(ProjectionRefused, match="missing or no number"):
        algorithms.leiden(GivenEdges(one_edge(float("nan")), DAY), seed=1)
    with pytest.raises(ProjectionRefused, match="no column weight"):
        algorithms.leiden(GivenEdges(edges.select(["source", "target"]), DAY), seed=1)
    monkeypatch.setattr("kg.algorithms.projecting.MAXIMUM_NUMBERS", 6)
    with pytest.raises(QueryTooLarge, match="given edges were asked for, 2 are allowed"):
        algorithms.leiden(GivenEdges(edges, DAY), seed=1)


def one_edge(weight: float) -> pa.Table:
    return pa.table({"source": ["a"], "target": ["b"], "weight": [weight]})
