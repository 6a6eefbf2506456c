"""Events are where they were planted, equal to counting by hand, known only from the past, and linked to one another."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features.relation_events import EVENT_KINDS, EVENT_SCHEMA, EventNeed, detect_events
from features.relation_events_gaps import GapNeed
from lake.errors import TableMissing
from tests.features_relations.counting_by_hand import gaps_by_hand
from tests.features_relations.event_world import (
    AS_OF,
    AWAY,
    CHEAP_WEEKS,
    CLUSTERS,
    FIRST_DAY,
    GONE_ON,
    MAILER_WEEKS,
    OUT_WEEKS,
    PROMOTED,
    STOCK,
    line,
    line_rows,
    week,
    write_chain,
    write_sales,
)

ROWS = line_rows()


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return write_chain(tmp_path_factory.mktemp("chain"), ROWS)


@pytest.fixture(scope="module")
def events(lake):
    return detect_events(lake, AS_OF, clusters=CLUSTERS).to_pylist()


def day(number):
    return FIRST_DAY + timedelta(days=number)


def test_gaps_equal_counting_by_hand(events):
    expected = gaps_by_hand(ROWS, AS_OF)
    found = {
        (event["kind"], event["scope"], event["product_id"], event["first_day"]): event
        for event in events
        if event["kind"] in {"delisting", "absence"}
    }
    assert found.keys() == expected.keys()
    assert len(found) == 9
    for key, (last_day, baskets, buyers, chance) in expected.items():
        assert (found[key]["last_day"], found[key]["former_buyers"]) == (last_day, buyers)
        assert (found[key]["expected_baskets"], found[key]["chance"]) == pytest.approx((baskets, chance), rel=1e-9)


def test_of_many_slow_products_chance_names_few(tmp_path):
    """Three hundred products sell by chance alone, every third day; of them, twenty are away for twelve weeks."""
    random, days, sold = np.random.default_rng(11), np.arange(364), []
    for number in range(300):
        there = random.random(days.size) < 0.3
        if number < 20:
            there[180:264] = False
        sold += [(number, int(one)) for one in days[there]]
    rows = [
        line(f"b{at}", "bread", f"h{at % 40}", f"s{at % 4}", on) | {"product_id": f"p{one}"} for at, (one, on) in enumerate(sold)
    ]
    lake = write_sales(tmp_path, rows, {f"p{number}": ("DRINKS", "TEA") for number in range(300)})

    def told(false_discoveries):
        """Events of the chain, real and by chance, where nothing but the bound on the latter chooses."""
        need = EventNeed(stores=False, gaps=GapNeed(chance=0.05, false_discoveries=false_discoveries))
        found = detect_events(lake, day(363), kinds=["absence"], clusters=CLUSTERS, need=need).to_pylist()
        chain = [int(event["product_id"][1:]) for event in found if event["scope"] == "chain"]
        return sum(number < 20 for number in chain), sum(number >= 20 for number in chain)

    real, by_chance = told(0.1)
    assert real >= 18
    assert by_chance <= 0.15 * (real + by_chance)
    assert told(1000.0)[1] > 20


def test_single_stores_are_left_out_where_they_are_not_asked_for(lake):
    told = detect_events(lake, AS_OF, kinds=["absence", "delisting"], clusters=CLUSTERS, need=EventNeed(stores=False))
    everywhere = detect_events(lake, AS_OF, kinds=["absence", "delisting"], clusters=CLUSTERS)
    stores = pc.starts_with(everywhere["scope"], "store:")
    assert pc.any(stores).as_py()
    # what else is told does not depend on it, nor on whether stock-outs, which are of stores, are asked for besides
    both = detect_events(lake, AS_OF, clusters=CLUSTERS, need=EventNeed(stores=False))
    assert not pc.any(pc.and_(pc.equal(both["kind"], "absence"), pc.starts_with(both["scope"], "store:"))).as_py()
    without = ["related_event_ids", "cause"]
    assert told.drop_columns(without).equals(everywhere.filter(pc.invert(stores)).drop_columns(without))


def test_what_was_planted_is_found(events):
    chain = {(event["kind"], event["product_id"]): event for event in events if event["scope"] == "chain"}
    assert chain.keys() == {
        ("delisting", "gone"), ("launch", "new"), ("absence", "away"), ("promotion", "pasta"), ("promotion", "bread"),
    }  # fmt: skip
    assert (chain["absence", "away"]["first_day"], chain["absence", "away"]["last_day"]) == (day(AWAY[0]), day(AWAY[1]))
    assert (chain["delisting", "gone"]["first_day"], chain["delisting", "gone"]["last_day"]) == (day(GONE_ON), None)
    assert (chain["launch", "new"]["first_day"], chain["launch", "new"]["former_buyers"]) == (day(GONE_ON), 0)
    price = chain["promotion", "bread"]
    assert (price["first_day"], price["last_day"]) == (min(CHEAP_WEEKS), max(CHEAP_WEEKS) + timedelta(days=6))
    assert (price["mechanics"], price["discount"]) == ("price", pytest.approx(0.4))


def test_weeks_in_a_row_are_one_event(events):
    mailers = [event for event in events if event["scope"] == "chain" and event["product_id"] == "pasta"]
    assert [event["first_day"] for event in mailers] == [week(MAILER_WEEKS[0]), week(MAILER_WEEKS[3])]
    assert [event["last_day"] for event in mailers] == [week(8) - timedelta(days=1), week(26) - timedelta(days=1)]
    assert {event["mechanics"] for event in mailers} == {"mailer"}
    out = [event for event in events if event["kind"] == "stock_out"]
    assert [(event["first_day"], event["last_day"]) for event in out] == [
        (week(OUT_WEEKS[0]), week(12) - timedelta(days=1)),
        (week(OUT_WEEKS[2]), week(31) - timedelta(days=1)),
    ]
    assert all(event["simulated"] and event["source"] == "stock_levels" and event["scope"] == "store:s0" for event in out)
    assert not any(event["simulated"] for event in events if event["kind"] != "stock_out")


def test_a_reset_and_the_parts_of_an_event_are_linked(events):
    named = {event["event_id"]: event for event in events}
    gone, new = (next(key for key in named if key.startswith(start)) for start in ("delisting/chain/gone/", "launch/chain/new/"))
    assert (named[gone]["cause"], named[new]["cause"]) == ("range_reset", "range_reset")
    assert new in named[gone]["related_event_ids"]
    assert gone in named[new]["related_event_ids"]
    parts = [event for event in events if event["product_id"] == "away" and event["scope"] != "chain"]
    whole = next(event for event in events if event["product_id"] == "away" and event["scope"] == "chain")
    assert {event["cause"] for event in parts} == {"whole_chain"}
    assert whole["related_event_ids"] == sorted(event["event_id"] for event in parts)
    assert len(named) == len(events)


@pytest.mark.parametrize("known", [GONE_ON + 28, AWAY[1] + 1])
def test_nothing_later_is_known(tmp_path, known):
    as_of = day(known)
    lake = write_chain(tmp_path, [row for row in ROWS if row["business_date"] <= as_of])
    weekly = {"product_id": "juice", "store_id": "s0", "simulated": True, "stock_out_days": 3.0}
    before = detect_events(lake, as_of, clusters=CLUSTERS)
    monday = as_of - timedelta(days=as_of.weekday())
    lake.append("stock_levels", pa.Table.from_pylist([{**weekly, "week_start": monday + timedelta(days=7)}], STOCK))
    shown = {"product_id": "pasta", "display_location": "1", "mailer_location": "A", "week_start": monday + timedelta(days=7)}
    lake.append("promotion_weeks", pa.Table.from_pylist([{**shown, "store_id": f"s{n}"} for n in range(8)], PROMOTED))
    lake.append("sales_lines", pa.Table.from_pylist(future(known), lake.arrow("sales_lines").schema))
    assert detect_events(lake, as_of, clusters=CLUSTERS).equals(before)
    kinds = set(before["kind"].to_pylist())
    assert ("delisting" in kinds) == (known >= GONE_ON + 27)
    assert "absence" in kinds


def future(known):
    return [
        line(f"z{n}", product, "h01", "s0", known + 1 + n, quantity=9.0)
        for n in range(5)
        for product in ("gone", "away", "water")
    ]


def test_an_unknown_kind_and_a_missing_table(tmp_path):
    lake = write_chain(tmp_path, ROWS[:200])
    with pytest.raises(ValueError, match="'recall'"):
        detect_events(lake, AS_OF, kinds=["recall"], clusters=CLUSTERS)
    assert detect_events(lake, FIRST_DAY, clusters=CLUSTERS).schema == EVENT_SCHEMA
    bare = write_chain(tmp_path / "bare", ROWS[:200])
    bare.names = lambda: ("products", "sales_lines")
    assert set(detect_events(bare, AS_OF, clusters=CLUSTERS)["kind"].to_pylist()) <= set(EVENT_KINDS) - {"stock_out", "promotion"}
    with pytest.raises(TableMissing):
        detect_events(type(lake)(tmp_path / "empty"), AS_OF, kinds=["delisting"], clusters=CLUSTERS)
