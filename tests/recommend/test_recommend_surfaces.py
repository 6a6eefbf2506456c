"""Surfaces of the tiny shop: what each suggests, what it never does, how lists join, and what it says where it cannot."""

from dataclasses import replace

import numpy as np
import pytest

from decisions.recommend import RecommendService
from decisions.recommend.beside import BesideLists
from decisions.recommend.bounds import Bounds, Levels
from decisions.recommend.contract import (
    Constraints,
    PageRequest,
    Placement,
    RecommendationRequest,
    RequestContext,
    Surface,
    WhyNotAnswer,
    WhyNotOutcome,
    WhyNotRequest,
)
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.discover import DiscoverLists
from decisions.recommend.discovery_lists import LONGEST, StoredDiscoveries
from decisions.recommend.errors import (
    DetailOutOfRange,
    EmptyBasket,
    ListTooLong,
    PageInvalid,
    SurfaceIncomplete,
    UnknownPlacement,
    UnknownProducts,
)
from decisions.recommend.placements import DEFAULT_PLACEMENTS, placements_named, read_placements
from decisions.recommend.suggestions import Suggestion, takes_discovery
from decisions.recommend.trending import trends
from decisions.recommend.why_not import Change, Standing, standing_of, told
from tests.tiny_retailer import AS_OF, HOUSEHOLDS, household


def ask(shop, **fields):
    return shop.service.recommend(RecommendationRequest(**fields))


def ids(answer):
    return [item.product_id for item in answer.items]


def bought_by(shop, number):
    own = shop.service._shelf.features.knowledge.between(number, number + 1).own
    return {shop.service._view.product(int(place)).id for place in own.key % own.items}


def test_buy_again_holds_what_was_bought_and_discover_what_never_was(recommend_shop):
    seen = 0
    for number in range(HOUSEHOLDS):
        bought = bought_by(recommend_shop, number)
        again = ask(recommend_shop, household_id=household(number), surface=Surface.BUY_AGAIN)
        new = ask(recommend_shop, household_id=household(number), surface=Surface.DISCOVER)
        assert set(ids(again)) <= bought
        assert not set(ids(new)) & bought
        seen += len(again.items) + len(new.items)
    assert seen > HOUSEHOLDS * 5


def test_stored_discoveries_are_what_asking_now_would_give(recommend_shop):
    lists = recommend_shop.service._discover
    everything = np.ones(recommend_shop.service._shelf.products, bool)
    nothing = np.empty(0, np.int64)
    for number in range(HOUSEHOLDS):
        rows = lists._stored.of(number)
        now, scores = lists._discovery.nearest(number, nothing, everything, LONGEST)
        assert lists._stored.product[rows].tobytes() == now.tobytes()
        assert lists._stored.score[rows].tobytes() == scores.tobytes()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 1.0])
def test_discovery_has_its_share_of_the_places_and_longer_lists_begin_with_shorter_ones(recommend_shop, share):
    places = [place for place in range(1, 41) if takes_discovery(place, share)]
    assert len(places) == int(40 * share)
    fields = {"household_id": household(3), "discovery_share": share}
    whole = ask(recommend_shop, limit=10, **fields)
    for limit in range(1, 10):
        assert ids(ask(recommend_shop, limit=limit, **fields)) == ids(whole)[:limit]
    assert len(set(ids(whole))) == len(whole.items)


def test_a_product_that_is_not_to_be_had_is_replaced_and_one_that_is_completed(recommend_shop):
    there = ask(recommend_shop, surface=Surface.ITEM, product_id="pasta")
    assert there.system == "complements"
    assert ids(there)[:2] == ["sauce", "bread"]
    assert there.items[0].customer_text == customer_text(
        CustomerReason.OFTEN_WITH, *(recommend_shop.service._view.product(recommend_shop.service._shelf.product[one]).display_name
                                     for one in ("sauce", "pasta"))
    )  # fmt: skip
    gone = ask(recommend_shop, surface=Surface.ITEM, product_id="pasta", constraints=Constraints(without_allergens=("nuts",)))
    assert gone.system == "nothing"
    assert {one.rule for one in gone.withheld} == {"allergens"}
    assert "pasta" not in ids(there) + ids(gone)


