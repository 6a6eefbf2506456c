"""What is learned from a window, against the same read line by line in plain Python."""

from collections import defaultdict
from datetime import timedelta

import numpy as np
import pytest

from gnn.graph import build_graph, read_nodes
from gnn.negatives import Negatives, draw_pairs
from gnn.supervision import PairSet, observed_pairs
from tests.gnn.conftest import CUT
from tests.relation_worlds import FIRST_DAY, line_rows, write_world
from tests.tiny_retailer import AS_OF


@pytest.fixture(scope="module")
def pairs(shop, graph):
    return observed_pairs(shop, graph, AS_OF, 1)


def named(graph, pairs: PairSet, target_kind: str = "product") -> dict[tuple[str, str], float]:
    sources, targets = graph.nodes.ids["product"].to_pylist(), graph.nodes.ids[target_kind].to_pylist()
    return {(sources[s], targets[t]): w for s, t, w in zip(pairs.source, pairs.target, pairs.weight.tolist(), strict=True)}


def test_purchases_of_the_window_and_which_are_habits(shop, graph, pairs) -> None:
    before, after = set(), set()
    for row in shop.arrow("sales_lines").to_pylist():
        if row["merchandise"]:
            side = before if CUT - timedelta(days=182) < row["business_date"] <= CUT else after
            if row["business_date"] > CUT - timedelta(days=182):
                side.add((row["product_id"], row["household_id"]))
    expected = {pair: 0.25 if pair in before else 1.0 for pair in after}
    assert named(graph, pairs["household_buys"], "household") == expected


def test_who_misses_the_regular_product_and_takes_another(tmp_path) -> None:
    """h1 and h2 take a regularly, then b; h2 had b before. h3 takes a once, which is no habit. c is of another category."""
    history = [(day, "h1", ("a", "c")) for day in (0, 7)] + [(day, "h2", ("a", "b")) for day in (0, 7)] + [(7, "h3", ("a",))]
    window = [(15, "h1", ("b", "c")), (16, "h2", ("b",)), (17, "h3", ("b",)), (18, "h1", ("a", "b"))]
    catalogue = {"a": ("x", None), "b": ("x", None), "c": ("y", None)}
    lake = write_world(tmp_path, line_rows(history + window), catalogue)
    cut = FIRST_DAY + timedelta(days=14)
    graph = build_graph(lake, read_nodes(lake, cut, 4), cut)
    found = named(graph, observed_pairs(lake, graph, cut + timedelta(days=28), 1)["substitute"])
    # h1 new to b: 1; h2 knew it, and of its regular products a and b only a is missed: 0.25
    assert found == {("b", "a"): pytest.approx(1.25)}


def test_a_product_that_is_gone_counts_for_more(tmp_path) -> None:
    history = [(day, "h1", ("a",)) for day in range(0, 60, 2)]
    lake = write_world(tmp_path, line_rows([*history, (65, "h1", ("b",))]), {"a": ("x", None), "b": ("x", None)})
    cut = FIRST_DAY + timedelta(days=60)
    graph = build_graph(lake, read_nodes(lake, cut, 4), cut)
    assert named(graph, observed_pairs(lake, graph, cut + timedelta(days=28), 1)["substitute"]) == {("b", "a"): 4.0}


def test_pairs_of_baskets_were_in_one_basket_and_a_basket_counts_by_its_lines(shop, graph, pairs) -> None:
    baskets = defaultdict(set)
    for row in shop.arrow("sales_lines").to_pylist():
        if row["merchandise"] and row["business_date"] > CUT:
            baskets[row["basket_id"]].add(row["product_id"])
    met = {(a, b) for products in baskets.values() for a in products for b in products if a != b}
    found = named(graph, pairs["bought_with"])
    assert set(found) <= met
    assert sum(found.values()) == 4 * sum(len(products) for products in baskets.values() if len(products) > 1)


def test_complements_are_of_two_categories_and_pasta_finds_its_sauce(graph, pairs) -> None:
    found = named(graph, pairs["complement"])
    assert found["sauce", "pasta"] == found["pasta", "sauce"] > 0
    category = dict(zip(graph.nodes.ids["product"].to_pylist(), graph.nodes.category.tolist(), strict=True))
    assert all(category[source] != category[target] for source, target in found)
    sauces = {target: weight for (source, target), weight in found.items() if source == "sauce"}
    assert sauces.keys() == {"pasta"}


def test_the_window_ends_with_its_last_day(shop, graph) -> None:
    short = observed_pairs(shop, graph, AS_OF - timedelta(days=7), 1)["household_buys"]
    late = {
        (row["product_id"], row["household_id"])
        for row in shop.arrow("sales_lines").to_pylist()
        if row["merchandise"] and CUT < row["business_date"] <= AS_OF - timedelta(days=7)
    }
    assert set(named(graph, short, "household")) == late


def test_pairs_are_drawn_by_weight() -> None:
    pairs = PairSet(np.array([0, 1, 2]), np.array([5, 6, 7]), np.array([1.0, 3.0, 0.0]))
    source, target = draw_pairs(pairs, 40_000, np.random.default_rng(0))
    assert np.array_equal(target, source + 5)
    assert np.bincount(source, minlength=3) / 40_000 == pytest.approx([0.25, 0.75, 0.0], abs=0.01)


def test_negatives_are_what_they_say(graph) -> None:
    negatives, random = Negatives(graph), np.random.default_rng(0)
    bought = graph.edges["bought_by"]
    asked = np.repeat(np.unique(bought.product), 50)
    alike = negatives.same_category(asked, random)
    assert np.array_equal(graph.nodes.category[alike], graph.nodes.category[asked])
    buyers = defaultdict(set)
    for product, household in zip(bought.product.tolist(), bought.other.tolist(), strict=True):
        buyers[product].add(household)
    near = negatives.two_hops(asked, random)
    assert all(buyers[one] & buyers[other] for one, other in zip(asked.tolist(), near.tolist(), strict=True))
    drawn = np.bincount(negatives.popular(60_000, random), minlength=graph.nodes.count("product")) / 60_000
    assert drawn == pytest.approx(np.bincount(bought.product, minlength=len(drawn)) / len(bought.product), abs=0.01)
