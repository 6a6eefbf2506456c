"""What was told since the release changes the next answer; asked as of an older number, it is the older answer."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from decisions.recommend import RecommendService
from decisions.recommend.contract import RecommendationRequest, Surface
from decisions.recommend.errors import UnknownHousehold
from decisions.recommend.online import Overlay, Since
from governance.records import EventBatch, EventDraft, SqliteEventBook
from kit.clock import FixedClock
from tests.tiny_retailer import AS_OF, HOUSEHOLDS, household

START = datetime.combine(AS_OF + timedelta(days=1), datetime.min.time(), UTC)
NEW = household(88_888)
names = itertools.count()


@pytest.fixture
def live(recommend_shop, tmp_path):
    with SqliteEventBook(tmp_path / "events.sqlite", clock=FixedClock(START)) as book:
        overlay = Overlay(book, Since(AS_OF))
        yield _Live(
            RecommendService(recommend_shop.graph, recommend_shop.snapshot, recommend_shop.artefact, overlay), overlay, book
        )


class _Live:
    def __init__(self, service, overlay, book):
        self.service, self._overlay, self._book = service, overlay, book

    def tell(self, kind, who, minute, *, session=None, store=None, day: date | None = None, **content):
        at, name = START + timedelta(minutes=minute), f"e{next(names)}"
        body = json.dumps({"event_id": name, "kind": kind, **content}, sort_keys=True).encode()
        self._book.take(EventBatch((EventDraft(name, kind, who, session, store, at, day or at.date(), body),)))

    def buy(self, who, minute, *products, **more):
        lines = [{"product_id": one, "quantity": 1.0} for one in products]
        self.tell("purchase", who, minute, basket_id=f"b{next(names)}", lines=lines, **more)

    def ask(self, **fields):
        request = RecommendationRequest(**fields)
        until = self._overlay.newest(request.household_id, request.session_id, request.store_id)
        return self.service.recommend(replace(request, events_until=until))


def ids(answer):
    return [item.product_id for item in answer.items]


def test_a_purchase_moves_scores_and_the_older_number_answers_as_before(live):
    before = live.ask(household_id=household(3))
    bought = ids(before)[0]
    live.buy(household(3), 5, bought)
    after = live.ask(household_id=household(3))
    moved = {item.product_id: item.score for item in before.items}
    assert after.newest_event == 1
    assert any(item.score != moved.get(item.product_id) for item in after.items)
    assert live.ask(household_id=household(4)).newest_event == 0
    assert live.service.recommend(RecommendationRequest(household_id=household(3))) == before


def test_sentences_count_what_was_bought_since(live):
    told = []
    for number in range(20):
        bought = ids(live.ask(household_id=household(number), surface=Surface.BUY_AGAIN, limit=3))
        live.buy(household(number), 5, *bought)
        answer = live.ask(household_id=household(number), surface=Surface.BUY_AGAIN, limit=3)
        told += [item.explanation.text for item in answer.items if item.product_id in bought]
    assert any("last 1 days ago" in text for text in told)
    assert all("last 1 days ago" in text for text in told if "bought before" in text)


def test_contributions_add_up_for_who_bought_since(live):
    live.buy(household(3), 5, "soap", "penne")
    answer = live.ask(household_id=household(3))
    assert answer.items
    for item in answer.items:
        brought = sum(factor.contribution for factor in item.explanation.factors)
        assert item.base_score + brought == pytest.approx(item.score, rel=1e-6, abs=1e-6)


def test_what_was_bought_since_is_bought_again_and_discovered_no_more(live):
    new = ((one, ids(live.ask(household_id=household(one), surface=Surface.DISCOVER))) for one in range(HOUSEHOLDS))
    who, found = next((household(one), products[0]) for one, products in new if products)
    assert found not in ids(live.ask(household_id=who, surface=Surface.BUY_AGAIN, limit=100))
    live.buy(who, 5, found)
    again = live.ask(household_id=who, surface=Surface.BUY_AGAIN, limit=100)
    assert found in ids(again)
    assert next(item for item in again.items if item.product_id == found).kind == "habit"
    assert found not in ids(live.ask(household_id=who, surface=Surface.DISCOVER, limit=100))


def test_a_household_without_a_purchase_in_the_release_is_known_by_its_first_one(live, shop_constants):
    cold = live.ask(household_id=shop_constants.cold)
    assert cold.degraded is not None
    live.buy(shop_constants.cold, 5, "milk", "bread")
    known = live.ask(household_id=shop_constants.cold)
    assert (known.system, known.degraded) == ("shelfgraph", None)
    assert set(ids(live.ask(household_id=shop_constants.cold, surface=Surface.BUY_AGAIN))) == {"bread", "milk"}
    assert live.ask(household_id=shop_constants.cold, surface=Surface.DISCOVER).items


def test_a_household_that_events_alone_have_named_is_answered_and_nobody_is_not(live):
    with pytest.raises(UnknownHousehold):
        live.ask(household_id=NEW)
    live.buy(NEW, 5, "milk")
    answer = live.ask(household_id=NEW, surface=Surface.BUY_AGAIN)
    assert ids(answer) == ["milk"]
    assert answer.items[0].kind == "habit"


def test_a_basket_of_unheard_products_tells_nothing(live, shop_constants):
    live.buy(shop_constants.cold, 5, "unheard")
    answer = live.ask(household_id=shop_constants.cold)
    assert answer.degraded is not None


def test_consent_withdrawn_since_takes_the_habits_away_at_once(live):
    live.buy(household(3), 1, "milk")
    live.tell("consent", household(3), 2, purpose="personalisation", granted=False)
    answer = live.ask(household_id=household(3))
    assert answer.degraded.cause == "no consent is known for this purpose"
    assert all(item.kind != "habit" for item in answer.items)


def test_stock_and_carts_count_at_once(live):
    first = ids(live.ask(household_id=household(3), store_id="st1"))[0]
    live.tell("stock", None, 1, store="st1", product_id=first, stock_on_hand_units=0.0)
    assert first not in ids(live.ask(household_id=household(3), store_id="st1"))
    live.tell("cart", household(3), 2, session="s", product_id="pasta")
    assert "pasta" not in ids(live.ask(household_id=household(3), session_id="s"))