def test_reranking_keeps_the_callers_candidates_and_adds_none(recommend_shop):
    candidates = ("milk", "penne", "soap", "sauce")
    for who in (household(2), None):
        answer = ask(recommend_shop, household_id=who, surface=Surface.RERANK, candidates=candidates)
        assert sorted(ids(answer)) == sorted(candidates)


def test_a_trend_is_told_only_where_it_is_sure(recommend_shop):
    features = recommend_shop.service._shelf.features
    trend = trends(features, None)
    for item in ask(recommend_shop, surface=Surface.TRENDING).items:
        if item.kind == "trend":
            place = recommend_shop.service._shelf.product[item.product_id]
            assert trend.lately[place] > trend.before[place]
            assert item.score == trend.growth[place] > 0


def test_a_page_shows_no_product_twice_and_says_what_a_placement_lacks(recommend_shop):
    names = (Placement("a", Surface.BUY_AGAIN, 3), Placement("b", Surface.HOUSEHOLD, 3), Placement("c", Surface.TRENDING, 3))
    page = recommend_shop.service.page(PageRequest(names, RecommendationRequest(household(1))))
    shown = [product for one in page.placements for product in ids(one.answer)]
    assert len(shown) == len(set(shown)) >= 6
    nobody = recommend_shop.service.page(PageRequest(names))
    assert nobody.placements[0].answer.items == ()
    assert nobody.placements[0].answer.degraded.rung == "nothing"
    assert nobody.placements[1].answer.items


@pytest.mark.parametrize(("fields", "error"), [
    ({"surface": Surface.BASKET}, EmptyBasket),
    ({"surface": Surface.BUY_AGAIN}, SurfaceIncomplete),
    ({"surface": Surface.DISCOVER}, SurfaceIncomplete),
    ({"surface": Surface.ITEM}, SurfaceIncomplete),
    ({"surface": Surface.RERANK}, SurfaceIncomplete),
    ({"surface": Surface.ITEM, "product_id": "nothing"}, UnknownProducts),
    ({"exclude": ("x",) * 501}, ListTooLong),
    ({"discovery_share": 1.1}, DetailOutOfRange),
    ({"discovery_share": float("nan")}, DetailOutOfRange),
    ({"context": RequestContext(hour=24)}, DetailOutOfRange),
    ({"constraints": Constraints(age_years=-1)}, DetailOutOfRange),
])  # fmt: skip
def test_what_cannot_be_answered_is_refused_by_name(recommend_shop, fields, error):
    with pytest.raises(error):
        ask(recommend_shop, **fields)


def test_pages_and_placements_are_checked(recommend_shop, tmp_path):
    one = DEFAULT_PLACEMENTS["home"]
    for placements in ((), (one, one), tuple(replace(one, name=str(n)) for n in range(9))):
        with pytest.raises(PageInvalid):
            recommend_shop.service.page(PageRequest(placements))
    with pytest.raises(UnknownPlacement) as refused:
        placements_named(("home", "attic"), DEFAULT_PLACEMENTS)
    assert refused.value.known == tuple(DEFAULT_PLACEMENTS)
    own = tmp_path / "placements.json"
    own.write_text('{"till": {"surface": "basket", "limit": 3}}')
    assert read_placements(own) == {"till": Placement("till", Surface.BASKET, 3)}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": {}}', '{"a": {"surface": "rerank", "limit": 3}}',
                                  '{"a": {"surface": "home", "limit": 3}}', '{"a": {"surface": "basket", "limit": 0}}',
                                  '{"a": {"surface": ["basket"], "limit": true}}'])  # fmt: skip
def test_a_file_of_placements_that_cannot_be_used_is_refused(tmp_path, text):
    from decisions.recommend.errors import PlacementsUnreadable

    own = tmp_path / "placements.json"
    own.write_text(text)
    with pytest.raises(PlacementsUnreadable):
        read_placements(own)


def test_why_not_names_the_rule_or_a_change_that_suffices(recommend_shop):
    asked = RecommendationRequest(household(0), limit=3)
    listed = ids(recommend_shop.service.recommend(asked))
    assert recommend_shop.service.why_not(WhyNotRequest(listed[0], asked)).outcome is WhyNotOutcome.LISTED
    ruled = recommend_shop.service.why_not(WhyNotRequest(listed[0], replace(asked, exclude=(listed[0],))))
    assert ruled.outcome is WhyNotOutcome.RULED_OUT
    assert (ruled.checks[0].rule, ruled.checks[0].passed) == ("excluded", False)
    lower = 0
    for product in recommend_shop.service._shelf.product:
        told = recommend_shop.service.why_not(WhyNotRequest(product, asked))
        if told.outcome is WhyNotOutcome.RANKED_LOWER:
            assert told.rank > 3
            assert told.score <= told.needed
            lower += 1
    assert lower >= 2


