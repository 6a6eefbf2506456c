"""A snapshot that lacks a product, and features that are older than the graph: answers go on, and say what they lack."""

from datetime import timedelta

import pytest

from decisions.recommend import RecommendService
from decisions.recommend.contract import RecommendationRequest, Surface, WhyNotRequest
from decisions.recommend.errors import UnknownProducts
from tests.tiny_retailer import AS_OF, HOUSEHOLDS, household

GONE = "milk"


def ids(answer):
    return [item.product_id for item in answer.items]


@pytest.fixture(scope="module")
def without_milk(recommend_shop, tmp_path_factory):
    from tests.recommend.conftest import published_graph

    graph = published_graph(recommend_shop.lake, tmp_path_factory.mktemp("without"), without=(GONE,))
    return RecommendService(graph, recommend_shop.snapshot, recommend_shop.artefact)


def requests(number):
    who = household(number)
    yield RecommendationRequest(household_id=who)
    yield RecommendationRequest(household_id=who, basket=("pasta",), discovery_share=0.3)
    yield RecommendationRequest(household_id=who, surface=Surface.BUY_AGAIN)
    yield RecommendationRequest(household_id=who, surface=Surface.DISCOVER)
    yield RecommendationRequest(surface=Surface.TRENDING)
    yield RecommendationRequest(surface=Surface.ITEM, product_id="bread")
    yield RecommendationRequest(household_id=who, surface=Surface.RERANK, candidates=("bread", "soap"))


def test_a_product_that_the_snapshot_lacks_is_in_no_answer_and_takes_no_answer_with_it(recommend_shop, without_milk):
    lists_with = 0
    for number in range(HOUSEHOLDS):
        for request in requests(number):
            answer = without_milk.recommend(request)
            assert GONE not in ids(answer)
            assert all(GONE not in (hop.source.id, hop.target.id) for item in answer.items for hop in hops(item))
            with_it = ids(recommend_shop.service.recommend(request))
            lists_with += GONE in with_it
            assert len(answer.items) >= len(with_it) - 1
    assert lists_with > HOUSEHOLDS / 4


def hops(item):
    return [hop for path in item.explanation.paths for hop in path.hops]


def test_who_asks_for_it_is_told_that_there_is_no_such_product(without_milk):
    with pytest.raises(UnknownProducts):
        without_milk.recommend(RecommendationRequest(household_id=household(1), basket=(GONE,)))
    with pytest.raises(UnknownProducts):
        without_milk.why_not(WhyNotRequest(GONE, RecommendationRequest(household_id=household(1))))


def test_features_older_than_the_graph_are_told_of_in_every_answer(recommend_shop, tmp_path):
    from tests.recommend.conftest import published_graph

    graph = published_graph(recommend_shop.lake, tmp_path, as_of=AS_OF + timedelta(days=2))
    late = RecommendService(graph, recommend_shop.snapshot, recommend_shop.artefact)
    for request in requests(3):
        answer, on_time = late.recommend(request), recommend_shop.service.recommend(request)
        assert ids(answer) == ids(on_time)
        if on_time.degraded is None:
            assert (answer.degraded.rung, answer.as_of) == ("older_features", AS_OF)
            assert str(AS_OF) in answer.degraded.cause
        else:
            assert answer.degraded == on_time.degraded
