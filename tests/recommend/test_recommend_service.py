"""Answers of the recommender: what is suggested, why, and what is refused."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest

from decisions.envelope import ExplanationPath
from decisions.recommend import (
    BasketTooLarge,
    LimitOutOfRange,
    OtherDay,
    RecommendationArtefactError,
    RecommendationRequest,
    RecommendService,
    UnknownHousehold,
    UnknownProducts,
    UnknownStore,
)
from decisions.recommend.explain import Explainer
from decisions.recommend.fidelity import REASONS
from kg.ports import Direction
from tests.recommend.conftest import served_by
from tests.tiny_retailer import AS_OF, HOUSEHOLDS, household

SUM_TOLERANCE = 1e-6
EVIDENCE = ("strength", "low", "high", "unit", "events", "support", "first_observed", "last_observed", "grade", "sources",
            "assertion_id", "scope", "run_id", "model_version")  # fmt: skip


def ask(shop, **fields):
    return shop.service.recommend(RecommendationRequest(**fields))


def answers(shop, cold):
    requests = [
        {"household_id": household(n), "basket": basket, "limit": 12}
        for n in range(0, HOUSEHOLDS, 3)
        for basket in ((), ("pasta",), ("milk", "penne"))
    ]
    requests += [
        {},
        {"basket": ("pasta",)},
        {"basket": ("soap",)},
        {"household_id": cold},
        {"household_id": cold, "basket": ("penne",)},
    ]
    return [(fields, ask(shop, **fields)) for fields in requests]


def exists(graph, hop):
    found = graph.related(hop.relation, [hop.source.id], direction=Direction.OUT, limit=10_000)[hop.source.id]
    return any(
        (e.source.label, e.target.label, e.target.id) == (hop.source.label, hop.target.label, hop.target.id) for e in found
    )


def test_every_hop_exists_in_its_stored_direction_and_hops_join(recommend_shop, shop_constants):
    checked = 0
    for _, answer in answers(recommend_shop, shop_constants.cold):
        for item in answer.items:
            assert item.explanation.text
            assert item.explanation.paths or item.explanation.factors
            for path in item.explanation.paths:
                assert path.hops
                ends = [(h.target, h.source) if h.walked_backwards else (h.source, h.target) for h in path.hops]
                assert all(left[1] == right[0] for left, right in pairwise(ends))
                assert item.product_id in {node.id for pair in ends for node in pair}
                assert all(exists(recommend_shop.graph, hop) for hop in path.hops)
                checked += len(path.hops)
    assert checked > 1000


def test_contributions_sum_to_the_score_less_its_base(recommend_shop, shop_constants):
    base = recommend_shop.service.base_score
    for _, answer in answers(recommend_shop, shop_constants.cold):
        start = base if answer.system == "shelfgraph" else 0.0
        for item in answer.items:
            total = sum(factor.contribution for factor in item.explanation.factors)
            assert total == pytest.approx(item.score - start, abs=SUM_TOLERANCE)


def paths_of(shop, fields, item):
    """What may be cited for a household, cited or not: in the tiny shop its ranker leans on no relation."""
    service = shop.service
    request = RecommendationRequest(**fields)
    asked = service._asked(request)
    ranked = service._habit._rank_now(asked, service._live.knowledge(asked), request.limit, bought_only=False)
    row = ranked.product.tolist().index(service._shelf.product[item.product_id])
    explainer = Explainer(service._view, service._shelf.features, asked.household)
    return [ExplanationPath(hops, 0.0) for reason in REASONS if (hops := explainer.path(reason, ranked, row))]


def test_a_relation_is_told_with_the_evidence_of_its_edge(recommend_shop, shop_constants):
    """Of a household, of a basket and of both: a hop holds what the graph's edge holds, word for word."""
    told = {"household": 0, "basket": 0, "both": 0}
    for fields, answer in answers(recommend_shop, shop_constants.cold):
        person = fields.get("household_id") not in {None, shop_constants.cold}
        kind = ("both" if person else "basket") if fields.get("basket") else "household"
        for item in answer.items:
            for path in paths_of(recommend_shop, fields, item) if person else item.explanation.paths:
                hops = [hop for hop in path.hops if hop.relation in {"isBoughtWith", "isComplementTo"}]
                for hop in hops:
                    found = recommend_shop.graph.related(hop.relation, [hop.source.id], direction=Direction.OUT, limit=100)
                    edge = next(e for e in found[hop.source.id] if e.target.id == hop.target.id)
                    told_fields = {name: getattr(hop.evidence, name) for name in EVIDENCE}
                    assert told_fields == {name: edge.properties[name] for name in EVIDENCE}
                    assert item.product_id in {hop.source.id, hop.target.id}
                    told[kind] += 1
                if hops and kind == "basket":
                    assert path.contribution == hops[0].evidence.strength
    assert min(told.values()) >= 3, told


