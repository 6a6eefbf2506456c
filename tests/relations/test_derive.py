"""Relations of worlds whose truth is planted, and what may never change them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy import sparse, stats

from decisions.relations import EDGE_SCHEMA, Limits, derive_relations, substitute_ranking
from decisions.relations.closeness import Closeness, no_closeness
from decisions.relations.intervals import mean_share, rate_ratio
from decisions.relations.observed import observe_repertoire
from decisions.relations.substitutes import OTHER_TYPE, PRIOR_BUYERS, substitutes
from kit.ids import stable_id
from tests.planted_future import plant_future
from tests.relation_worlds import FIRST_DAY, apart_by_hand, line_rows, shares_by_hand, write_world
from tests.tiny_retailer import AS_OF as TODAY
from tests.tiny_retailer import append_lines, build_tiny_lake, future_lines

WRITTEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SMALL = Limits(5, 2, 5, 2, minimum_baskets=5, minimum_households=2, minimum_together=5, minimum_households_together=2)
CATALOGUE = {
    "cola_a": ("DRINKS", "COLA"),
    "cola_b": ("DRINKS", "COLA"),
    "lemonade": ("DRINKS", "LEMONADE"),
    "pasta": ("PASTA", "SPAGHETTI"),
    "sauce": ("SAUCES", "TOMATO"),
    "bread": ("BREAD", "WHITE"),
    "soap": (None, None),
}
LAST_DAY = 97


def planted_trips():
    """Ten households: colas in turn, pasta with sauce every second week, bread and soap whenever."""
    trips = []
    for number in range(10):
        for week in range(14):
            day, name = week * 7 + number % 7, f"h{number}"
            cola = "cola_a" if (week + number) % 2 else "cola_b"
            dinner = ("pasta", "sauce") if week % 2 == number % 2 else ("soap",)
            trips.append((day, name, (cola, *dinner)))
            trips.append(
                (
                    day + 1 if number % 7 < 6 else day,
                    name,
                    ("bread", "lemonade") if (week + number) % 5 == 0 else ("bread", "soap"),
                )
            )
    return [trip for trip in trips if trip[0] <= LAST_DAY]


AS_OF = FIRST_DAY + timedelta(days=LAST_DAY)


def derived(lake, as_of=AS_OF, limits=SMALL):
    return derive_relations(lake, None, as_of=as_of, run_id="run_1", recorded_at=WRITTEN, limits=limits)


def edge(table, source, target):
    rows = table.filter(pc.and_(pc.equal(table["source"], source), pc.equal(table["target"], target))).to_pylist()
    return rows[0] if rows else None


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world"), line_rows(planted_trips()), CATALOGUE)


@pytest.fixture(scope="module")
def relations(world):
    return derived(world)


def counted_shares():
    return shares_by_hand(planted_trips(), {name: category for name, (category, _) in CATALOGUE.items()}, LAST_DAY)


def test_planted_substitutes_are_found_with_the_baskets_behind_them(relations):
    table = relations["isSubstituteFor"]
    found = {
        (row["target"], row["source"]): (row["events"], row["support"], row["first_observed"], row["last_observed"])
        for row in table.to_pylist()
    }
    assert found == {pair: counts[2:] for pair, counts in counted_shares().items()}
    best = table.filter(pc.equal(table["target"], "cola_a")).sort_by([("strength", "descending")])["source"].to_pylist()
    assert best[0] == "cola_b"
    assert set(table["source"].to_pylist()) == {"cola_a", "cola_b", "lemonade"}
    assert edge(relations["isComplementTo"], "cola_b", "cola_a") is None


def test_a_substitutes_strength_is_the_buyers_share_drawn_to_popularity(relations):
    recent = [products for day, _, products in planted_trips() if day > LAST_DAY - 91]
    sold = {name: sum(name in products for products in recent) for name in ("cola_a", "cola_b", "lemonade")}
    late = sum("cola_b" in products for day, _, products in planted_trips() if day > LAST_DAY - 14)
    available = min((late / 2) / (sold["cola_b"] / 13), 1.0)
    prior = PRIOR_BUYERS * min(sold["cola_b"] / (sold["cola_b"] + sold["lemonade"]), 0.5)
    total, squares, *_ = counted_shares()["cola_a", "cola_b"]
    households = 10 + PRIOR_BUYERS
    mean = (total + prior) / households
    variance = ((squares + prior) / households - mean**2) / households
    size = mean * (1 - mean) / variance
    found = edge(relations["isSubstituteFor"], "cola_b", "cola_a")
    weight = available * apart_by_hand(planted_trips(), "cola_a", "cola_b", LAST_DAY)
    assert found["strength"] == pytest.approx(mean * weight, rel=1e-8)
    assert found["low"] == pytest.approx(stats.beta.ppf(0.05, mean * size, (1 - mean) * size) * weight, rel=1e-8)
    assert found["high"] == pytest.approx(stats.beta.ppf(0.95, mean * size, (1 - mean) * size) * weight, rel=1e-8)
    assert found["unit"] == "repertoire_share"


def test_what_lies_in_the_same_basket_replaces_less(tmp_path, relations):
    with_cola_b = [
        (day, name, (*set(products) | {"cola_b"},) if "cola_a" in products else products)
        for day, name, products in planted_trips()
    ]
    together = derived(write_world(tmp_path, line_rows(with_cola_b), CATALOGUE))["isSubstituteFor"]
    assert apart_by_hand(with_cola_b, "cola_a", "cola_b", LAST_DAY) < 0.6
    assert apart_by_hand(planted_trips(), "cola_a", "cola_b", LAST_DAY) == 1.0
    assert edge(together, "cola_b", "cola_a")["strength"] < edge(relations["isSubstituteFor"], "cola_b", "cola_a")["strength"]
    # trips without cola_a are as they were
    assert edge(together, "lemonade", "cola_a") is not None


def test_replacements_may_be_rarer_than_what_they_replace(world):
    none = derived(world, limits=replace(SMALL, replaced_baskets=30))["isSubstituteFor"]
    sold = {name: sum(name in products for _, _, products in planted_trips()) for name in ("cola_a", "cola_b", "lemonade")}
    assert set(none["target"].to_pylist()) == {name for name, baskets in sold.items() if baskets >= 30}
    assert "lemonade" in none["source"].to_pylist()
    assert sold["lemonade"] < 30


def test_where_there_are_no_categories_names_take_their_place(tmp_path, relations):
    said = ("cola in a can", "cola in a bottle", "lemonade", "long pasta", "red sauce", "white bread", "soap")
    names = dict(zip(CATALOGUE, said, strict=True))
    nameless = dict.fromkeys(CATALOGUE, (None, None))
    found = derived(write_world(tmp_path / "named", line_rows(planted_trips()), nameless, names))
    pairs = set(zip(found["isSubstituteFor"]["source"].to_pylist(), found["isSubstituteFor"]["target"].to_pylist(), strict=True))
    assert pairs == {("cola_a", "cola_b"), ("cola_b", "cola_a")}
    assert edge(found["isComplementTo"], "sauce", "pasta")["strength"] > 0.3
    assert edge(found["isComplementTo"], "cola_b", "cola_a") is None
    without = derived(write_world(tmp_path / "nameless", line_rows(planted_trips()), nameless))
    assert without["isSubstituteFor"].num_rows == without["isComplementTo"].num_rows == 0
    assert bytes_of(without["isBoughtWith"]) == bytes_of(relations["isBoughtWith"])


def test_another_type_counts_less(tmp_path, relations):
    alike = {name: (category, category) for name, (category, _) in CATALOGUE.items()}
    same = derived(write_world(tmp_path, line_rows(planted_trips()), alike))["isSubstituteFor"]
    for source, factor in (("cola_b", 1.0), ("lemonade", OTHER_TYPE)):
        strengths = [edge(table, source, "cola_a")["strength"] for table in (relations["isSubstituteFor"], same)]
        assert strengths[0] == pytest.approx(strengths[1] * factor, rel=1e-8)


def test_closeness_orders_what_few_buyers_leave_open(world):
    repertoire = observe_repertoire(world, AS_OF, SMALL.support())
    position = {name: at for at, name in enumerate(repertoire.products["product_id"].to_pylist())}
    likeness = sparse.csr_array(([1.0], ([position["cola_a"]], [position["lemonade"]])), shape=(len(position), len(position)))
    near = Closeness(np.zeros((len(position), 1), dtype=np.float32), likeness)
    plain, moved = (
        {
            (found.target[at], found.source[at]): found.estimate.value[at]
            for found in [substitutes(repertoire, closeness, per_product=9, least=SMALL.replaced)]
            for at in range(found.source.size)
        }
        for closeness in (no_closeness(len(position)), near)
    )
    raised = {pair for pair in plain if moved[pair] > plain[pair]}
    assert plain.keys() == moved.keys()
    assert raised == {(position["cola_a"], position["lemonade"])}


def test_the_ranking_of_a_category_is_that_of_the_served_edges(world, relations):
    ranked = substitute_ranking(world, as_of=AS_OF, categories=("DRINKS",), limits=SMALL)
    served = relations["isSubstituteFor"].select(["source", "target", "strength"]).to_pylist()
    assert sorted(map(str, ranked.to_pylist())) == sorted(map(str, served))


def test_lift_is_observed_over_expected_in_trips_of_like_size(relations):
    trips = planted_trips()
    sizes = {"pasta": 0, "sauce": 0, "both": 0}
    threes = [products for _, _, products in trips if 2 <= len(products) < 4]
    for products in threes:
        sizes["pasta"] += "pasta" in products
        sizes["sauce"] += "sauce" in products
        sizes["both"] += {"pasta", "sauce"} <= set(products)
    expected = sizes["pasta"] * sizes["sauce"] / len(threes)
    for source, target in (("pasta", "sauce"), ("sauce", "pasta")):
        found = edge(relations["isBoughtWith"], source, target)
        assert found["strength"] == pytest.approx((sizes["both"] + 1) / (expected + 1), rel=1e-8)
        assert found["low"] == pytest.approx(stats.gamma.ppf(0.05, sizes["both"] + 1, scale=1 / (expected + 1)), rel=1e-8)
        assert (found["events"], found["support"], found["unit"]) == (sizes["both"], 10, "lift")


def test_planted_complements_are_found_in_both_directions(relations):
    table = relations["isComplementTo"]
    assert edge(table, "sauce", "pasta")["strength"] > 0.3
    assert edge(table, "pasta", "sauce")["strength"] > 0.3
    assert edge(table, "bread", "pasta") is None
    assert "soap" not in table["source"].to_pylist()


def test_every_evidence_column_is_filled(relations):
    for relation, table in relations.items():
        assert table.schema == EDGE_SCHEMA
        assert table.num_rows > 0
        assert [name for name in table.schema.names if table[name].null_count] == ["valid_to", "recorded_to"]
        rows = table.to_pylist()
        for row in rows:
            assert row["assertion_id"] == stable_id(relation, row["source"], row["target"], "chain")
            assert row["low"] <= row["strength"] <= row["high"]
            assert (row["grade"], row["status"], row["scope"], row["run_id"]) == ("association", "active", "chain", "run_1")
            assert (row["valid_from"], row["recorded_from"]) == (AS_OF, WRITTEN)
            assert row["first_observed"] <= row["last_observed"] <= AS_OF
            assert row["source"] != row["target"]
        keys = [(row["source"], row["target"]) for row in rows]
        assert keys == sorted(set(keys))


def test_deriving_twice_gives_the_same_bytes(world, relations):
    again = derived(world)
    assert {name: bytes_of(table) for name, table in again.items()} == {
        name: bytes_of(table) for name, table in relations.items()
    }


def test_what_a_shop_only_knows_later_changes_no_relation(tmp_path):
    lake, later = build_tiny_lake(tmp_path / "now"), build_tiny_lake(tmp_path / "later")
    append_lines(later, future_lines())
    assert len(plant_future(later, TODAY)) == 10
    now, then = derived(lake, TODAY), derived(later, TODAY)
    for relation, rows in now.items():
        assert rows.num_rows > 0
        assert rows.equals(then[relation]), relation


@pytest.mark.parametrize("days_ahead", [1, 30])
def test_facts_after_the_day_change_nothing(tmp_path, relations, days_ahead):
    later = [(LAST_DAY + days_ahead, f"h{n}", ("soap", "bread", "sauce")) for n in range(10)] * 3
    later += [(LAST_DAY + days_ahead + 1, f"h{n}", ("lemonade",)) for n in range(10)]
    lake = write_world(tmp_path, line_rows(planted_trips()) + line_rows(later, prefix="future"), CATALOGUE)
    found = derived(lake)
    assert {name: bytes_of(table) for name, table in found.items()} == {
        name: bytes_of(table) for name, table in relations.items()
    }
    seen = derived(lake, as_of=AS_OF + timedelta(days=days_ahead + 1))
    assert edge(seen["isBoughtWith"], "soap", "sauce") is not None or bytes_of(seen["isBoughtWith"]) != bytes_of(
        found["isBoughtWith"]
    )


def test_a_product_that_stopped_selling_replaces_nothing(tmp_path):
    trips = [trip for trip in planted_trips() if trip[0] <= LAST_DAY - 14 or "cola_b" not in trip[2]]
    found = derived(write_world(tmp_path, line_rows(trips), CATALOGUE))["isSubstituteFor"]
    assert "cola_b" not in found["source"].to_pylist()
    assert "cola_b" in found["target"].to_pylist()


def test_a_shop_without_enough_sales_has_no_edges(tmp_path):
    found = derived(write_world(tmp_path, line_rows([(0, "h", ("pasta", "sauce"))]), CATALOGUE))
    assert {name: table.num_rows for name, table in found.items()} == {
        "isBoughtWith": 0,
        "isSubstituteFor": 0,
        "isComplementTo": 0,
    }
    assert all(table.schema == EDGE_SCHEMA for table in found.values())


def test_intervals_shrink_and_widen_as_the_textbook_says():
    few, many = rate_ratio(np.array([4.0, 400.0]), np.array([1.0, 100.0]), 1.0).value
    assert (few, many) == pytest.approx((2.5, 401 / 101))
    estimate = mean_share(np.array([1.0, 3.0]), np.array([1.0, 3.0]), np.array([4.0, 4.0]))
    assert estimate.value.tolist() == [0.25, 0.75]
    # shares of nought and one: the beta of as many trials
    assert estimate.low[0] == pytest.approx(stats.beta.ppf(0.05, 1, 3))
    assert estimate.high[1] == pytest.approx(stats.beta.ppf(0.95, 3, 1))
    alike = mean_share(np.array([2.0]), np.array([1.0]), np.array([4.0]))
    assert (alike.low[0], alike.high[0]) == pytest.approx((0.5, 0.5), abs=1e-3)


def bytes_of(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


def test_bounds_too_small_to_write_are_zero():
    tiny = mean_share(np.array([1e-7]), np.array([1e-7]), np.array([1.0]))
    assert tiny.low[0] == 0.0
    assert 0 < tiny.value[0] <= tiny.high[0] < 1e-6
    assert tiny.times(np.array([0.0])).high[0] == 0.0
