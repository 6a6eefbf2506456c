"""Evidence equals counting by hand, by chain, cluster, season and segment; chance finds nothing where nothing was planted."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from features.household_segments import SEGMENTS as SEGMENT_NAMES
from features.household_segments import household_segments
from features.relation_evidence import EVIDENCE_SCHEMA, EvidenceNeed, EvidenceScopes, evidence, evidence_tables, mirrored
from features.relation_evidence_agreement import largest_difference
from features.relation_evidence_baskets import BasketNeed
from features.relation_evidence_households import HouseholdNeed
from features.relation_evidence_switching import SwitchingNeed
from features.seasons import SEASONS, season_of
from features.store_clusters import ClusterNeed, described_clusters, store_clusters
from tests.features_relations.counting_by_hand import baskets_by_hand, households_by_hand, switches_by_hand, trips_by_hand
from tests.features_relations.event_world import AS_OF, CLUSTERS, FIRST_DAY, PRODUCTS, SEGMENTS, line_rows, write_chain

pytestmark = pytest.mark.training

ROWS = [row for row in line_rows() if row["business_date"] <= FIRST_DAY + timedelta(days=200)]
SCOPES = EvidenceScopes(CLUSTERS, SEGMENTS)
EVERYTHING = EvidenceNeed(BasketNeed(1, 1, 0.0), SwitchingNeed(1, 0.0, 0.0), HouseholdNeed(1, 1))


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return write_chain(tmp_path_factory.mktemp("chain"), ROWS)


@pytest.fixture(scope="module")
def found(lake):
    tables = evidence_tables(lake, AS_OF, SCOPES, need=EVERYTHING)
    return {
        kind: {(row["source"], row["target"], row["scope"]): row for row in table.to_pylist()} for kind, table in tables.items()
    }


@pytest.fixture(scope="module")
def trips():
    return trips_by_hand(ROWS, AS_OF)


def test_the_scopes_are_those_that_were_asked_for():
    assert SCOPES.names == (
        "chain", "store_cluster:cluster-1", "store_cluster:cluster-2",
        *(f"season:{name}" for name in SEASONS), "segment:g0", "segment:g1",
    )  # fmt: skip
    assert EvidenceScopes(seasons=False).names == ("chain",)
    assert [season_of(date(2024, month, 1)) for month in (12, 2, 3, 5, 6, 8, 9, 11)] == [name for name in SEASONS for _ in (0, 1)]


def test_baskets_equal_counting_by_hand(found, trips):
    met, chance = baskets_by_hand(trips)
    together = {pair for pair in met if pair[2] == "chain"}
    expected = {key for key in chance if (*key[:2], "chain") in together}
    assert found["same_basket"].keys() == expected
    assert len(expected) > 400
    for key, row in found["same_basket"].items():
        seen = met.get(key, [])
        days = [trip["day"] for trip in seen] or [None]
        assert (row["observed"], row["households"]) == (len(seen), len({trip["household"] for trip in seen}))
        assert (row["first_day"], row["last_day"]) == (min(days), max(days))
        assert row["expected"] == pytest.approx(chance[key], rel=1e-9, abs=1e-9)
        assert row["source_sold"] == sum(key[0] in trip["products"] for trip in trips if key[2] in trip["scopes"])


def test_switching_equals_counting_by_hand(found, trips):
    moved, chance = switches_by_hand(trips)
    together = {pair for pair in moved if pair[2] == "chain"}
    expected = {(taken, left, scope) for left, taken, scope in chance if (left, taken, "chain") in together}
    assert found["switching"].keys() == expected
    assert len(expected) > 80
    for (taken, left, scope), row in found["switching"].items():
        seen = moved.get((left, taken, scope), [])
        days = [day for _, _, day in seen] or [None]
        assert row["observed"] == pytest.approx(sum(weight for weight, _, _ in seen), rel=1e-9, abs=1e-9)
        assert row["expected"] == pytest.approx(chance[left, taken, scope], rel=1e-9, abs=1e-9)
        assert (row["households"], row["first_day"], row["last_day"]) == (len({who for _, who, _ in seen}), min(days), max(days))


def test_households_equal_counting_by_hand(found, trips):
    expected = {key: value for key, value in households_by_hand(trips).items() if value[0]}
    assert found["co_consumption"].keys() == expected.keys()
    assert len(expected) > 30
    for key, (both, apart, chance, by_chance) in expected.items():
        row = found["co_consumption"][key]
        assert (row["households"], row["observed"]) == (both, apart)
        assert (row["expected"], row["households_expected"]) == (
            pytest.approx(chance, rel=1e-9, abs=1e-9),
            pytest.approx(by_chance, rel=1e-9, abs=1e-9),
        )


def test_over_the_chain_chance_adds_up_to_what_was_seen(found, trips):
    """Products are drawn by taste alone: all pairs together meet as often as chance says, but for the size of the trips."""
    chain = [row for key, row in found["switching"].items() if key[2] == "chain" and PRODUCTS[key[0]][1] in {"PASTA", "SAUCE"}]
    seen, chance = sum(row["observed"] for row in chain), sum(row["expected"] for row in chain)
    assert seen == pytest.approx(chance, rel=0.05)


def test_nothing_later_is_known(lake, tmp_path):
    as_of = FIRST_DAY + timedelta(days=120)
    past = write_chain(tmp_path, [row for row in ROWS if row["business_date"] <= as_of])
    one, other = (evidence_tables(where, as_of, SCOPES, need=EVERYTHING) for where in (lake, past))
    for kind, table in one.items():
        assert table.equals(other[kind])
        assert table.num_rows > 0
    assert store_clusters(lake, as_of).equals(store_clusters(past, as_of))
    assert household_segments(lake, as_of).equals(household_segments(past, as_of))


def test_thin_scopes_are_left_out_and_pairs_can_be_mirrored(lake):
    tables = evidence_tables(lake, AS_OF, SCOPES, kinds=["same_basket"], need=EvidenceNeed(BasketNeed(50, 20, 10.0)))
    rows = tables["same_basket"].to_pylist()
    assert rows
    assert all(row["observed"] + row["expected"] >= 10 and row["source"] < row["target"] for row in rows)
    both = mirrored(tables["same_basket"])
    assert (both.schema, both.num_rows) == (EVIDENCE_SCHEMA, 2 * len(rows))
    assert both.slice(len(rows)).to_pylist()[0]["source"] == rows[0]["target"]
    with pytest.raises(ValueError, match="'gossip'"):
        evidence(lake, AS_OF, "gossip", SCOPES)


@pytest.mark.parametrize("about", [min(PRODUCTS), max(PRODUCTS), "nobody"])
def test_one_product_has_the_evidence_that_it_has_among_all(found, lake, about):
    tables = evidence_tables(lake, AS_OF, SCOPES, need=EVERYTHING, about=about)
    for kind, table in tables.items():
        rows = {(row["source"], row["target"], row["scope"]): row for row in table.to_pylist()}
        expected = {key: row for key, row in found[kind].items() if about in key[:2]}
        assert rows.keys() == expected.keys()
        assert bool(rows) == (about in PRODUCTS)
        for key, row in rows.items():
            figures = {name for name, value in row.items() if isinstance(value, float)}
            assert [row[name] for name in figures] == pytest.approx([expected[key][name] for name in figures], rel=1e-9, abs=1e-9)
            assert all(row[name] == expected[key][name] for name in row.keys() - figures)


def test_largest_difference_sees_a_difference(found, lake):
    table = evidence_tables(lake, AS_OF, EvidenceScopes(seasons=False), kinds=["co_consumption"])["co_consumption"]
    assert largest_difference(table, table) == 0.0
    assert largest_difference(table, table.slice(1)) == float("inf")
    observed = pa.array([row + 0.5 for row in table["observed"].to_pylist()])
    changed = table.set_column(table.schema.get_field_index("observed"), "observed", observed)
    assert 0 < largest_difference(table, changed) < 0.5


def test_stores_that_sell_alike_share_a_cluster(tmp_path):
    rows = [{**row, "product_id": kept(row)} for row in ROWS]
    once = list({(row["basket_id"], row["product_id"]): row for row in rows}.values())
    lake = write_chain(tmp_path, once)
    need = ClusterNeed(most=3, fewest=2, store_baskets=100, cluster_stores=2)
    clusters = store_clusters(lake, AS_OF, need=need)
    member = dict(zip(*(column.to_pylist() for column in clusters.columns), strict=True))
    groups = {frozenset(store for store, cluster in member.items() if cluster == name) for name in set(member.values())}
    assert groups == {frozenset({"s1", "s3", "s5", "s7"}), frozenset({"s0", "s2", "s4", "s6"})}
    assert member["s0"] == "cluster-1"
    first, second = described_clusters(lake, clusters, AS_OF).to_pylist()
    assert (first["cluster_id"], second["cluster_id"]) == ("cluster-1", "cluster-2")
    assert first["display_name"].startswith("Store cluster of 4 stores, trips for ")
    assert (first["stores"], second["stores"]) == (["s0", "s2", "s4", "s6"], ["s1", "s3", "s5", "s7"])
    alone = store_clusters(lake, AS_OF, need=ClusterNeed(store_baskets=10_000))
    assert set(alone["cluster_id"].to_pylist()) == {"cluster-1"}


def kept(row):
    """Stores of odd number sell bread where the others sell pasta."""
    return "bread" if int(row["store_id"][1]) % 2 and row["product_id"] in {"pasta", "penne"} else row["product_id"]


def test_segments_split_at_the_median(lake):
    segments = household_segments(lake, AS_OF)
    names = segments["segment_id"].to_pylist()
    assert segments.num_rows == 30
    assert sum(name.startswith("large") for name in names) == 15
    assert sum(name.endswith("premium") for name in names) == 15
    assert set(names) <= set(SEGMENT_NAMES)
    sizes = {}
    for trip in trips_by_hand(ROWS, AS_OF):
        sizes.setdefault(trip["household"], []).append(len(trip["products"]))
    order = sorted(sizes, key=lambda household: sum(sizes[household]) / len(sizes[household]))
    large = {
        name for name, segment in zip(*(column.to_pylist() for column in segments.columns), strict=True) if segment[0] == "l"
    }
    assert large == set(order[15:])