def test_a_baseline_serving_keeps_its_paths_in_the_graph_and_its_sums(recommend_shop):
    served = served_by(recommend_shop.artefact, "decayed_frequency_98")["recommend.json"]
    service = RecommendService(recommend_shop.graph, recommend_shop.snapshot, {"recommend.json": served})
    checked = 0
    for number in range(0, HOUSEHOLDS, 5):
        for basket in ((), ("pasta",)):
            for item in service.recommend(RecommendationRequest(household(number), basket, limit=12)).items:
                factors = item.explanation.factors
                assert sum(factor.contribution for factor in factors) == pytest.approx(item.score, abs=SUM_TOLERANCE)
                hops = [hop for path in item.explanation.paths for hop in path.hops]
                assert bool(hops) == (item.score > 0)
                assert all(exists(recommend_shop.graph, hop) for hop in hops)
                checked += len(hops)
    assert checked > 300


def test_lists_are_ordered_without_repeats_and_leave_the_basket_and_non_merchandise_out(recommend_shop, shop_constants):
    for fields, answer in answers(recommend_shop, shop_constants.cold):
        products = [item.product_id for item in answer.items]
        assert products
        assert len(products) == len(set(products)) <= fields.get("limit", 10)
        assert not set(products) & {*fields.get("basket", ()), "fuel"}
        assert [item.rank for item in answer.items] == list(range(1, len(products) + 1))
        scores = [item.score for item in answer.items]
        assert scores == sorted(scores, reverse=True)
        assert all(item.sources for item in answer.items)


def test_a_shorter_list_is_the_beginning_of_a_longer_one(recommend_shop):
    whole, short = (ask(recommend_shop, household_id=household(3), limit=limit) for limit in (10, 4))
    assert short.items == whole.items[:4]


def test_repeats_in_the_basket_change_nothing(recommend_shop):
    one = ask(recommend_shop, household_id=household(3), basket=("pasta", "milk"))
    assert ask(recommend_shop, household_id=household(3), basket=("pasta", "milk", "pasta")) == one
    assert ask(recommend_shop, household_id=household(3), basket=("milk", "pasta")) == one


def test_a_basket_alone_is_answered_by_its_strongest_relation(recommend_shop):
    answer = ask(recommend_shop, basket=("pasta",))
    assert (answer.system, answer.degraded) == ("basket_relations", None)
    first, second = answer.items[:2]
    assert (first.product_id, second.product_id) == ("sauce", "bread")
    edge = first.explanation.paths[0]
    assert [(hop.source.id, hop.relation, hop.target.id) for hop in edge.hops] == [("pasta", "isBoughtWith", "sauce")]
    assert edge.contribution == 3.0
    assert edge.hops[0].evidence.events == 30
    assert "basket_relations" in first.sources


def test_a_complement_is_walked_from_the_item_back_to_what_goes_with_it(recommend_shop):
    answer = ask(recommend_shop, basket=("penne",), limit=14)
    pesto = next(item for item in answer.items if item.product_id == "pesto")
    hop = pesto.explanation.paths[0].hops[0]
    assert (hop.source.id, hop.relation, hop.target.id, hop.walked_backwards) == ("pesto", "isComplementTo", "penne", True)


