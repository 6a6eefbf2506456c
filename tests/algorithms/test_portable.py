"""The sparse-matrix algorithms against definitions written out, on worlds small enough for that."""

from collections import defaultdict
from datetime import date
from itertools import combinations

import numpy as np
import pytest

from kg.algorithms import HouseholdProducts, PortableAlgorithms, RelationGraph
from kg.errors import ProjectionRefused, UnknownTerm
from ontology.schema import load_schema
from tests.algorithms.small_world import DAY, GROUPS, LATER, planted_retailer, table_graph


@pytest.fixture(scope="module")
def tables():
    return planted_retailer()


@pytest.fixture(scope="module")
def algorithms(tables):
    return PortableAlgorithms(table_graph(tables), load_schema())


def buyers(tables, as_of: date, minimum: int) -> dict[str, set[str]]:
    days = dict(zip(tables["Basket"]["id"].to_pylist(), tables["Basket"]["business_date"].to_pylist(), strict=True))
    household = dict(zip(tables["madeBy"]["source"].to_pylist(), tables["madeBy"]["target"].to_pylist(), strict=True))
    found: dict[str, set[str]] = defaultdict(set)
    for line in tables["contains"].select(["source", "target"]).to_pylist():
        if days[line["source"]] <= as_of and line["target"] != "p044":
            found[line["target"]].add(household[line["source"]])
    return {product: who for product, who in found.items() if len(who) >= minimum}


