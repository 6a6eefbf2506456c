"""Lists kept at training time: equal, to the last bit, to what is ranked when asked, and never used where they do not fit."""

from itertools import product

import numpy as np
import pytest

from decisions.recommend import RecommendationRequest, RecommendService
from decisions.recommend.candidates import top_by_origin
from decisions.recommend.contract import RequestContext
from decisions.recommend.fidelity import Without
from decisions.recommend.habit import HabitLists
from decisions.recommend.lists import LISTED, read_lists
from features import publish_features
from features.recommend_relations import RELATIONS, Items
from tests.recommend.conftest import served_by
from tests.tiny_retailer import AS_OF, HOUSEHOLDS, household

NOTHING = Items(np.empty(0, np.int64), np.empty(0, np.int64))


@pytest.fixture
def live_service(recommend_shop):
    """The same release without its lists: every request is ranked when it is asked."""
    service = RecommendService(recommend_shop.graph, recommend_shop.snapshot, recommend_shop.artefact)
    assert service._habit._stored is not None
    service._habit._stored = None
    return service


def test_every_household_gets_what_ranking_now_would_give(recommend_shop, live_service):
    compared = 0
    for number, limit in product(range(HOUSEHOLDS), (1, 5, LISTED)):
        request = RecommendationRequest(household_id=household(number), limit=limit)
        kept = recommend_shop.service.recommend(request)
        assert kept == live_service.recommend(request)
        assert repr(kept) == repr(live_service.recommend(request))
        compared += len(kept.items)
    assert compared > HOUSEHOLDS * 10


def test_each_array_of_a_kept_row_has_the_bits_of_the_live_one(recommend_shop):
    service = recommend_shop.service
    stored, ranking = service._habit._stored, service._habit._ranking
    ranked = stored.ranked
    for place in range(HOUSEHOLDS):
        first, last = stored.of(place, LISTED)
        knowledge = ranking.features.knowledge.between(place, place + 1)
        now = ranking.rank(knowledge, NOTHING, service._view.present, LISTED)
        assert len(now) == last - first > 0
        for name in ("product", "score", "sources", "own", "alike", "relation", "entry", "item", "recent"):
            assert getattr(ranked, name)[first:last].tobytes() == getattr(now, name).tobytes(), name
        for name in ("brought", "feature", "figure", "share"):
            assert getattr(ranked.moved, name)[first:last].tobytes() == getattr(now.moved, name).tobytes(), name
        falls = Without(ranking, knowledge, NOTHING).falls(now)
        for name in ("alone", "together"):
            assert getattr(stored.falls, name)[first:last].tobytes() == getattr(falls, name).tobytes(), name


def test_a_kept_answer_asks_the_ranker_nothing(recommend_shop, monkeypatch):
    service = RecommendService(recommend_shop.graph, recommend_shop.snapshot, recommend_shop.artefact)

    def refuse(*_arguments, **_named):
        raise AssertionError("the ranker was asked")

    monkeypatch.setattr(HabitLists, "_rank_now", refuse)
    assert service.recommend(RecommendationRequest(household_id=household(1))).items
    features = service._shelf.features
    own = features.store_ids[int(features.knowledge.store[service._shelf.household[household(1)]])]
    elsewhere = next(store for store in features.store_ids if store != own)
    assert service.recommend(RecommendationRequest(household_id=household(1), store_id=own)).items
    moment = RequestContext(hour=9)
    assert service.recommend(RecommendationRequest(household_id=household(1), context=moment)).unused_context == ("hour",)
    for fields in ({"basket": ("pasta",)}, {"store_id": elsewhere}):
        with pytest.raises(AssertionError, match="ranker was asked"):
            service.recommend(RecommendationRequest(household_id=household(1), **fields))


def test_lists_of_another_system_or_of_other_relations_are_not_used(recommend_shop, lists_for, tmp_path):
    service, tables = recommend_shop.service, recommend_shop.tables
    baseline = served_by(recommend_shop.artefact, "decayed_frequency_95")
    other = publish_features(tmp_path, AS_OF, {**tables, **lists_for(baseline, tables)})
    assert read_lists(other, service._habit._ranking) is None
    assert RecommendService(recommend_shop.graph, other, baseline)._habit._stored is not None
    changed = service._view.neighbours["isBoughtWith"].strength
    before = changed[0]
    changed[0] += 1.0
    try:
        assert read_lists(recommend_shop.snapshot, service._habit._ranking) is None
    finally:
        changed[0] = before
    assert read_lists(recommend_shop.snapshot, service._habit._ranking) is not None


def test_the_latest_alike_purchase_and_the_strongest_edge_agree_with_a_plain_search(recommend_shop):
    service = recommend_shop.service
    ranked, features, view = service._habit._stored.ranked, service._habit._ranking.features, service._view
    own, kind = features.knowledge.own, features.levels.product_type
    rows_of = {n: np.flatnonzero(own.key // own.items == n).tolist() for n in range(HOUSEHOLDS)}
    for row in range(len(ranked)):
        origin, item = int(ranked.origin[row]), int(ranked.product[row])
        bought = [(r, int(own.key[r] % own.items)) for r in rows_of[origin]]
        alike = [(own.values[r, 2], p, r) for r, p in bought if kind[p] == kind[item]]
        assert ranked.alike[row] == (min(alike)[2] if alike else -1)
        assert ranked.own[row] == next((r for r, p in bought if p == item), -1)
        lately = {p for r, p in bought if own.values[r, 1] < 2}
        for relation, neighbours in enumerate(view.neighbours[name] for name in RELATIONS):
            edges = [
                (float(neighbours.strength[e]), p)
                for p in lately
                for e in range(neighbours.start[p], neighbours.start[p + 1])
                if neighbours.candidate[e] == item
            ]
            if edges:
                assert (ranked.relation[row], ranked.recent[row]) == (relation, True)
                assert max(edges) == (neighbours.strength[ranked.entry[row]], ranked.item[row])
                break
        else:
            assert ranked.relation[row] == -1


def test_the_best_of_each_origin_agree_with_sorted_lists():
    random = np.random.default_rng(4)
    origin = random.integers(0, 30, 2000)
    value = np.round(random.normal(size=2000), 1).astype(np.float32)
    value[value == 0] = 0.0
    wanted = []
    for place in range(30):
        rows = [row for row in range(2000) if origin[row] == place]
        wanted += sorted(rows, key=lambda row: (-value[row], row))[:7]
    assert top_by_origin(origin, value, 7).tolist() == wanted
