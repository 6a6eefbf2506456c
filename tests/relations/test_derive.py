"""Relations of worlds whose truth is planted, and what may never change them."""

import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy import stats

from decisions.relations import EDGE_SCHEMA, Limits, derive_relations
from decisions.relations.choice import PRIOR
from decisions.relations.fitting import HALF, UNTRIED
from decisions.relations.intervals import rate_ratio
from features.household_segments import household_segments
from features.store_clusters import store_clusters
from kit.ids import stable_id
from ontology.validate import validate_edges
from tests.planted_future import plant_future
from tests.relation_worlds import CATALOGUE, FIRST_DAY, LAST_DAY, line_rows, planted_trips, write_world
from tests.tiny_retailer import AS_OF as TODAY
from tests.tiny_retailer import append_lines, build_tiny_lake, future_lines

WRITTEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SMALL = Limits(5, 2, 5, 2, minimum_baskets=5, minimum_households=2, minimum_together=5, minimum_households_together=2)
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


def taken_together(trips, last=LAST_DAY):
    """For (missing, taken) of one category: lines of households with two baskets of the missing one, and those households."""
    baskets = defaultdict(lambda: defaultdict(list))
    for day, household, products in trips:
        for product in products:
            if day <= last:
                baskets[household][product].append(day)
    found = {}
    for missing, (category, _) in CATALOGUE.items():
        buyers = [bought for bought in baskets.values() if len(bought[missing]) >= 2]
        for taken, (other, _) in CATALOGUE.items():
            days = [day for bought in buyers for day in bought[taken]]
            if category is not None and other == category and taken != missing and days:
                days = sorted(days)
                found[missing, taken] = (
                    len(days),
                    len(buyers),
                    *(FIRST_DAY + timedelta(days=day) for day in (days[0], days[-1])),
                )
    return found


def shares_by_hand(trips, catalogue, missing, last=LAST_DAY):
    """Walk through the buyers: what each takes next by the weights that stand before anything was learned, in plain Python."""
    category, kind = catalogue[missing]
    others = [name for name, (its, _) in catalogue.items() if its == category and name != missing]
    sold = {name: [last - day for day, _, products in trips if name in products and day <= last] for name in [*others, missing]}
    taste = defaultdict(float)
    for day, household, products in trips:
        for product in products:
            if day <= last:
                taste[household, product] += 0.5 ** ((last - day) / 90)

    def utility(household, name):
        long = sum(age < 91 for age in sold[name])
        # a lasting relation is told at usual rates, as long as a product sells at all
        short = long * 14 / 91 if min(sold[name]) < 28 else 0
        available = min(short / (long * 14 / 91), 1.0) if long else 0.0
        return (
            PRIOR["taste_on_shelf"] * math.log((taste[household, name] + 0.05) * (available + 0.1))
            + PRIOR["sold_long"] * math.log(long + 0.3)
            + PRIOR["sold_short"] * math.log(short + 0.3 * (long + 0.3) / 6.5)
            + PRIOR["same_type"] * (catalogue[name][1] == kind)
        )

    total, weights = dict.fromkeys(others, 0.0), 0.0
    for household in {household for _, household, _ in trips}:
        if sum(missing in products for day, who, products in trips if who == household and day <= last) >= 2:
            odds = {name: math.exp(utility(household, name)) for name in others}
            weight = taste[household, missing] + 0.05
            weights += weight
            for name in others:
                total[name] += weight * odds[name] / sum(odds.values())
    return {name: value / weights for name, value in total.items()}


def test_planted_substitutes_are_found_with_the_baskets_behind_them(relations):
    table = relations["isSubstituteFor"]
    found = {
        (row["target"], row["source"]): (row["events"], row["support"], row["first_observed"], row["last_observed"])
        for row in table.to_pylist()
    }
    assert found == taken_together(planted_trips())
    best = table.filter(pc.equal(table["target"], "cola_a")).sort_by([("strength", "descending")])["source"].to_pylist()
    assert best == ["cola_b", "lemonade"]
    assert edge(relations["isComplementTo"], "cola_b", "cola_a") is None


@pytest.mark.parametrize("missing", ["cola_a", "cola_b", "lemonade"])
def test_before_anything_is_learned_a_diversion_ratio_is_half_of_the_next_choice(relations, missing):
    shares = shares_by_hand(planted_trips(), CATALOGUE, missing)
    assert sum(shares.values()) == pytest.approx(1.0)
    for taken, share in shares.items():
        found = edge(relations["isSubstituteFor"], taken, missing)
        shape = math.exp(min(max(UNTRIED.level + UNTRIED.slope * math.log(100 * share), -1.5), 6.0))
        # few former buyers: more doubt
        shape *= found["support"] / (found["support"] + 6)
        joint = 1 / (1 / shape + (HALF.error / HALF.share) ** 2)
        bounds = [share * HALF.share * stats.gamma.ppf(tail, joint, scale=1 / joint) for tail in (0.05, 0.95)]
        assert found["strength"] == pytest.approx(share * HALF.share, rel=1e-4)
        assert (found["low"], found["high"]) == pytest.approx((bounds[0], min(bounds[1], 1.0)), rel=1e-4)
        assert (found["unit"], found["grade"]) == ("diversion_ratio", "association")


