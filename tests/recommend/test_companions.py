"""What completes a basket: companions against a plain loop, halves of held-out baskets, the back-test, and what is served."""

import itertools
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from decisions.recommend import RecommendService, basket_fitting
from decisions.recommend.basket_fitting import StoreShares, held_out_halves, try_baskets
from decisions.recommend.beside_scores import BASKET_RELATIONS, COMPANIONS, EDGE_WEIGHT, POPULARITY, SHARE_WEIGHT, BesideScores
from decisions.recommend.contract import RecommendationRequest, Surface, WhyNotRequest
from features import InMemory, publish_features
from features.companions import LEAST_BASKETS, SHRINKAGE, companion_tables, fit_companions, no_companions, read_companions
from features.repertoire import day_number, read_purchases
from tests.recommend.conftest import lists_of
from tests.tiny_retailer import AS_OF, household

FIRST_HELD_OUT = day_number(AS_OF) - 13


@pytest.fixture(scope="module")
def scores(purchases, neighbours):
    return BesideScores(neighbours, fit_companions(purchases, FIRST_HELD_OUT), purchases.products.items)


def basket_of(purchases, basket):
    return purchases.products.item[purchases.products.start[basket] : purchases.products.start[basket + 1]]


def served_with(shop, system):
    """The tiny shop, in which this system has won."""
    about = json.loads(shop.artefact["recommend.json"])
    about["basket"]["system"] = system
    return RecommendService(shop.graph, shop.snapshot, {**shop.artefact, "recommend.json": json.dumps(about).encode()})


def test_companions_are_those_of_a_plain_loop_over_the_baskets_before_the_day(purchases):
    single, pairs = Counter(), Counter()
    for basket in np.flatnonzero(purchases.basket_day < FIRST_HELD_OUT).tolist():
        held = basket_of(purchases, basket).tolist()
        single.update(held)
        pairs.update(itertools.permutations(held, 2))
    expected = {
        (one, other): (together / (np.sqrt(single[one] * single[other]) + SHRINKAGE), together)
        for (one, other), together in pairs.items()
        if together >= 2 and min(single[one], single[other]) >= LEAST_BASKETS
    }
    found = fit_companions(purchases, FIRST_HELD_OUT)
    item = np.repeat(np.arange(purchases.products.items), np.diff(found.start))
    rows = zip(item.tolist(), found.product.tolist(), found.strength.tolist(), found.together.tolist(), strict=True)
    told = {(one, other): (strength, together) for one, other, strength, together in rows}
    assert len(told) == len(expected) > 50
    assert all(told[pair] == pytest.approx(expected[pair]) for pair in expected)
    for one in range(purchases.products.items):
        assert (np.diff(found.strength[found.start[one] : found.start[one + 1]]) <= 0).all()


def test_later_baskets_change_nothing(recommend_shop, purchases):
    known = read_purchases(recommend_shop.lake, AS_OF - timedelta(days=14))
    alone, beside = fit_companions(known, FIRST_HELD_OUT), fit_companions(purchases, FIRST_HELD_OUT)
    names = [one.product_ids.to_pylist() for one in (known, purchases)]
    assert [names[0][one] for one in alone.product] == [names[1][one] for one in beside.product]
    assert alone.strength.tolist() == beside.strength.tolist()


def test_they_are_read_back_as_they_were_kept(purchases):
    for given in (fit_companions(purchases, FIRST_HELD_OUT), no_companions(purchases.products.items)):
        back = read_companions(InMemory(companion_tables(given)), purchases.products.items)
        for name in ("start", "product", "strength", "together"):
            assert getattr(back, name).tolist() == getattr(given, name).tolist()


def test_a_held_out_basket_is_cut_in_two_and_the_draw_is_repeated(purchases):
    held = held_out_halves(purchases, FIRST_HELD_OUT, 7)
    assert len(held.basket) > 50
    assert (purchases.basket_day[held.basket] >= FIRST_HELD_OUT).all()
    for basket, hand, wanted in zip(held.basket.tolist(), held.hand, held.wanted, strict=True):
        assert sorted([*hand, *wanted]) == basket_of(purchases, basket).tolist()
        assert 2 <= len(hand) <= len(wanted) <= len(hand) + 1
    again = held_out_halves(purchases, FIRST_HELD_OUT, 7)
    assert [one.tolist() for one in again.hand] == [one.tolist() for one in held.hand]
    assert len(held_out_halves(purchases, FIRST_HELD_OUT, 7, most=20).basket) == 20


def test_parts_sum_to_the_score_and_a_list_holds_nothing_that_is_in_hand(purchases, scores):
    hand, share = np.array([1, 3]), StoreShares(purchases, FIRST_HELD_OUT).of(0)
    for system in (COMPANIONS, BASKET_RELATIONS, POPULARITY):
        parts = scores.parts(system, hand, share)
        assert parts.score == pytest.approx(parts.edges + parts.near + parts.share)
        order = scores.first(system, hand, share, 5)
        open_products = [one for one in np.lexsort((np.arange(len(share)), -parts.score)).tolist() if one not in hand]
        assert order.tolist() == open_products[:5]
    own = scores.parts(COMPANIONS, hand, share)
    assert own.share == pytest.approx(SHARE_WEIGHT * share)
    assert own.edges == pytest.approx(EDGE_WEIGHT * scores.parts(BASKET_RELATIONS, hand, share).edges)


