"""The overlay: the same facts in every order of arrival, as of every number, within every bound, in every process."""

import itertools
import json
import random
import threading
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.recommend.live import NOTHING_SINCE, LivePurchase
from decisions.recommend.online import Overlay, Since
from decisions.recommend.online_state import VISIT_PRODUCTS
from governance.records import EventBatch, EventDraft, EventKey, Landing, SqliteEventBook
from kit.clock import FixedClock

AS_OF = date(2024, 4, 30)
START = datetime(2024, 5, 1, 8, tzinfo=UTC)
ALL = Since(AS_OF)
ids = itertools.count()


def event(kind, minute=0, *, name=None, household="hh_a", session="s1", store="st1", day=None, **content):
    moment = START + timedelta(minutes=minute)
    name = name or f"e{next(ids)}"
    if kind == "stock":
        household = session = None
    body = json.dumps({"event_id": name, "kind": kind, "at": moment.isoformat(), **content}, sort_keys=True).encode()
    return EventDraft(name, kind, household, session, store, moment, day or moment.date(), body)


def bought(minute, basket, *products, **more):
    lines = [{"product_id": product, "quantity": 1.0, "net_sales": 1.0} for product in products]
    return event("purchase", minute, basket_id=basket, lines=lines, **more)


def take(book, *drafts):
    return [receipt.number for receipt in book.take(EventBatch(drafts))]


@pytest.fixture
def book(tmp_path):
    with SqliteEventBook(tmp_path / "events.sqlite", clock=FixedClock(START)) as opened:
        yield opened


def test_each_kind_changes_what_it_is_about_and_nothing_else(book):
    overlay = Overlay(book, ALL)
    assert overlay.newest("hh_a", "s1", "st1") == 0
    assert overlay.facts("hh_a", "s1", "st1", 0) is NOTHING_SINCE
    take(
        book,
        event("view", 1, product_id="milk"),
        event("cart", 2, product_id="soap"),
        event("cart", 3, product_id="bread"),
        event("remove_from_cart", 4, product_id="bread"),
        bought(5, "b1", "pasta", "butter"),
        event("stock", 6, product_id="milk", stock_on_hand_units=0.0),
        event("stock", 6, product_id="soap", stock_on_hand_units=3.0),
        event("consent", 7, purpose="personalisation", granted=False),
    )
    overlay.catch_up()
    facts = overlay.facts("hh_a", "s1", "st1", overlay.newest("hh_a", "s1", "st1"))
    assert facts.purchases == (LivePurchase("b1", date(2024, 5, 1), "st1", ("butter", "pasta"), (1.0, 1.0)),)
    assert (facts.viewed, facts.carted) == (("milk",), ("soap",))
    assert (facts.out_of_stock, facts.back_in_stock) == (frozenset({"milk"}), frozenset({"soap"}))
    assert (facts.withdrawn, facts.newest_event) == (frozenset({"personalisation"}), 8)
    assert (overlay.newest("hh_b", None, "st2"), overlay.newest(None, None, "st1"), overlay.newest(None, "s1", None)) == (0, 7, 8)
    assert overlay.facts("hh_b", "s2", "st2", 8) is NOTHING_SINCE


def test_what_was_paid_for_leaves_the_cart_and_what_is_put_there_later_stays(book):
    take(book, event("cart", 1, product_id="a"), event("cart", 1, product_id="b"), bought(2, "b1", "a", "c"))
    take(book, event("cart", 3, product_id="c"))
    overlay = Overlay(book, ALL)
    assert overlay.facts("hh_a", "s1", None, 9).carted == ("c", "b")


def test_a_session_tells_a_household_its_own_and_nobodys_views_only(book):
    take(book, event("view", 1, household=None, product_id="x"), event("view", 2, household="hh_b", product_id="secret"))
    take(book, event("view", 3, product_id="mine"), event("view", 4, session="s9", product_id="elsewhere"))
    overlay = Overlay(book, ALL)
    assert overlay.facts("hh_a", "s1", None, 9).viewed == ("elsewhere", "mine", "x")
    assert overlay.facts(None, "s1", None, 9).viewed == ("mine", "secret", "x")
    assert overlay.facts("hh_b", "s1", None, 9).viewed == ("secret", "x")


KINDS = st.sampled_from(["view", "cart", "remove_from_cart", "purchase", "stock", "consent"])


@st.composite
def stories(draw):
    """Draw events about two households with few products and minutes, so that they meet and tie."""
    drafts = []
    for place in range(draw(st.integers(1, 14))):
        kind, minute = draw(KINDS), draw(st.integers(0, 3))
        who = {"name": f"n{place}", "household": draw(st.sampled_from(["hh_a", "hh_b"])), "session": draw(st.sampled_from("st"))}
        product = draw(st.sampled_from("xyz"))
        if kind == "purchase":
            products = draw(st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True))
            drafts.append(bought(minute, draw(st.sampled_from(["b1", "b2"])), *products, **who))
        elif kind == "stock":
            drafts.append(
                event(kind, minute, name=f"n{place}", product_id=product, stock_on_hand_units=draw(st.sampled_from([0.0, 2.0])))
            )
        elif kind == "consent":
            drafts.append(event(kind, minute, **who, purpose="personalisation", granted=draw(st.booleans())))
        else:
            drafts.append(event(kind, minute, **who, product_id=product))
    return drafts


def told_in_order(folder, drafts):
    """Return the facts of every combination of keys after the events came in this order, but for the numbers of arrival."""
    with SqliteEventBook(folder / f"{next(ids)}.sqlite", clock=FixedClock(START)) as book:
        overlay = Overlay(book, ALL)
        for one in drafts:
            take(book, one)
            overlay.catch_up()
        asked = itertools.product(["hh_a", "hh_b", None], ["s", "t", None], ["st1", None])
        found = [overlay.facts(*keys, book.newest()) for keys in asked]
        return [(f.purchases, f.viewed, f.carted, f.out_of_stock, f.back_in_stock, f.withdrawn) for f in found]


