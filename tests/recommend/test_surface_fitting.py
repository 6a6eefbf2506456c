"""Every surface serves what won its back-test: beside a product, what is bought again, what grows."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from decisions.recommend import RecommendService, surface_fitting
from decisions.recommend.baseline import DECAYED_FREQUENCIES, baseline_scores
from decisions.recommend.basket_fitting import held_out_halves
from decisions.recommend.beside_scores import COMPANIONS, POPULARITY
from decisions.recommend.contract import Constraints, RecommendationRequest, Surface
from decisions.recommend.examples import build_examples, origins_before, outcomes
from decisions.recommend.fitting import held_out_baskets
from decisions.recommend.items import ITEM_RELATIONS
from decisions.recommend.surface_fitting import related_first, try_again, try_items, try_trending
from decisions.recommend.trending import TRENDING
from features.companions import fit_companions
from features.recommend_population import PopulationBefore, read_promotions
from features.recommend_relations import neighbours_by_relation
from features.repertoire import day_number, read_purchases
from tests.recommend.conftest import derived_edges, served_by
from tests.tiny_retailer import AS_OF, HOUSEHOLDS, append_lines, build_tiny_lake, future_lines, household

FIRST_HELD_OUT = day_number(AS_OF) - 13


def served_with(shop, system="shelfgraph", **surfaces):
    return RecommendService(shop.graph, shop.snapshot, served_by(shop.artefact, system, **surfaces))


def ids(answer):
    return [item.product_id for item in answer.items]


def test_one_product_is_in_hand_and_the_rest_of_its_basket_is_asked_for(purchases):
    held = held_out_halves(purchases, FIRST_HELD_OUT, 7, in_hand=1)
    trips = purchases.products
    for basket, hand, wanted in zip(held.basket.tolist(), held.hand, held.wanted, strict=True):
        assert len(hand) == 1
        assert sorted([*hand, *wanted]) == trips.item[trips.start[basket] : trips.start[basket + 1]].tolist()


def test_what_completes_a_product_wins_by_its_lists_and_few_baskets_decide_nothing(purchases, neighbours, monkeypatch):
    companions = fit_companions(purchases, FIRST_HELD_OUT)
    few = try_items(purchases, neighbours, companions, day_number(AS_OF), 7)
    assert (few.system, list(few.figures)) == (ITEM_RELATIONS, ["item_backtest_baskets"])
    monkeypatch.setattr(surface_fitting, "LEAST_BASKETS", 20)
    tried = try_items(purchases, neighbours, companions, FIRST_HELD_OUT, 7)
    ndcg = {name.removeprefix("item_backtest_ndcg_"): value for name, value in tried.figures.items() if "ndcg" in name}
    assert set(ndcg) == {ITEM_RELATIONS, COMPANIONS, POPULARITY}
    assert ndcg[tried.system] == max(ndcg.values())
    assert min(ndcg.values()) > 0


def test_edges_are_tried_in_the_order_in_which_they_are_served(recommend_shop, purchases, neighbours):
    shelf, types = recommend_shop.service.rescoring.shelf, purchases.levels.product_type
    compared = 0
    for name in ("pasta", "pesto", "sauce", "soap"):
        order = related_first(neighbours, shelf.product[name], types, shelf.popularity_in(None), 10)
        served = recommend_shop.service.recommend(RecommendationRequest(surface=Surface.ITEM, product_id=name, limit=10))
        open_places = [place for place in order if served_may(recommend_shop, name)[place]]
        told = [shelf.view.product(int(place)).id for place in open_places]
        assert told == ids(served)[: len(told)]
        compared += len(told)
        assert shelf.product[name] not in order
        assert len(set(order.tolist())) == len(order)
    assert compared > 20


def served_may(shop, product_id):
    return shop.service._asked(RecommendationRequest(surface=Surface.ITEM, product_id=product_id)).open


def test_of_what_is_bought_again_own_products_alone_are_ordered_and_asked_for(recommend_shop, purchases, neighbours, monkeypatch):
    population = PopulationBefore(purchases, read_promotions(recommend_shop.lake, purchases, int(purchases.basket_day.min()) - 7))
    origins = origins_before(purchases, held_out_baskets(purchases, FIRST_HELD_OUT))
    examples = build_examples(purchases, population, neighbours, origins, 0.0, 7, edges_hold_outcomes=False)
    scores = {system: baseline_scores(system, examples.figures) for system in DECAYED_FREQUENCIES}
    scores["worst"] = -scores[DECAYED_FREQUENCIES[0]]
    monkeypatch.setattr(surface_fitting, "LEAST_BASKETS", len(origins) + 1)
    few = try_again(examples, scores, len(origins), "usual")
    assert (few.system, list(few.figures)) == ("usual", ["buy_again_backtest_baskets"])
    monkeypatch.setattr(surface_fitting, "LEAST_BASKETS", 20)
    tried = try_again(examples, scores, len(origins), "usual")
    truth = outcomes(purchases, origins)
    asked, ndcg = 0, []
    for place, household_row in enumerate(origins.household.tolist()):
        first = int(purchases.household_start[household_row])
        before = slice(int(purchases.products.start[first]), int(purchases.products.start[origins.until[place]]))
        known = set(purchases.products.item[before].tolist())
        wanted = known & set(truth.product[truth.origin == place].tolist())
        if not wanted:
            continue
        asked += 1
        rows = np.flatnonzero((examples.origin == place) & np.isin(examples.product, list(known)))
        order = rows[np.lexsort((examples.product[rows], -scores["worst"][rows]))][:10]
        gain = [1 / np.log2(rank + 2) for rank, row in enumerate(order) if int(examples.product[row]) in wanted]
        ndcg.append(sum(gain) / sum(1 / np.log2(rank + 2) for rank in range(min(len(wanted), 10))))
    assert tried.figures["buy_again_backtest_baskets"] == asked > 20
    assert tried.figures["buy_again_backtest_ndcg_worst"] == pytest.approx(np.mean(ndcg))
    assert tried.system in DECAYED_FREQUENCIES


def test_sales_are_counted_by_product_on_the_days_that_are_asked_for(purchases):
    held = Counter()
    for basket, day in enumerate(purchases.basket_day.tolist()):
        for item in purchases.products.item[purchases.products.start[basket] : purchases.products.start[basket + 1]].tolist():
            held[item, day] += 1
    tomorrow = day_number(AS_OF) + 1
    for days in ((tomorrow - 7, tomorrow), (tomorrow - 28, tomorrow - 7)):
        counted = surface_fitting._sold(purchases, *days)
        assert counted.tolist() == [sum(held[item, day] for day in range(*days)) for item in range(len(counted))]
        assert counted.sum() > 0


def test_where_ten_products_surge_and_stay_the_trend_beats_best_sellers(purchases, monkeypatch):
    products, tomorrow = 40, day_number(AS_OF) + 1
    surging = np.arange(20, 30)

    def sold(_, first, end):
        usual = np.where(np.arange(products) < 10, 100.0, 5.0) * (end - first) / 7
        usual[surging] += 60.0 * max(0, min(end, tomorrow) - max(first, tomorrow - 14)) / 7
        return usual

    monkeypatch.setattr(surface_fitting, "_sold", sold)
    assert (few := try_trending(purchases)).system == TRENDING
    assert few.figures == {"trending_backtest_weeks": 1.0}
    monkeypatch.setattr(surface_fitting, "LEAST_WEEKS", 1)
    tried = try_trending(purchases)
    assert tried.system == TRENDING
    assert tried.figures["trending_backtest_baskets_gained_trending"] == pytest.approx(60.0)
    assert tried.figures["trending_backtest_baskets_gained_popularity"] == pytest.approx(0.0)
    assert tried.figures["trending_backtest_weeks"] == 1.0


def test_where_nothing_grows_no_list_gains_of_itself(purchases, monkeypatch):
    products, random = 3000, np.random.default_rng(5)
    monkeypatch.setattr(surface_fitting, "_sold", lambda _, first, end: random.poisson(100.0 * (end - first) / 7, products) * 1.0)
    gained = [
        value
        for _ in range(5)
        for name, value in try_trending(purchases).figures.items()
        if name.startswith("trending_backtest_baskets_gained")
    ]
    # ten products a week: a mean of fifty to eighty counts whose deviation is twelve
    assert len(gained) == 10
    assert max(map(abs, gained)) < 6.0


def test_later_purchases_change_no_trial(recommend_shop, tmp_path, monkeypatch):
    monkeypatch.setattr(surface_fitting, "LEAST_WEEKS", 1)
    earlier = AS_OF - timedelta(days=14)
    later = build_tiny_lake(tmp_path / "later")
    append_lines(later, future_lines(-13))
    trials = []
    for lake in (recommend_shop.lake, later):
        known = read_purchases(lake, earlier)
        neighbours = neighbours_by_relation(derived_edges(), known.product_ids, earlier)
        first = day_number(earlier) - 13
        monkeypatch.setattr(surface_fitting, "LEAST_BASKETS", 20)
        trials.append((try_items(known, neighbours, fit_companions(known, first), first, 7), try_trending(known)))
    assert trials[0] == trials[1]
    assert len(trials[0][0].figures) == 4


def test_what_won_beside_a_product_answers_first(recommend_shop):
    asked = RecommendationRequest(surface=Surface.ITEM, product_id="pasta", limit=5)
    answers = {
        system: served_with(recommend_shop, item=system).recommend(asked) for system in (ITEM_RELATIONS, COMPANIONS, POPULARITY)
    }
    assert {system: answer.system for system, answer in answers.items()} == {one: one for one in answers}
    for answer in answers.values():
        assert "pasta" not in ids(answer)
        assert answer.degraded is None
        assert len(set(ids(answer))) == len(answer.items) == 5
    assert not any("in the basket" in item.explanation.text for item in answers[COMPANIONS].items)
    told = answers[COMPANIONS].items[0]
    assert told.kind == COMPANIONS
    assert sum(factor.contribution for factor in told.explanation.factors) == pytest.approx(told.score)
    service = served_with(recommend_shop, item=COMPANIONS)
    for one in service.deletion(asked):
        assert one.left is None or one.left < one.score


def test_a_product_that_is_not_to_be_had_is_replaced_whatever_completes_others(recommend_shop):
    without = Constraints(without_allergens=("nuts",))
    asked = RecommendationRequest(surface=Surface.ITEM, product_id="pasta", limit=5, constraints=without)
    answers = [served_with(recommend_shop, item=system).recommend(asked) for system in (ITEM_RELATIONS, COMPANIONS)]
    assert answers[0] == answers[1]


def test_what_won_orders_what_is_bought_again(recommend_shop):
    simple = served_by(recommend_shop.artefact, "shelfgraph", buy_again="decayed_frequency_95")
    service = RecommendService(recommend_shop.graph, recommend_shop.snapshot, simple)
    checked = 0
    for number in range(0, HOUSEHOLDS, 7):
        again = service.recommend(RecommendationRequest(household(number), surface=Surface.BUY_AGAIN, limit=8))
        habit = service.recommend(RecommendationRequest(household(number), limit=8))
        assert (again.system, habit.system) == ("decayed_frequency_95", "shelfgraph")
        assert [one.score for one in again.items] == sorted((one.score for one in again.items), reverse=True)
        for one, left in zip(
            again.items,
            service.deletion(RecommendationRequest(household(number), surface=Surface.BUY_AGAIN, limit=8)),
            strict=True,
        ):
            assert sum(factor.contribution for factor in one.explanation.factors) == pytest.approx(one.score)
            assert left.left is None or left.left < one.score
            checked += left.left is not None
    assert checked > 10


def test_best_sellers_answer_where_nothing_that_grows_keeps_growing(recommend_shop):
    asked = RecommendationRequest(surface=Surface.TRENDING, limit=5)
    answer = served_with(recommend_shop, trending=POPULARITY).recommend(asked)
    assert (answer.system, answer.degraded) == (POPULARITY, None)
    assert [rung.name for rung in answer.rungs][:1] == [POPULARITY]