def jaccard(tables, as_of: date, minimum: int) -> dict[tuple[str, str], float]:
    sets = buyers(tables, as_of, minimum)
    pairs = {(a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in combinations(sorted(sets), 2)}
    return {**pairs, **{(b, a): value for (a, b), value in pairs.items()}}


@pytest.mark.parametrize("as_of", [DAY, LATER])
def test_all_pairs_above_the_bound_equal_the_definition(tables, algorithms, as_of):
    expected = {pair: value for pair, value in jaccard(tables, as_of, 5).items() if value >= 0.1 and value > 0}
    rows = algorithms.node_similarity(HouseholdProducts(as_of, 5), top_k=1000, minimum_similarity=0.1).to_pylist()
    assert {(r["source"], r["target"]): r["similarity"] for r in rows} == pytest.approx(expected, abs=1e-12)
    assert len(expected) > 200


def test_the_future_changes_the_answer_only_when_asked_for(tables, algorithms):
    then = algorithms.node_similarity(HouseholdProducts(DAY, 5), top_k=5, minimum_similarity=0.0)
    now = algorithms.node_similarity(HouseholdProducts(LATER, 5), top_k=5, minimum_similarity=0.0)
    past = planted_retailer()
    past["Basket"] = past["Basket"].filter(np.array([d <= DAY for d in past["Basket"]["business_date"].to_pylist()]))
    for name in ("madeBy", "contains"):
        known = set(past["Basket"]["id"].to_pylist())
        past[name] = past[name].filter(np.array([source in known for source in past[name]["source"].to_pylist()]))
    alone = PortableAlgorithms(table_graph(past), load_schema())
    assert alone.node_similarity(HouseholdProducts(DAY, 5), top_k=5, minimum_similarity=0.0).equals(then)
    assert not now.equals(then)


def test_top_k_are_the_best_in_order_and_ties_go_by_id(tables, algorithms):
    every = jaccard(tables, LATER, 5)
    rows = algorithms.node_similarity(HouseholdProducts(LATER, 5), top_k=4, minimum_similarity=0.0).to_pylist()
    for source in {pair[0] for pair in every}:
        ranked = sorted((-value, target) for (one, target), value in every.items() if one == source and value > 0)
        expected = [(target, pytest.approx(-value, abs=1e-12)) for value, target in ranked[:4]]
        assert [(r["target"], r["similarity"]) for r in rows if r["source"] == source] == expected


def test_products_that_are_no_merchandise_are_left_out_unless_asked_for(algorithms):
    def found(*, merchandise_only: bool) -> set[str]:
        projection = HouseholdProducts(LATER, 1, merchandise_only=merchandise_only)
        return set(algorithms.node_similarity(projection, top_k=3, minimum_similarity=0.0)["source"].to_pylist())

    assert found(merchandise_only=False) - found(merchandise_only=True) == {"p044"}


def test_nothing_to_compare_is_an_empty_table(algorithms):
    rows = algorithms.node_similarity(HouseholdProducts(date(2000, 1, 1), 1), top_k=3, minimum_similarity=0.0)
    assert rows.num_rows == 0
    assert rows.column_names == ["source", "target", "similarity"]


def test_fast_rp_is_repeatable_and_finds_the_planted_groups(algorithms):
    def embed(seed: int):
        return algorithms.fast_rp(
            HouseholdProducts(LATER, 1),
            dimensions=64,
            iteration_weights=(0.0, 1.0, 1.0),
            normalization_strength=-0.5,
            seed=seed,
        )

    rows = embed(1)
    assert rows.equals(embed(1))
    assert not rows.equals(embed(2))
    vectors = np.stack(rows["embedding"].to_numpy())
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    group = np.array([int(name[1:]) % GROUPS for name in rows["id"].to_pylist()])
    nearest = np.argsort(-cosines, axis=1)[:, :5]
    # chance is 1 in 3
    assert float((group[nearest] == group[:, None]).mean()) > 0.9


@pytest.mark.parametrize(("weight", "undirected"), [(None, True), (None, False), ("strength", True), ("strength", False)])
def test_page_rank_solves_its_equations(tables, algorithms, weight, undirected):
    rows = algorithms.page_rank(RelationGraph("similarTo", weight, undirected=undirected))
    ids = sorted(tables["Product"]["id"].to_pylist())
    passing = np.zeros((len(ids), len(ids)))
    for row in tables["similarTo"].to_pylist():
        if row["status"] == "active":
            ways = [(row["source"], row["target"]), (row["target"], row["source"])][: 2 if undirected else 1]
            for one, other in ways:
                passing[ids.index(other), ids.index(one)] += row[weight] if weight else 1.0
    passing /= np.maximum(passing.sum(axis=0), 1e-300)
    expected = np.linalg.solve(np.eye(len(ids)) - 0.85 * passing, np.full(len(ids), 0.15))
    assert rows["id"].to_pylist() == ids
    # a hundred rounds leave an error of 0.85 ** 100
    assert rows["score"].to_pylist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_directed_page_rank_of_a_pair_is_known(algorithms):
    rows = algorithms.page_rank(RelationGraph("similarTo", undirected=False))
    scores = dict(zip(rows["id"].to_pylist(), rows["score"].to_pylist(), strict=True))
    assert scores["p040"] == pytest.approx(0.15)
    assert scores["p041"] == pytest.approx(0.15 + 0.85 * 0.15)
    assert scores["p044"] == pytest.approx(0.15)


def test_components_are_named_by_their_smallest_id_and_retracted_edges_join_nothing(algorithms):
    rows = algorithms.weakly_connected_components(RelationGraph("similarTo"))
    found = dict(zip(rows["id"].to_pylist(), rows["component"].to_pylist(), strict=True))
    rings = {f"p{i:03d}": f"p{i % 3:03d}" for i in range(30)}
    alone = {f"p{i:03d}": f"p{i:03d}" for i in range(30, 45)}
    assert found == {**rings, **alone, "p041": "p040"}


def test_a_weight_the_relation_does_not_have_is_refused(algorithms):
    with pytest.raises(UnknownTerm, match="no property of similarTo 'colour'"):
        algorithms.page_rank(RelationGraph("similarTo", "colour"))
    with pytest.raises(ProjectionRefused, match="one label is needed"):
        algorithms.page_rank(RelationGraph("madeBy"))