@settings(max_examples=25, deadline=None)
@given(drafts=stories(), seed=st.integers(0, 2**16))
def test_any_order_and_any_repetition_give_the_same_facts(tmp_path_factory, drafts, seed):
    folder, rng = tmp_path_factory.mktemp("books"), random.Random(seed)
    shuffled = drafts + rng.choices(drafts, k=len(drafts))
    rng.shuffle(shuffled)
    assert told_in_order(folder, shuffled) == told_in_order(folder, drafts)


@settings(max_examples=15, deadline=None)
@given(drafts=stories())
def test_facts_as_of_a_number_are_the_same_before_and_after_later_events(tmp_path_factory, drafts):
    folder = tmp_path_factory.mktemp("books")
    with SqliteEventBook(folder / f"{next(ids)}.sqlite", clock=FixedClock(START)) as book:
        live = Overlay(book, ALL)
        seen = []
        for one in drafts:
            take(book, one)
            live.catch_up()
            seen.append((live.newest("hh_a", "s", "st1"), live.facts("hh_a", "s", "st1", live.newest("hh_a", "s", "st1"))))
        opened_later = Overlay(book, ALL, kept=dict.fromkeys(EventKey, 1))
        for number, facts in seen:
            assert live.facts("hh_a", "s", "st1", number) == opened_later.facts("hh_a", "s", "st1", number) == facts
            assert facts.newest_event == number


def test_what_fell_out_of_memory_is_read_from_the_book_again(book):
    names = [f"hh_{n}" for n in range(30)]
    take(book, *(bought(n, f"b{n}", "milk", household=name, session=f"s{n}") for n, name in enumerate(names)))
    overlay = Overlay(book, ALL, kept=dict.fromkeys(EventKey, 3))
    take(book, *(bought(50 + n, f"c{n}", "soap", household=name, session=f"s{n}") for n, name in enumerate(names)))
    overlay.catch_up()
    assert len(overlay._states[EventKey.HOUSEHOLD]) == 3
    for n, name in enumerate(names):
        assert [one.basket_id for one in overlay.facts(name, None, None, 99).purchases] == [f"b{n}", f"c{n}"]
        assert overlay.newest(name, None, None) == 31 + n


def test_the_latest_products_of_a_visit_count_however_many_there_were(book):
    drafts = [event("view", minute, product_id=f"p{minute:04d}") for minute in range(3 * VISIT_PRODUCTS)]
    random.Random(1).shuffle(drafts)
    take(book, *drafts)
    overlay = Overlay(book, ALL)
    latest = tuple(f"p{n:04d}" for n in range(3 * VISIT_PRODUCTS - 1, 3 * VISIT_PRODUCTS - 51, -1))
    assert overlay.facts("hh_a", None, None, 9999).viewed == latest
    assert len(overlay._states[EventKey.HOUSEHOLD]["hh_a"].visits.viewed) <= 2 * VISIT_PRODUCTS


def test_an_event_that_landed_before_the_release_was_made_counts_no_more(book):
    take(book, bought(1, "early", "milk", day=AS_OF), bought(2, "late", "soap", day=AS_OF), bought(3, "next", "bread"))
    book.note_landing(Landing(START, AS_OF, 1, 0))
    book.note_landing(Landing(START + timedelta(hours=2), AS_OF, 3, 0))
    before = Since.release(AS_OF, START - timedelta(seconds=1), book.landings())
    made = Since.release(AS_OF, START + timedelta(hours=1), book.landings())
    newer = Since.release(
        date(2024, 5, 1), START + timedelta(hours=3), (*book.landings(), Landing(START, date(2024, 5, 1), 3, 0))
    )

    def baskets(since):
        overlay = Overlay(book, since)
        return [one.basket_id for one in overlay.facts("hh_a", None, None, 9).purchases], overlay.newest("hh_a", None, None)

    assert baskets(before) == (["early", "late", "next"], 3)
    assert baskets(made) == (["late", "next"], 3)
    assert baskets(newer) == ([], 0)


def test_an_event_taken_by_one_process_is_seen_by_another_within_a_second(tmp_path):
    path = tmp_path / "events.sqlite"
    with SqliteEventBook(path) as here, SqliteEventBook(path) as there:
        overlay = Overlay(there, ALL).follow()
        waits = []
        for n in range(10):
            (number,) = take(here, event("view", n, product_id=f"p{n}"))
            began = time.perf_counter()
            while overlay.newest("hh_a", None, None) < number:
                time.sleep(0.002)
            waits.append(time.perf_counter() - began)
        overlay.close()
        assert overlay.facts("hh_a", None, None, 10).viewed[0] == "p9"
        assert max(waits) < 1.0


def test_readers_and_a_writer_at_once_see_whole_facts(book):
    overlay, faults, over = Overlay(book, ALL, kept=dict.fromkeys(EventKey, 2)).follow(), [], threading.Event()

    def read():
        while not over.is_set():
            number = overlay.newest("hh_a", "s1", "st1")
            facts = overlay.facts("hh_a", "s1", "st1", number)
            if facts.newest_event != number or len(facts.purchases) != (number + 1) // 2:
                faults.append((number, facts))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(40):
        take(book, bought(n, f"b{n}", "milk"), event("view", n, product_id="milk"))
        overlay.catch_up()
    over.set()
    for reader in readers:
        reader.join()
    overlay.close()
    assert not faults
    assert len(overlay.facts("hh_a", None, None, 80).purchases) == 40