def test_the_system_with_the_best_lists_wins_and_few_baskets_decide_nothing(purchases, neighbours, scores, monkeypatch):
    few = try_baskets(purchases, neighbours, scores.companions, day_number(AS_OF), 7)
    assert (few.system, list(few.figures)) == (BASKET_RELATIONS, ["basket_backtest_baskets"])
    monkeypatch.setattr(basket_fitting, "LEAST_BASKETS", 20)
    tried = try_baskets(purchases, neighbours, scores.companions, FIRST_HELD_OUT, 7)
    ndcg = {name.removeprefix("basket_backtest_ndcg_"): value for name, value in tried.figures.items() if "ndcg" in name}
    assert set(ndcg) == {COMPANIONS, BASKET_RELATIONS, POPULARITY}
    assert ndcg[tried.system] == max(ndcg.values())
    # a shop in which nothing goes with anything is served by what sells
    silent = replace(neighbours["isBoughtWith"], start=np.zeros_like(neighbours["isBoughtWith"].start))
    nothing = no_companions(purchases.products.items)
    random = try_baskets(purchases, dict.fromkeys(neighbours, silent), nothing, FIRST_HELD_OUT, 7)
    assert len({value for name, value in random.figures.items() if "ndcg" in name}) == 1


def test_shares_of_a_store_are_those_that_serve(recommend_shop, purchases):
    shelf = recommend_shop.service.rescoring.shelf
    shares = StoreShares(purchases, day_number(AS_OF) + 1)
    for store in range(len(purchases.store_ids)):
        assert shares.of(store) == pytest.approx(shelf.popularity_in(store))


def test_the_winner_answers_first_and_the_others_fill_what_it_leaves(recommend_shop):
    asked = RecommendationRequest(None, ("pasta",), limit=5, surface=Surface.BASKET)
    systems = [served_with(recommend_shop, one).recommend(asked).system for one in (COMPANIONS, BASKET_RELATIONS, POPULARITY)]
    assert systems == [COMPANIONS, BASKET_RELATIONS, POPULARITY]


def test_a_basket_that_accompanies_nothing_gets_what_sells_and_is_told_why(recommend_shop, tmp_path):
    tables = {**recommend_shop.tables, **companion_tables(no_companions(len(recommend_shop.service.rescoring.shelf.product)))}
    snapshot = publish_features(tmp_path, AS_OF, {**tables, **lists_of(recommend_shop.artefact, tables)})
    shop = SimpleNamespace(graph=recommend_shop.graph, snapshot=snapshot, artefact=recommend_shop.artefact)
    service = served_with(shop, COMPANIONS)
    lonely = service.recommend(RecommendationRequest(None, ("soap",), limit=5, surface=Surface.BASKET))
    assert [(rung.name, rung.places) for rung in lonely.rungs] == [(POPULARITY, 5)]
    assert lonely.degraded.rung == POPULARITY
    assert "no published relation speaks" in lonely.degraded.cause
    spoken = service.recommend(RecommendationRequest(None, ("pasta",), limit=5))
    assert (spoken.system, spoken.degraded.rung, spoken.items[0].product_id) == (BASKET_RELATIONS, BASKET_RELATIONS, "sauce")
    assert "nothing lies in the same baskets" in spoken.degraded.cause


def test_a_companion_says_what_moved_its_score_and_falls_without_what_it_cites(recommend_shop):
    service = served_with(recommend_shop, COMPANIONS)
    asked = RecommendationRequest(None, ("pasta", "milk"), limit=6, surface=Surface.BASKET)
    answer = service.recommend(asked)
    for item in answer.items:
        told = item.explanation
        assert sum(one.contribution for one in told.factors) == pytest.approx(item.score)
        assert [one.contribution for one in told.factors] == sorted((one.contribution for one in told.factors), reverse=True)
        assert item.kind == "companions"
    sauce = next(item for item in answer.items if item.product_id == "sauce")
    assert sauce.explanation.paths[0].contribution == pytest.approx(EDGE_WEIGHT * 3.0)
    assert sauce.explanation.factors[0].name == "companions"
    assert "lies in the same baskets as" in sauce.explanation.text
    assert "is often bought with" in sauce.customer_text
    assert {COMPANIONS, BASKET_RELATIONS} <= set(sauce.sources)
    left = {one.product_id: one for one in service.deletion(asked)}
    assert left["sauce"].left == pytest.approx(sauce.score - sauce.explanation.fall)
    assert left["sauce"].left < sauce.score
    uncited = next(item for item in answer.items if not item.explanation.paths)
    assert left[uncited.product_id].left is None


def test_why_not_names_what_would_lift_a_companion(recommend_shop):
    service = served_with(recommend_shop, COMPANIONS)
    asked = RecommendationRequest(None, ("milk",), limit=3, surface=Surface.BASKET)
    told = service.why_not(WhyNotRequest("sauce", asked))
    nearest = service.recommend(replace(asked, basket=("milk", "pasta")))
    assert nearest.items[0].product_id == "sauce"
    assert "in the basket" in told.change
    assert "pasta" in told.change
    assert told.rank > 1


def test_a_household_that_is_known_is_ranked_as_before(recommend_shop):
    asked = RecommendationRequest(household(3), ("pasta",), limit=5)
    ours, other = (served_with(recommend_shop, system).recommend(asked) for system in (COMPANIONS, BASKET_RELATIONS))
    assert ours == other
