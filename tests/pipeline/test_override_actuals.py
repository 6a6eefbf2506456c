"""What was really sold, from a lake whose lines are known."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from decisions.overrides import Judged, PinnedWeek
from lake.delta_lake import DeltaLake
from pipeline.override_actuals import measure_overrides
from tests.tiny_retailer import LINE_TYPES

MONDAY = date(2018, 1, 1)
END = MONDAY + timedelta(days=13)


def line(product, store, day, household, units):
    when = MONDAY + timedelta(days=day)
    return {
        "basket_id": f"{household}-{day}", "product_id": product, "household_id": f"hh_{household}", "store_id": store,
        "sold_at": datetime(when.year, when.month, when.day, 12, tzinfo=UTC), "business_date": when,
        "week_start": when - timedelta(days=when.weekday()), "quantity": units, "net_sales": units, "retail_discount": 0.0,
        "coupon_discount": 0.0, "coupon_match_discount": 0.0, "merchandise": True, "simulated": False, "source": "known",
    }  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = DeltaLake(tmp_path_factory.mktemp("lake"), threads=1)
    lines = [line("a", "s1", 1, n, 1.0) for n in range(10)]
    lines += [line("a", "s2", 2, n, 2.0) for n in range(5)]
    lines += [line("a", "s1", 9, n, 3.0) for n in range(12)]
    lines += [line("b", "s1", 3, n, 1.0) for n in range(9)]
    lines += [line("a", "s1", 13, 99, 1.0), line("other", "s1", 13, 99, 1.0)]
    made.replace("sales_lines", pa.Table.from_pylist(lines, LINE_TYPES))
    return made


def judged(name, product, store, *weeks):
    return Judged(name, "ann", product, store, tuple(PinnedWeek(MONDAY + timedelta(days=7 * n), 10.0, 20.0) for n in weeks))


def told(lake, *several, known=END):
    report = measure_overrides(lake, several, known_until=known)
    return {one.id: one.value.actual_units if one.value else ("withheld" if one.withheld else None) for one in report.overrides}


def test_units_are_those_of_the_product_the_place_and_the_weeks(lake):
    assert told(
        lake,
        judged("chain", "a", None, 0),
        judged("store", "a", "s1", 0),
        judged("few", "a", "s2", 0),
        judged("both weeks", "a", "s1", 0, 1),
        judged("nine", "b", None, 0),
        judged("nobody", "c", None, 0),
        judged("later", "a", None, 2),
    ) == {
        "chain": 20.0, "store": 10.0, "few": "withheld", "both weeks": 47.0, "nine": "withheld", "nobody": 0.0, "later": None,
    }  # fmt: skip


def test_what_is_not_known_on_the_day_is_not_looked_at(lake):
    assert told(lake, judged("x", "a", "s1", 0, 1), known=MONDAY + timedelta(days=8)) == {"x": 10.0}
    assert told(lake, judged("x", "a", "s1", 0), known=MONDAY) == {"x": None}


def test_a_product_overridden_twice_counts_for_both(lake):
    assert told(lake, judged("x", "a", "s1", 0), judged("y", "a", "s1", 0)) == {"x": 10.0, "y": 10.0}


def test_without_overrides_the_lake_is_not_asked(lake):
    assert told(lake) == {}