def test_what_a_product_loses_to_others_is_no_more_than_what_stays(relations):
    lost = defaultdict(float)
    for row in relations["isSubstituteFor"].to_pylist():
        lost[row["target"], row["scope"]] += row["strength"]
    assert lost
    assert max(lost.values()) <= HALF.share + 1e-6


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
    for catalogue, table in ((CATALOGUE, relations["isSubstituteFor"]), (alike, same)):
        expected = shares_by_hand(planted_trips(), catalogue, "cola_a")["lemonade"] * HALF.share
        assert edge(table, "lemonade", "cola_a")["strength"] == pytest.approx(expected, rel=1e-4)
    assert (
        edge(same, "lemonade", "cola_a")["strength"] > edge(relations["isSubstituteFor"], "lemonade", "cola_a")["strength"] * 1.1
    )


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
            assert row["assertion_id"] == stable_id(relation, row["source"], row["target"], row["scope"])
            assert row["low"] <= row["strength"] <= row["high"]
            assert (row["grade"], row["status"], row["run_id"]) == ("association", "active", "run_1")
            assert (row["valid_from"], row["recorded_from"]) == (AS_OF, WRITTEN)
            assert row["first_observed"] <= row["last_observed"] <= AS_OF
            assert row["source"] != row["target"]
        keys = [(row["source"], row["target"], row["scope"]) for row in rows]
        assert keys == sorted(set(keys))
    assert set(relations["isSubstituteFor"]["scope"].to_pylist()) == {"chain"}
    assert set(relations["isComplementTo"]["scope"].to_pylist()) == {"chain", "season:winter"}


def test_deriving_twice_gives_the_same_bytes(world, relations):
    again = derived(world)
    assert {name: bytes_of(table) for name, table in again.items()} == {
        name: bytes_of(table) for name, table in relations.items()
    }


@pytest.fixture(scope="module")
def retailer(tmp_path_factory):
    lake = build_tiny_lake(tmp_path_factory.mktemp("retailer"))
    return lake, derived(lake, TODAY, limits=Limits())


def test_edges_hold_the_shapes(retailer):
    lake, relations = retailer
    known = {"Product": lake.arrow("products")["product_id"].combine_chunks()}
    for relation, table in relations.items():
        assert table.num_rows > 0
        assert validate_edges(relation, table, known_ids=known).findings == ()


def test_parts_of_the_chain_have_substitutes_exactly_where_they_have_buyers(retailer):
    """Twenty former buyers of their own, and not all there are; of a season 40 baskets and 20 households up to its end."""
    lake, relations = retailer
    limits, products = Limits(), lake.arrow("products").to_pylist()
    in_category = defaultdict(set)
    for row in products:
        in_category[row["category"]].add(row["product_id"])
    category = {row["product_id"]: row["category"] for row in products}
    baskets = defaultdict(set)
    for row in lake.arrow("sales_lines").to_pylist():
        if row["merchandise"] and row["household_id"]:
            baskets[row["product_id"], row["household_id"]].add((row["basket_id"], row["business_date"]))
    parts = defaultdict(set)
    for row in household_segments(lake, TODAY).to_pylist():
        parts[f"segment:{row['segment_id']}"].add(row["household_id"])
    asked = [name for name in category if category[name] is not None and len(in_category[category[name]]) > 1 and name != "fuel"]
    expected = {(name, "chain") for name in asked}
    for name in asked:
        buyers = {who for (product, who), found in baskets.items() if product == name and len(found) >= 2}
        expected |= {
            (name, scope) for scope, members in parts.items() if limits.scope_buyers <= len(buyers & members) < len(buyers)
        }
        for season, end in (("winter", "2024-02-29"), ("spring", "2024-05-31"), ("summer", "2024-08-31")):
            late = {
                who: {basket for basket, day in found if day.isoformat() <= end}
                for (product, who), found in baskets.items()
                if product == name
            }
            counts = [len(found) for found in late.values() if found]
            if sum(counts) >= limits.scope_baskets and len(counts) >= limits.scope_buyers:
                expected.add((name, f"season:{season}"))
    table = relations["isSubstituteFor"]
    assert set(zip(table["target"].to_pylist(), table["scope"].to_pylist(), strict=True)) == expected
    assert len({scope for _, scope in expected}) == 6
    # three stores that sell alike are one cluster: it is the whole chain, and not told apart
    assert set(store_clusters(lake, TODAY)["cluster_id"].to_pylist()) == {"cluster-1"}


def test_what_a_shop_only_knows_later_changes_no_relation(tmp_path, retailer):
    later = build_tiny_lake(tmp_path / "later")
    append_lines(later, future_lines())
    assert len(plant_future(later, TODAY)) == 10
    then = derived(later, TODAY, limits=Limits())
    for relation, rows in retailer[1].items():
        assert rows.num_rows > 0
        assert bytes_of(rows) == bytes_of(then[relation]), relation


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


@pytest.mark.parametrize(("weeks", "gone"), [(2, False), (4, True)])
def test_a_product_that_stopped_selling_replaces_less(tmp_path, relations, weeks, gone):
    trips = [trip for trip in planted_trips() if trip[0] <= LAST_DAY - 7 * weeks or "cola_b" not in trip[2]]
    found = derived(write_world(tmp_path, line_rows(trips), CATALOGUE))["isSubstituteFor"]
    expected = shares_by_hand(trips, CATALOGUE, "cola_a")["cola_b"] * HALF.share
    assert edge(found, "cola_b", "cola_a")["strength"] == pytest.approx(expected, rel=1e-4)
    assert (expected < edge(relations["isSubstituteFor"], "cola_b", "cola_a")["strength"] / 2) == gone
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


def bytes_of(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


def test_bounds_too_small_to_write_are_zero():
    tiny = rate_ratio(np.array([0.0]), np.array([1.0]), 1.0, 1e-3)
    assert tiny.low[0] == 0.0
    assert 0 < tiny.value[0] <= 1e-3
    assert tiny.times(np.array([0.0])).high[0] == 0.0