def suggestion(product, score, kind):
    return Suggestion(product, score, kind, (), lambda: None)


def test_a_standing_is_held_against_places_of_its_kind_alone():
    order = [suggestion(1, 2.0, "habit"), suggestion(2, 0.1, "discovery"), suggestion(3, -1.0, "new"),
             suggestion(4, 0.05, "discovery"), suggestion(5, -2.0, "habit")]  # fmt: skip
    assert standing_of(5, order, 3) == Standing(5, -2.0, -1.0)
    assert standing_of(4, order, 3) == Standing(4, 0.05, 0.1)
    assert standing_of(4, order, 1) == Standing(4, 0.05, None)
    assert standing_of(9, order, 3) is None


def test_a_change_to_a_score_of_zero_suffices_and_one_that_reaches_nothing_does_not():
    plain = WhyNotAnswer(AS_OF, "p", WhyNotOutcome.LISTED, "")
    standing = Standing(4, -1.0, -0.5)
    assert told(plain, "P", standing, [Change("zero", lambda: 0.0)]).change == "zero"
    assert told(plain, "P", standing, [Change("less", lambda: -0.5), Change("none", lambda: None)]).change == ""
    assert told(plain, "P", Standing(4, -1.0, None), [Change("more", lambda: 9.0)]).change == ""


def test_lower_rungs_are_asked_for_nothing_where_the_first_fills_all_places(recommend_shop, monkeypatch):
    service = RecommendService(recommend_shop.graph, recommend_shop.snapshot, recommend_shop.artefact)

    def refuse(*_arguments):
        raise AssertionError("a lower rung was asked")

    monkeypatch.setattr(BesideLists, "selling", refuse)
    assert len(service.recommend(RecommendationRequest(household(1), limit=5)).items) == 5
    with pytest.raises(AssertionError, match="lower rung"):
        service.recommend(RecommendationRequest(limit=5))


def test_a_discovery_of_too_many_households_gives_way_for_most_of_them(recommend_shop):
    """Product 0 leads every list: it may be shown to a fifth of the households, always the same ones."""
    service, products = recommend_shop.service, recommend_shop.service._shelf.products
    alone = Levels(*(np.arange(products) for _ in range(3)))
    exposure = np.zeros(products)
    exposure[0] = 1.0
    start = np.arange(HOUSEHOLDS + 1) * products
    rows = np.tile(np.arange(products), HOUSEHOLDS)
    stored = StoredDiscoveries(start, rows, -rows * 1.0, np.zeros_like(rows), np.zeros((len(rows), 1)))
    lists = DiscoverLists(service._shelf, service._discover._discovery, Bounds(alone, exposure), stored)
    leads = []
    for number in range(HOUSEHOLDS):
        asked = service._asked(RecommendationRequest(household(number)))
        shown = [one.product for one in lists.suggestions(asked, products)]
        assert shown == [one.product for one in lists.suggestions(asked, products)]
        others = [product for product in np.flatnonzero(asked.open).tolist() if product]
        assert shown in ([0, *others], [*others, 0])
        assert [one.product for one in lists.suggestions(asked, 3)] == shown[:3]
        leads.append(shown[0] == 0)
    assert 0.05 < np.mean(leads) < 0.4


def test_the_spread_of_discoveries_is_among_the_figures_of_a_training(recommend_shop):
    figures = recommend_shop.figures
    assert 0 < figures["discovery_variety"] <= 1
    assert figures["discovery_novelty_bits"] > 0
    assert 0 < figures["discovery_coverage"] <= 1
    assert 0 <= figures["discovery_gini"] < 1
    assert figures["discovery_coverage"] <= figures["discovery_largest_share"] * len(recommend_shop.service._shelf.product)


def test_what_the_model_does_not_know_of_the_moment_is_named(recommend_shop):
    answer = ask(recommend_shop, household_id=household(1), context=RequestContext(hour=9, weather="rain"))
    assert answer.unused_context == ("hour", "weather")
