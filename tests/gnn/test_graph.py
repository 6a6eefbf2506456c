"""The graph of a day, against counts made another way; facts after the day change no byte."""

from collections import defaultdict
from datetime import timedelta
from math import log

import numpy as np
import pytest

from gnn import NothingToLearn
from gnn.graph import NUMBERS, RELATIONS, build_graph, read_nodes
from gnn.text import text_vectors
from tests.gnn.conftest import CUT
from tests.tiny_retailer import AS_OF, CATALOGUE, FIRST_MONDAY, append_lines, build_tiny_lake, future_lines


def lines_until(shop, day):
    rows = shop.arrow("sales_lines").to_pylist()
    return [row for row in rows if row["business_date"] <= day and row["merchandise"]]


def test_edges_of_households_weigh_baskets_and_the_days_since(shop, graph) -> None:
    baskets = defaultdict(set)
    last = {}
    for row in lines_until(shop, CUT):
        if (CUT - row["business_date"]).days < 182:
            pair = row["product_id"], row["household_id"]
            baskets[pair].add(row["basket_id"])
            last[pair] = max(last.get(pair, row["business_date"]), row["business_date"])
    expected = {pair: log(1 + len(found)) * 0.5 ** ((CUT - last[pair]).days / 60) for pair, found in baskets.items()}
    products, households = (graph.nodes.ids[kind].to_pylist() for kind in ("product", "household"))
    edges = graph.edges["bought_by"]
    found = {
        (products[product], households[other]): weight
        for product, other, weight in zip(edges.product, edges.other, edges.weight.tolist(), strict=True)
    }
    assert found == pytest.approx(expected, rel=1e-6)


def test_every_attribute_is_an_edge_and_none_is_invented(graph) -> None:
    merchandise = sorted(row for row in CATALOGUE if row[0] != "fuel")
    assert graph.nodes.ids["product"].to_pylist() == [row[0] for row in merchandise]
    for relation, column in (("supplied_by", 1), ("in_category", 3), ("of_type", 4), ("of_brand", 5)):
        names = graph.nodes.ids[RELATIONS[relation]].to_pylist()
        edges = graph.edges[relation]
        found = {merchandise[product][0]: names[other] for product, other in zip(edges.product, edges.other, strict=True)}
        assert found == {row[0]: row[column] for row in merchandise if row[column] is not None}


def test_promotions_are_known_from_the_day_their_week_begins(shop) -> None:
    nodes = read_nodes(shop, AS_OF, 4)
    lemonade = nodes.ids["product"].to_pylist().index("lemonade")
    begins = FIRST_MONDAY + timedelta(days=7 * 38)
    before, after = (build_graph(shop, nodes, day).edges["promoted"] for day in (begins - timedelta(days=1), begins))
    assert lemonade not in before.product
    assert after.weight[after.product == lemonade].tolist() == pytest.approx([log(4)])


def test_numbers_are_zero_without_sales_and_bounded_with(graph) -> None:
    numbers = graph.features[:, -len(NUMBERS) :]
    assert np.isfinite(numbers).all()
    assert np.abs(numbers).max() <= 3.5
    sold = NUMBERS.index("sold")
    assert set(np.unique(numbers[:, sold])) <= {0.0, 1.0}


def test_facts_after_the_day_change_no_byte(tmp_path) -> None:
    lake = build_tiny_lake(tmp_path)
    before = build_graph(lake, read_nodes(lake, AS_OF, 16), AS_OF).digest()
    append_lines(lake, future_lines())
    append_lines(lake, [{**row, "household_id": "hh_new", "store_id": "st_new"} for row in future_lines(2)])
    nodes = read_nodes(lake, AS_OF, 16)
    assert build_graph(lake, nodes, AS_OF).digest() == before
    assert "hh_new" not in nodes.ids["household"].to_pylist()
    assert "st_new" not in nodes.ids["store"].to_pylist()
    assert build_graph(lake, nodes, AS_OF + timedelta(days=3)).digest() != before


def test_before_the_first_sale_there_is_nothing_to_learn(shop) -> None:
    with pytest.raises(NothingToLearn, match="no merchandise was sold"):
        read_nodes(shop, FIRST_MONDAY - timedelta(days=1), 4)


def test_texts_alike_lie_near_and_equal_texts_are_equal() -> None:
    milk, more_milk, soap, again, nothing = text_vectors(["WHOLE MILK", "whole milk 2 l", "SOAP BAR", "WHOLE MILK", ""], 256)
    assert np.array_equal(milk, again)
    assert milk @ more_milk > 0.6
    assert abs(milk @ soap) < 0.3
    assert not nothing.any()