def test_the_ladder_says_why_it_went_down(recommend_shop, shop_constants):
    plain = ask(recommend_shop)
    assert (plain.system, plain.degraded) == ("popularity", None)
    assert plain.items[0].product_id == "milk"
    lonely = ask(recommend_shop, basket=("soap",))
    assert lonely.system == lonely.degraded.rung == "popularity"
    cold = ask(recommend_shop, household_id=shop_constants.cold, basket=("pasta",))
    assert cold.system == cold.degraded.rung == "basket_relations"
    assert cold.items[0].product_id == "sauce"
    assert ask(recommend_shop, household_id=shop_constants.cold).degraded.rung == "popularity"


def test_the_basket_lifts_what_goes_with_it(recommend_shop):
    def rank_of_sauce(basket):
        items = ask(recommend_shop, household_id=household(5), basket=basket, limit=14).items
        return next(item.rank for item in items if item.product_id == "sauce")

    assert rank_of_sauce(("pasta",)) < rank_of_sauce(())


def test_bad_requests_name_what_is_wrong(recommend_shop):
    with pytest.raises(UnknownProducts) as unknown:
        ask(recommend_shop, basket=("pasta", "ghost", "phantom", "ghost"))
    assert unknown.value.product_ids == ("ghost", "phantom")
    with pytest.raises(UnknownHousehold) as stranger:
        ask(recommend_shop, household_id="hh_nobody")
    assert stranger.value.household_id == "hh_nobody"
    with pytest.raises(UnknownStore):
        ask(recommend_shop, store_id="st99")
    for limit in (0, -1, 101):
        with pytest.raises(LimitOutOfRange):
            ask(recommend_shop, limit=limit)
    with pytest.raises(BasketTooLarge) as large:
        ask(recommend_shop, basket=("pasta",) * 201)
    assert large.value.size == 201
    with pytest.raises(OtherDay):
        ask(recommend_shop, as_of=AS_OF - timedelta(days=1))
    assert ask(recommend_shop, as_of=AS_OF, basket=("pasta",) * 200) == ask(recommend_shop, basket=("pasta",))


def test_products_that_are_no_merchandise_may_be_in_the_basket(recommend_shop):
    assert ask(recommend_shop, basket=("fuel",)).items == ask(recommend_shop).items


def test_the_store_of_the_request_counts(recommend_shop):
    north = ask(recommend_shop, store_id="st0", limit=14)
    south = ask(recommend_shop, store_id="st2", limit=14)
    assert [i.score for i in north.items] != [i.score for i in south.items]


def test_a_damaged_artefact_is_refused_before_it_is_parsed(recommend_shop):
    about = json.loads(recommend_shop.artefact["recommend.json"])
    assert about["model"] is not None
    damaged = {**recommend_shop.artefact, "ranker.txt": recommend_shop.artefact["ranker.txt"][:-40]}
    missing = {"recommend.json": recommend_shop.artefact["recommend.json"]}
    other = {"recommend.json": b'{"format":"recommend-0"}'}
    for artefact in (damaged, missing, other, {}):
        with pytest.raises(RecommendationArtefactError):
            RecommendService(recommend_shop.graph, recommend_shop.snapshot, artefact)


def test_the_baseline_serves_when_it_won(recommend_shop):
    served = served_by(recommend_shop.artefact, "decayed_frequency_95")["recommend.json"]
    service = RecommendService(recommend_shop.graph, recommend_shop.snapshot, {"recommend.json": served})
    answer = service.recommend(RecommendationRequest(household_id=household(8), limit=5))
    assert answer.system == "decayed_frequency_95"
    for item in answer.items:
        assert [path.contribution for path in item.explanation.paths] == [pytest.approx(item.score)]
        assert [value.name for factor in item.explanation.factors for value in factor.values] == ["own_decay_95"]
