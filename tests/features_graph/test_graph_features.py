"""Columns and candidates from graph algorithms, against what is written out by hand on planted worlds."""

import math
from datetime import date, timedelta

import pyarrow as pa
import pytest

from features.graph_features import (
    CANDIDATE_SCHEMA,
    FEATURE_SCHEMA,
    FastRpKnn,
    SharedBuyers,
    alike_by_buyers,
    fastrp_knn,
    graph_candidates,
    known_links,
    product_graph_features,
)
from kg.algorithms import PortableAlgorithms, projection_of
from kg.algorithms.ports import HouseholdProducts
from ontology.schema import load_schema
from tests.algorithms.small_world import DAY, GROUPS, LATER, planted_retailer, table_graph
from tests.features_graph.occasions import AS_OF, bought_with, planted_pairs

RECIPE = FastRpKnn(minimum_households=3, dimensions=64, top_k=5)
BUYERS = SharedBuyers(minimum_households=3, top_k=5)


@pytest.fixture(scope="module")
def algorithms() -> PortableAlgorithms:
    return PortableAlgorithms(table_graph(planted_retailer()), load_schema())


def test_links_are_known_once_with_the_weight_that_is_sure() -> None:
    links = known_links(bought_with(planted_pairs()), AS_OF).to_pylist()
    expected = [
        {
            "source": one,
            "target": other,
            "weight": pytest.approx(math.log(low)),
            "events": events,
            "support": events // 2,
            "first_observed": date(2017, 1, 1 + events % 20),
            "last_observed": AS_OF,
        }
        for one, other, low, events in sorted(planted_pairs())
    ]
    assert links == expected
    assert len(expected) > 100


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("low", 1.0),
        ("status", "retracted"),
        ("scope", "season:winter"),
        ("valid_from", AS_OF + timedelta(days=1)),
        ("last_observed", AS_OF + timedelta(days=1)),
        ("valid_to", AS_OF),
    ],
)
def test_what_was_not_known_or_not_sure_is_left_out(column: str, value: object) -> None:
    pairs = planted_pairs()
    edges = bought_with(pairs)
    changed = [row | {column: value} if {row["source"], row["target"]} == {*pairs[0][:2]} else row for row in edges.to_pylist()]
    found = known_links(pa.Table.from_pylist(changed, schema=edges.schema), AS_OF)
    assert found.equals(known_links(bought_with(pairs[1:]), AS_OF))


def test_a_products_columns_are_its_place_among_what_is_bought_together(algorithms) -> None:
    pairs = planted_pairs()
    rows = product_graph_features(algorithms, bought_with(pairs), as_of=AS_OF, resolution=1.0, seed=1)
    assert rows.schema.equals(FEATURE_SCHEMA)
    found = {row["product_id"]: row for row in rows.to_pylist()}
    names = sorted({end for one, other, *_ in pairs for end in (one, other)})
    assert list(found) == names
    assert {name: row["degree"] for name, row in found.items()} == {
        name: sum(name in pair[:2] for pair in pairs) for name in names
    }
    smallest = {name[:4]: min(other for other in names if other[:4] == name[:4]) for name in names}
    assert {name: row["community"] for name, row in found.items()} == {name: smallest[name[:4]] for name in names}
    assert sum(row["page_rank"] for row in found.values()) == pytest.approx(len(names), abs=1e-3)


def test_columns_of_nothing_are_an_empty_table(algorithms) -> None:
    rows = product_graph_features(algorithms, bought_with([]), as_of=AS_OF, seed=1)
    assert (rows.num_rows, rows.schema) == (0, FEATURE_SCHEMA)


def test_the_recipe_finds_the_planted_group_of_each_target(algorithms) -> None:
    rows = fastrp_knn(algorithms, as_of=LATER, seed=1, recipe=RECIPE)
    assert rows.schema.equals(CANDIDATE_SCHEMA)
    group = {row["target"]: int(row["target"][1:]) % GROUPS for row in rows.to_pylist()}
    assert len(group) == 44
    same = [int(row["source"][1:]) % GROUPS == group[row["target"]] for row in rows.to_pylist()]
    # chance is 1 in 3
    assert len(same) == 44 * 5
    assert sum(same) / len(same) > 0.9
    assert projection_of(rows).as_of == LATER


def test_a_candidate_speaks_about_its_target(algorithms) -> None:
    rows = alike_by_buyers(algorithms, as_of=LATER, recipe=BUYERS).to_pylist()
    asked = HouseholdProducts(LATER, BUYERS.minimum_households)
    similar = algorithms.node_similarity(asked, top_k=BUYERS.top_k, minimum_similarity=BUYERS.minimum_similarity).to_pylist()
    assert [(row["target"], row["source"], row["score"]) for row in rows] == [
        (row["source"], row["target"], round(row["similarity"], 6)) for row in similar
    ]
    assert max(sum(row["target"] == name for row in rows) for name in {row["target"] for row in rows}) == BUYERS.top_k


def test_both_recipes_stand_one_after_the_other(algorithms) -> None:
    rows = graph_candidates(algorithms, as_of=LATER, seed=1, embedding=RECIPE, buyers=BUYERS)
    parts = [fastrp_knn(algorithms, as_of=LATER, seed=1, recipe=RECIPE), alike_by_buyers(algorithms, as_of=LATER, recipe=BUYERS)]
    assert rows.equals(pa.concat_tables(parts))
    assert rows["recipe"].to_pylist() == ["fastrp_knn"] * parts[0].num_rows + ["node_similarity"] * parts[1].num_rows


def test_what_happens_later_changes_nothing(algorithms) -> None:
    """Also no household that is new then: it must not move what is drawn at random for the others."""
    future = planted_retailer()
    basket = future["Basket"].slice(0, 1).to_pylist()[0] | {"id": "b9999", "business_date": LATER}
    line = future["contains"].slice(0, 1).to_pylist()[0] | {"source": "b9999"}
    added = {
        "Basket": basket,
        "Household": {"id": "hh000-new", "display_name": "hh000-new"},
        "madeBy": {"source": "b9999", "target": "hh000-new"},
        "contains": line,
    }
    for term, row in added.items():
        future[term] = pa.concat_tables([future[term], pa.Table.from_pylist([row], schema=future[term].schema)])
    later = PortableAlgorithms(table_graph(future), load_schema())
    for day, alike in ((DAY, True), (LATER, False)):
        now, then = (graph_candidates(one, as_of=day, seed=1, embedding=RECIPE, buyers=BUYERS) for one in (algorithms, later))
        assert now.equals(then) is alike
