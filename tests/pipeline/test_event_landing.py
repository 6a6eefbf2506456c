"""From an event to the graph: told, kept, landed, built; and once a newer release holds it, counted by the overlay no more."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from api.settings import Settings
from api.wiring import Installation
from decisions.recommend.online import Overlay, Since
from governance.records import SqliteEventBook
from ingest import replay
from ingest.home import enter_source
from ingest.online_events import EventIntake
from ingest.sources.configuration import SourceConfiguration, load_source
from kit.clock import FixedClock
from kit.progress import SilentProgress
from pipeline.landing import land_events
from pipeline.online_events import open_intake, take_events
from tests.tiny_retailer import AS_OF, build_tiny_lake, household

DAY = AS_OF + timedelta(days=1)
"""A Monday."""
SUNDAY = DAY + timedelta(days=6)
NOW = datetime(SUNDAY.year, SUNDAY.month, SUNDAY.day, 22, tzinfo=UTC)
TINY = SourceConfiguration("tiny", "A tiny shop", "EUR", "UTC", simulated=False, folder=None, feeds=())
NEW = "hh_" + "f" * 20


def at(days=0, hour=12):
    return (datetime(DAY.year, DAY.month, DAY.day, hour, tzinfo=UTC) + timedelta(days=days)).isoformat()


def purchase(name, who, basket, *products, days=0, **more):
    lines = [{"product_id": product, "quantity": 2, "net_sales": 3.5} for product in products]
    event = {"event_id": name, "kind": "purchase", "household_id": who, "session_id": None, "store_id": "st1"}
    return {**event, "basket_id": basket, "lines": lines, "happened_at": at(days), **more}


def stock(name, units, days, hour=12, product="milk"):
    return {"event_id": name, "kind": "stock", "store_id": "st1", "product_id": product, "stock_on_hand_units": units,
            "happened_at": at(days, hour)}  # fmt: skip


EVENTS = [
    purchase("p1", household(3), "live-1", "milk", "bread"),
    purchase("p2", NEW, "live-2", "soap", days=1),
    {"event_id": "v1", "kind": "view", "household_id": household(3), "session_id": "visit-1", "store_id": "st1",
     "product_id": "pesto", "happened_at": at()},
    {"event_id": "c1", "kind": "cart", "household_id": None, "session_id": "visit-1", "store_id": "st1", "product_id": "pasta",
     "happened_at": at()},
    {"event_id": "r1", "kind": "remove_from_cart", "household_id": None, "session_id": "visit-1", "store_id": "st1",
     "product_id": "pasta", "happened_at": at(hour=13)},
    stock("s1", 5, 0), stock("s2", 0, 2), stock("s3", 7, 3, hour=18), stock("s4", 0, 3, hour=9), stock("s5", 0, 5),
    stock("bad", -1, 0), purchase("bad-line", household(4), "live-3", "milk", "unheard"),
]  # fmt: skip


@pytest.fixture
def home(tmp_path):
    installation = Installation.open(Settings(home=tmp_path, threads=1, port=0))
    build_tiny_lake(installation.layout.lake)
    enter_source(installation.lake, TINY)
    yield installation
    installation.event_book.close()


def take(home, events=EVENTS):
    intake: EventIntake = open_intake(home.lake, b"key", keep_days=36_500)
    intake._clock = FixedClock(NOW)
    return take_events(intake, home.event_book, events)


def land(home, through=SUNDAY, keep_days=36_500):
    return land_events(
        home.lake, home.books, home.event_book, through=through, keep_days=keep_days, clock=FixedClock(NOW),
        progress=SilentProgress(),
    )  # fmt: skip


def rows(home, table, **wanted):
    found = home.lake.arrow(table).to_pylist() if table in home.lake.names() else []
    return [row for row in found if all(row[name] == value for name, value in wanted.items())]


def test_events_become_rows_of_every_table_once_and_marked_with_their_source(home):
    before = {name: home.lake.version(name).rows for name in ("sales_lines", "households")}
    assert take(home).counts == {"received": 12, "accepted": 10, "duplicate": 0, "rejected": 2}
    report = land(home)
    sales = rows(home, "sales_lines", source="online")
    assert {(row["basket_id"], row["product_id"], row["household_id"]) for row in sales} == {
        ("live-1", "milk", household(3)), ("live-1", "bread", household(3)), ("live-2", "soap", NEW),
    }  # fmt: skip
    assert {(row["week_start"], row["merchandise"], row["quantity"], row["simulated"]) for row in sales} == {
        (DAY, True, 2.0, False)
    }
    assert [row["household_id"] for row in rows(home, "households", source="online")] == [NEW]
    assert sorted((row["event_id"], row["event_type"]) for row in rows(home, "session_events")) == [
        ("c1", "cart"),
        ("v1", "view"),
    ]
    (level,) = rows(home, "stock_levels")
    # empty on Wednesday, filled again on Thursday evening, empty from Saturday on
    assert (level["week_start"], level["stock_on_hand_units"], level["stock_out_days"]) == (DAY, 0.0, 1.0 + 2.0)
    assert len(rows(home, "online_events")) == 11
    assert [(row["rule_id"], row["source_offset"]) for row in rows(home, "quarantine", feed="online_events", status="open")] == [
        ("stock_on_hand_units.minimum", 1), ("event.whole", 2), ("product_id.reference", 3),
    ]  # fmt: skip
    assert {name: home.lake.version(name).rows - count for name, count in before.items()} == {"sales_lines": 3, "households": 1}
    landed = {feed.feed: (feed.rows_in, feed.accepted, feed.duplicates) for feed in report.report.feeds}
    assert landed["sales_lines"] == (3, 3, 0)
    assert landed["online_events"] == (11, 11, 0)
    assert report.quarantined_lines == 3
    assert report.waiting in ((), ("household_consents",))


def test_landing_twice_adds_nothing(home):
    take(home)
    land(home)
    versions = {name: home.lake.version(name) for name in home.lake.names()}
    again = land(home)
    assert {name: home.lake.version(name).rows for name in home.lake.names()} == {name: v.rows for name, v in versions.items()}
    assert all(feed.accepted == 0 and feed.quarantined == 0 for feed in again.report.feeds)
    assert again.quarantined_lines == 0


def test_a_landing_that_was_cut_off_is_done_again_without_a_row_twice(home, monkeypatch):
    take(home)
    with monkeypatch.context() as patched:
        patched.setattr(SqliteEventBook, "note_landing", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            land(home)
    assert home.event_book.landings() == ()
    land(home)
    assert len(rows(home, "online_events")) == 11
    assert len(rows(home, "sales_lines", source="online")) == 3


def test_only_days_that_are_over_land_and_a_week_of_stock_when_it_is_over(home):
    take(home)
    land(home, through=DAY)
    assert {row["basket_id"] for row in rows(home, "sales_lines", source="online")} == {"live-1"}
    assert rows(home, "stock_levels") == []
    land(home)
    assert {row["basket_id"] for row in rows(home, "sales_lines", source="online")} == {"live-1", "live-2"}
    assert len(rows(home, "stock_levels")) == 1


def test_what_a_delivery_says_stays_and_what_it_lacks_is_put_back(home):
    take(home)
    land(home)
    delivered = [row for row in rows(home, "sales_lines") if row["source"] != "online"]
    own = {**rows(home, "sales_lines", basket_id="live-1", product_id="milk")[0], "quantity": 9.0, "source": "tiny"}
    schema = home.lake.arrow("sales_lines").schema
    home.lake.replace("sales_lines", type(home.lake.arrow("sales_lines")).from_pylist([*delivered, own], schema))
    report = {feed.feed: feed for feed in land(home).report.feeds}["sales_lines"]
    assert (report.rows_in, report.accepted, report.duplicates) == (3, 2, 1)
    assert [row["quantity"] for row in rows(home, "sales_lines", basket_id="live-1", product_id="milk")] == [9.0]


def test_a_quarantined_line_is_replayed_when_its_product_is_known(home):
    take(home)
    land(home)
    products = home.lake.arrow("products").to_pylist()
    known = [*products, {**products[0], "product_id": "unheard"}]
    home.lake.replace("products", type(home.lake.arrow("products")).from_pylist(known, home.lake.arrow("products").schema))
    report = replay("online_events", home.lake, run_id="run_r", source=load_source("online"))
    assert (report.examined, report.restored, report.remaining) == (3, 2, 1)
    land(home)
    assert {row["product_id"] for row in rows(home, "sales_lines", basket_id="live-3")} == {"milk", "unheard"}


def test_what_is_old_and_has_landed_leaves_the_book_and_stays_in_the_lake(home):
    take(home)
    assert land(home, keep_days=1).forgotten == 9
    assert home.event_book.counts().events == 1
    land(home)
    assert len(rows(home, "online_events")) == 11


@pytest.mark.training
def test_an_event_reaches_the_graph_and_the_next_release_and_is_counted_once(home):
    take(home, [event for event in EVENTS if event["event_id"] in ("p1", "v1")])
    first = Overlay(home.event_book, Since(AS_OF))
    assert [one.basket_id for one in first.facts(household(3), None, None, 9).purchases] == ["live-1"]
    land(home, through=DAY)
    built = home.build(SilentProgress(), fresh=True)
    assert built.version.as_of == DAY
    graph = home.snapshot()
    assert graph.nodes("Basket", ("live-1",))["live-1"].properties["business_date"] == DAY
    held = {(row["source"], row["target"]) for row in graph.export_edges("contains").to_pylist() if row["source"] == "live-1"}
    assert held == {("live-1", "milk"), ("live-1", "bread")}
    assert ("visit-1", "pesto") in {(row["source"], row["target"]) for row in graph.export_edges("viewed").to_pylist()}
    release = home.train(SilentProgress())
    services = home.services_of(release.id)
    assert services.online.newest(household(3), None, None) == 0
    assert services.online.facts(household(3), None, None, 9).purchases == ()
    take(home, [purchase("p9", household(3), "live-9", "soap", days=2)])
    assert [one.basket_id for one in services.online.facts(household(3), None, None, 9).purchases] == ["live-9"]
    assert json.loads(home.event_book.after(0, limit=1)[0].content)["basket_id"] == "live-1"
